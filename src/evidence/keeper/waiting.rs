//! Records that could not be stored yet: as many as may be; the rest is lost, and counted.

use std::collections::VecDeque;

use crate::evidence::{coverage::Gap, mark::Mark, record::Record, spool::Spool};

/// A record that is to be stored.
#[derive(Debug)]
pub(super) struct Held {
    // Boxed: lists grow by copying what is in them.
    pub(super) record: Box<Record>,
    /// Where it stands in the spool; nothing where it is in memory only, and goes with this process.
    pub(super) mark: Option<Mark>,
}

/// Records that wait, the oldest first, and what was lost because they did.
#[derive(Default)]
pub(super) struct Waiting {
    records: VecDeque<Held>,
    bytes: usize,
    lost: Option<Gap>,
}

impl Waiting {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many of them are in memory only.
    pub(super) fn len_unspooled(&self) -> usize {
        self.records.iter().filter(|held| held.mark.is_none()).count()
    }

    /// Appends to a spool what is in memory only.
    pub(super) fn save(&mut self, spool: &mut Spool) {
        for held in self.records.iter_mut().filter(|held| held.mark.is_none()) {
            if !spool.has_room() {
                break;
            }
            held.mark = spool.append(&held.record).ok();
        }
    }

    /// Has them all be in memory only.
    pub(super) fn unmark(&mut self) {
        self.records.iter_mut().for_each(|held| held.mark = None);
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
    pub(super) fn oldest(&self, count: usize) -> impl Iterator<Item = &Held> {
        self.records.iter().take(count)
    }

    /// Lets a record wait; not where it would be more than `most` bytes.
    pub(super) fn push(&mut self, held: Held, most: usize) -> bool {
        let bytes = held.record.footprint();
        let fits = self.bytes.saturating_add(bytes) <= most;
        if fits {
            self.bytes += bytes;
            self.records.push_back(held);
        }
        fits
    }

    /// Takes the oldest ones off; says how many there were.
    pub(super) fn drop_oldest(&mut self, count: usize) -> usize {
        let mut dropped = 0;
        while dropped < count
            && let Some(held) = self.records.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(held.record.footprint());
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
