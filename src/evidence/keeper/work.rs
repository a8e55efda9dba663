//! The thread: stores what stands in the spool and what it is handed, or has it wait.
//!
//! The spool is in use while the store is in order. While that fails, records wait in memory, those of the spool among them, which stay in its
//! file as well: they outlive this process.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use super::{
    Handed, Job, Shared,
    failing::{Complaints, Failing},
    spooling::OwnSpool,
    waiting::{Held, Waiting},
};
use crate::{
    clock::{Clock, Stopwatch},
    evidence::{
        Settings, Trouble,
        error::StoreError,
        ledger::{Ledger, RunId},
        store::{FileId, Store},
    },
    metrics::{Fault, Metrics},
};

/// New records of one commit, and as many that waited: the first of them does not wait for all.
const BATCH: usize = 256;
/// How long a commit waits for another program's transaction; so long may an answer to the MTA take then.
const LOCK_PATIENCE: Duration = Duration::from_millis(250);

/// The thread's state.
pub(super) struct Work {
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Metrics,
    pub(super) shared: Arc<Shared>,
    pub(super) store: Option<Open>,
    /// This process's entry in the store, also while that fails and is closed.
    run: Option<RunId>,
    pub(super) spool: OwnSpool,
    pub(super) waiting: Waiting,
    failing: Option<Failing>,
    complaints: Complaints,
    caught_up: CaughtUp,
}

/// What became of the records of a time in which the store failed.
#[derive(Default)]
struct CaughtUp {
    stored: usize,
    lost: u64,
    /// Whether the log spoke of that time, and is to hear of its end.
    said: bool,
}

/// How many of them would go with this process.
fn unspooled<'a>(records: impl IntoIterator<Item = &'a Held>) -> usize {
    records.into_iter().filter(|held| held.mark.is_none()).count()
}

/// An open store.
pub(super) struct Open {
    pub(super) ledger: Ledger,
    file: Option<FileId>,
}

impl Work {
    pub(super) fn new(settings: Settings, clock: Arc<dyn Clock>, metrics: Metrics, shared: Arc<Shared>) -> Self {
        Self {
            settings,
            clock,
            metrics,
            shared,
            store: None,
            run: None,
            spool: OwnSpool::default(),
            waiting: Waiting::default(),
            failing: None,
            complaints: Complaints::default(),
            caught_up: CaughtUp::default(),
        }
    }

