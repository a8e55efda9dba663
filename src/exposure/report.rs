//! The result: what a report says, as data.
//!
//! docs/exposure-report.md describes every key of its JSON. Keys are added within a version of [`SCHEMA`], never taken away or given another
//! meaning.

use serde::Serialize;

use super::{query::Segment, top::Top, zone::Moment};

/// The schema of the JSON.
pub const SCHEMA: &str = "relaywatch.exposure/1";

/// Who wrote through a relay, from when to when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exposure {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// When it was made.
    pub made_at: Moment,
    /// What whoever reads the numbers must know first.
    pub warnings: Vec<String>,
    /// What was asked.
    pub window: Window,
    /// All three segments together, by what our own servers recorded.
    pub recorded: Counts,
    /// The same by what only others say.
    pub claimed: Counts,
    /// Before the change, the window, its tail.
    pub parts: [Part; 3],
    /// Through the relay, but written before or after all of it.
    pub outside: Outside,
    /// Mail by all other ways while mail could be led astray.
    pub normal: Normal,
    /// Each hour of it, by arrival.
    pub hours: Vec<Hour>,
    /// The way that the mail came.
    pub path: Path,
    /// What the store holds of that time.
    pub coverage: Coverage,
    /// What the report cannot know.
    pub not_known: &'static [&'static str],
    /// Who wrote through the relay, first the first.
    pub senders: Vec<Sender>,
    /// To whom.
    pub recipients: Vec<Recipient>,
}

/// What made a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Tool {
    /// This program.
    pub const THIS: Self = Self { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The relay, as it was named.
    pub indicators: Vec<String>,
    /// When the delegation was changed.
    pub changed_at: Moment,
    /// When it was put right.
    pub fixed_at: Moment,
    /// How long resolvers may have held it after that.
    pub ns_ttl_seconds: i64,
    /// How long before the change counts as exposed.
    pub pre_window_seconds: i64,
    /// The zone of all times.
    pub time_zone: String,
    /// The first second that counts as exposed.
    pub begins: Moment,
    /// The last one.
    pub ends: Moment,
}

/// Messages and people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages that the MTA was not told to refuse.
    pub messages: u64,
    /// Attempts that it was told to refuse: the relay had the mail all the same, and may have tried again.
    pub refused: u64,
    /// Distinct senders, of refused attempts as well.
    pub senders: u64,
    /// Distinct recipients.
    pub recipients: u64,
    /// Distinct addresses in `From`.
    pub authors: u64,
    /// Messages of which no sender is kept.
    pub without_sender: u64,
    /// Messages of which it is not known at which hop they came in from outside, so that no line of theirs is a record of ours.
    pub without_border: u64,
    /// The first arrival.
    pub first: Option<Moment>,
    /// The last arrival.
    pub last: Option<Moment>,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Which one.
    pub segment: Segment,
    /// Its first second; `None` where it is empty.
    pub begins: Option<Moment>,
    /// Its last second.
    pub ends: Option<Moment>,
    /// By what our own servers recorded.
    pub recorded: Counts,
    /// Senders of these that the window does not have, and the tail beyond that neither before: who they are added to.
    pub added_senders: u64,
    /// By what only others say.
    pub claimed: Counts,
}

/// Through the relay, but written at another time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outside {
    /// Before all of it, by our record.
    pub earlier: Counts,
    /// After all of it, by our record.
    pub later: Counts,
    /// At either time, by what only others say.
    pub claimed: Counts,
}

/// Mail that came by other ways.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Normal {
    /// Messages from outside that arrived from the change to the end of the tail, and were not refused.
    pub messages: u64,
    /// Of these, those without an envelope sender: bounces and notices.
    pub bounces: u64,
    /// Distinct senders.
    pub senders: u64,
    /// Of these, those who do not stand among the senders through the relay.
    pub senders_not_relayed: u64,
    /// Distinct addresses in `From`.
    pub authors: u64,
    /// Of these, those who do not stand among the senders through the relay.
    pub authors_not_relayed: u64,
    /// The first arrival.
    pub first: Option<Moment>,
    /// The last arrival.
    pub last: Option<Moment>,
}

