//! An event: one finding of one message, with all that a reader needs who has nothing but this line.
//!
//! Takes a message, its report, what was done with it and the time; gives values that serde writes. Pure. Everything foreign is
//! made printable and has a bound, and so has the whole line, so that no sender can break a line, fill a disk or have a receiver
//! cut the JSON in the middle. Keys are added within a schema version, never taken away or given another meaning.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    id::id,
    personal::{Personal, Privacy, in_words},
};
use crate::{
    clock::Timestamp,
    finding::{Basis, Code, Finding, Level, Severity},
    inspect::Report,
    message::RawMessage,
    policy::Action,
    text::is_unsafe,
};

/// The schema of an event.
pub const SCHEMA: &str = "relaywatch.event/1";

/// The most bytes of an event's JSON. rsyslog cuts messages at 8 KiB unless told otherwise, and a cut object is none.
pub const MOST_BYTES: usize = 7 * 1024;

/// The most events that one message makes, those of the worst findings: a sender can have many.
pub const MOST_EVENTS: usize = 32;

/// Recipients and lines of evidence that are named; the rest is in the totals.
const MOST_RECIPIENTS: usize = 10;
const MOST_EVIDENCE: usize = 20;

// Bounds in bytes of JSON. RFC 5321 allows an address 254 and a domain 255; without evidence and recipients all of it together
// stays far below `MOST_BYTES`.
const ADDRESS: usize = 320;
const NAME: usize = 255;
const QUEUE_ID: usize = 64;
const FACT: usize = 512;
const SENTENCE: usize = 1024;
const EVIDENCE: usize = 400;

/// One finding of one message.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    #[serde(flatten)]
    message: OfMessage,
    #[serde(flatten)]
    finding: OfFinding,
}

/// What the events of one message share.
#[derive(Debug, Clone, Serialize)]
struct OfMessage {
    schema: &'static str,
    time: String,
    id: String,
    source: &'static str,
    border: Option<String>,
    queue_id: Option<String>,
    message_id: Option<String>,
    from: Option<String>,
    sender: Option<String>,
    recipients: Vec<String>,
    recipients_total: usize,
    peer: Option<IpAddr>,
    verdict: Level,
    action: &'static str,
    findings: usize,
}

/// What an event says of its finding.
#[derive(Debug, Clone, Serialize)]
struct OfFinding {
    finding: usize,
    code: Code,
    severity: Severity,
    basis: Basis,
    fact: String,
    sentence: String,
    hop: Option<usize>,
    hop_ip: Option<IpAddr>,
    hop_helo: Option<String>,
    hop_name: Option<String>,
    hop_by: Option<String>,
    evidence: Vec<String>,
    evidence_total: usize,
}

/// An event as it is written: JSON on one line, and what a receiver's own envelope tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The finding's code.
    pub code: Code,
    /// The finding's severity.
    pub severity: Severity,
    /// When the message was judged (RFC 3339, UTC, microseconds).
    pub time: String,
    /// The JSON object, without a line end.
    pub json: String,
}

impl Event {
    /// The events of a message that a milter handed over: one a finding of `least` or worse, the worst first.
    pub fn all(
        message: &RawMessage,
        report: &Report<'_>,
        action: Action,
        time: Timestamp,
        least: Severity,
        privacy: &dyn Privacy,
    ) -> Vec<Self> {
        let findings = &report.verdict.findings;
        if !findings.iter().any(|finding| finding.severity >= least) {
            return Vec::new();
        }
        let shared = OfMessage::new(message, report, action, time, privacy);
        let numbered = findings.iter().enumerate().filter(|(_, finding)| finding.severity >= least);
        let event =
            |(at, finding)| Self { message: shared.clone(), finding: OfFinding::new(at, finding, report, privacy) };
        numbered.take(MOST_EVENTS).map(event).collect()
    }

    /// The event on one line of at most [`MOST_BYTES`]; what does not fit is taken out, evidence first, then recipients.
    pub fn into_line(mut self) -> Result<Line, serde_json::Error> {
        let mut json = serde_json::to_string(&self)?;
        while json.len() > MOST_BYTES
            && (self.finding.evidence.pop().is_some() || self.message.recipients.pop().is_some())
        {
            json = serde_json::to_string(&self)?;
        }
        Ok(Line { code: self.finding.code, severity: self.finding.severity, time: self.message.time, json })
    }
}

