//! What is written into a mail: one `X-Relaywatch` field and one `Authentication-Results` field (RFC 8601).
//!
//! Takes the message and its report, gives the changes to the header section. Copies of our own fields that came with the
//! mail are taken out first, whoever wrote them: a sender could otherwise vouch for itself. Nothing that a peer wrote
//! gets into a field of ours but as visible ASCII without the characters that have a meaning there, so neither a line
//! break nor a second result can be injected.

use std::fmt::Write as _;

use crate::{
    boundary::Place,
    detect::Code,
    ingest::HeaderChange,
    inspect::Report,
    message::{HeaderSection, RawMessage},
    policy::StampSettings,
    text::HeaderToken,
    verdict::Level,
};

/// The field of our own.
pub const FIELD: &str = "X-Relaywatch";

/// Our method in `Authentication-Results` (RFC 8601, 2.7.6: experimental methods begin with `x-`).
pub const METHOD: &str = "x-relay-path";

/// How much of a sentence goes into the field; a line must stay far below 998 octets (RFC 5322, 2.1.1).
const REASON_LIMIT: usize = 300;

/// The changes that a report makes to its message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Removals from the last field to the first, so that no removal moves another's place; then what is put on top.
    pub changes: Vec<HeaderChange>,
    /// How many forged copies are taken out.
    pub stripped: u64,
}

/// Works out the changes for a message.
pub fn stamp(message: &RawMessage, report: &Report, settings: &StampSettings) -> Stamp {
    let mut changes = forged(&message.headers);
    let stripped = changes.len() as u64;
    if settings.authentication_results {
        let border = message.session.as_ref().and_then(|session| session.border.as_deref());
        if let Some(authserv_id) = settings.authserv_id.as_deref().or(border) {
            changes.push(HeaderChange::Prepend {
                name: "Authentication-Results".into(),
                value: authentication_results(report, authserv_id),
            });
        }
    }
    if settings.relaywatch {
        changes.push(HeaderChange::Prepend { name: FIELD.into(), value: relaywatch(report) });
    }
    Stamp { changes, stripped }
}

/// Removals of every `X-Relaywatch`, and of every `Authentication-Results` that names our method.
///
/// The latter go whatever authserv-id they carry: nobody else's word on the way to us is worth anything here, and our
/// own field holds no other method, so nothing else is lost with it.
fn forged(headers: &HeaderSection) -> Vec<HeaderChange> {
    let mut removals = Vec::new();
    for name in [FIELD, "Authentication-Results"] {
        let own = headers.named(name).zip(1u32..).filter(|((_, field), _)| {
            name == FIELD
                || field.unfolded().to_ascii_lowercase().windows(METHOD.len()).any(|at| at == METHOD.as_bytes())
        });
        removals.extend(own.map(|(_, occurrence)| HeaderChange::Remove { name: name.to_owned(), occurrence }));
    }
    removals.reverse();
    removals
}

/// `malicious; codes=indicator,own-name; peer=45.77.24.250; hops=3`
fn relaywatch(report: &Report) -> String {
    let mut value = report.verdict.level.as_str().to_owned();
    let codes = codes(report, ",");
    if !codes.is_empty() {
        let _ = write!(value, "; codes={codes}");
    }
    match report.boundary.place {
        Place::Peer { ip, .. } => drop(write!(value, "; peer={ip}")),
        other => drop(write!(value, "; boundary={}", other.kind().as_str())),
    }
    let _ = write!(value, "; hops={}", report.trace.hops.len());
    value
}

/// `gw.victim.example; x-relay-path=fail reason="..." smtp.remote-ip=45.77.24.250 policy.codes=own-name`
fn authentication_results(report: &Report, authserv_id: &str) -> String {
    let result = match (report.verdict.level, report.boundary.place) {
        (Level::Suspicious | Level::Malicious, _) => "fail",
        (Level::Notice, _) => "neutral",
        (Level::Clean, Place::NotFound(_)) => "none",
        (Level::Clean, _) => "pass",
    };
    let mut value = format!("{};\n\t{METHOD}={result}", HeaderToken(authserv_id));
    if let Some(worst) = report.verdict.findings.first() {
        let _ = write!(value, "\n\treason=\"{}\"", folded(&quoted(&worst.sentence)));
        let _ = write!(value, "\n\tpolicy.codes={}", codes(report, "+"));
    }
    if let Place::Peer { ip, .. } = report.boundary.place {
        // An IPv6 address holds colons, which a value may hold only when quoted (RFC 8601, 2.2; RFC 2045 `token`).
        let ip = if ip.is_ipv6() { format!("\"{ip}\"") } else { ip.to_string() };
        let _ = write!(value, "\n\tsmtp.remote-ip={ip}");
    }
    value
}

fn codes(report: &Report, separator: &str) -> String {
    let codes: Vec<&str> = report.verdict.codes().into_iter().map(Code::as_str).collect();
    codes.join(separator)
}

/// The text as it may stand in a quoted string: printable ASCII, no quote and no backslash.
fn quoted(text: &str) -> String {
    let safe = |c: char| if (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\') { c } else { '?' };
    text.chars().take(REASON_LIMIT).map(safe).collect()
}

/// The text in lines of some 70 characters.
fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + 16);
    let mut line = 0;
    for word in text.split_ascii_whitespace() {
        let break_here = line + word.len() > 70;
        match (line, break_here) {
            (0, _) => {}
            (_, true) => folded.push_str("\n\t"),
            (_, false) => folded.push(' '),
        }
        line = if break_here { word.len() } else { line + 1 + word.len() };
        folded.push_str(word);
    }
    folded
}
