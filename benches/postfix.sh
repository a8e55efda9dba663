#!/usr/bin/env bash
# What a milter costs a real Postfix: no milter, one that does nothing, relaywatch without its evidence store and with it,
# opendkim and rspamd, over UNIX socket and TCP, in one run.
#
# One private Postfix on loopback has an smtpd for each milter, on a port of its own, and discards what it took. smtp-source
# sends the same mail of 4 KB in ten sessions, to one smtpd after the other, round by round. Prints the medians.
#
# With --latency N it asks instead how long one client waits for each of N mails, with the evidence store and without it.
#
#     benches/postfix.sh [--latency N] [--rounds N] [--messages M] [--only nothing,storeless,relaywatch,opendkim,rspamd]
#                        [--folder DIR] [--markdown]
#
# RELAYWATCH in the environment names another program than target/release/relaywatch.
# Needs root, because Postfix does. It leaves nothing behind and reaches nothing outside loopback.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)

latency=0 rounds=5 messages=2000 only=nothing,storeless,relaywatch,opendkim,rspamd form=text
# In memory: waiting for a disk would hide what a milter costs.
folder=/dev/shm
[ -w $folder ] || folder=${TMPDIR:-/tmp}
while [ $# -gt 0 ]; do
  case $1 in
    --latency) latency=$2 only=storeless,relaywatch; shift ;;
    --rounds) rounds=$2; shift ;;
    --messages) messages=$2; shift ;;
    --only) only=$2; shift ;;
    --folder) folder=$2; shift ;;
    --markdown) form=markdown ;;
    *) sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

fail() { echo "$*" >&2; exit 1; }
peer() { [[ ,$only, == *,$1,* ]]; }
progress() { if [ -t 2 ]; then printf '\r\e[K%s' "$*" >&2; fi; }

# --- what it takes

missing=()
for program in postfix smtp-source; do command -v $program >/dev/null || missing+=(postfix); done
for program in opendkim rspamd; do
  if peer $program && ! command -v $program >/dev/null; then missing+=("$program"); fi
done
command -v python3 >/dev/null || missing+=(python3)
if peer nothing; then command -v rustc >/dev/null || missing+=(rustc); fi
if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  fail "missing; on Debian: apt-get install --no-install-recommends ${missing[*]}"
fi
[ "$(id -u)" = 0 ] || fail "Postfix starts as root only; run: sudo $0"
relaywatch=${RELAYWATCH:-$(cd "$here/.." && pwd)/target/release/relaywatch}
if { peer relaywatch || peer storeless; } && [ ! -x "$relaywatch" ]; then fail "no $relaywatch; run: make build"; fi

# --- the servers, each in this folder, and stopped when the script ends

work=$(mktemp -d "$folder/relaywatch-bench.XXXXXX")
chmod 755 "$work"
declare -A pid=() milter=() port=()
variants=(none)

cleanup() {
  progress
  [ ! -f "$work/etc/main.cf" ] || postfix -c "$work/etc" stop >/dev/null 2>&1 || true
  for server in "${!pid[@]}"; do kill "${pid[$server]}" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

mapfile -t free < <(python3 - <<'PY'
import socket
sockets = [socket.socket() for _ in range(16)]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets), sep="\n")
PY
)
take_port() { taken=${free[0]}; free=("${free[@]:1}"); }

# start NAME COMMAND..: runs a server, its output in NAME.log
start() {
  "${@:2}" >"$work/$1.log" 2>&1 &
  pid[$1]=$!
}

# has SERVER NAME ADDRESS: the smtpd of that name uses the milter at ADDRESS once it answers there
has() {
  local server=$1 name=$2 address=$3
  # rspamd compiles its expressions first, which takes a minute and more on a busy machine.
  for _ in {1..3000}; do
    kill -0 "${pid[$server]}" 2>/dev/null || fail "$server ended: $(tail -n 5 "$work/$server.log")"
    if answers "$address"; then
      variants+=("$name")
      milter[$name]=$address
      return
    fi
    sleep 0.1
  done
  fail "$server does not listen on $address: $(tail -n 5 "$work/$server.log")"
}

answers() {
  case $1 in
    unix:*) [ -S "${1#unix:}" ] ;;
    inet:*) (: <"/dev/tcp/127.0.0.1/${1##*:}") 2>/dev/null ;;
  esac
}

if peer nothing; then
  rustc --edition 2024 -O -o "$work/nothing" "$here/peers/nothing.rs"
  start nothing "$work/nothing" "$work/nothing.sock"
  has nothing nothing/unix "unix:$work/nothing.sock"
fi