impl OfMessage {
    fn new(message: &RawMessage, report: &Report<'_>, action: Action, time: Timestamp, privacy: &dyn Privacy) -> Self {
        let show = |what, text: &str, most| privacy.show(what, text).map(|text| shown(&text, most));
        let session = message.session.as_ref();
        let peer = report.boundary.peer().map(|(_, ip)| ip);
        let recipients = &report.envelope.recipients;
        let named = recipients.iter().take(MOST_RECIPIENTS);
        let text = |value: Option<&String>, most| value.map(|value| shown(value, most));
        Self {
            schema: SCHEMA,
            time: format!("{time:.6}"),
            id: id(session, peer, time),
            source: "milter",
            border: text(session.and_then(|session| session.border.as_ref()), NAME),
            queue_id: text(session.and_then(|session| session.queue_id.as_ref()), QUEUE_ID),
            message_id: message.headers.text("Message-ID").and_then(|text| show(Personal::MessageId, &text, NAME)),
            from: message.headers.from_address().and_then(|text| show(Personal::From, &text, ADDRESS)),
            sender: report.envelope.sender.as_deref().and_then(|text| show(Personal::Sender, text, ADDRESS)),
            recipients: named.filter_map(|text| show(Personal::Recipient, text, ADDRESS)).collect(),
            recipients_total: recipients.len(),
            peer,
            verdict: report.verdict.level,
            action: action.as_str(),
            findings: report.verdict.findings.len(),
        }
    }
}

impl OfFinding {
    fn new(at: usize, finding: &Finding, report: &Report<'_>, privacy: &dyn Privacy) -> Self {
        let received = finding.hop.and_then(|hop| report.trace.hops.get(hop)).map(|hop| &hop.received);
        let words = |text: &str, most| shown(&in_words(text, privacy), most);
        let name = |name: Option<&str>| name.map(|name| shown(name, NAME));
        Self {
            finding: at + 1,
            code: finding.code,
            severity: finding.severity,
            basis: finding.basis,
            fact: words(&finding.fact, FACT),
            sentence: words(&finding.sentence, SENTENCE),
            hop: finding.hop,
            hop_ip: received.and_then(|received| received.ip),
            hop_helo: name(received.and_then(|received| received.helo.as_deref())),
            hop_name: name(received.and_then(|received| received.verified_name())),
            hop_by: name(received.and_then(|received| received.by.as_deref())),
            evidence: finding.evidence.iter().take(MOST_EVIDENCE).map(|line| words(line, EVIDENCE)).collect(),
            evidence_total: finding.evidence.len(),
        }
    }
}

