//! Reports and hops as JSON, for programs.
//!
//! Takes what inspection gives, gives text under a schema name with a version. docs/json.md describes every key, and a
//! test holds its examples to this file. Keys are added within a version, never taken away or given another meaning.

use std::{borrow::Cow, net::IpAddr};

use serde::Serialize;

use crate::{
    authentication::{Authentication, DkimFact, Exchanger, Inner, Sender, SpfFact},
    boundary::Boundary,
    detect::Outcome,
    finding::{Code, Finding, Level},
    inspect::Report,
    message::RawMessage,
    text::is_unsafe,
    trace::{HopJson, Trace, Written},
};

/// The schema of a report.
pub const REPORT_SCHEMA: &str = "relaywatch.report/1";
/// The schema of a trace.
pub const TRACE_SCHEMA: &str = "relaywatch.trace/1";

/// All that was learned of one message.
#[derive(Debug, Serialize)]
pub struct ReportJson<'a> {
    schema: &'static str,
    /// Where the message was found, when it came from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceJson>,
    verdict: Level,
    codes: Vec<Code>,
    findings: &'a [Finding],
    explained: Vec<&'a Finding>,
    boundary: BoundaryJson<'a>,
    envelope: EnvelopeJson<'a>,
    from: Option<String>,
    subject: Option<String>,
    message_id: Option<String>,
    authentication: AuthenticationJson<'a>,
    hops: Vec<RawHopJson<'a>>,
    detectors: Vec<DetectorJson<'a>>,
    header_breaks: Vec<&'static str>,
}

/// The hops of one message, as read, without a judgement.
#[derive(Debug, Serialize)]
pub struct TraceJson<'a> {
    schema: &'static str,
    hops: Vec<RawHopJson<'a>>,
    header_breaks: Vec<&'static str>,
}

/// Where a message was found.
#[derive(Debug, Clone, Serialize)]
pub struct SourceJson {
    /// The file's path as it was given or found; bytes that are not UTF-8 became U+FFFD.
    pub path: String,
    /// Which message of the file it is, counted from 0.
    pub index: u64,
    /// Where in the file, after decompression, it begins, in bytes.
    pub offset: u64,
}

/// A hop and the text it was read from.
#[derive(Debug, Serialize)]
struct RawHopJson<'a> {
    hop: usize,
    #[serde(flatten)]
    view: HopJson<'a>,
    comments: Vec<Cow<'a, str>>,
    date: Option<Cow<'a, str>>,
    raw: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
struct BoundaryJson<'a> {
    strategy: &'static str,
    result: &'static str,
    hop: Option<usize>,
    peer: Option<IpAddr>,
    reason: &'static str,
    provider: Option<&'a str>,
    internal_hops: usize,
}

#[derive(Debug, Serialize)]
struct EnvelopeJson<'a> {
    sender: Option<&'a str>,
    recipients: &'a [Cow<'a, str>],
}

#[derive(Debug, Serialize)]
struct AuthenticationJson<'a> {
    sender: Option<&'a Sender>,
    spf: Option<&'a SpfFact>,
    inner: Option<&'a Inner>,
    dkim: &'a [DkimFact],
    addressed: bool,
    exchanger: Option<&'a Exchanger>,
    forged_results: usize,
    dns: Vec<String>,
}

#[derive(Debug, Serialize)]
struct DetectorJson<'a> {
    code: Code,
    outcome: &'static str,
    reason: Option<&'a str>,
}

/// A report as JSON values.
pub fn report<'a>(report: &'a Report<'a>, message: &'a RawMessage) -> ReportJson<'a> {
    let headers = &message.headers;
    ReportJson {
        schema: REPORT_SCHEMA,
        source: None,
        verdict: report.verdict.level,
        codes: report.verdict.codes(),
        findings: &report.verdict.findings,
        explained: report.explained().collect(),
        boundary: boundary(&report.boundary),
        envelope: EnvelopeJson { sender: report.envelope.sender.as_deref(), recipients: &report.envelope.recipients },
        from: headers.from_address(),
        subject: headers.text("Subject"),
        message_id: headers.text("Message-ID"),
        authentication: authentication(&report.authentication),
        hops: hops(&report.trace, message),
        detectors: report.outcomes.iter().map(|(code, outcome)| detector(*code, outcome)).collect(),
        header_breaks: breaks(message),
    }
}