# daemon NAME EVIDENCE: relaywatch with its evidence store on or off; sets metrics_port, and tcp_port
daemon() {
  # A folder of its own, as /etc/relaywatch is: the daemon watches it for changes.
  mkdir "$work/$1.conf" "$work/$1.state"
  take_port; metrics_port=$taken
  take_port; tcp_port=$taken
  cat "$here/data/gateway.toml" - >"$work/$1.conf/relaywatch.toml" <<CONF

[milter]
listen = ["unix:$work/$1.sock", "inet:127.0.0.1:$tcp_port"]
socket_mode = "0666"

[http]
listen = "127.0.0.1:$metrics_port"

[state]
folder = "$work/$1.state"

[evidence]
enabled = $2
CONF
  start "$1" "$relaywatch" serve --config "$work/$1.conf/relaywatch.toml"
}

declare -A counts_at=()
if peer storeless; then
  daemon storeless false
  has storeless storeless/unix "unix:$work/storeless.sock"
  counts_at[storeless]=$metrics_port
fi
if peer relaywatch; then
  daemon relaywatch true
  has relaywatch relaywatch/unix "unix:$work/relaywatch.sock"
  has relaywatch relaywatch/tcp "inet:127.0.0.1:$tcp_port"
  counts_at[relaywatch]=$metrics_port
fi

if peer opendkim; then
  take_port
  for kind in unix tcp; do
    socket=local:$work/opendkim.sock
    [ $kind = unix ] || socket=inet:$taken@127.0.0.1
    # It verifies mail from outside only; here all mail comes from loopback, so loopback is made outside.
    printf '%s\n' "Mode v" "Syslog no" "UMask 000" "InternalHosts 192.0.2.1" "Socket $socket" >"$work/opendkim-$kind.conf"
    start opendkim-$kind opendkim -f -x "$work/opendkim-$kind.conf"
  done
  has opendkim-unix opendkim/unix "unix:$work/opendkim.sock"
  has opendkim-tcp opendkim/tcp "inet:127.0.0.1:$taken"
fi

if peer rspamd; then
  take_port
  mkdir -p "$work/rspamd/local.d"
  # The package's configuration without what asks the network, and with one process that takes and scans the mail.
  for module in rbl surbl spf dkim dmarc arc fuzzy_check asn phishing mx_check bimi; do
    echo 'enabled = false;' >"$work/rspamd/local.d/$module.conf"
  done
  for worker in normal controller fuzzy; do
    printf '%s\n' 'enabled = false;' 'count = -1;' >"$work/rspamd/local.d/worker-$worker.inc"
  done
  cat >"$work/rspamd/local.d/worker-proxy.inc" <<CONF
bind_socket = ["127.0.0.1:$taken", "$work/rspamd.sock mode=0666"];
upstream "local" { self_scan = yes; }
CONF
  echo 'dns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }' >"$work/rspamd/local.d/options.inc"
  start rspamd rspamd --no-fork --insecure --config /etc/rspamd/rspamd.conf --var=LOCAL_CONFDIR="$work/rspamd" \
    --var=DBDIR="$work/rspamd" --var=RUNDIR="$work/rspamd" --var=LOGDIR="$work/rspamd"
  has rspamd rspamd/unix "unix:$work/rspamd.sock"
  has rspamd rspamd/tcp "inet:127.0.0.1:$taken"
fi

# --- Postfix

mkdir -p "$work"/{etc,queue,data}
chown postfix "$work/data"
# A milter that fails would go unseen with the `accept` that a real server should have; here it must end the run.
cat >"$work/etc/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $work/queue
data_directory = $work/data
command_directory = $(postconf -d -h command_directory)
daemon_directory = $(postconf -d -h daemon_directory)
meta_directory = /etc/postfix
maillog_file = $work/maillog
maillog_file_prefixes = $work
myhostname = gw.victim.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
default_transport = discard:
relay_transport = discard:
alias_maps =
alias_database =
smtputf8_enable = no
in_flow_delay = 0
milter_default_action = tempfail
CONF
cat >"$work/etc/master.cf" <<CONF
cleanup  unix  n - n -    0 cleanup
qmgr     unix  n - n 300  1 qmgr
rewrite  unix  - - n -    - trivial-rewrite
proxymap unix  - - n -    - proxymap
discard  unix  - - n -    - discard
error    unix  - - n -    - error
retry    unix  - - n -    - error
bounce   unix  - - n -    0 bounce
defer    unix  - - n -    0 bounce
trace    unix  - - n -    0 bounce
anvil    unix  - - n -    1 anvil
postlog  unix-dgram n - n - 1 postlogd
CONF
for name in "${variants[@]}"; do
  take_port
  port[$name]=$taken
  printf '127.0.0.1:%s inet n - n - - smtpd\n' "$taken" >>"$work/etc/master.cf"
  [ "$name" = none ] || printf '  -o smtpd_milters=%s\n' "${milter[$name]}" >>"$work/etc/master.cf"
done
postfix -c "$work/etc" start >"$work/postfix.log" 2>&1 || fail "Postfix does not start: $(cat "$work/postfix.log")"
master=$(tr -d ' ' <"$work/queue/pid/master.pid")

# --- the mail: the one of the other benches as it stands at our gateway, below the lines that this gateway writes, to 4 KB

