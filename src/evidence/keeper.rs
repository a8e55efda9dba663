//! The daemon's way into the store: a thread of its own, many records a commit.
//!
//! Takes records from whoever judges mail, and says when each is stored; the MTA is answered after that. Whatever is wrong with the
//! store, mail goes on: records are kept in memory up to a bound, the store is tried again and again, and what does not fit is counted
//! as lost, in the metrics, in the log and, once it can be written to again, in the store itself (table `gap`).

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{Settings, error::StoreError, insert::Ledger, read::Gap, record::Record, store::Store};
use crate::{
    clock::{Clock, Stopwatch},
    metrics::{Fault, Metrics},
};

/// Records that may be on their way to the thread: more than connections that a milter serves by default.
const QUEUE: usize = 4096;
/// Records of one commit, so that the first of them does not wait for all.
const BATCH: usize = 256;
/// How long the answer to an MTA waits for the store. Commits take well below a millisecond; the disk of a dying host takes for ever.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a commit waits for another program's transaction.
const LOCK_PATIENCE: Duration = Duration::from_millis(250);
/// How soon a failing store is tried again, at first and at last.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How often a store that goes on failing is complained of.
const COMPLAIN: Duration = Duration::from_secs(60);

/// Hands records to the thread.
#[derive(Debug, Clone)]
pub struct Keeper {
    jobs: SyncSender<Job>,
    missed: Arc<AtomicU64>,
    metrics: Metrics,
}

enum Job {
    Keep(Box<Record>, oneshot::Sender<()>),
    Configure(Box<Settings>),
    Stop(oneshot::Sender<()>),
}

impl Keeper {
    /// Starts the thread.
    pub fn start(settings: Settings, clock: Arc<dyn Clock>, metrics: Metrics) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE);
        let missed = Arc::new(AtomicU64::new(0));
        let work = Work::new(settings, clock, metrics.clone(), Arc::clone(&missed));
        thread::Builder::new().name("evidence".to_owned()).spawn(move || work.run(&queue))?;
        Ok(Self { jobs, missed, metrics })
    }

    /// Keeps a record; comes back when it is stored, or when it is clear that it cannot be for now.
    pub async fn keep(&self, record: Record) {
        let (done, stored) = oneshot::channel();
        match self.jobs.try_send(Job::Keep(Box::new(record), done)) {
            Ok(()) => {
                if tokio::time::timeout(PATIENCE, stored).await.is_err() {
                    self.metrics.evidence_late();
                }
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.metrics.evidence_lost(1);
                self.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Takes over other settings, for records to come.
    pub fn configure(&self, settings: Settings) {
        // Only a thread that hangs in a dying disk leaves its queue full; it will not miss what is in the settings.
        if self.jobs.try_send(Job::Configure(Box::new(settings))).is_err() {
            tracing::error!("the evidence store hangs; its settings stay as they were");
        }
    }

    /// Stores what was handed over, and ends the thread.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.jobs.try_send(Job::Stop(done)).is_ok() {
            let _ = tokio::time::timeout(PATIENCE * 3, stopped).await;
        }
    }
}

/// The thread's state.
struct Work {
    settings: Settings,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    store: Option<Open>,
    /// Records that could not be stored yet, the oldest first.
    waiting: VecDeque<Record>,
    bytes: usize,
    lost: Option<Gap>,
    missed: Arc<AtomicU64>,
    failing: Option<Failing>,
}

struct Open {
    ledger: Ledger,
    run: i64,
}

/// Since when, and how, the store fails.
struct Failing {
    tried: Stopwatch,
    wait: Duration,
    complained: Stopwatch,
    error: StoreError,
}

impl Work {
    fn new(settings: Settings, clock: Arc<dyn Clock>, metrics: Metrics, missed: Arc<AtomicU64>) -> Self {
        Self {
            settings,
            clock,
            metrics,
            store: None,
            waiting: VecDeque::new(),
            bytes: 0,
            lost: None,
            missed,
            failing: None,
        }
    }

    fn run(mut self, jobs: &Receiver<Job>) {
        self.store(&[]);
        loop {
            let first = match &self.failing {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(failing) => jobs.recv_timeout(failing.wait.saturating_sub(failing.tried.elapsed())),
            };
            let stop = match first {
                Ok(job) => self.jobs(job, jobs),
                Err(RecvTimeoutError::Timeout) => {
                    self.store(&[]);
                    None
                }
                Err(RecvTimeoutError::Disconnected) => Some(None),
            };
            if let Some(told) = stop {
                self.end();
                if let Some(told) = told {
                    let _ = told.send(());
                }
                return;
            }
        }
    }

    /// Does what is asked for, as many records at once as there are; says whether to end, and whom to tell.
    fn jobs(&mut self, first: Job, jobs: &Receiver<Job>) -> Option<Option<oneshot::Sender<()>>> {
        let (mut records, mut told) = (Vec::new(), Vec::new());
        let mut next = Ok(first);
        let mut stop = None;
        loop {
            match next {
                Ok(Job::Keep(record, done)) => {
                    records.push(*record);
                    told.push(done);
                }
                Ok(Job::Configure(settings)) => {
                    self.store(&records);
                    records.clear();
                    self.configure(*settings);
                }
                Ok(Job::Stop(done)) => {
                    stop = Some(Some(done));
                    break;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    stop = Some(None);
                    break;
                }
            }
            if records.len() >= BATCH {
                break;
            }
            next = jobs.try_recv();
        }
        self.store(&records);
        for done in told {
            let _ = done.send(()); // who does not wait any more does not mind
        }
        stop
    }

