//! The thread and its spool: takes it into use, empties it, puts it aside while the store fails, leaves it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{spooling::Spooling, waiting::Held, work::Work};
use crate::{
    clock::Stopwatch,
    evidence::{
        Trouble,
        spool::{self, Spool, TakenIn},
        store::Durability,
    },
    metrics::Fault,
};

impl Work {
    /// What was appended since this was asked last.
    pub(super) fn spooled(&mut self) -> Vec<Held> {
        self.spool.gathering = None;
        self.shared.spool().as_mut().map(Spooling::take).unwrap_or_default()
    }

    /// Empties the spool, all being stored; has it be used where it is not; what was left in it is stored first.
    pub(super) fn use_spool(&mut self) {
        let spooling = {
            let mut shared = self.shared.spool();
            if shared.as_mut().is_some_and(Spooling::settle) {
                return;
            }
            shared.take()
        };
        if let Some(moved) = spooling {
            moved.into_parts().0.remove();
        }
        let wanted = self.settings.durability == Durability::Normal && self.waiting.is_done();
        if !wanted || !self.spool.tries.is_due() {
            return;
        }
        let error = match catch_unwind(AssertUnwindSafe(|| self.open_spool())) {
            Ok(Ok(())) => return self.spool.tries.hurry(),
            Ok(Err(error)) => error,
            Err(_) => {
                self.metrics.fault(Fault::Evidence);
                "a fault of relaywatch itself".to_owned()
            }
        };
        let spool = spool::path(&self.settings.path());
        tracing::warn!(spool = %spool.display(), error, "there is no spool: each answer waits for a commit");
    }

    fn open_spool(&mut self) -> Result<(), String> {
        let Some(open) = &mut self.store else { return Ok(()) };
        let mut spool = match self.spool.aside.take() {
            Some(spool) => spool,
            None => match Spool::open(&self.settings.path()) {
                Ok(Some(spool)) => spool,
                Ok(None) => return Err("another process has it".to_owned()),
                Err(error) => return Err(error.to_string()),
            },
        };
        let stopwatch = Stopwatch::start();
        let taken = spool.take_in(&mut open.ledger, self.clock.now()).map_err(|error| error.to_string())?;
        if taken != TakenIn::default() {
            let TakenIn { stored, damaged } = taken;
            self.metrics.evidence_stored(stored as u64, stopwatch.elapsed());
            self.metrics.evidence_lost(damaged as u64);
            tracing::info!(stored, damaged, "what an earlier run left in the spool is stored");
        }
        *self.shared.spool() = Some(Spooling::new(spool));
        Ok(())
    }

    /// Has records wait in memory from now on; those that were appended stay in the file as well.
    pub(super) fn put_spool_aside(&mut self, reason: &str) {
        let spooling = self.shared.spool().take();
        if let Some(spooling) = spooling {
            let (spool, held) = spooling.into_parts();
            self.wait(held, reason);
            self.spool.aside = Some(spool);
        }
    }

    /// Appends what waits in memory, so that it outlives this process.
    pub(super) fn save_to_spool(&mut self) {
        if let Some(spool) = &mut self.spool.aside {
            let before = self.waiting.len_unspooled();
            self.waiting.save(spool);
            self.shared.done(before - self.waiting.len_unspooled(), 0);
        }
    }

    /// Stores what was appended of late and takes the spool away; where something waits in memory that stands in it, it stays.
    pub(super) fn close_spool(&mut self) {
        let spooling = self.shared.spool().take();
        if let Some(spooling) = spooling {
            let (spool, held) = spooling.into_parts();
            self.spool.aside = Some(spool);
            let (stopwatch, mark) = (Stopwatch::start(), held.last().and_then(|held| held.mark));
            let stored = match self.store.as_mut().filter(|_| mark.is_some()) {
                Some(open) => open.ledger.take(held.iter().map(|held| &*held.record), None, mark).is_ok(),
                None => false,
            };
            if stored {
                self.metrics.evidence_stored(held.len() as u64, stopwatch.elapsed());
            } else {
                self.wait(held, Trouble::Other.as_str());
            }
        }
        if self.waiting.len_unspooled() == self.waiting.len() {
            self.leave_spool();
        }
        self.spool.tries.hurry();
    }

    /// Takes away a spool that was put aside. What waits is in memory only after that.
    pub(super) fn leave_spool(&mut self) {
        self.waiting.unmark();
        if let Some(spool) = self.spool.aside.take() {
            spool.remove();
        }
    }
}