awk '/^Received:/ { traces++ } traces >= 2' "$here/data/five-hops.eml" >"$work/mail"
[ "$(grep -c '^Received:' "$work/mail")" = 4 ]
while [ "$(wc -c <"$work/mail")" -lt 4030 ]; do
  echo 'This line of the body is here to make the mail as long as a short one is.' >>"$work/mail"
done

# --- the measurement

declare -A sent=()
total=0

# processor_time PID: its seconds so far, with those of its children, gone (only the first process's) or there
processor_time() {
  { cat "/proc/$1/stat"; for child in $(cat "/proc/$1/task/$1/children"); do cat "/proc/$child/stat" || true; done; } 2>/dev/null |
    sed 's/.*) //' | awk -v hertz="$(getconf CLK_TCK)" '
      { ticks += $12 + $13 } NR == 1 { ticks += $14 + $15 } END { print ticks / hertz }'
}

# server NAME: which server it is that has that milter
server() {
  if [ -n "${pid[${1%/*}]:-}" ]; then echo "${1%/*}"; else echo "${1/\//-}"; fi
}

queued() { find "$work"/queue/{incoming,active,deferred} -type f -print -quit; }

# send NAME SESSIONS COUNT: sends mails (one or many a session), waits until they are delivered; sets seconds,
# processor (the milter's) and postfix
send() {
  local name=$1 reuse=() began ended processes=("$master") before=() after=() id
  [ "$2" = one ] || reuse=(-d)
  [ "$name" = none ] || processes+=("${pid[$(server "$name")]}")
  for id in "${processes[@]}"; do before+=("$(processor_time "$id")"); done
  began=$EPOCHREALTIME
  smtp-source -s 10 -m "$3" "${reuse[@]}" -F "$work/mail" -f alice@sender.example -t bob@victim.example \
    -M mx2.victim.example "127.0.0.1:${port[$name]}" || fail "$name: a mail was not taken: $(tail -n 5 "$work/maillog")"
  ended=$EPOCHREALTIME
  while [ -n "$(queued)" ]; do sleep 0.05; done
  for id in "${processes[@]}"; do after+=("$(processor_time "$id")"); done
  seconds=$(awk "BEGIN { print $ended - $began }")
  postfix=$(awk "BEGIN { print ${after[0]} - ${before[0]} }")
  processor=$(awk "BEGIN { print ${after[1]:-0} - ${before[1]:-0} }")
  sent[$name]=$((${sent[$name]:-0} + $3))
  total=$((total + $3))
}

load=$(cut -d' ' -f1 /proc/loadavg)
if [ "$latency" -gt 0 ]; then
  python3 "$here/latency.py" "$work/mail" "$latency" "relaywatch without a store=${port[storeless/unix]}" \
    "relaywatch with its store=${port[relaywatch/unix]}" "no milter=${port[none]}"
  echo
  echo "Postfix $(postconf -d -h mail_version), UNIX sockets, queue and store on $(stat -f -c %T "$work"); load average $load at the start."
  exit
fi
for name in "${variants[@]}"; do
  progress "warming up: $name"
  send "$name" one 100
  send "$name" many 100
done
for ((round = 1; round <= rounds; round++)); do
  for sessions in one many; do
    for ((turn = 0; turn < ${#variants[@]}; turn++)); do
      # Each round begins with another one, so that none has always the same neighbour.
      name=${variants[(turn + round) % ${#variants[@]}]}
      progress "round $round of $rounds, $sessions a session: $name"
      send "$name" $sessions "$messages"
      printf '%s\t' "$round" "$sessions" "$name" "$messages" "$seconds" "$processor" "$postfix" >>"$work/results"
      echo >>"$work/results"
    done
  done
done
progress

# --- nothing was lost, and the daemons saw all of their mail

delivered=$(grep -c 'postfix/discard.* status=sent' "$work/maillog" || true)
[ "$delivered" = "$total" ] || fail "$total messages were sent, Postfix delivered $delivered"
for name in "${!counts_at[@]}"; do
  exec {metrics}<>"/dev/tcp/127.0.0.1/${counts_at[$name]}"
  printf 'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&"$metrics"
  counted=$(awk '/^relaywatch_messages_total/ { count += $2 } END { print count }' <&"$metrics")
  due=$((sent[$name/unix] + ${sent[$name/tcp]:-0}))
  [ "$counted" = "$due" ] || fail "$name was sent $due messages and counts $counted"
done

# --- what came out

versions="Postfix $(postconf -d -h mail_version)"
! peer relaywatch && ! peer storeless || versions+=", $("$relaywatch" version | head -n 1)"
! peer opendkim || versions+=", $(opendkim -V | sed -n '1s/.*Filter v/opendkim /p')"
! peer rspamd || versions+=", $(rspamd --version | sed -n '1s/Rspamd daemon version/rspamd/p')"
python3 "$here/tables.py" postfix "$work/results" --form $form \
  --about "$versions; $rounds rounds of $messages messages of $(wc -c <"$work/mail") bytes, 10 sessions at a time; \
queue on $(stat -f -c %T "$work"); load average $load at the start"