    /// The thread's whole life.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        self.store(Vec::new());
        loop {
            let job = match self.rest() {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(rest) => jobs.recv_timeout(rest),
            };
            match job {
                Ok(job) => self.jobs(job, jobs),
                Err(RecvTimeoutError::Timeout) => self.store(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            let (settings, stop) = {
                let mut asked = self.shared.asked();
                (asked.settings.take(), asked.stop.take())
            };
            if let Some(settings) = settings {
                self.configure(*settings);
            }
            if let Some(told) = stop {
                while let Ok(job) = jobs.try_recv() {
                    self.jobs(job, jobs);
                }
                self.end();
                let _ = told.send(());
                return;
            }
        }
    }

    /// How long to wait for jobs before there is something to do without one.
    fn rest(&self) -> Option<Duration> {
        match &self.failing {
            Some(failing) => Some(failing.rest()),
            None if !self.waiting.is_done() => Some(Duration::ZERO),
            None => self.spool.rest(),
        }
    }

    /// Takes as many records as there are, stores them, and says so to whom it concerns.
    fn jobs(&mut self, first: Job, jobs: &Receiver<Job>) {
        let (mut records, mut told, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(first);
        while let Some(job) = next {
            if let Job::Keep(Handed { record, bytes: size, done }) = job {
                records.push(Held { record, mark: None });
                told.push(done);
                bytes += size;
            }
            next = if records.len() < BATCH { jobs.try_recv().ok() } else { None };
        }
        if records.is_empty() {
            return self.spool.gather();
        }
        self.store(records);
        self.shared.done(0, bytes);
        for done in told {
            let _ = done.send(()); // who does not wait any more does not mind
        }
    }

    /// Stores records, those of the spool, and some of those that wait, or lets them wait.
    fn store(&mut self, handed: Vec<Held>) {
        let mut records = self.spooled();
        records.extend(handed);
        let missed = self.shared.missed.swap(0, Ordering::Relaxed);
        self.waiting.lose(usize::try_from(missed).unwrap_or(usize::MAX), self.clock.now().as_second(), "hung");
        // What was judged before evidence was switched off is kept all the same.
        if !self.settings.on && records.is_empty() && self.waiting.is_done() {
            self.failing = None;
            return self.close();
        }
        if let Some(failing) = self.failing.as_ref().filter(|failing| !failing.rest().is_zero()) {
            let trouble = failing.error.trouble;
            return self.wait(records, trouble.as_str());
        }
        // A panic here would be a fault of ours or of SQLite; the thread outlives it, and the mail does not notice.
        match catch_unwind(AssertUnwindSafe(|| self.write(&records))) {
            Ok(Ok(())) => {
                self.recovered();
                if self.settings.on {
                    self.use_spool();
                } else if self.waiting.is_done() {
                    self.close();
                }
            }
            Ok(Err(error)) => {
                self.wait(records, error.trouble.as_str());
                self.failed(error);
            }
            Err(_) => {
                self.metrics.fault(Fault::Evidence);
                // Whichever record it was must not come round again.
                let gone = self.waiting.len_unspooled() + unspooled(&records);
                let lost = self.waiting.drop_oldest(BATCH) + records.len();
                self.shared.done(gone - self.waiting.len_unspooled(), 0);
                self.lost(lost, "fault");
                self.put_spool_aside("fault");
                self.leave_spool(); // nor out of the spool
                self.failed(StoreError::new(&self.settings.path(), Trouble::Other, "a fault of relaywatch itself"));
            }
        }
        self.metrics.evidence_buffered(self.waiting.len());
    }

    fn write(&mut self, records: &[Held]) -> Result<(), StoreError> {
        self.leave_if_moved();
        let now = self.clock.now().as_second();
        let open = match &mut self.store {
            Some(open) => open,
            None => {
                let path = self.settings.path();
                let mut ledger = Ledger::new(Store::open(&path, self.settings.durability, LOCK_PATIENCE)?)?;
                let goes_on = match &self.run {
                    Some(run) => ledger.is_open(run)?,
                    None => false,
                };
                if !goes_on {
                    self.run = Some(ledger.begin_run("serve", now)?);
                    tracing::info!(store = %path.display(), "evidence is kept");
                }
                self.store.insert(Open { ledger, file: FileId::of(&path) })
            }
        };
        let waited = self.waiting.len().min(BATCH);
        let due = waited + records.len();
        if due == 0 && self.waiting.lost().is_none() {
            return Ok(());
        }
        let stopwatch = Stopwatch::start();
        let all = || self.waiting.oldest(waited).chain(records);
        // In the spool's order: it is not in use again before nothing waits.
        let mark = all().filter_map(|held| held.mark).last();
        open.ledger.take(all().map(|held| &*held.record), self.waiting.lost(), mark)?;
        self.metrics.evidence_stored(due as u64, stopwatch.elapsed());
        self.shared.done(unspooled(all()), 0);
        self.caught_up.stored += self.waiting.drop_oldest(waited);
        self.caught_up.lost += self.waiting.loss_is_stored();
        Ok(())
    }

    /// What is written to a file that somebody moved away or removed is found by nobody.
    fn leave_if_moved(&mut self) {
        let path = self.settings.path();
        if self.store.as_ref().is_some_and(|open| open.file != FileId::of(&path)) {
            tracing::warn!(store = %path.display(), "the evidence store was moved away; a new one is begun where there is none");
            self.close_store();
        }
    }

    /// Keeps records in memory, as many as may be; the rest is lost, and counted.
    pub(super) fn wait(&mut self, records: Vec<Held>, reason: &str) {
        let most = self.settings.buffer;
        let (mut lost, mut gone) = (0, 0);
        for held in records {
            let spooled = held.mark.is_some();
            if !self.waiting.push(held, most) {
                lost += 1;
                gone += usize::from(!spooled);
            }
        }
        self.shared.done(gone, 0);
        self.metrics.evidence_buffered(self.waiting.len());
        if lost > 0 {
            self.lost(lost, reason);
        }
    }

    fn lost(&mut self, count: usize, reason: &str) {
        self.waiting.lose(count, self.clock.now().as_second(), reason);
        self.metrics.evidence_lost(count as u64);
        if self.complaints.loss.is_due() {
            let (waiting, lost) = (self.waiting.len(), self.waiting.lost().map_or(0, |gap| gap.lost));
            tracing::error!(reason, waiting, lost, "evidence is lost: no more of it can wait in memory; mail goes on");
        }
    }

    fn failed(&mut self, error: StoreError) {
        self.metrics.evidence_error(error.trouble);
        self.put_spool_aside(error.trouble.as_str());
        // Opened anew next time: the file may have been moved away, repaired or given back by then.
        self.store = None;
        let say = self.complaints.of(error.trouble).is_due();
        if say {
            let (waiting, lost) = (self.waiting.len(), self.waiting.lost().map_or(0, |gap| gap.lost));
            tracing::error!(trouble = error.trouble.as_str(), waiting, lost, %error, "evidence is not stored; mail goes on");
        }
        self.failing = Some(Failing::now(self.failing.take(), error, say));
    }

    fn recovered(&mut self) {
        self.caught_up.said |= self.failing.take().is_some_and(|failing| failing.said);
        if self.waiting.is_done() {
            let CaughtUp { stored, lost, said } = std::mem::take(&mut self.caught_up);
            if said {
                tracing::info!(waited = stored, lost, "evidence is stored again");
            }
        }
    }

    fn configure(&mut self, settings: Settings) {
        if settings.path() != self.settings.path() || settings.durability != self.settings.durability {
            self.close();
            self.leave_spool(); // what waits goes to another store
        }
        self.settings = settings;
        if let Some(failing) = &mut self.failing {
            failing.hurry(); // whoever reloads may have mended what it was
        }
        self.store(Vec::new());
    }

    /// Closes spool and store.
    fn close(&mut self) {
        self.close_spool();
        self.close_store();
    }

    /// Notes the end of this run in the store, and closes it.
    fn close_store(&mut self) {
        let now = self.clock.now().as_second();
        if let Some(mut open) = self.store.take()
            && let Some(run) = self.run.take()
            && let Err(error) = open.ledger.end_run(&run, now).and_then(|()| open.ledger.gather())
        {
            tracing::warn!(%error, "the end of this run could not be written down");
        }
    }

    fn end(&mut self) {
        loop {
            if let Some(failing) = &mut self.failing {
                failing.hurry(); // one last try
            }
            self.store(Vec::new());
            if self.failing.is_some() || self.waiting.is_done() {
                break;
            }
        }
        self.save_to_spool();
        let waiting = self.waiting.len_unspooled();
        let lost = waiting as u64 + self.waiting.lost().map_or(0, |gap| gap.lost);
        if lost > 0 {
            self.metrics.evidence_lost(waiting as u64);
            self.shared.done(waiting, 0);
            tracing::error!(lost, "records of messages could not be stored, and are lost with this process");
        }
        let spooled = self.waiting.len() - waiting;
        if spooled > 0 {
            tracing::warn!(
                spooled,
                "records of messages could not be stored; they stand in the spool, and the next start stores them"
            );
        }
        self.close();
    }
}
