//! What is known of one person while messages are counted.
//!
//! Takes messages one by one, gives a [`Person`]. Of each person a few numbers are kept, however many messages there are.

use super::{crossing::Proof, people::Who, query::Segment, report::Person, zone::Moment};

/// Authors that are told of one sender.
const AUTHORS: usize = 5;

/// In which segments, and by which proof, somebody was seen: a bit each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen(u16);

impl Seen {
    pub(super) fn add(&mut self, proof: Proof, segment: Segment) {
        self.0 |= Self::bit(proof, segment);
    }

    fn bit(proof: Proof, segment: Segment) -> u16 {
        1 << (proof as u16 * 5 + segment as u16)
    }

    pub(super) fn is_in(self, proof: Proof, segments: &[Segment]) -> bool {
        segments.iter().any(|segment| self.0 & Self::bit(proof, *segment) != 0)
    }
}

/// What is known of one person.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) seen: Seen,
    /// Messages by our record, of each segment.
    recorded: [u32; 5],
    pub(super) refused: u32,
    claimed: u32,
    pub(super) normal: u32,
    pub(super) first: i64,
    last: i64,
    pub(super) by_author: bool,
    pub(super) authors: Vec<Box<str>>,
    pub(super) more_authors: bool,
}

/// One message, for those who had to do with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct One {
    pub(super) time: i64,
    pub(super) proof: Proof,
    pub(super) segment: Segment,
    pub(super) refused: bool,
}

impl One {
    pub(super) fn facts(self) -> Facts {
        Facts { first: self.time, last: self.time, by_author: true, ..Facts::default() }
    }
}

impl Facts {
    pub(super) fn add(&mut self, one: One) {
        let hard = |seen: Seen| seen.is_in(Proof::Recorded, &Segment::ALL);
        let before = hard(self.seen);
        self.seen.add(one.proof, one.segment);
        match one.proof {
            Proof::Claimed => self.claimed += 1,
            Proof::Recorded if one.refused => self.refused += 1,
            Proof::Recorded => self.recorded[one.segment as usize] += 1,
        }
        // Once there is a record of ours, only records say when.
        if one.proof == Proof::Recorded && !before {
            (self.first, self.last) = (one.time, one.time);
        } else if one.proof == Proof::Recorded || !before {
            (self.first, self.last) = (self.first.min(one.time), self.last.max(one.time));
        }
    }

    pub(super) fn author(&mut self, author: Option<Who>) {
        let Some(Who::Address(author)) = author else { return };
        if self.authors.contains(&author) {
            return;
        }
        if self.authors.len() < AUTHORS {
            self.authors.push(author);
        } else {
            self.more_authors = true;
        }
    }

    pub(super) fn person(&self, who: Who, moment: impl Fn(i64) -> Moment) -> Person {
        let of = |segment: Segment| u64::from(self.recorded[segment as usize]);
        let (address, forgotten) = match who {
            Who::Address(address) => (Some(address.into()), None),
            Who::Forgotten(number) => (None, Some(number)),
        };
        Person {
            address,
            forgotten,
            pre_window: of(Segment::PreWindow),
            window: of(Segment::Window),
            tail: of(Segment::Tail),
            outside: of(Segment::Earlier) + of(Segment::Later),
            refused: u64::from(self.refused),
            claimed: u64::from(self.claimed),
            first: moment(self.first),
            last: moment(self.last),
        }
    }
}
