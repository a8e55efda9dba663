//! The daemon's way into the store: a line in the spool, which is safe from a kill, and then a thread that stores many records a commit.
//!
//! Takes records from whoever judges mail, and says when each is safe; the MTA is answered after that. Where there is no spool (with
//! `durability = "full"`, or because it cannot be written to) a record is handed to the thread, and its commit is waited for. Whatever is
//! wrong with the store, mail goes on: records are kept in memory up to a bound, the store is tried again and again, and what does not fit is counted
//! as lost, in the metrics, in the log and, once it can be written to again, in the store itself (table `gap`).

mod failing;
mod intake;
mod spooling;
mod waiting;
mod work;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use self::{spooling::Spooling, work::Work};
use super::{Settings, record::Record, tidy::Tidy};
use crate::{
    clock::{Clock, Seldom},
    metrics::Metrics,
};

/// Records that may be on their way to the thread: more than connections that a milter serves by default.
const QUEUE: usize = 4096;
/// Bytes of records that may be on their way to the thread; one of any size may be alone.
const QUEUE_BYTES: usize = 16 << 20;
/// How long the answer to an MTA waits for the store. Commits take well below a millisecond; the disk of a dying host takes for ever.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the end of the daemon waits for the store.
const LAST_PATIENCE: Duration = Duration::from_secs(8);

/// Hands records to the store.
#[derive(Debug, Clone)]
pub struct Keeper {
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
    /// Nothing in tests that have no store.
    tidy: Option<Tidy>,
    metrics: Metrics,
}

#[derive(Debug)]
enum Job {
    Keep(Handed),
    /// Something is asked in [`Shared::asked`], or stands in the spool.
    Look,
}

/// A record on its way to the thread.
#[derive(Debug)]
struct Handed {
    record: Box<Record>,
    bytes: usize,
    done: oneshot::Sender<()>,
}

/// What the thread and those who hand records over both look at.
#[derive(Debug, Default)]
struct Shared {
    /// The spool, where there is one and the store is in order.
    spool: Mutex<Option<Spooling>>,
    /// Bytes of records on their way to the thread or in its hands.
    bytes: AtomicUsize,
    /// Records that were taken, are neither stored nor lost yet, and would go with this process.
    open: AtomicU64,
    /// Records that found no room, since the thread last looked.
    missed: AtomicU64,
    asked: Mutex<Asked>,
    said: Mutex<Said>,
}

/// What the log is told of a store that hangs.
#[derive(Debug)]
struct Said {
    lost: Seldom,
    late: Seldom,
}

impl Default for Said {
    fn default() -> Self {
        let seldom = Seldom::every(failing::SELDOM);
        Self { lost: seldom, late: seldom }
    }
}

/// What the thread is asked for. Not in the queue, which is full when the store hangs, and then the admin names another one.
#[derive(Debug, Default)]
struct Asked {
    settings: Option<Box<Settings>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Keeper {
    /// Starts the thread, and the one that clears away.
    pub fn start(settings: Settings, clock: Arc<dyn Clock>, metrics: Metrics) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE);
        let shared = Arc::<Shared>::default();
        let tidy = Some(Tidy::start(settings.clone(), Arc::clone(&clock), metrics.clone())?);
        let work = Work::new(settings, clock, metrics.clone(), Arc::clone(&shared));
        thread::Builder::new().name("evidence".to_owned()).spawn(move || work.run(&queue))?;
        Ok(Self { jobs, shared, tidy, metrics })
    }

    /// Keeps a record; comes back when no kill can lose it, or when it is clear that it cannot be stored for now.
    pub async fn keep(&self, record: Record) {
        let Err(record) = self.spool(Box::new(record)) else { return };
        let bytes = record.footprint();
        let (done, stored) = oneshot::channel();
        if !self.hand_over(Handed { record, bytes, done }) {
            self.metrics.evidence_lost(1);
            self.shared.missed.fetch_add(1, Ordering::Relaxed);
            if self.shared.said().lost.is_due() {
                tracing::error!(
                    "the evidence store hangs, and no more records fit into memory: they are lost; mail goes on"
                );
            }
        } else if tokio::time::timeout(PATIENCE, stored).await.is_err() {
            self.metrics.evidence_late();
            if self.shared.said().late.is_due() {
                tracing::warn!("the evidence store hangs; messages are answered before they are stored");
            }
        }
    }

    /// Appends it to the spool; gives it back where that cannot be done without waiting for anybody: a write to a disk that hangs would
    /// hold up all mail.
    fn spool(&self, record: Box<Record>) -> Result<(), Box<Record>> {
        let mut spool = match self.shared.spool.try_lock() {
            Ok(spool) => spool,
            Err(TryLockError::Poisoned(spool)) => spool.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(record),
        };
        let Some(spooling) = spool.as_mut() else { return Err(record) };
        let is_first = spooling.append(record, QUEUE_BYTES)?;
        drop(spool);
        if is_first {
            let _ = self.jobs.try_send(Job::Look); // a full queue is looked through anyway
        }
        Ok(())
    }

    /// Whether there was room for it.
    fn hand_over(&self, handed: Handed) -> bool {
        let (shared, bytes) = (&self.shared, handed.bytes);
        let before = shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        shared.open.fetch_add(1, Ordering::Relaxed);
        let fits = before == 0 || before.saturating_add(bytes) <= QUEUE_BYTES;
        let taken = fits && self.jobs.try_send(Job::Keep(handed)).is_ok();
        if !taken {
            shared.done(1, bytes);
        }
        taken
    }

    /// Takes over other settings, for records to come.
    pub fn configure(&self, settings: Settings) {
        if let Some(tidy) = &self.tidy {
            tidy.configure(settings.clone());
        }
        self.shared.asked().settings = Some(Box::new(settings));
        let _ = self.jobs.try_send(Job::Look); // a full queue is looked through anyway
    }

    /// Stores what was handed over, and ends the thread.
    pub async fn stop(self) {
        if let Some(tidy) = &self.tidy {
            tidy.stop();
        }
        let (done, stopped) = oneshot::channel();
        self.shared.asked().stop = Some(done);
        let _ = self.jobs.try_send(Job::Look);
        if tokio::time::timeout(LAST_PATIENCE, stopped).await.is_err() {
            let lost = self.shared.open.load(Ordering::Relaxed);
            self.metrics.evidence_lost(lost);
            tracing::error!(lost, "the evidence store hangs; what waited for it is lost with this process");
        }
    }
}

