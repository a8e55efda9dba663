//! What is kept of one message.
//!
//! Takes a message with its report, gives a [`Record`]: its hops without its body, as far as the admin wants it kept. Every text in it
//! is printable and bounded, so that whoever opens the store with `sqlite3` is as safe from terminal escapes as a reader of our own output.

use std::{borrow::Cow, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::privacy::{Privacy, Show};
use crate::{
    boundary::{BoundaryKind, Place},
    clock::Timestamp,
    envelope::address,
    events::in_words,
    finding::{Basis, Code, Level, Severity},
    hunt::Facts,
    inspect::Report,
    message::RawMessage,
    net::parse_literal,
    policy::{Action, BoundaryStrategy},
    text::{cut, printable},
    tls::TlsVersion,
    trace::{HopKind, Received, read_date},
};

/// Hops that are kept of a message. RFC 5321, 6.3 lets a hundred pass before a loop is suspected.
pub(super) const MOST_HOPS: usize = 120;
/// Recipients that are kept of a message.
const MOST_RECIPIENTS: usize = 1000;
/// Findings that are kept of a message.
const MOST_FINDINGS: usize = 50;
/// DNS answers that are kept of a finding.
const MOST_EVIDENCE: usize = 50;
/// Characters of a host name, a protocol.
const NAME: usize = 255;
/// Characters of a mail address (RFC 5321, 4.5.3.1, and some more for rewriting schemes).
const ADDRESS: usize = 400;
/// Characters of a line of the header section (RFC 5322, 2.1.1).
const LINE: usize = 998;

/// Where a message came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// An MTA handed it over.
    Milter,
    /// It lay in a file.
    File {
        /// The file, made printable.
        path: String,
        /// Where in the file it begins.
        offset: u64,
    },
}

/// What is known of a message beside itself.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Where it came from.
    pub origin: Origin,
    /// The present.
    pub now: Timestamp,
    /// What the MTA is told; nothing where nobody is.
    pub action: Option<Action>,
}

/// What is kept of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When our side took it, in unix seconds: the session's time, or else what our border wrote.
    pub time: i64,
    /// When its author says that it was written (`Date`), in unix seconds. It proves nothing, and is missed where a relay took every other
    /// time away.
    pub dated: Option<i64>,
    /// The present, in unix seconds.
    pub recorded: i64,
    /// Where it came from.
    pub origin: Origin,
    /// The bytes that tell stored mail from mail that was stored before: the header section; only of mail in files.
    pub identity: Option<Vec<u8>>,
    /// The border's queue id.
    pub queue_id: Option<String>,
    /// The `Message-ID` without its angle brackets.
    pub message_id: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The envelope sender; an empty one is a bounce.
    pub sender: Option<String>,
    /// The envelope recipients, each once.
    pub recipients: Vec<String>,
    /// The author's address (`From`).
    pub header_from: Option<String>,
    /// The hops, newest first.
    pub hops: Vec<RecordedHop>,
    /// How many hops there were beyond those.
    pub hops_left_out: usize,
    /// Where our records end.
    pub boundary: RecordedBoundary,
    /// The verdict.
    pub verdict: Level,
    /// What the MTA was told.
    pub action: Option<Action>,
    /// The findings, the worst first, and behind them what was explained.
    pub findings: Vec<RecordedFinding>,
}

/// One hop, without its time: what repeats from message to message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HopFacts {
    /// What kind of hop it is.
    pub kind: HopKind,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// What the client said in HELO.
    pub helo: Option<String>,
    /// The client's name as the receiving host recorded it.
    pub rdns: Option<String>,
    /// The receiving host.
    pub by: Option<String>,
    /// Its address.
    pub by_ip: Option<IpAddr>,
    /// The protocol.
    pub protocol: Option<String>,
    /// Whether it was encrypted, where that is known.
    pub tls: Option<bool>,
    /// The TLS version.
    pub tls_version: Option<TlsVersion>,
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedHop {
    /// What it states.
    pub facts: HopFacts,
    /// When, in unix seconds.
    pub time: Option<i64>,
}

/// Where our records end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RecordedBoundary {
    /// The strategy that found it.
    pub strategy: BoundaryStrategy,
    /// What was found.
    pub place: BoundaryKind,
    /// Why.
    pub reason: Cow<'static, str>,
    /// The hop at which the mail came in from outside.
    pub hop: Option<usize>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFinding {
    /// The detector's code.
    pub code: Code,
    /// Its severity; nothing where an ordinary way of mail explains it.
    pub severity: Option<Severity>,
    /// What it rests on.
    pub basis: Basis,
    /// The hop it is about.
    pub hop: Option<usize>,
    /// The fact, for machines.
    pub fact: String,
    /// The sentence, for people.
    pub sentence: String,
    /// The DNS answers that it rests on.
    pub evidence: Vec<String>,
}

/// What a stored hop says of hosts. Where a field spoke of two addresses, none was taken, and none is stored.
impl<'a> From<&'a HopFacts> for Facts<'a> {
    fn from(hop: &'a HopFacts) -> Self {
        Self {
            address: hop.ip,
            candidates: Vec::new(),
            helo: hop.helo.as_deref(),
            helo_address: hop.helo.as_deref().and_then(parse_literal),
            name: hop.rdns.as_deref(),
            by: hop.by.as_deref(),
            by_address: hop.by_ip,
        }
    }
}

