//! One message that crossed what is looked for.
//!
//! Takes a report's parts or, later, what was stored of a message; gives what is shown of it, on its own. Whatever writes
//! a passage, in whatever form, need not know where it was found.

use super::{Part, Sighting, Sightings};
use crate::{clock::Timestamp, finding::Basis};

/// One message, and what was seen of it. All text is foreign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Where it was found.
    pub found: Found,
    /// When our border took it; where no border is known, when its newest hop did.
    pub time: Option<Timestamp>,
    /// The envelope sender, as our side recorded it; an empty one is a bounce.
    pub sender: Option<String>,
    /// The first address of the `From` field; it proves nothing.
    pub from: Option<String>,
    /// The envelope recipients, as our side recorded them.
    pub recipients: Vec<String>,
    /// The message's own id.
    pub message_id: Option<String>,
    /// What was seen, the newest hops first; at least one.
    pub seen: Vec<Seen>,
    /// How many further sightings there are.
    pub more: usize,
}

/// Where a message was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// In a file.
    File(Place),
}

/// A message's place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file; `-` is standard input.
    pub path: String,
    /// Which message of the file, counted from 0.
    pub index: u64,
    /// Where in the (decompressed) file it begins.
    pub offset: u64,
    /// Whether the file may hold several.
    pub many: bool,
}

/// A sighting, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What was seen.
    pub sighting: Sighting,
    /// Whether our border recorded it, or others wrote it.
    pub basis: Basis,
}

impl Passage {
    /// What was seen, with what each sighting rests on: the client's address at the border is a fact, all else may be
    /// forged.
    pub fn seen(sightings: Sightings, border: Option<usize>) -> (Vec<Seen>, usize) {
        let basis = |sighting: &Sighting| match sighting.part {
            Part::Address if border == Some(sighting.hop) => Basis::Border,
            _ => Basis::Supporting,
        };
        let seen = sightings.kept.into_iter().map(|sighting| Seen { basis: basis(&sighting), sighting });
        (seen.collect(), sightings.more)
    }

    /// The sighting that says most: one at our border, else the newest.
    pub fn best(&self) -> Option<&Seen> {
        self.seen.iter().find(|seen| seen.basis == Basis::Border).or_else(|| self.seen.first())
    }

    /// Whoever sent it, as far as anybody said.
    pub fn who(&self) -> Option<&str> {
        self.sender.as_deref().or(self.from.as_deref())
    }
}
