//! The thread: writes what it is handed, or has it wait.
//!
//! Where nobody else is at work, a message's own task writes its record itself ([`Work::store_at_once`]): to wake a thread and to be woken by it
//! takes longer than the commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use super::{
    Handed, Job, Shared,
    failing::{Complaints, Failing},
    waiting::Waiting,
};
use crate::{
    clock::{Clock, Stopwatch},
    evidence::{
        Settings, Trouble,
        error::StoreError,
        insert::{Ledger, RunId},
        record::Record,
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
    settings: Settings,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    shared: Arc<Shared>,
    store: Option<Open>,
    /// This process's entry in the store, also while that fails and is closed.
    run: Option<RunId>,
    waiting: Waiting,
    failing: Option<Failing>,
    complaints: Complaints,
    caught_up: CaughtUp,
}

/// What happens under the lock is guarded where it could panic, so that a poisoned one is as good as another.
pub(super) fn lock(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of the records of a time in which the store failed.
#[derive(Default)]
struct CaughtUp {
    stored: usize,
    lost: u64,
    /// Whether the log spoke of that time, and is to hear of its end.
    said: bool,
}

struct Open {
    ledger: Ledger,
    file: Option<FileId>,
}

#[allow(clippy::vec_box, reason = "they came boxed, and go on boxed into the list of those that wait")]
impl Work {
    pub(super) fn new(settings: Settings, clock: Arc<dyn Clock>, metrics: Metrics, shared: Arc<Shared>) -> Self {
        Self {
            settings,
            clock,
            metrics,
            shared,
            store: None,
            run: None,
            waiting: Waiting::default(),
            failing: None,
            complaints: Complaints::default(),
            caught_up: CaughtUp::default(),
        }
    }

    /// The thread's whole life.
    pub(super) fn run(work: &Mutex<Self>, jobs: &Receiver<Job>) {
        lock(work).store(Vec::new());
        loop {
            let rest = lock(work).rest();
            let job = match rest {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(rest) => jobs.recv_timeout(rest),
            };
            let mut work = lock(work);
            match job {
                Ok(job) => work.jobs(job, jobs),
                Err(RecvTimeoutError::Timeout) => work.store(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => return work.end(),
            }
            let (settings, stop) = {
                let mut asked = work.shared.asked();
                (asked.settings.take(), asked.stop.take())
            };
            if let Some(settings) = settings {
                work.configure(*settings);
            }
            if let Some(told) = stop {
                while let Ok(job) = jobs.try_recv() {
                    work.jobs(job, jobs);
                }
                work.end();
                let _ = told.send(());
                return;
            }
        }
    }

    /// Stores one record in the task that has it, where all is well and nothing is to be waited for; says whether it did.
    ///
    /// A lock of another program is not waited for here, and whatever else is wrong is the thread's to find out.
    pub(super) fn store_at_once(&mut self, record: &Record) -> bool {
        let in_order = self.waiting.is_done() && self.waiting.lost().is_none() && self.failing.is_none();
        if !in_order || !self.settings.on || self.shared.missed.load(Ordering::Relaxed) > 0 {
            return false;
        }
        self.leave_if_moved();
        let Some(open) = &mut self.store else { return false };
        let stopwatch = Stopwatch::start();
        let write = || {
            open.ledger.be_patient(Duration::ZERO)?;
            let written = open.ledger.write([record], None);
            open.ledger.be_patient(LOCK_PATIENCE)?;
            written
        };
        match catch_unwind(AssertUnwindSafe(write)) {
            Ok(Ok(_)) => {
                self.metrics.evidence_stored(1, stopwatch.elapsed());
                true
            }
            Ok(Err(_)) => false,
            Err(_) => {
                self.metrics.fault(Fault::Evidence);
                self.store = None;
                false
            }
        }
    }

    /// How long to wait for jobs before there is something to do without one.
    fn rest(&self) -> Option<Duration> {
        match &self.failing {
            Some(failing) => Some(failing.rest()),
            None => (!self.waiting.is_done()).then_some(Duration::ZERO),
        }
    }

    /// Takes as many records as there are, stores them, and says so to whom it concerns.
    fn jobs(&mut self, first: Job, jobs: &Receiver<Job>) {
        let (mut records, mut told, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(first);
        while let Some(job) = next {
            if let Job::Keep(Handed { record, bytes: size, done }) = job {
                records.push(record);
                told.push(done);
                bytes += size;
            }
            next = if records.len() < BATCH { jobs.try_recv().ok() } else { None };
        }
        self.store(records);
        self.shared.done(0, bytes);
        for done in told {
            let _ = done.send(()); // who does not wait any more does not mind
        }
    }

    /// Stores records and some of those that wait, or lets them wait.
    fn store(&mut self, records: Vec<Box<Record>>) {
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
            Ok(Ok(())) => self.recovered(),
            Ok(Err(error)) => {
                self.wait(records, error.trouble.as_str());
                self.failed(error);
            }
            Err(_) => {
                self.metrics.fault(Fault::Evidence);
                // Whichever record it was must not come round again.
                let lost = self.waiting.drop_oldest(BATCH) + records.len();
                self.lost(lost, "fault");
                self.failed(StoreError::new(&self.settings.path(), Trouble::Other, "a fault of relaywatch itself"));
            }
        }
        self.metrics.evidence_buffered(self.waiting.len());
    }

    fn write(&mut self, records: &[Box<Record>]) -> Result<(), StoreError> {
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
        let all = self.waiting.oldest(waited).chain(records.iter().map(|record| &**record));
        open.ledger.write(all, self.waiting.lost())?;
        self.metrics.evidence_stored(due as u64, stopwatch.elapsed());
        self.shared.done(due, 0);
        self.caught_up.stored += self.waiting.drop_oldest(waited);
        self.caught_up.lost += self.waiting.loss_is_stored();
        Ok(())
    }

    /// What is written to a file that somebody moved away or removed is found by nobody.
    fn leave_if_moved(&mut self) {
        let path = self.settings.path();
        if self.store.as_ref().is_some_and(|open| open.file != FileId::of(&path)) {
            tracing::warn!(store = %path.display(), "the evidence store was moved away; a new one is begun where there is none");
            self.close();
        }
    }

    /// Keeps records in memory, as many as may be; the rest is lost, and counted.
    fn wait(&mut self, records: Vec<Box<Record>>, reason: &str) {
        let most = self.settings.buffer;
        let lost = records.into_iter().map(|record| self.waiting.push(record, most)).filter(|kept| !kept).count();
        self.metrics.evidence_buffered(self.waiting.len());
        if lost > 0 {
            self.lost(lost, reason);
        }
    }

    fn lost(&mut self, count: usize, reason: &str) {
        self.waiting.lose(count, self.clock.now().as_second(), reason);
        self.shared.done(count, 0);
        self.metrics.evidence_lost(count as u64);
        if self.complaints.loss.is_due() {
            let (waiting, lost) = (self.waiting.len(), self.waiting.lost().map_or(0, |gap| gap.lost));
            tracing::error!(reason, waiting, lost, "evidence is lost: no more of it can wait in memory; mail goes on");
        }
    }

    fn failed(&mut self, error: StoreError) {
        self.metrics.evidence_error(error.trouble);
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
        }
        self.settings = settings;
        if let Some(failing) = &mut self.failing {
            failing.hurry(); // whoever reloads may have mended what it was
        }
        self.store(Vec::new());
    }

    /// Notes the end of this run in the store, and closes it.
    fn close(&mut self) {
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
        let waiting = self.waiting.len();
        let lost = waiting as u64 + self.waiting.lost().map_or(0, |gap| gap.lost);
        if lost > 0 {
            self.metrics.evidence_lost(waiting as u64);
            self.shared.done(waiting, 0);
            tracing::error!(lost, "records of messages could not be stored, and are lost with this process");
        }
        self.close();
    }
}