    /// Stores records and whatever waits before them, or lets them wait.
    fn store(&mut self, records: &[Record]) {
        if !self.settings.on {
            return;
        }
        let due = self.failing.as_ref().is_none_or(|failing| failing.tried.elapsed() >= failing.wait);
        if !due {
            return self.wait(records);
        }
        // A panic here would be a fault of ours or of SQLite; the thread outlives it, and the mail does not notice.
        match catch_unwind(AssertUnwindSafe(|| self.write(records))) {
            Ok(Ok(())) => self.recovered(),
            Ok(Err(error)) => {
                self.failed(error);
                self.wait(records);
            }
            Err(_) => {
                // Whichever record it was must not come round again.
                self.metrics.fault(Fault::Evidence);
                let lost = (self.waiting.len() + records.len()) as u64;
                self.metrics.evidence_lost(lost);
                self.lose(lost, self.clock.now().as_second());
                (self.store, self.bytes) = (None, 0);
                self.waiting.clear();
            }
        }
    }

    fn write(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let now = self.clock.now().as_second();
        self.note_missed(now);
        let open = match &mut self.store {
            Some(open) => open,
            None => {
                let path = self.settings.path();
                let mut ledger = Ledger::new(Store::open(&path, self.settings.durability, LOCK_PATIENCE)?)?;
                let run = ledger.begin_run("serve", now)?;
                tracing::info!(store = %path.display(), "evidence is kept");
                self.store.insert(Open { ledger, run })
            }
        };
        let due = self.waiting.len() + records.len();
        if due == 0 && self.lost.is_none() {
            return Ok(());
        }
        let stopwatch = Stopwatch::start();
        open.ledger.write(self.waiting.iter().chain(records), self.lost.as_ref())?;
        self.metrics.evidence_stored(due as u64, stopwatch.elapsed());
        self.waiting.clear();
        self.bytes = 0;
        self.lost = None;
        self.metrics.evidence_buffered(0);
        Ok(())
    }

    /// Keeps records in memory, as many as may be; the rest is lost, and counted.
    fn wait(&mut self, records: &[Record]) {
        let now = self.clock.now().as_second();
        for record in records {
            let bytes = record.footprint();
            if self.bytes + bytes > self.settings.buffer {
                self.lose(1, now);
                self.metrics.evidence_lost(1);
            } else {
                self.bytes += bytes;
                self.waiting.push_back(record.clone());
            }
        }
        self.metrics.evidence_buffered(self.waiting.len());
    }

    fn note_missed(&mut self, now: i64) {
        let missed = self.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            self.lose(missed, now);
        }
    }

    fn lose(&mut self, count: u64, now: i64) {
        let reason = || self.failing.as_ref().map_or("hung", |failing| failing.error.trouble.as_str()).to_owned();
        let gap = match self.lost.take() {
            Some(gap) => Gap { until: now, lost: gap.lost + count, ..gap },
            None => Gap { since: now, until: now, lost: count, reason: reason() },
        };
        self.lost = Some(gap);
    }

    fn failed(&mut self, error: StoreError) {
        self.metrics.evidence_error(error.trouble);
        // Opened anew next time: the file may have been moved away, repaired or given back by then.
        self.store = None;
        let (first, most) = RETRY;
        let complain = self.failing.as_ref().is_none_or(|failing| failing.complained.elapsed() >= COMPLAIN);
        if complain {
            let lost = self.lost.as_ref().map_or(0, |gap| gap.lost);
            tracing::error!(trouble = error.trouble.as_str(), waiting = self.waiting.len(), lost, %error, "evidence is not stored; mail goes on");
        }
        self.failing = Some(match self.failing.take() {
            Some(failing) => Failing {
                tried: Stopwatch::start(),
                wait: (failing.wait * 2).min(most),
                complained: if complain { Stopwatch::start() } else { failing.complained },
                error,
            },
            None => Failing { tried: Stopwatch::start(), wait: first, complained: Stopwatch::start(), error },
        });
    }

    fn recovered(&mut self) {
        if self.failing.take().is_some() {
            tracing::info!("evidence is stored again");
        }
    }

    fn configure(&mut self, settings: Settings) {
        let same_store = settings.path() == self.settings.path() && settings.durability == self.settings.durability;
        if !same_store || !settings.on {
            self.close();
            self.failing = None;
        }
        self.settings = settings;
        self.store(&[]);
    }

    fn close(&mut self) {
        let now = self.clock.now().as_second();
        if let Some(mut open) = self.store.take()
            && let Err(error) = open.ledger.end_run(open.run, now)
        {
            tracing::warn!(%error, "the end of this run could not be written down");
        }
    }

    fn end(&mut self) {
        if let Some(failing) = &mut self.failing {
            failing.wait = Duration::ZERO; // one last try
        }
        self.store(&[]);
        let lost = self.waiting.len() as u64 + self.lost.as_ref().map_or(0, |gap| gap.lost);
        if lost > 0 {
            self.metrics.evidence_lost(self.waiting.len() as u64);
            tracing::error!(lost, "records of messages could not be stored, and are lost with this process");
        }
        self.close();
    }
}
