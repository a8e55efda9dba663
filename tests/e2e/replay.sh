#!/usr/bin/env bash
# Plays the mail hijack of June 2020 with real servers, in network namespaces that have no way out.
#
#   replay.sh hijack WORKDIR MILTER     MILTER is unix:/path of a milter outside (a path crosses network namespaces)
#   replay.sh neutral WORKDIR PROGRAM   PROGRAM runs on the gateway with WORKDIR/relaywatch.toml, its milter WORKDIR/milter.sock
#
# NSD as root and TLD, as the victim's name server and as the attacker's; Unbound as everybody's resolver; six Postfix:
# sender, gateway (with the milter), backup MX, attacker, forwarder, mailing list. The TLD's delegation of coincheck.com
# flips to the attacker and back. The mails as delivered are WORKDIR/out/SUBJECT.eml. Needs root; about 20 s.
#
# hijack: the attacker's host goes by a name of the victim's, as in 2020. neutral: it goes by a name that says nothing, with
# PTR and A that agree, and speaks TLS; the sender signs (OpenDKIM); the milter asks the resolver, and its /metrics are
# WORKDIR/out/metrics, its log is WORKDIR/log.
#
# Everything runs inside one new PID, mount and network namespace. When this script ends, however it ends, the kernel ends
# every process in it and takes all its networks away: nothing to clean up, nothing left behind by a kill -9, and several
# runs at a time cannot meet. Documentation addresses exist only in there.
#
# No header of the real incident is public: this is a reconstruction.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  [[ $# = 3 && $1 =~ ^(hijack|neutral)$ ]] || { sed -n '2,5p' "$0" >&2; exit 2; }
  [ "$(id -u)" = 0 ] || { echo "replay.sh needs root: it makes network namespaces" >&2; exit 1; }
  for tool in unshare ip nsd unbound postfix swaks dig openssl opendkim opendkim-genkey; do
    command -v "$tool" >/dev/null || { echo "replay.sh needs $tool; tests/tools.sh installs it" >&2; exit 1; }
  done
  exec unshare --net --mount --pid --fork --kill-child --mount-proc "$BASH" "$0" --inside "$@"
fi
scenario=$2 work=$3
victim=coincheck.com
neutral_name=edge7.transit.example

declare -A address=(
  [root]=192.0.2.53 [resolver]=192.0.2.54 [victimns]=198.51.100.53 [client]=203.0.113.99 [sender]=203.0.113.10
  [attacker]=45.77.24.250 [gw]=198.51.100.5 [mx2]=198.51.100.7 [forwarder]=192.0.2.25 [list]=192.0.2.30
)
case $scenario in
  hijack) milter=$4 attacker_name=mail.$victim attacker_ptr=${address[attacker]}.vultrusercontent.com ;;
  neutral) program=$4 milter=unix:$work/milter.sock attacker_name=$neutral_name attacker_ptr=$neutral_name ;;
esac

say() { echo "replay, $SECONDS s: $*"; }
fail() { # and says what the mail servers did last
  say "$*" >&2
  tail -n 20 "$work"/postfix-*/maillog >&2 || true
  exit 1
}

# until_true WHAT COMMAND..: asks ten times a second, for at most a minute.
until_true() {
  local what=$1; shift
  for _ in $(seq 600); do "$@" && return 0; sleep 0.1; done
  fail "waited in vain for $what"
}

ended() { ! kill -0 "$1" 2>/dev/null; }

on() { local host=$1; shift; ip netns exec "$host" "$@"; }

# --- the network: one namespace a host, each on a cable to this one, which routes -----------------------------------------