/// A trace as JSON values.
pub fn trace<'a>(trace: &'a Trace<'a>, message: &'a RawMessage) -> TraceJson<'a> {
    TraceJson { schema: TRACE_SCHEMA, hops: hops(trace, message), header_breaks: breaks(message) }
}

/// Writes a value on one line.
pub fn line<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(value).map(harmless)
}

/// Writes a value on many lines, for people to read.
pub fn pretty<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(harmless)
}

/// JSON escapes C0 only; C1 controls and direction overrides would still reach a terminal. Outside of strings JSON has
/// none of them, so that each can be written as the `\u` escape that stands for it.
fn harmless(json: String) -> String {
    let harmful = |c: char| c != '\n' && is_unsafe(c);
    if !json.contains(harmful) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if harmful(c) {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

fn hops<'a>(trace: &'a Trace<'a>, message: &'a RawMessage) -> Vec<RawHopJson<'a>> {
    let hops = HopJson::all(trace).into_iter().enumerate();
    hops.map(|(hop, view)| {
        let field = view.field.and_then(|index| message.headers.get(index));
        let Written { comments, date } = field.map(|field| Written::read(field.value)).unwrap_or_default();
        RawHopJson { hop, view, comments, date, raw: field.map(|field| field.text()) }
    })
    .collect()
}

fn boundary(boundary: &Boundary) -> BoundaryJson<'_> {
    let (hop, peer) = boundary.peer().unzip();
    BoundaryJson {
        strategy: boundary.strategy.as_str(),
        result: boundary.place.kind().as_str(),
        hop,
        peer,
        reason: boundary.place.reason(),
        provider: boundary.hosted.as_ref().map(|hosted| &*hosted.provider),
        internal_hops: boundary.hosted.as_ref().map_or(0, |hosted| hosted.internal_hops),
    }
}

fn authentication(found: &Authentication) -> AuthenticationJson<'_> {
    AuthenticationJson {
        sender: found.sender.as_ref(),
        spf: found.peer.as_ref(),
        inner: found.inner.as_ref(),
        dkim: &found.dkim,
        addressed: found.addressed,
        exchanger: found.exchangers.peer.as_ref(),
        forged_results: found.stated.forged,
        dns: found.evidence(),
    }
}

fn detector(code: Code, outcome: &Outcome) -> DetectorJson<'_> {
    let reason = match outcome {
        Outcome::Findings(_) | Outcome::Explained(_) | Outcome::Clean => None,
        Outcome::NoData(reason) => Some(*reason),
        Outcome::Error(reason) => Some(reason.as_str()),
    };
    DetectorJson { code, outcome: outcome.kind().as_str(), reason }
}

fn breaks(message: &RawMessage) -> Vec<&'static str> {
    message.headers.breaks().iter().map(|seen| seen.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample;

    #[test]
    fn what_json_lets_through_is_escaped_and_still_the_same_text() {
        let text = "a\u{9b}31m\u{202e}\u{7f}\u{e0041}b\u{e9}\n";
        let json = line(&text).unwrap();
        assert!(!json.contains(is_unsafe), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    /// docs/json.md shows a whole report, and it is the one that this version writes.
    #[test]
    fn the_page_shows_what_is_written() {
        let (message, found) = sample::hijacked();
        let written = pretty(&report(&found, &message)).unwrap();
        let page = std::fs::read_to_string("docs/json.md").unwrap_or_default();
        if std::env::var_os("RELAYWATCH_BLESS").is_some() {
            let start = page.find("```json\n{\n  \"schema\": \"relaywatch.report/1\"").unwrap() + 8;
            let end = start + page[start..].find("\n```").unwrap();
            let blessed = format!("{}{written}{}", &page[..start], &page[end..]);
            std::fs::write("docs/json.md", blessed).unwrap();
            return;
        }
        assert!(
            page.contains(&written),
            "docs/json.md does not show this report; RELAYWATCH_BLESS=1 rewrites it:\n{written}"
        );
        for key in ["source", "path", "index", "offset", TRACE_SCHEMA, REPORT_SCHEMA] {
            assert!(page.contains(key), "docs/json.md does not name `{key}`");
        }
    }
}
