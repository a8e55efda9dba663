#!/usr/bin/env bash
# Sees to it that every program the tests need is there. As root it installs what is missing; otherwise it says what to
# install and stops. A missing tool is an error, never a skipped test.
set -euo pipefail

# program:Debian package
needed=(
  postfix:postfix promtool:prometheus prometheus:prometheus nsd:nsd unbound:unbound swaks:swaks ip:iproute2
  openssl:openssl dig:dnsutils opendkim:opendkim opendkim-genkey:opendkim-tools rsyslogd:rsyslog
  sqlite3:sqlite3 c++:g++ python3:python3 node:nodejs npm:npm git:git
)
PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
missing=()
for entry in "${needed[@]}"; do
  command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
done

if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "the tests need these Debian packages, which are not installed: ${missing[*]}" >&2
    echo "install them with: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "installing: ${missing[*]}"
  # Postfix asks how it shall be set up; the tests make their own instances.
  echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ "$(id -u)" != 0 ]; then
  echo "the tests with real servers (Postfix, network namespaces) need root; run: sudo make test" >&2
  exit 1
fi

if ! command -v cargo-fuzz >/dev/null; then
  echo "installing: cargo-fuzz"
  cargo install --quiet --locked cargo-fuzz
fi
