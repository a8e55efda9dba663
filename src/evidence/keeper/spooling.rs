//! What was appended to the spool and is not stored yet: in the file for the case of a kill, in memory for the thread.

use std::time::Duration;

use super::waiting::Held;
use crate::{
    clock::{Seldom, Stopwatch},
    evidence::{record::Record, spool::Spool},
};

/// How long records gather in the spool before they are stored in one commit.
const GATHER: Duration = Duration::from_millis(200);
/// How long a spool that cannot be used is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// A spool, and what it holds.
#[derive(Debug)]
pub(super) struct Spooling {
    spool: Spool,
    held: Vec<Held>,
    bytes: usize,
}

impl Spooling {
    /// Begins with an empty one.
    pub(super) fn new(spool: Spool) -> Self {
        Self { spool, held: Vec::new(), bytes: 0 }
    }

    /// Appends a record and says whether it is the only one; gives it back where there is no room, or where writing fails.
    pub(super) fn append(&mut self, record: Box<Record>, most: usize) -> Result<bool, Box<Record>> {
        let bytes = record.footprint();
        if !self.spool.has_room() || self.bytes.saturating_add(bytes) > most {
            return Err(record);
        }
        // Why it fails is the thread's to find out: it writes to the same disk next.
        let Ok(mark) = self.spool.append(&record) else { return Err(record) };
        self.bytes += bytes;
        self.held.push(Held { record, mark: Some(mark) });
        Ok(self.held.len() == 1)
    }

    /// The records in memory, to be stored; they stay in the file.
    pub(super) fn take(&mut self) -> Vec<Held> {
        self.bytes = 0;
        std::mem::take(&mut self.held)
    }

    /// Empties the file if all that it holds is stored, because all was that had been taken; says whether it may be used on.
    pub(super) fn settle(&mut self) -> bool {
        !self.held.is_empty() || (!self.spool.is_moved() && self.spool.clear().is_ok())
    }

    /// Ends it.
    pub(super) fn into_parts(self) -> (Spool, Vec<Held>) {
        (self.spool, self.held)
    }
}

/// What the thread knows of its spool.
#[derive(Debug)]
pub(super) struct OwnSpool {
    /// The spool itself, while the store fails.
    pub(super) aside: Option<Spool>,
    /// Since when it is known to hold something.
    pub(super) gathering: Option<Stopwatch>,
    /// How often it is tried to use one.
    pub(super) tries: Seldom,
}

impl Default for OwnSpool {
    fn default() -> Self {
        Self { aside: None, gathering: None, tries: Seldom::every(LEFT_ALONE) }
    }
}

impl OwnSpool {
    /// Notes that it holds something.
    pub(super) fn gather(&mut self) {
        self.gathering.get_or_insert_with(Stopwatch::start);
    }

    /// How long until what it holds is stored.
    pub(super) fn rest(&self) -> Option<Duration> {
        self.gathering.as_ref().map(|since| GATHER.saturating_sub(since.elapsed()))
    }
}