/// What arrived in an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hour {
    /// When it begins.
    pub begins: Moment,
    /// Through the relay by our record, written before the change.
    pub pre_window: u64,
    /// Written in the window.
    pub window: u64,
    /// Written in its tail.
    pub tail: u64,
    /// Attempts of these segments that were refused.
    pub refused: u64,
    /// Through the relay by what only others say.
    pub claimed: u64,
    /// By other ways.
    pub normal: u64,
}

impl Hour {
    /// Through the relay by our record.
    pub fn relayed(&self) -> u64 {
        self.pre_window + self.window + self.tail
    }
}

/// The way of the mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Path {
    /// The relay's addresses.
    pub addresses: Top,
    /// The names that our servers looked up for it.
    pub names: Top,
    /// What it called itself.
    pub helos: Top,
    /// How it spoke to us.
    pub tls: Tls,
    /// Who handed mail to it, as the lines below say; the relay could write what it liked there.
    pub handed_by: Top,
    /// Messages of which no line says who handed them to it.
    pub handed_by_unknown: u64,
    /// The hosts of ours that took its mail.
    pub borders: Top,
    /// The hosts of ours that took the mail by other ways.
    pub normal_borders: Top,
}

/// How many messages came encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// With TLS.
    pub encrypted: u64,
    /// In clear.
    pub clear: u64,
    /// Not recorded.
    pub unknown: u64,
}

/// What the store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Messages in all.
    pub messages: u64,
    /// The oldest.
    pub first: Option<Moment>,
    /// The newest.
    pub last: Option<Moment>,
    /// Messages that were inspected in that time and could not be stored.
    pub gaps: Vec<Gap>,
    /// Whether the daemon ever wrote into it; else it was filled from files.
    pub watched: bool,
    /// Stretches of that time in which no daemon was writing.
    pub silent: Vec<Silence>,
    /// Stretches somewhere in which a daemon ended without saying so.
    pub unclear: Vec<Silence>,
}

/// Messages that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// When the first was lost.
    pub from: Moment,
    /// When the last was lost.
    pub until: Moment,
    /// How many.
    pub lost: u64,
    /// Why.
    pub reason: String,
}

/// From when to when nobody, or perhaps nobody, was writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// Its beginning.
    pub from: Moment,
    /// Its end.
    pub until: Moment,
}

/// Somebody whose mail went through the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The address; nothing where it was forgotten.
    pub address: Option<String>,
    /// The number in the store of an address that was forgotten.
    pub forgotten: Option<i64>,
    /// Messages written before the change.
    pub pre_window: u64,
    /// Messages written in the window.
    pub window: u64,
    /// Messages written in its tail.
    pub tail: u64,
    /// Messages written at another time.
    pub outside: u64,
    /// Attempts that were refused.
    pub refused: u64,
    /// Messages that only others say came through the relay.
    pub claimed: u64,
    /// The first arrival.
    pub first: Moment,
    /// The last one.
    pub last: Moment,
}

/// To whom mail through the relay went.
pub type Recipient = Person;

/// Who wrote through the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sender {
    /// Who, when, and how often.
    #[serde(flatten)]
    pub person: Person,
    /// Whether the address is that in `From`, because the envelope names no sender.
    pub by_author: bool,
    /// The addresses in `From` of this sender's mail, as far as they are another.
    pub authors: Vec<String>,
    /// Whether there are more of them.
    pub more_authors: bool,
    /// Messages of this sender that came by other ways in that time.
    pub normal: u64,
}

impl Person {
    /// Whether a record of ours says that this one's mail went through the relay at the time asked for.
    pub fn is_exposed(&self) -> bool {
        self.pre_window + self.window + self.tail + self.refused > 0
    }
}
