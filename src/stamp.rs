//! What is written into a mail: one `X-Relaywatch` field and one `Authentication-Results` field (RFC 8601).
//!
//! Takes the message and its report, gives the changes to the header section. Copies of our own fields that came with the
//! mail are taken out first, whoever wrote them: a sender could otherwise vouch for itself. Nothing that a peer wrote
//! gets into a field of ours but as visible ASCII without the characters that have a meaning there, so neither a line
//! break nor a second result can be injected.

use std::{borrow::Cow, fmt::Write as _};

use crate::{
    boundary::Place,
    finding::Level,
    inspect::Report,
    message::{HeaderSection, RawMessage},
    policy::StampSettings,
    text::HeaderToken,
};

/// The field of our own.
pub const FIELD: &str = "X-Relaywatch";

/// Our method in `Authentication-Results` (RFC 8601, 2.7.6: experimental methods begin with `x-`).
pub const METHOD: &str = "x-relay-path";

/// The field of RFC 8601.
const RESULTS: &str = "Authentication-Results";

/// How many fields of one name are taken out of a mail. An MTA goes through the header section anew for each: Postfix
/// takes 14 s for 20,000, by when the conversation is over, every copy stays and ours is missing. What is left of so
/// many stands below ours.
const MOST_REMOVALS: usize = 500;

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

/// A change to a message's header section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderChange {
    /// Takes out one field.
    Remove {
        /// The field's name.
        name: String,
        /// Which of the fields of this name, counted from 1 at the top, as the milter protocol counts.
        occurrence: u32,
    },
    /// Puts a field at the top.
    Prepend {
        /// The field's name.
        name: Cow<'static, str>,
        /// The value, folded with LF where it is long.
        value: String,
    },
}

/// Works out the changes for a message.
pub fn stamp(message: &RawMessage, report: &Report<'_>, settings: &StampSettings) -> Stamp {
    let mut changes = forged(&message.headers);
    let stripped = changes.len() as u64;
    if settings.authentication_results {
        let border = message.session.as_ref().and_then(|session| session.border.as_deref());
        if let Some(authserv_id) = settings.authserv_id.as_deref().or(border) {
            changes.push(HeaderChange::Prepend {
                name: RESULTS.into(),
                value: authentication_results(report, authserv_id),
            });
        }
    }
    if settings.relaywatch {
        changes.push(HeaderChange::Prepend { name: FIELD.into(), value: relaywatch(report) });
    }
    Stamp { changes, stripped }
}

/// Removals of every `X-Relaywatch`, and of every `Authentication-Results` that names our method; of each name the topmost
/// [`MOST_REMOVALS`].
///
/// The latter go whatever authserv-id they carry: nobody else's word on the way to us is worth anything here, and our
/// own field holds no other method, so nothing else is lost with it.
fn forged(headers: &HeaderSection) -> Vec<HeaderChange> {
    let mut removals = Vec::new();
    for name in [FIELD, RESULTS] {
        let own = headers.named(name).zip(1u32..).filter(|((_, field), _)| name == FIELD || names_method(field.value));
        let own = own.take(MOST_REMOVALS);
        removals.extend(own.map(|(_, occurrence)| HeaderChange::Remove { name: name.to_owned(), occurrence }));
    }
    removals.reverse();
    removals
}

/// What must be kept of a field, for [`stamp`] to do its work, where there is no room for the field itself; nothing of a
/// field that can be no copy of ours.
pub fn remnant(name: &[u8], value: &[u8]) -> Option<&'static [u8]> {
    if name.eq_ignore_ascii_case(FIELD.as_bytes()) {
        return Some(b"");
    }
    let counts = name.eq_ignore_ascii_case(RESULTS.as_bytes());
    counts.then(|| if names_method(value) { METHOD.as_bytes() } else { b"" })
}

/// Whether a value names our method, which no fold can stand in.
fn names_method(value: &[u8]) -> bool {
    value.windows(METHOD.len()).any(|at| at.eq_ignore_ascii_case(METHOD.as_bytes()))
}