network() {
  mkdir -p /run/netns
  mount -t tmpfs none /run/netns
  # Every name is asked of the resolver in here, whatever the machine is set up for.
  echo "nameserver ${address[resolver]}" >"$work/resolv.conf"
  printf 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\n' >"$work/nsswitch.conf"
  mount --bind "$work/resolv.conf" /etc/resolv.conf || fail "/etc/resolv.conf must exist, to be replaced in here"
  [ ! -e /etc/nsswitch.conf ] || mount --bind "$work/nsswitch.conf" /etc/nsswitch.conf
  ip link set lo up
  echo 1 >/proc/sys/net/ipv4/ip_forward
  local host
  for host in "${!address[@]}"; do
    ip netns add "$host"
    ip link add "$host" type veth peer name eth0 netns "$host"
    on "$host" ip link set lo up
    on "$host" ip addr add "${address[$host]}/32" dev eth0
    on "$host" ip link set eth0 up
    on "$host" ip route add default via 169.254.1.1 dev eth0 onlink
    ip link set "$host" up
    ip addr add 169.254.1.1/32 dev "$host"
    ip route add "${address[$host]}/32" dev "$host"
  done
}

# --- the DNS -------------------------------------------------------------------------------------------------------------

zone() { # zone HOST ZONE: writes a zone of that host's server, records on standard input
  local file=$work/nsd-$1/${2/#./root}.zone
  mkdir -p "$work/nsd-$1"
  { printf '$ORIGIN %s.\n$TTL 1\n@ SOA ns.invalid. admin.invalid. 1 60 60 600 1\n' "${2#.}"; cat; } >"$file"
}

nsd_start() { # nsd_start HOST: serves every zone written for it
  local dir=$work/nsd-$1 file name
  {
    printf 'server:\n ip-address: %s\n username: ""\n database: ""\n zonesdir: %s\n pidfile: %s/pid\n logfile: %s/log\n' \
      "${address[$1]}" "$dir" "$dir" "$dir"
    printf ' zonelistfile: %s/zones.list\n xfrdfile: %s/xfrd.state\n xfrdir: %s\n server-count: 1\n' "$dir" "$dir" "$dir"
    printf 'remote-control:\n control-enable: no\n'
    for file in "$dir"/*.zone; do
      name=$(basename "$file" .zone)
      printf 'zone:\n name: "%s"\n zonefile: %s\n' "${name/#root/.}" "$file"
    done
  } >"$dir/nsd.conf"
  on "$1" nsd -c "$dir/nsd.conf"
}

delegate() { # delegate NAME ADDRESS: what the registrar was made to change in 2020
  zone root . <<ZONE
@ NS a.root.
a.root. A ${address[root]}
$victim. NS $1.
$1. A $2
sender.example. NS a.root.
fwd.example. NS a.root.
lists.example. NS a.root.
vultrusercontent.com. NS a.root.
transit.example. NS a.root.
in-addr.arpa. NS a.root.
ZONE
}
delegate_to_victim() { delegate "ns1.$victim" "${address[victimns]}"; }
delegate_to_attacker() { delegate ns1.awsdns-061.example "${address[attacker]}"; }

mx_is() { [ "$(on sender dig +short +time=1 +tries=1 MX "$victim" 2>/dev/null | sort | tr '\n' ' ')" = "$1" ]; }

nsd_anew() { # nsd_anew HOST COMMAND..: the server starts again with the zones that the command writes
  local host=$1 pid; shift
  pid=$(cat "$work/nsd-$host/pid")
  kill "$pid"
  until_true "the name server of $host to end" ended "$pid"
  "$@"
  nsd_start "$host"
}
flip() { nsd_anew root "$1"; } # flip delegate_to_..

attackers_zone() { # attackers_zone MX: what the attacker's name server says of the victim
  zone attacker "$victim" <<ZONE
@ NS ns1.awsdns-061.example.
@ MX 10 $1
mail A ${address[attacker]}
gw A ${address[gw]}
mx2 A ${address[mx2]}
ZONE
}

ptr() { echo "$(awk -F. '{ print $4 "." $3 "." $2 "." $1 }' <<<"$1") PTR $2."; }

dns() {
  delegate_to_victim
  zone root sender.example <<ZONE
@ NS a.root.
@ MX 10 mx1
mx1 A ${address[sender]}
ws A ${address[client]}
@ TXT "v=spf1 ip4:${address[sender]} -all"
$dkim_record
ZONE
  zone root fwd.example <<<"@ NS a.root.
@ MX 10 mx
mx A ${address[forwarder]}"
  zone root lists.example <<<"@ NS a.root.
@ MX 10 mail
mail A ${address[list]}"
  zone root vultrusercontent.com <<<"@ NS a.root.
${address[attacker]} A ${address[attacker]}"
  zone root transit.example <<<"@ NS a.root.
edge7 A ${address[attacker]}"
  {
    echo "@ NS a.root."
    ptr "${address[sender]}" mx1.sender.example
    ptr "${address[client]}" ws.sender.example
    ptr "${address[forwarder]}" mx.fwd.example
    ptr "${address[list]}" mail.lists.example
    ptr "${address[gw]}" "gw.$victim"
    ptr "${address[mx2]}" "mx2.$victim"
    ptr "${address[attacker]}" "$attacker_ptr"
  } | zone root in-addr.arpa
  zone victimns "$victim" <<ZONE
@ NS ns1
ns1 A ${address[victimns]}
@ MX 10 gw
@ MX 20 mx2
gw A ${address[gw]}
mx2 A ${address[mx2]}
ZONE
  attackers_zone mail
  nsd_start root
  nsd_start victimns
  nsd_start attacker
  mkdir -p "$work/unbound"
  printf '. 3600 IN NS a.root.\na.root. 3600 IN A %s\n' "${address[root]}" >"$work/unbound/hints"
  # It forgets at once, so that a changed delegation is seen at the next question.
  cat >"$work/unbound/unbound.conf" <<CONF
server:
  interface: ${address[resolver]}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: $work/unbound
  pidfile: $work/unbound/pid
  root-hints: $work/unbound/hints
  module-config: "iterator"
  cache-max-ttl: 0
  infra-host-ttl: 0
  use-syslog: no
  logfile: $work/unbound/log
  do-ip6: no
  num-threads: 1
  local-zone: "2.0.192.in-addr.arpa." nodefault
  local-zone: "100.51.198.in-addr.arpa." nodefault
  local-zone: "113.0.203.in-addr.arpa." nodefault
remote-control:
  control-enable: no
CONF
  on resolver unbound -c "$work/unbound/unbound.conf"
  until_true "the DNS to answer" mx_is "10 gw.$victim. 20 mx2.$victim. "
}

# --- the sender's signature and the daemon --------------------------------------------------------------------------------

dkim_record=""
signing_key() { # its record is part of the sender's zone
  mkdir -p "$work/opendkim"
  opendkim-genkey -D "$work/opendkim" -d sender.example -s s1 -b 2048 -h sha256
  dkim_record=$(cat "$work/opendkim/s1.txt")
}

opendkim_start() {
  cat >"$work/opendkim/opendkim.conf" <<CONF
Mode s
Domain sender.example
Selector s1
KeyFile $work/opendkim/s1.private
RequireSafeKeys no
InternalHosts csl:${address[client]}
Canonicalization relaxed/simple
OversignHeaders From
Socket local:$work/opendkim/socket
UMask 000
PidFile $work/opendkim/pid
Syslog no
CONF
  on sender opendkim -x "$work/opendkim/opendkim.conf"
  until_true "OpenDKIM to take mail" test -S "$work/opendkim/socket"
}

# page PATH: a page of the daemon's HTTP side
page() {
  on gw "$BASH" -c 'exec 3<>/dev/tcp/127.0.0.1/9786 && printf "GET %s HTTP/1.0\r\n\r\n" "$1" >&3 && sed "1,/^\r$/d" <&3' - "$1"
}

is_ready() { [ "$(page /readyz 2>/dev/null)" = ready ]; }

daemon_start() {
  on gw "$program" serve --config "$work/relaywatch.toml" 2>"$work/log" &
  until_true "the daemon to be ready" is_ready
}

# --- the mail servers ----------------------------------------------------------------------------------------------------

starting=()
postfix_start() { # postfix_start HOST NAME: settings that go before the usual on standard input; does not wait
  local host=$1 dir=$work/postfix-$1
  mkdir -p "$dir"/{etc,queue,data,mail}
  chown postfix "$dir/data"
  chown nobody:nogroup "$dir/mail"
  {
    cat <<CONF
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
maillog_file = $dir/maillog
maillog_file_prefixes = $dir
default_privs = nobody
myhostname = $2
mydestination =
inet_interfaces = ${address[$host]}
inet_protocols = ipv4
smtp_bind_address = ${address[$host]}
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
local_recipient_maps =
alias_maps =
alias_database =
biff = no
smtpd_tls_chain_files = $work/tls.pem
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_tls_session_cache_database =
smtp_tls_security_level = may
smtp_tls_session_cache_database =
smtp_connection_cache_on_demand = no
minimal_backoff_time = 1s
queue_run_delay = 1s
CONF
    cat
  } | tac | awk -F' *= *' '!seen[$1]++' | tac >"$dir/etc/main.cf"
  # The queue manager wakes every second: a mail whose delivery had not quite ended when it was tried again goes back to the
  # incoming queue, at which nobody looks before the next wake-up.
  cat >"$dir/etc/master.cf" <<CONF
smtp inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
CONF
  [ ! -f "$dir/aliases" ] || on "$host" postalias -c "$dir/etc" "$dir/aliases"
  on "$host" postfix -c "$dir/etc" start 2>>"$work/postfix.log" &
  starting+=("$!")
}

started() { # waits until every Postfix has started
  local pid
  for pid in "${starting[@]}"; do
    wait "$pid" || { cat "$work/postfix.log" >&2; fail "a Postfix does not start"; }
  done
}

reconfigure() { # reconfigure HOST SETTING..
  local host=$1; shift
  postconf -c "$work/postfix-$host/etc" -e "$@"
  on "$host" postfix -c "$work/postfix-$host/etc" reload 2>>"$work/postfix.log"
}

mail_servers() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=replay \
    -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
  cat "$work/tls.key" "$work/tls.crt" >"$work/tls.pem"
  postfix_start sender mx1.sender.example <<<"mynetworks = 127.0.0.0/8 ${address[client]}
$sender_settings"
  postfix_start gw "gw.$victim" <<CONF
virtual_mailbox_domains = $victim
virtual_mailbox_base = $work/postfix-gw/mail
virtual_mailbox_maps = static:all/
virtual_minimum_uid = 1
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_milters = $milter
milter_default_action = accept
CONF
  local to_gateway="relay_domains = $victim
transport_maps = inline:{ { $victim = smtp:[${address[gw]}] } }"
  postfix_start mx2 "mx2.$victim" <<<"$to_gateway"
  # Accepts for the victim's domain and hands on to the true gateway.
  postfix_start attacker "$attacker_name" <<<"$to_gateway
$attacker_settings"
  postfix_start forwarder mx.fwd.example <<CONF
virtual_alias_domains = fwd.example
virtual_alias_maps = inline:{ { bob@fwd.example = bob@$victim } }
CONF
  local list=$work/postfix-list
  mkdir -p "$list"
  printf 'dev: :include:%s/members\nowner-dev: postmaster\n' "$list" >"$list/aliases"
  printf 'bob@%s\n' "$victim" >"$list/members"
  printf '/^Subject: (.*)/ REPLACE Subject: [dev] $1\n/^To: .*dev@lists/ PREPEND List-Id: <dev.lists.example>\n' >"$list/header_checks"
  postfix_start list mail.lists.example <<CONF
mydestination = lists.example
alias_maps = hash:$list/aliases
header_checks = regexp:$list/header_checks
CONF
  started
}

# --- the mails -----------------------------------------------------------------------------------------------------------

send() { # send SUBJECT RECIPIENT
  on client swaks --server "${address[sender]}" --ehlo ws.sender.example --tls-optional \
    --from alice@sender.example --to "$2" --header "Subject: $1" --header "Message-Id: <$1@sender.example>" \
    --body "Hello." >"$work/swaks-$1.log" 2>&1 || { cat "$work/swaks-$1.log" >&2; fail "$1 could not be handed to the sender's server"; }
}

delivered() { grep -rlE "^Message-Id: <$1@" "$work/postfix-gw/mail/all/new" 2>/dev/null | head -n 1; }
is_delivered() { [ -n "$(delivered "$1")" ]; }

collect() { # collect SUBJECT
  until_true "the delivery of $1" is_delivered "$1"
  cp "$(delivered "$1")" "$work/out/$1.eml"
  chmod 644 "$work/out/$1.eml"
  say "$1: $(grep -c ^Received: "$work/out/$1.eml") Received"
}

through() { send "$1" "$2"; collect "$1"; }

is_queued_on() { [ -n "$(find "$work/postfix-$1/queue"/{incoming,active,deferred} -type f 2>/dev/null)" ]; }

ordinary_day() {
  through direct "bob@$victim"
  through forwarded bob@fwd.example
  through list dev@lists.example
  # The gateway cannot be reached for a while: the backup MX takes the mail and hands it on later.
  ip route replace unreachable "${address[gw]}/32"
  send backup_mx "bob@$victim"
  until_true "the backup MX to take the mail" is_queued_on mx2
  ip route replace "${address[gw]}/32" dev gw
  on mx2 postqueue -c "$work/postfix-mx2/etc" -f
  collect backup_mx
}

false_dns() { # false_dns MX: the delegation is the attacker's, and his server names this exchanger
  flip delegate_to_attacker
  until_true "the false delegation" mx_is "10 $1. "
}

hijack() {
  false_dns "$attacker_name"
  through hijacked "bob@$victim"
  # The attacker takes its own line out of the trace.
  reconfigure attacker "header_checks = regexp:{{/^Received:/ IGNORE}}"
  through hijacked_stripped "bob@$victim"
  # The attacker speaks TLS on both sides.
  reconfigure attacker "header_checks =" "smtpd_tls_security_level = may" "smtp_tls_security_level = may"
  through hijacked_tls "bob@$victim"
}

repair() {
  flip delegate_to_victim
  until_true "the true delegation" mx_is "10 gw.$victim. 20 mx2.$victim. "
}

holds() { [ "$(find "$work/postfix-attacker/queue/hold" -type f | wc -l)" = "$1" ]; }

held() { # held SUBJECT NUMBER: the mail is the NUMBERth that the attacker holds
  send "$1" "bob@$victim"
  until_true "the attacker to hold $1" holds "$2"
}

own_line="header_checks = regexp:{{/^Received: .*by $neutral_name/ IGNORE}}"
every_line="header_checks = regexp:{{/^Received:/ IGNORE}}"

# The attacker takes mail while the delegation is false, and hands it on when it is true again: DNS says nothing of him.
relayed_later() {
  reconfigure attacker "smtpd_data_restrictions = check_client_access static:HOLD"
  false_dns "mail.$victim"
  held kept 1
  reconfigure attacker "$own_line"
  held own_line_stripped 2
  reconfigure attacker "$every_line"
  held all_stripped 3
  repair
  reconfigure attacker "smtpd_data_restrictions ="
  on attacker postsuper -c "$work/postfix-attacker/etc" -H ALL 2>>"$work/postfix.log"
  on attacker postqueue -c "$work/postfix-attacker/etc" -f
  collect kept
  collect own_line_stripped
  collect all_stripped
}

# The attacker hands mail on at once, while the gateway too is told the false exchangers.
relayed_at_once() {
  reconfigure attacker "$own_line"
  # The name in the MX is one of the victim's, as in 2020.
  false_dns "mail.$victim"
  through victims_name_in_mx "bob@$victim"
  # It is the attacker's own.
  nsd_anew attacker attackers_zone "$neutral_name."
  until_true "the other false MX" mx_is "10 $neutral_name. "
  through neutral_name_in_mx "bob@$victim"
}

mkdir -p "$work/out"
chmod 755 "$work"
network
sender_settings="" attacker_settings=""
case $scenario in
  hijack)
    attacker_settings="smtpd_tls_security_level = none
smtp_tls_security_level = none"
    dns
    mail_servers
    ordinary_day
    hijack
    ;;
  neutral)
    sender_settings="smtpd_milters = unix:$work/opendkim/socket"
    signing_key
    dns
    opendkim_start
    daemon_start
    mail_servers
    ordinary_day
    relayed_later
    relayed_at_once
    ;;
esac
repair
through direct_after "bob@$victim"
if [ "$scenario" = neutral ]; then page /metrics >"$work/out/metrics"; fi