impl Record {
    /// Takes from a report what is to be kept.
    pub fn of(message: &RawMessage, report: &Report<'_>, about: &Circumstances, privacy: &Privacy) -> Self {
        let session = message.session.as_ref();
        let now = about.now.as_second();
        let hops = &report.trace.hops;
        let border = report.boundary.peer().map(|(hop, _)| hop);
        let border_time = border.and_then(|hop| hops.get(hop)?.received.time);
        let newest_time = || hops.iter().find_map(|hop| hop.received.time);
        let headers = &message.headers;
        let id = |field: &'static str| headers.named(field).next().map(|(_, field)| cut(field.text(), bare));
        let in_file = about.origin != Origin::Milter;
        Self {
            time: border_time.or_else(newest_time).map_or(now, Timestamp::as_second),
            dated: headers
                .named("Date")
                .next()
                .and_then(|(_, date)| read_date(&date.unfolded()))
                .map(Timestamp::as_second),
            recorded: now,
            origin: about.origin.clone(),
            identity: in_file.then(|| headers.raw().to_vec()),
            queue_id: match session {
                Some(session) => session.queue_id.as_deref(),
                None => border.and_then(|hop| hops.get(hop)?.received.id.as_deref()),
            }
            .map(|id| printable(id, 100)),
            message_id: id("Message-ID").and_then(|id| kept(privacy, privacy.message_id, id)),
            subject: match privacy.subject {
                Show::Omit => None,
                show => headers.text("Subject").and_then(|subject| kept(privacy, show, subject.into())),
            },
            sender: report.envelope.sender.as_deref().and_then(|sender| mailbox(privacy, privacy.sender, sender)),
            recipients: recipients(&report.envelope.recipients, privacy),
            header_from: match privacy.header_from {
                Show::Omit => None,
                show => headers.from_address().and_then(|from| mailbox(privacy, show, &from)),
            },
            hops: hops.iter().take(MOST_HOPS).map(|hop| recorded(&hop.received)).collect(),
            hops_left_out: hops.len().saturating_sub(MOST_HOPS),
            boundary: RecordedBoundary {
                strategy: report.boundary.strategy,
                place: report.boundary.place.kind(),
                reason: Place::reason(report.boundary.place).into(),
                hop: border,
            },
            verdict: report.verdict.level,
            action: about.action,
            findings: findings(report, privacy),
        }
    }

    /// About how much memory the record takes.
    pub fn footprint(&self) -> usize {
        let texts = [&self.queue_id, &self.message_id, &self.subject, &self.sender, &self.header_from];
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let of_hop = |hop: &RecordedHop| {
            let facts = &hop.facts;
            let names = [&facts.helo, &facts.rdns, &facts.by, &facts.protocol];
            size_of::<RecordedHop>() + names.into_iter().map(length).sum::<usize>()
        };
        let of_finding = |finding: &RecordedFinding| {
            let evidence: usize = finding.evidence.iter().map(|line| size_of::<String>() + line.len()).sum();
            size_of::<RecordedFinding>() + finding.fact.len() + finding.sentence.len() + evidence
        };
        size_of::<Self>()
            + texts.into_iter().map(length).sum::<usize>()
            + self.identity.as_ref().map_or(0, Vec::len)
            + self.recipients.iter().map(|address| size_of::<String>() + address.len()).sum::<usize>()
            + self.hops.iter().map(of_hop).sum::<usize>()
            + self.findings.iter().map(of_finding).sum::<usize>()
    }
}

/// An id without its angle brackets.
fn bare(text: &str) -> &str {
    text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text)
}

fn kept(privacy: &Privacy, show: Show, text: Cow<'_, str>) -> Option<String> {
    privacy.text(show, text).map(|text| printable(&text, LINE))
}

/// An address with its domain in lower case (RFC 5321, 2.4: a domain's case says nothing, a local part's may).
fn mailbox(privacy: &Privacy, show: Show, address: &str) -> Option<String> {
    let address = address.trim();
    let one_form = match address::split(address) {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.to_owned(),
    };
    privacy.address(show, &one_form).map(|address| printable(&address, ADDRESS))
}

fn recipients(addresses: &[Cow<'_, str>], privacy: &Privacy) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(addresses.len().min(MOST_RECIPIENTS));
    for address in addresses.iter().take(MOST_RECIPIENTS) {
        kept.extend(mailbox(privacy, privacy.recipients, address));
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

fn recorded(received: &Received<'_>) -> RecordedHop {
    let name = |text: &Option<Cow<'_, str>>| text.as_deref().map(|text| printable(text, NAME));
    RecordedHop {
        facts: HopFacts {
            kind: received.kind,
            ip: received.ip,
            helo: name(&received.helo),
            rdns: name(&received.rdns),
            by: name(&received.by),
            by_ip: received.by_ip,
            protocol: name(&received.with),
            tls: received.tls,
            tls_version: received.tls_version,
        },
        time: received.time.map(Timestamp::as_second),
    }
}

/// The findings; an address in their words may be anybody's, and is kept as strictly as the stricter one of sender and recipients.
fn findings(report: &Report<'_>, privacy: &Privacy) -> Vec<RecordedFinding> {
    let shown = |text: &str| printable(&in_words(text, privacy), 2000);
    let found = report.verdict.findings.iter().map(|finding| (Some(finding.severity), finding));
    let all = found.chain(report.explained().map(|finding| (None, finding))).take(MOST_FINDINGS);
    let each = all.map(|(severity, finding)| RecordedFinding {
        code: finding.code,
        severity,
        basis: finding.basis,
        hop: finding.hop,
        fact: shown(&finding.fact),
        sentence: shown(&finding.sentence),
        evidence: finding.evidence.iter().take(MOST_EVIDENCE).map(|line| shown(line)).collect(),
    });
    each.collect()
}