impl Shared {
    fn spool(&self) -> MutexGuard<'_, Option<Spooling>> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that records are stored or lost, or that they left the queue.
    fn done(&self, records: usize, bytes: usize) {
        self.open.fetch_sub(records as u64, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{LazyLock, mpsc::Receiver};

    use super::*;
    use crate::{
        evidence::{Circumstances, Origin, privacy::Privacy},
        inspect::inspect_offline,
        message::RawMessage,
    };

    /// A thread that hangs: nobody takes anything off its queue.
    fn hanging() -> (Keeper, Receiver<Job>) {
        let (jobs, queue) = sync_channel(QUEUE);
        (Keeper { jobs, shared: Arc::default(), tidy: None, metrics: Metrics::new().unwrap() }, queue)
    }

    static EMPTY: LazyLock<Record> = LazyLock::new(|| {
        let message = RawMessage::default();
        let report = inspect_offline(&message, &crate::config::defaults().policy);
        let about = Circumstances { origin: Origin::Milter, now: crate::clock::Timestamp::UNIX_EPOCH, action: None };
        Record::of(&message, &report, &about, &Privacy::default())
    });

    fn record(bytes: usize) -> Record {
        Record { subject: Some("x".repeat(bytes)), ..EMPTY.clone() }
    }

    fn hand_over(keeper: &Keeper, bytes: usize) -> bool {
        let record = Box::new(record(bytes));
        keeper.hand_over(Handed { bytes: record.footprint(), record, done: oneshot::channel().0 })
    }

    #[test]
    fn what_is_on_its_way_is_bounded_in_bytes_and_a_large_record_may_go_alone() {
        let (keeper, queue) = hanging();
        assert!(hand_over(&keeper, 2 * QUEUE_BYTES), "alone");
        assert!(!hand_over(&keeper, 1));
        drop((keeper, queue));

        let (keeper, _queue) = hanging();
        let taken = (0..QUEUE).take_while(|_| hand_over(&keeper, 100_000)).count();
        assert!((160..=QUEUE_BYTES / 100_000).contains(&taken), "{taken}");
        assert_eq!(keeper.shared.open.load(Ordering::Relaxed), taken as u64);
    }

    #[test]
    fn what_is_on_its_way_is_bounded_in_number() {
        let (keeper, _queue) = hanging();
        let taken = (0..2 * QUEUE).filter(|_| hand_over(&keeper, 0)).count();
        assert_eq!(taken, QUEUE);
    }

    #[tokio::test]
    async fn a_store_that_hangs_holds_up_neither_mail_nor_reload_nor_the_end_for_ever() {
        let (keeper, _queue) = hanging();
        keeper.keep(record(10)).await;
        while hand_over(&keeper, 0) {}
        keeper.keep(record(10)).await; // is not taken, and answered at once
        let settings = Settings { buffer: 7, ..Settings::default() };
        keeper.configure(settings);
        assert_eq!(keeper.shared.asked().settings.as_ref().map(|settings| settings.buffer), Some(7));
        let (metrics, shared) = (keeper.metrics.clone(), Arc::clone(&keeper.shared));
        keeper.stop().await;
        assert!(shared.asked().stop.is_some());
        let page = metrics.render().unwrap();
        assert!(page.contains("relaywatch_evidence_late_total 1\n"), "{page}");
        let lost = format!("relaywatch_evidence_records_total{{result=\"lost\"}} {}\n", QUEUE + 1);
        assert!(page.contains(&lost), "{page}");
    }
}