/// `malicious; codes=indicator,own-name; peer=45.77.24.250; hops=3`
fn relaywatch(report: &Report<'_>) -> String {
    let mut value = report.verdict.level.as_str().to_owned();
    let codes = report.verdict.codes_joined(",");
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
fn authentication_results(report: &Report<'_>, authserv_id: &str) -> String {
    let result = match (report.verdict.level, report.boundary.place) {
        (Level::Suspicious | Level::Malicious, _) => "fail",
        (Level::Notice, _) => "neutral",
        (Level::Clean, Place::NotFound(_)) => "none",
        (Level::Clean, _) => "pass",
    };
    let mut value = format!("{};\n\t{METHOD}={result}", HeaderToken(authserv_id));
    if let Some(worst) = report.verdict.findings.first() {
        let _ = write!(value, "\n\treason=\"{}\"", folded(&quoted(&worst.sentence)));
        let _ = write!(value, "\n\tpolicy.codes={}", report.verdict.codes_joined("+"));
    }
    if let Place::Peer { ip, .. } = report.boundary.place {
        // An IPv6 address holds colons, which a value may hold only when quoted (RFC 8601, 2.2; RFC 2045 `token`).
        let ip = if ip.is_ipv6() { format!("\"{ip}\"") } else { ip.to_string() };
        let _ = write!(value, "\n\tsmtp.remote-ip={ip}");
    }
    value
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        inspect::inspect_offline,
        policy::{Policy, Topology},
        session::Session,
    };

    fn stamped(headers: HeaderSection, helo: &str, border: &str) -> Stamp {
        let session = Session {
            peer_ip: "192.0.2.66".parse().ok(),
            helo: Some(helo.to_owned()),
            border: Some(border.to_owned()),
            ..Session::default()
        };
        let message = RawMessage { headers, session: Some(session), ..RawMessage::default() };
        let domains = [crate::names::Domain::parse("victim.example").unwrap()].into_iter().collect();
        let policy = Policy { topology: Topology { domains, ..Topology::default() }, ..Policy::default() };
        stamp(&message, &inspect_offline(&message, &policy), &policy.stamp)
    }

    fn values(stamp: &Stamp) -> Vec<(&str, &str)> {
        stamp
            .changes
            .iter()
            .filter_map(|change| match change {
                HeaderChange::Prepend { name, value } => Some((name.as_ref(), value.as_str())),
                HeaderChange::Remove { .. } => None,
            })
            .collect()
    }

    #[test]
    fn both_fields_say_what_was_found() {
        let stamp = stamped(HeaderSection::default(), "mail.victim.example", "gw.victim.example");
        let values = values(&stamp);
        assert_eq!(values[1], (FIELD, "suspicious; codes=own-name; peer=192.0.2.66; hops=1"));
        let unfolded = values[0].1.replace("\n\t", " ");
        assert_eq!(values[0].0, "Authentication-Results");
        assert_eq!(
            unfolded,
            "gw.victim.example; x-relay-path=fail reason=\"192.0.2.66 handed us the mail and calls itself \
             mail.victim.example, a name of yours (victim.example), but it is none of your addresses.\" \
             policy.codes=own-name smtp.remote-ip=192.0.2.66"
        );
    }

    #[test]
    fn forged_copies_go_from_the_last_to_the_first_and_foreign_results_stay() {
        let text = b"x-RELAYWATCH: clean\nAuthentication-Results: other.example; dkim=pass\nX-Relaywatch : clean\n\
            Authentication-Results: gw.victim.example (c);\n\tX-Relay-Path=pass\nX-Relaywatch-Note: x\n\n";
        let stamp = stamped(HeaderSection::read(text, text.len()), "neutral.example", "gw.victim.example");
        let removed: Vec<_> = stamp
            .changes
            .iter()
            .filter_map(|change| match change {
                HeaderChange::Remove { name, occurrence } => Some((name.as_str(), *occurrence)),
                HeaderChange::Prepend { .. } => None,
            })
            .collect();
        assert_eq!(removed, [("Authentication-Results", 2), (FIELD, 2), (FIELD, 1)]);
        assert_eq!(stamp.stripped, 3);
    }

    proptest! {
        #[test]
        fn no_peer_can_inject_a_line_or_a_result(helo in ".{0,300}", border in ".{0,80}", crlf in any::<bool>()) {
            let helo = if crlf { format!("{helo}\r\nX-Injected: 1; x-relay-path=pass\n\n.victim.example") } else { format!("{helo}.victim.example") };
            let stamp = stamped(HeaderSection::default(), &helo, &border);
            for (_, value) in values(&stamp) {
                for (at, _) in value.match_indices('\n') {
                    prop_assert!(value[at + 1..].starts_with('\t'), "a line that is no fold: {value:?}");
                }
                prop_assert!(!value.contains('\r') && value.is_ascii(), "{value:?}");
                prop_assert!(value.split('\n').all(|line| line.len() < 998), "{value:?}");
                prop_assert_eq!(value.matches('"').count() % 2, 0);
                // What stands in quotes is text; a second result would have to stand outside.
                let outside: String = value.split('"').step_by(2).collect();
                prop_assert!(outside.matches("x-relay-path=").count() <= 1, "{value:?}");
            }
        }
    }
}
