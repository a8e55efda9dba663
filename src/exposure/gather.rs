//! The counting, in one pass by time over the mail through the relay, and one over all other mail.
//!
//! Takes stored messages, gives an [`Exposure`]. What is held grows with the people and the hours, not with the messages; of people by other
//! ways a mark of 16 bytes each.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    crossing::{Crossing, Proof, crossing},
    facts::{Facts, One, Seen},
    people::{self, Mark, Who, Writer},
    query::{Query, Segment, written},
    report::{Counts, Exposure, Hour, Normal, Outside, Part, Path, SCHEMA, Sender, Tool, Window},
    watched,
    ways::Ways,
    words,
    zone::Moment,
};
use crate::{
    boundary::BoundaryKind,
    clock::Timestamp,
    evidence::{self, Stored},
    policy::Action,
};

/// A message through the relay.
#[derive(Debug)]
pub struct Row<'m> {
    /// The message.
    pub message: &'m Stored,
    /// When it was written, in unix seconds.
    pub written: i64,
    /// The segment in which that lies.
    pub segment: Segment,
    /// Where it crossed the relay, and who says so.
    pub crossing: Crossing,
    /// Whether the MTA was told to refuse it.
    pub refused: bool,
    /// The sender's address; nothing where it was forgotten or is not kept.
    pub sender: Option<Box<str>>,
    /// Whether that is the address in `From`.
    pub by_author: bool,
}

/// A report in the making.
#[derive(Debug)]
pub struct Gathering<'q> {
    query: &'q Query,
    counts: [[Tally; 5]; 2],
    senders: HashMap<Who, Facts>,
    recipients: HashMap<Who, Facts>,
    authors: HashMap<Mark, Seen>,
    hours: BTreeMap<i64, InHour>,
    path: Ways,
    normal: Others,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    messages: u64,
    refused: u64,
    without_sender: u64,
    without_border: u64,
    first: Option<i64>,
    last: Option<i64>,
}

impl Tally {
    fn arrived(&mut self, time: i64) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct InHour {
    parts: [u64; 5],
    refused: u64,
    claimed: u64,
    normal: u64,
}

#[derive(Debug, Default)]
struct Others {
    tally: Tally,
    bounces: u64,
    senders: HashSet<Mark>,
    authors: HashSet<Mark>,
}

impl<'q> Gathering<'q> {
    /// Nothing as yet.
    pub fn new(query: &'q Query) -> Self {
        Self {
            query,
            counts: Default::default(),
            senders: HashMap::new(),
            recipients: HashMap::new(),
            authors: HashMap::new(),
            hours: BTreeMap::new(),
            path: Ways::default(),
            normal: Others::default(),
        }
    }

    /// Counts a message that may have come through the relay; nothing where it did not.
    pub fn relayed<'m>(&mut self, message: &'m Stored) -> Option<Row<'m>> {
        let crossing = crossing(&self.query.wanted, &message.hops, message.border_hop)?;
        let written = written(message);
        let (segment, proof) = (self.query.segment(written), crossing.proof);
        let refused = is_refused(message);
        let writer = people::writer(message);

        let tally = &mut self.counts[proof as usize][segment as usize];
        if refused {
            tally.refused += 1;
        } else {
            tally.messages += 1;
        }
        tally.without_sender += u64::from(writer.is_none());
        tally.without_border += u64::from(message.place == BoundaryKind::NotFound.as_str());
        tally.arrived(message.time);

