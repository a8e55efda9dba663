#!/usr/bin/env bash
# Every table of docs/performance.md: runs the benches and prints them, or puts them into the page.
#
#     benches/tables.sh [--write] [OPTION OF postfix.sh..]
#
# Takes a quarter of an hour on two cores. Run it on a machine that does nothing else; needs root, as postfix.sh does.
set -euo pipefail
cd "$(dirname "$0")/.."

write=no
if [ "${1:-}" = --write ]; then write=yes; shift; fi

criterion=${CARGO_TARGET_DIR:-target}/criterion
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# table NAME: standard input is the table of that name
table() {
  cat >"$work/$1"
  if [ $write = yes ]; then
    benches/tables.py write docs/performance.md "$1" <"$work/$1"
  else
    printf '\n<!-- bench:%s -->\n\n' "$1"
    cat "$work/$1"
  fi
}

# What an earlier run left there would be taken for this one's.
rm -rf "$criterion"
"${CARGO:-cargo}" bench --locked --bench inspect --bench received --bench indicators --bench authentication 2>&1 >&2 | tee "$work/log" >&2
benches/tables.py criterion "$criterion" 'five-hop message' | table inspect
benches/tables.py criterion "$criterion" 'five hops' 'a field of any kind' 'one field' | table received
benches/tables.py criterion "$criterion" indicators indicator_lookup_in_500k \
  --about "$(grep -m 1 ' networks from ' "$work/log")" | table indicators
benches/tables.py criterion "$criterion" 'a message and DNS' \
  --about "$(grep -m 1 '^DNS on a stream of senders: ' "$work/log")" | table authentication

"${CARGO:-cargo}" build --release --locked >&2
benches/hunt.sh --markdown | table hunt
benches/postfix.sh --markdown "$@" | table postfix
