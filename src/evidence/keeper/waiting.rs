//! Records that could not be stored yet: as many as may be; the rest is lost, and counted.

use std::collections::VecDeque;

use crate::evidence::{coverage::Gap, record::Record};

/// Records that wait, the oldest first, and what was lost because they did.
#[derive(Default)]
pub(super) struct Waiting {
    // Boxed: the list grows by copying what is in it.
    records: VecDeque<Box<Record>>,
    bytes: usize,
    lost: Option<Gap>,
}

impl Waiting {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether neither a record nor the news of a loss waits.
    pub(super) fn is_done(&self) -> bool {
        self.records.is_empty() && self.lost.is_none()
    }

    /// What was lost and does not stand in the store yet.
    pub(super) fn lost(&self) -> Option<&Gap> {
        self.lost.as_ref()
    }

    /// The oldest ones.
    pub(super) fn oldest(&self, count: usize) -> impl Iterator<Item = &Record> {
        self.records.iter().take(count).map(|record| &**record)
    }

    /// Lets a record wait; not where it would be more than `most` bytes.
    pub(super) fn push(&mut self, record: Box<Record>, most: usize) -> bool {
        let bytes = record.footprint();
        let fits = self.bytes.saturating_add(bytes) <= most;
        if fits {
            self.bytes += bytes;
            self.records.push_back(record);
        }
        fits
    }

    /// Takes the oldest ones off; says how many there were.
    pub(super) fn drop_oldest(&mut self, count: usize) -> usize {
        let mut dropped = 0;
        while dropped < count
            && let Some(record) = self.records.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(record.footprint());
            dropped += 1;
        }
        if self.records.is_empty() {
            (self.records, self.bytes) = (VecDeque::new(), 0); // what a bad day took is given back
        }
        dropped
    }

    /// Notes that records are lost.
    pub(super) fn lose(&mut self, count: usize, now: i64, reason: &str) {
        if count == 0 {
            return;
        }
        let gap = self.lost.get_or_insert_with(|| Gap { since: now, until: now, lost: 0, reason: reason.to_owned() });
        gap.until = now;
        gap.lost += count as u64;
    }

    /// Notes that the store knows of the loss; says how large it was.
    pub(super) fn loss_is_stored(&mut self) -> u64 {
        self.lost.take().map_or(0, |gap| gap.lost)
    }
}