/// Foreign text made printable and cut to `most` bytes of JSON, with `…` where it was cut.
///
/// JSON's own escapes would come out of the reader's parser as they went in; what a mail said is shown to people after that.
fn shown(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    let mut cost = 0;
    for c in text.chars() {
        let before = shown.len();
        if is_unsafe(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        let added = &shown[before..];
        cost += added.len() + added.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        if cost > most {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{super::Clear, *};
    use crate::{session::Session, text, view::sample};

    fn time() -> Timestamp {
        "2020-06-01T00:03:17.25Z".parse().unwrap()
    }

    fn events(message: &RawMessage, report: &Report<'_>, least: Severity, privacy: &dyn Privacy) -> Vec<Event> {
        Event::all(message, report, Action::Quarantine, time(), least, privacy)
    }

    fn with_session(message: RawMessage, queue_id: &str) -> RawMessage {
        let (queue_id, border) = (Some(queue_id.to_owned()), Some("gw.victim.example".to_owned()));
        RawMessage { session: Some(Session { queue_id, border, ..Session::default() }), ..message }
    }

    fn value(event: Event) -> serde_json::Value {
        serde_json::from_str(&event.into_line().unwrap().json).unwrap()
    }

    /// docs/events.md shows an event, and it is the one that this version makes.
    #[test]
    fn the_page_shows_what_is_written() {
        let (message, report) = sample::hijacked();
        let message = with_session(message, "4Yk2Pz1s");
        let [event] = &events(&message, &report, Severity::Notice, &Clear)[..] else { panic!("one finding") };
        let written = serde_json::to_string_pretty(event).unwrap();
        let page = std::fs::read_to_string("docs/events.md").unwrap_or_default();
        if std::env::var_os("RELAYWATCH_BLESS").is_some() {
            let start = page.find("```json\n{\n").unwrap() + 8;
            let end = start + page[start..].find("\n```").unwrap();
            std::fs::write("docs/events.md", format!("{}{written}{}", &page[..start], &page[end..])).unwrap();
            return;
        }
        assert!(page.contains(&written), "docs/events.md does not show this event; RELAYWATCH_BLESS=1:\n{written}");
        for key in value(event.clone()).as_object().unwrap().keys() {
            assert!(page.contains(&format!("| `{key}` |")), "docs/events.md does not explain `{key}`");
        }
        for bound in [MOST_BYTES, MOST_EVENTS, MOST_RECIPIENTS, MOST_EVIDENCE] {
            assert!(page.contains(&bound.to_string()), "docs/events.md does not name the bound {bound}");
        }
    }

    #[test]
    fn each_finding_is_an_event_and_they_share_their_message() {
        let (message, mut report) = sample::hijacked();
        let worst = report.verdict.findings[0].clone();
        let notice = Finding { severity: Severity::Notice, hop: Some(1), code: Code::BrokenChain, ..worst.clone() };
        report.verdict.findings = vec![worst.clone(), worst, notice];
        let message = with_session(message, "4A");
        let all: Vec<_> = events(&message, &report, Severity::Notice, &Clear).into_iter().map(value).collect();
        assert_eq!(all.len(), 3);
        assert!(all.iter().all(|event| event["id"] == all[0]["id"] && event["findings"] == 3));
        assert_eq!(all.iter().map(|event| event["finding"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((&all[2]["hop_ip"], &all[2]["hop_helo"]), (&"203.0.113.10".into(), &"mx1.sender.example".into()));
        assert_eq!(events(&message, &report, Severity::Suspicious, &Clear).len(), 2);
        assert!(events(&message, &report, Severity::Malicious, &Clear).is_empty());
    }

    #[test]
    fn hostile_text_is_harmless_after_parsing_too_and_stays_on_its_line() {
        let (message, mut report) = sample::hostile();
        report.verdict.findings[0].hop = Some(1);
        report.envelope.sender = Some(Cow::Borrowed("a\"b\\c\r\n\u{202e}\u{1b}[2J@evil.example"));
        let line = events(&message, &report, Severity::Notice, &Clear).remove(0).into_line().unwrap();
        assert!(!line.json.contains(text::is_unsafe), "{}", line.json);
        let event: serde_json::Value = serde_json::from_str(&line.json).unwrap();
        assert_eq!(event["sender"], "a\"b\\c\\u{d}\\u{a}\\u{202e}\\u{1b}[2J@evil.example");
        let helo = event["hop_helo"].as_str().unwrap();
        assert!(helo.starts_with("\\u{1b}[2Jevil") && helo.ends_with('…') && helo.len() <= NAME + 3, "{helo}");
    }

    #[test]
    fn the_longest_event_fits_and_says_what_it_left_out() {
        let (mut message, mut report) = sample::hijacked();
        let long = "\"\u{202e}\\𝓪".repeat(1000);
        message = with_session(message, &long);
        message.session.as_mut().unwrap().border = Some(long.clone());
        message.headers.push(b"Message-ID", long.as_bytes());
        for hop in &mut report.trace.hops {
            hop.received.helo = Some(long.clone().into());
            hop.received.rdns = Some(long.clone().into());
            hop.received.by = Some(long.clone().into());
        }
        report.envelope.sender = Some(long.clone().into());
        report.envelope.recipients = vec![long.clone().into(); 500];
        let finding = &mut report.verdict.findings[0];
        (finding.fact, finding.sentence, finding.evidence) = (long.clone(), long.clone(), vec![long.clone(); 100]);
        report.verdict.findings = vec![finding.clone(); 40];
        let all = events(&message, &report, Severity::Notice, &Clear);
        assert_eq!(all.len(), MOST_EVENTS);
        let line = all.into_iter().next().unwrap().into_line().unwrap();
        assert!(line.json.len() <= MOST_BYTES, "{} bytes", line.json.len());
        let event: serde_json::Value = serde_json::from_str(&line.json).unwrap();
        assert_eq!((&event["recipients_total"], &event["evidence_total"]), (&500.into(), &100.into()));
        assert_eq!(event["findings"], 40);
        assert!(event["recipients"].as_array().unwrap().len() <= MOST_RECIPIENTS);
    }

    #[test]
    fn what_names_a_person_is_shown_as_the_admin_decided() {
        struct Hashed;
        impl Privacy for Hashed {
            fn show<'a>(&self, what: Personal, _: &'a str) -> Option<Cow<'a, str>> {
                (what != Personal::Recipient).then(|| Cow::Owned(format!("{what:?}#")))
            }
        }
        let (message, mut report) = sample::hijacked();
        report.verdict.findings[0].sentence = "It was for <bob@victim.example>.".to_owned();
        report.verdict.findings[0].evidence = vec!["; alice@sender.example. IN TXT: no_name".to_owned()];
        let line = events(&message, &report, Severity::Notice, &Hashed).remove(0).into_line().unwrap().json;
        assert!(!line.contains("alice") && !line.contains("bob") && !line.contains("1@sender.example"), "{line}");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["sentence"], "It was for <Mentioned#>.");
        assert_eq!((&event["sender"], &event["from"]), (&"Sender#".into(), &"From#".into()));
        assert_eq!((&event["recipients"], &event["recipients_total"]), (&serde_json::json!([]), &1.into()));
    }
}