        let author = people::author(message);
        if let Some(author) = &author {
            self.authors.entry(author.mark()).or_default().add(proof, segment);
        }
        let one = One { time: message.time, proof, segment, refused };
        if let Some(Writer { who, by_author }) = &writer {
            let facts = self.senders.entry(who.clone()).or_insert_with(|| one.facts());
            facts.add(one);
            facts.by_author &= *by_author;
            facts.author(author.filter(|author| author != who));
        }
        for who in people::recipients(message) {
            self.recipients.entry(who).or_insert_with(|| one.facts()).add(one);
        }
        if Segment::INSIDE.contains(&segment) {
            let hour = self.hours.entry(self.query.zone.hour(message.time)).or_default();
            match proof {
                Proof::Claimed => hour.claimed += 1,
                Proof::Recorded if refused => hour.refused += 1,
                Proof::Recorded => hour.parts[segment as usize] += 1,
            }
            if proof == Proof::Recorded {
                self.path.add(message, crossing.hop);
            }
        }
        let by_author = writer.as_ref().is_some_and(|writer| writer.by_author);
        let sender = writer.and_then(|writer| match writer.who {
            Who::Address(address) => Some(address),
            Who::Forgotten(_) => None,
        });
        Some(Row { message, written, segment, crossing, refused, sender, by_author })
    }

    /// Counts a message of the time in which mail could be led astray, if it came by another way. All mail through the relay comes before.
    pub fn other(&mut self, message: &Stored) {
        let internal = message.place == BoundaryKind::Internal.as_str();
        if internal || is_refused(message) || !self.query.standing().holds(message.time) {
            return;
        }
        let crossing = crossing(&self.query.wanted, &message.hops, message.border_hop);
        if crossing.is_some_and(|crossing| crossing.proof == Proof::Recorded) {
            return;
        }
        let normal = &mut self.normal;
        normal.tally.messages += 1;
        normal.tally.arrived(message.time);
        normal.bounces +=
            u64::from(message.sender.as_ref().is_some_and(|sender| sender.address.as_deref() == Some("")));
        if let Some(writer) = people::writer(message) {
            normal.senders.insert(writer.who.mark());
            if let Some(facts) = self.senders.get_mut(&writer.who) {
                facts.normal += 1;
            }
        }
        if let Some(author) = people::author(message) {
            normal.authors.insert(author.mark());
        }
        self.hours.entry(self.query.zone.hour(message.time)).or_default().normal += 1;
        self.path.other(message);
    }

    /// What came of it.
    pub fn finish(self, now: Timestamp, stored: &evidence::Coverage) -> Exposure {
        let query = self.query;
        let moment = |second: i64| query.zone.moment(second);
        let part = |segment| {
            let span = query.span(segment);
            let there = span.first <= span.last;
            let added = match segment {
                Segment::Window => &[][..],
                Segment::Tail => &[Segment::Window, Segment::PreWindow],
                _ => &[Segment::Window],
            };
            let is_added = |seen: Seen| seen.is_in(Proof::Recorded, &[segment]) && !seen.is_in(Proof::Recorded, added);
            Part {
                segment,
                begins: there.then(|| moment(span.first)),
                ends: there.then(|| moment(span.last)),
                recorded: self.count(Proof::Recorded, &[segment]),
                added_senders: count(self.senders.values().filter(|facts| is_added(facts.seen))),
                claimed: self.count(Proof::Claimed, &[segment]),
            }
        };
        let whole = query.whole();
        let mut exposure = Exposure {
            schema: SCHEMA,
            tool: Tool::THIS,
            made_at: moment(now.as_second()),
            warnings: Vec::new(),
            window: Window {
                indicators: query.asked.clone(),
                changed_at: moment(query.changed),
                fixed_at: moment(query.fixed),
                ns_ttl_seconds: query.ns_ttl,
                pre_window_seconds: query.pre_window,
                time_zone: query.zone.name().to_owned(),
                begins: moment(whole.first),
                ends: moment(whole.last),
            },
            recorded: self.count(Proof::Recorded, &Segment::INSIDE),
            claimed: self.count(Proof::Claimed, &Segment::INSIDE),
            parts: Segment::INSIDE.map(part),
            outside: Outside {
                earlier: self.count(Proof::Recorded, &[Segment::Earlier]),
                later: self.count(Proof::Recorded, &[Segment::Later]),
                claimed: self.count(Proof::Claimed, &[Segment::Earlier, Segment::Later]),
            },
            normal: self.normal(),
            hours: self.hours(),
            path: Path::default(),
            coverage: watched::coverage(stored, query, now),
            not_known: words::NOT_KNOWN,
            senders: Vec::new(),
            recipients: Vec::new(),
        };
        exposure.path = self.path.finish();
        let sender = |(who, facts): (Who, Facts)| Sender {
            by_author: facts.by_author,
            authors: facts.authors.iter().map(|author| String::from(&**author)).collect(),
            more_authors: facts.more_authors,
            normal: u64::from(facts.normal),
            person: facts.person(who, moment),
        };
        exposure.senders = in_order(self.senders).map(sender).collect();
        exposure.recipients = in_order(self.recipients).map(|(who, facts)| facts.person(who, moment)).collect();
        exposure.warnings = words::warnings(&exposure);
        exposure
    }

    fn count(&self, proof: Proof, segments: &[Segment]) -> Counts {
        let mut all = Tally::default();
        for segment in segments {
            let tally = self.counts[proof as usize][*segment as usize];
            all.messages += tally.messages;
            all.refused += tally.refused;
            all.without_sender += tally.without_sender;
            all.without_border += tally.without_border;
            [tally.first, tally.last].into_iter().flatten().for_each(|time| all.arrived(time));
        }
        let seen = |seen: Seen| seen.is_in(proof, segments);
        let moment = |second| self.query.zone.moment(second);
        Counts {
            messages: all.messages,
            refused: all.refused,
            senders: count(self.senders.values().filter(|facts| seen(facts.seen))),
            recipients: count(self.recipients.values().filter(|facts| seen(facts.seen))),
            authors: count(self.authors.values().filter(|author| seen(**author))),
            without_sender: all.without_sender,
            without_border: all.without_border,
            first: all.first.map(moment),
            last: all.last.map(moment),
        }
    }

    fn normal(&self) -> Normal {
        let normal = &self.normal;
        let exposed = self.senders.iter().filter(|(_, facts)| facts.seen.is_in(Proof::Recorded, &Segment::INSIDE));
        let exposed: HashSet<Mark> = exposed.map(|(who, _)| who.mark()).collect();
        let not_relayed = |marks: &HashSet<Mark>| count(marks.iter().filter(|mark| !exposed.contains(*mark)));
        let moment = |second: i64| -> Moment { self.query.zone.moment(second) };
        Normal {
            messages: normal.tally.messages,
            bounces: normal.bounces,
            senders: normal.senders.len() as u64,
            senders_not_relayed: not_relayed(&normal.senders),
            authors: normal.authors.len() as u64,
            authors_not_relayed: not_relayed(&normal.authors),
            first: normal.tally.first.map(moment),
            last: normal.tally.last.map(moment),
        }
    }

    /// Every hour from the beginning to the end, and to the last arrival.
    fn hours(&self) -> Vec<Hour> {
        let zone = &self.query.zone;
        let whole = self.query.whole();
        let (first, last) = (zone.hour(whole.first), zone.hour(whole.last));
        let first = self.hours.keys().next().map_or(first, |hour| first.min(*hour));
        let last = self.hours.keys().next_back().map_or(last, |hour| last.max(*hour));
        let hours = std::iter::successors(Some(first), |hour| Some(zone.next_hour(*hour)));
        let hour = |hour: i64| {
            let counts = self.hours.get(&hour).copied().unwrap_or_default();
            Hour {
                begins: zone.moment(hour),
                pre_window: counts.parts[Segment::PreWindow as usize],
                window: counts.parts[Segment::Window as usize],
                tail: counts.parts[Segment::Tail as usize],
                refused: counts.refused,
                claimed: counts.claimed,
                normal: counts.normal,
            }
        };
        hours.take_while(|hour| *hour <= last).map(hour).collect()
    }
}

fn is_refused(message: &Stored) -> bool {
    matches!(message.action, Some(Action::Reject | Action::Tempfail))
}

/// By when they were first seen; of two at once the first by name.
fn in_order(people: HashMap<Who, Facts>) -> impl Iterator<Item = (Who, Facts)> {
    let mut people: Vec<_> = people.into_iter().collect();
    people.sort_unstable_by(|(a, of_a), (b, of_b)| of_a.first.cmp(&of_b.first).then_with(|| a.cmp(b)));
    people.into_iter()
}

fn count<T>(all: impl Iterator<Item = T>) -> u64 {
    all.count() as u64
}

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;
