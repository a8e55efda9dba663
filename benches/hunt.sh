#!/usr/bin/env bash
# What it costs to look for an address in an archive: relaywatch hunt against grep -c, over the same mbox of 2 GB.
#
# The mbox is made anew (benches/mailbox.py, the same one every time) and read once, so that all find it in the page cache.
# grep reads text and counts lines; hunt reads hops and counts mails. Rounds go through all of them in turn, and each
# hunt is compared with the grep of its round. Prints the medians.
#
#     benches/hunt.sh [--rounds N] [--bytes N] [--folder DIR] [--markdown]
#
# RELAYWATCH in the environment names another program than target/release/relaywatch. It leaves nothing behind.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

rounds=7 bytes=2000000000 form=text
folder=${TMPDIR:-/tmp}
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --bytes) bytes=$2; shift ;;
    --folder) folder=$2; shift ;;
    --markdown) form=markdown ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

fail() { echo "$*" >&2; exit 1; }
relaywatch=${RELAYWATCH:-$(cd "$here/.." && pwd)/target/release/relaywatch}
[ -x "$relaywatch" ] || fail "no $relaywatch; run: make build"
command -v python3 >/dev/null || fail "missing: python3"
free=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
[ "$free" -gt "$((bytes / 800))" ] || fail "$bytes bytes do not fit into the page cache; name fewer with --bytes"

work=$(mktemp -d "$folder/relaywatch-hunt.XXXXXX")
trap 'rm -rf "$work"' EXIT
address=45.77.24.250
"$here/mailbox.py" "$bytes" $address >"$work/mbox" 2>"$work/about"
cat "$work/mbox" >/dev/null

# run NAME COMMAND..: the round's times and the processor's, and what it counted
run() {
  local name=$1 status=0
  shift
  TIMEFORMAT='%R %U %S'
  { time "$@" >"$work/count" 2>"$work/err" || status=$?; } 2>"$work/time"
  [ $status -le 1 ] || fail "$name: $(cat "$work/err")"
  echo "$round $name $(cat "$work/time") $(cat "$work/count")" >>"$work/results"
}

hunt=("$relaywatch" hunt --quiet --count)
for round in $(seq "$rounds"); do
  run grep grep -c $address "$work/mbox"
  run hunt "${hunt[@]}" $address --in "$work/mbox"
  run grep-C env LC_ALL=C grep -c $address "$work/mbox"
  run hunt-name "${hunt[@]}" mail.victim.example --in "$work/mbox"
  run grep-F grep -cF $address "$work/mbox"
  run hunt-network "${hunt[@]}" 45.77.24.0/24 --in "$work/mbox"
  run hunt-one "${hunt[@]}" --threads 1 $address --in "$work/mbox"
done
"$here/tables.py" hunt "$work/results" --about "$(cat "$work/about"); $(grep --version | head -n 1)" --form $form
