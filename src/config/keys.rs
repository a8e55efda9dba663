//! Every key of the configuration: its name, what it takes, its default, an example and its meaning.
//!
//! The reader takes names, types and bounds from here, and docs/configuration.md is held to it by a test, so the three
//! cannot part. A new key is one entry here, one field in `written.rs` and one line in `decide.rs`.

use super::{LogFormat, LogLevel};
use crate::{
    finding::Severity,
    policy::{Action, BoundaryStrategy},
    rules::{indicators::Confidence, providers::PROVIDER_KEYS},
    schema::{
        Fallback::{self, Required, Said, Value},
        Key,
        Kind::{self, Duration, Flag, Groups, Number, Size, Text, Texts, Word},
    },
};

const MINUTE: u64 = 60_000;
const MIB: u64 = 1 << 20;

/// Every key, in the order of the page.
pub const KEYS: &[Key] = &[
    key(
        "topology.networks",
        Texts("an address, a network such as `198.51.100.0/24`, or the word `private`"),
        Value(r#"["private"]"#),
        r#"["private", "198.51.100.5", "198.51.100.7"]"#,
        "Our own hosts, and the filters and backup MX that take mail for us. A hop recorded by one of them is believed, and mail from one of them does not come from outside.",
    ),
    key(
        "topology.domains",
        Texts("a domain such as `coincheck.com`"),
        Value("[]"),
        r#"["coincheck.com"]"#,
        "Our domains, with all names below them. A host that goes by such a name and has none of our addresses is what `own-name` sees.",
    ),
    key(
        "topology.hosts",
        Texts("a host name such as `gw.coincheck.com`"),
        Value("[]"),
        r#"["gw.coincheck.com"]"#,
        "Names that our border hosts write after `by` in their `Received` fields. Needed by the strategy `hosts`.",
    ),
    key(
        "boundary.strategy",
        Word(|| BoundaryStrategy::ALL.map(BoundaryStrategy::as_str).to_vec()),
        Value(r#""session""#),
        r#""networks""#,
        "How the host that handed us the mail is found: from the milter's session, from our networks, from our border hosts' names, or from the lines of the provider that our mailboxes are at.",
    ),
    key(
        "boundary.provider",
        Text("the id of a provider"),
        Said("none"),
        r#""google-workspace""#,
        "The provider that our mailboxes are at: a shipped one, or one of `[[provider]]`. Needed by the strategy `hosted`.",
    ),
    PROVIDER_KEYS[0],
    PROVIDER_KEYS[1],
    PROVIDER_KEYS[2],
    PROVIDER_KEYS[3],
    PROVIDER_KEYS[4],
    PROVIDER_KEYS[5],
    key(
        "ingress[].recipients",
        Texts("a domain such as `coincheck.com`"),
        Value("[]"),
        r#"["coincheck.com"]"#,
        "The recipient domains that the rule is about; empty means every recipient.",
    ),
    key(
        "ingress[].must_pass",
        Texts("an address such as `198.51.100.7` or a network such as `203.0.113.0/24`"),
        Value("[]"),
        r#"["203.0.113.0/24"]"#,
        "Mail must come through one of these hosts, such as a cloud filter.",
    ),
    key(
        "ingress[].may_pass",
        Texts("an address such as `198.51.100.7` or a network such as `203.0.113.0/24`"),
        Value("[]"),
        r#"["198.51.100.7"]"#,
        "Other hosts that may hand mail to us all the same, such as a backup MX.",
    ),
    key(
        "indicators.shipped",
        Flag,
        Value("true"),
        "false",
        "Whether the list of the 2020 incident is used, which is compiled into the program.",
    ),
    key(
        "indicators.list[].path",
        Text("an absolute path"),
        Required,
        r#""/etc/relaywatch/indicators/drop.netset""#,
        "A list to read. A name that ends in `.toml` is read in the described format, any other as plain text with one network a line.",
    ),
    key(
        "indicators.list[].confidence",
        Word(|| Confidence::ALL.map(Confidence::as_str).to_vec()),
        Value(r#""medium""#),
        r#""low""#,
        "How sure a plain list is. At the border `high` is malicious, `medium` suspicious, `low` a notice; deeper in the trace one step less, and never less than a notice.",
    ),
    key("detectors.CODE.enabled", Flag, Value("true"), "false", "Whether the detector runs."),
    key(
        "detectors.CODE.severity",
        Word(|| Severity::ALL.map(Severity::as_str).to_vec()),
        Said("as the detector finds"),
        r#""suspicious""#,
        "Gives all findings of the detector this severity.",
    ),
    key(
        "detectors.broken-chain.aliases",
        Groups("a registrable domain such as `mail-a.example`"),
        Value("[]"),
        r#"[["mail-a.example", "mail-b.example"]]"#,
        "Domains that one operator uses side by side, in addition to the groups shipped.",
    ),
    key(
        "actions.notice",
        ACTION,
        Value(r#""accept""#),
        r#""accept""#,
        "What the MTA is told to do with a message at `notice`.",
    ),
    key(
        "actions.suspicious",
        ACTION,
        Value(r#""accept""#),
        r#""quarantine""#,
        "What the MTA is told to do with a message that is suspicious.",
    ),
    key(
        "actions.malicious",
        ACTION,
        Value(r#""accept""#),
        r#""tempfail""#,
        "What the MTA is told to do with a message that is malicious.",
    ),
    key("header.relaywatch", Flag, Value("true"), "false", "Whether `X-Relaywatch` is added to each message."),
    key(
        "header.authentication_results",
        Flag,
        Value("true"),
        "false",
        "Whether `Authentication-Results` with `x-relay-path` is added (RFC 8601).",
    ),
    key(
        "header.authserv_id",
        Text("a domain"),
        Said("the MTA's own name (macro `j`)"),
        r#""gw.coincheck.com""#,
        "The authserv-id in `Authentication-Results`. Set it when several gateways write as one.",
    ),
    key(
        "milter.listen",
        Texts("a socket: `unix:/path`, `inet:ADDRESS:PORT` or `inet:PORT@ADDRESS`"),
        Value(r#"["inet:127.0.0.1:8895"]"#),
        r#"["unix:/run/relaywatch/milter.sock", "inet:127.0.0.1:8895"]"#,
        "Where MTAs connect: `unix:/path`, `inet:ADDRESS:PORT`, or as Sendmail writes it `inet:PORT@ADDRESS`. Sockets that systemd hands over take the place of these.",
    ),
    key(
        "milter.socket_mode",
        Text("an octal mode"),
        Value(r#""0660""#),
        r#""0600""#,
        "The access mode of UNIX sockets.",
    ),
    key(
        "milter.max_connections",
        Number(1, 100_000),
        Value("1000"),
        "200",
        "Connections open at one time; further ones are closed at once, and the MTA does what `milter_default_action` says.",
    ),
    key(
        "milter.idle_timeout",
        Duration(1000, 1440 * MINUTE),
        Value(r#""10m""#),
        r#""15m""#,
        "How long an MTA may be silent. Longer than Postfix's `smtpd_timeout` (300 s), because Postfix keeps the connection while its client thinks.",
    ),
    key(
        "milter.io_timeout",
        Duration(100, 10 * MINUTE),
        Value(r#""10s""#),
        r#""5s""#,
        "How long a whole frame may take to arrive, and an answer to be taken.",
    ),
    key(
        "milter.max_header_bytes",
        Size(16 * 1024, 64 * MIB),
        Value(r#""1MiB""#),
        r#""256KiB""#,
        "Memory for the header section of a message: its bytes and 32 more a field. What is beyond is not looked at.",
    ),
    key(
        "milter.max_recipients",
        Number(1, 100_000),
        Value("1000"),
        "500",
        "Recipients kept of a message; further ones are not looked at.",
    ),
    key(
        "http.listen",
        Text("`off`, or an address and a port"),
        Value(r#""127.0.0.1:9786""#),
        r#""[::1]:9786""#,
        "The address of `/metrics`, `/healthz` and `/readyz`. There is no authentication: the suspects table names addresses, so listen where only Prometheus can connect.",
    ),
    key(
        "log.format",
        Word(|| LogFormat::ALL.map(LogFormat::as_str).to_vec()),
        Value(r#""text""#),
        r#""json""#,
        "Lines of text for people or JSON objects for machines.",
    ),
    key(
        "log.level",
        Word(|| LogLevel::ALL.map(LogLevel::as_str).to_vec()),
        Value(r#""info""#),
        r#""warn""#,
        "The least level that is written. Anomalies are at `warn`, each message at `debug`.",
    ),
    key(
        "suspects.top",
        Number(0, 1000),
        Value("20"),
        "10",
        "How many peers the suspects table shows by address; all others are summed as `other`.",
    ),
    key(
        "suspects.tracked",
        Number(1, 1_000_000),
        Value("10000"),
        "50000",
        "How many peers are remembered to find the top ones among.",
    ),
];

const ACTION: Kind = Word(|| Action::ALL.map(Action::as_str).to_vec());

const fn key(path: &'static str, kind: Kind, default: Fallback, example: &'static str, doc: &'static str) -> Key {
    Key { path, kind, default, example, doc }
}
