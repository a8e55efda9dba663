//! A thread that writes events to one output, and the queue before it.
//!
//! Takes lines without ever making their sender wait; each is written or counted as lost. While the output fails, the queue holds
//! what comes, and the output is tried again after a pause that grows; who restarts a syslog server loses nothing. An event that
//! has waited for too long, or finds the queue full, is lost. The log says so, at most once a minute.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread,
    time::Duration,
};

use super::{Line, tally::Tally};
use crate::metrics::{EventOutput, Metrics};

/// How long a write may take that began just before the end.
const LAST_WRITE: Duration = Duration::from_secs(4);

/// Where lines can be written.
pub trait Output: Send + 'static {
    /// What it is, for the metrics.
    fn kind(&self) -> EventOutput;
    /// What an admin calls it.
    fn name(&self) -> String;
    /// Makes it ready, so that what is wrong with it is known before the first event.
    fn open(&mut self) -> io::Result<()>;
    /// Writes a line, as a whole or not at all.
    fn write(&mut self, line: &Line) -> io::Result<()>;
    /// What is wrong although the last line was written.
    fn complaint(&mut self) -> Option<String> {
        None
    }
}

/// How much waiting an output may cause, and where it ends.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Events that wait at a time.
    pub queue: usize,
    /// How long an event waits for an output that fails.
    pub patience: Duration,
    /// The pause after a first failure; each further one doubles it.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long the rest of the queue is written at the end.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // At most 7 KiB each.
            queue: 2048,
            patience: Duration::from_secs(120),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// The queue before an output.
#[derive(Debug)]
pub struct Writer {
    lines: SyncSender<Waiting>,
    tally: Arc<Tally>,
    /// Dropping it tells the thread that this is the end.
    _stop: mpsc::Sender<()>,
    end: End,
}

/// What is left of a writer that takes nothing more, while its thread writes the rest.
#[derive(Debug)]
pub struct End {
    ended: Mutex<Receiver<()>>,
    drain: Duration,
}

#[derive(Debug)]
struct Waiting {
    line: Arc<Line>,
    since: Duration,
}

impl Writer {
    /// Starts the thread. What is left of the writer before it, of the same file perhaps, is written first.
    pub fn start(output: impl Output, limits: Limits, metrics: Metrics, before: Option<End>) -> io::Result<Self> {
        let tally = Arc::new(Tally::new(output.kind(), output.name(), metrics));
        let (lines, queue) = mpsc::sync_channel(limits.queue);
        let (stop, stopped) = mpsc::channel();
        let (ending, ended) = mpsc::channel::<()>();
        let thread = Thread {
            output,
            limits,
            tally: Arc::clone(&tally),
            stopped,
            ending: None,
            next: Duration::ZERO,
            pause: limits.first_pause,
        };
        thread::Builder::new().name("events".to_owned()).spawn(move || {
            if let Some(mut before) = before {
                before.wait();
            }
            thread.run(&queue);
            drop(ending);
        })?;
        Ok(Self { lines, tally, _stop: stop, end: End { ended: Mutex::new(ended), drain: limits.drain } })
    }

    /// Puts a line into the queue, or counts it as lost.
    pub fn hand_over(&self, line: Arc<Line>) {
        match self.lines.try_send(Waiting { line, since: self.tally.watch.elapsed() }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.tally.lost(1, "the queue is full"),
            Err(TrySendError::Disconnected(_)) => self.tally.lost(1, "the writer has ended by a fault"),
        }
    }

    /// Takes nothing more; the thread writes what waits.
    pub fn close(self) -> End {
        // The time runs from here, whatever the thread is in the middle of.
        let _ = self.tally.closed.set(self.tally.watch.elapsed());
        self.end
    }
}

impl End {
    /// Waits until the rest is written, or the time for it is over. An output that hangs is left to itself.
    pub fn wait(&mut self) {
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Nothing is ever sent: either the thread is gone, or the time. The last write began within `drain` and may take a while.
        let _ = ended.recv_timeout(self.drain + LAST_WRITE);
    }
}

struct Thread<O> {
    output: O,
    limits: Limits,
    tally: Arc<Tally>,
    stopped: Receiver<()>,
    /// When the last events must be out, once the end has come.
    ending: Option<Duration>,
    /// When the output is tried again.
    next: Duration,
    pause: Duration,
}

impl<O: Output> Thread<O> {
    fn run(mut self, queue: &Receiver<Waiting>) {
        if let Err(error) = self.output.open() {
            self.failed(&error);
        }
        while let Ok(waiting) = queue.recv() {
            self.deliver(&waiting);
        }
    }

    /// Writes one line, however often it must be tried, as long as it may wait.
    fn deliver(&mut self, waiting: &Waiting) {
        let mut reason = None;
        loop {
            self.look_for_end(Duration::ZERO);
            let now = self.tally.watch.elapsed();
            let late = (waiting.since + self.limits.patience).min(self.ending.unwrap_or(Duration::MAX));
            if now < self.next {
                if now >= late {
                    return self.tally.lost(1, reason.as_deref().unwrap_or("the output fails"));
                }
                self.look_for_end(self.next.min(late) - now);
                continue;
            }
            if self.ending.is_some_and(|end| now >= end) {
                return self.tally.lost(1, "they were not written in the time that is left at the end");
            }
            match self.output.write(&waiting.line) {
                Ok(()) => {
                    (self.next, self.pause) = (Duration::ZERO, self.limits.first_pause);
                    let complaint = self.output.complaint();
                    return self.tally.written(complaint.as_deref());
                }
                Err(error) => {
                    reason = Some(error.to_string());
                    self.failed(&error);
                }
            }
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.tally.trouble(error);
        self.next = self.tally.watch.elapsed() + self.pause;
        self.pause = (self.pause * 2).min(self.limits.longest_pause);
    }

    /// Waits, at most until the end comes; then the output is tried once more at once.
    fn look_for_end(&mut self, time: Duration) {
        if self.ending.is_some() {
            thread::sleep(time);
        } else if self.stopped.recv_timeout(time) == Err(RecvTimeoutError::Disconnected) {
            let now = self.tally.watch.elapsed();
            self.ending = Some(*self.tally.closed.get_or_init(|| now) + self.limits.drain);
            (self.next, self.pause) = (now, self.limits.first_pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;
    use crate::{
        clock::Stopwatch,
        finding::{Code, Severity},
    };

    /// An output that fails, or hangs, as it is told to, and keeps what was written.
    #[derive(Debug, Clone, Default)]
    struct Fake {
        fails: Arc<AtomicBool>,
        hangs: Arc<AtomicBool>,
        tries: Arc<AtomicU64>,
        lines: Arc<Mutex<Vec<String>>>,
    }

    impl Output for Fake {
        fn kind(&self) -> EventOutput {
            EventOutput::Syslog
        }

        fn name(&self) -> String {
            "fake".to_owned()
        }

        fn open(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn write(&mut self, line: &Line) -> io::Result<()> {
            self.tries.fetch_add(1, Ordering::SeqCst);
            while self.hangs.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            if self.fails.load(Ordering::SeqCst) {
                return Err(io::Error::other("told to"));
            }
            self.lines.lock().unwrap().push(line.json.clone());
            Ok(())
        }
    }

    impl Fake {
        fn failing() -> Self {
            let fake = Self::default();
            fake.fails.store(true, Ordering::SeqCst);
            fake
        }

        fn tried(&self, times: u64) {
            wait("it to be tried", || self.tries.load(Ordering::SeqCst) >= times);
        }
    }

    const FAST: Limits = Limits {
        queue: 4,
        patience: Duration::from_secs(60),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        drain: Duration::from_secs(30),
    };

    fn wait(what: &str, done: impl Fn() -> bool) {
        let watch = Stopwatch::start();
        while !done() {
            assert!(watch.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn line(json: impl ToString) -> Arc<Line> {
        let (code, severity) = (Code::OwnName, Severity::Notice);
        Arc::new(Line { code, severity, time: String::new(), json: json.to_string() })
    }

    fn counted(metrics: &Metrics, result: &str) -> u64 {
        let sample = format!("relaywatch_events_total{{output=\"syslog\",result=\"{result}\"}} ");
        let page = metrics.render().unwrap();
        page.lines().find_map(|line| line.strip_prefix(sample.as_str())).unwrap().parse().unwrap()
    }

    #[test]
    fn an_output_that_fails_for_a_while_loses_nothing_and_keeps_the_order() {
        let (fake, metrics) = (Fake::failing(), Metrics::new().unwrap());
        let writer = Writer::start(fake.clone(), FAST, metrics.clone(), None).unwrap();
        (0..3).for_each(|number| writer.hand_over(line(number)));
        fake.tried(3);
        assert_eq!((counted(&metrics, "written"), counted(&metrics, "lost")), (0, 0));
        fake.fails.store(false, Ordering::SeqCst);
        writer.close().wait();
        assert_eq!(*fake.lines.lock().unwrap(), ["0", "1", "2"]);
        assert_eq!((counted(&metrics, "written"), counted(&metrics, "lost")), (3, 0));
    }

    #[test]
    fn a_full_queue_loses_the_newest_and_nobody_waits() {
        let (fake, metrics) = (Fake::default(), Metrics::new().unwrap());
        fake.hangs.store(true, Ordering::SeqCst);
        let writer = Writer::start(fake.clone(), FAST, metrics.clone(), None).unwrap();
        writer.hand_over(line(0));
        fake.tried(1);
        // One is being written, four wait.
        (1..=9).for_each(|number| writer.hand_over(line(number)));
        assert_eq!(counted(&metrics, "lost"), 5);
        fake.hangs.store(false, Ordering::SeqCst);
        writer.close().wait();
        assert_eq!(*fake.lines.lock().unwrap(), ["0", "1", "2", "3", "4"]);
        assert_eq!(counted(&metrics, "written"), 5);
    }

    #[test]
    fn an_event_does_not_wait_for_ever() {
        let (fake, metrics) = (Fake::failing(), Metrics::new().unwrap());
        let limits = Limits { patience: Duration::from_millis(50), ..FAST };
        let writer = Writer::start(fake.clone(), limits, metrics.clone(), None).unwrap();
        writer.hand_over(line(0));
        wait("the event to be lost", || counted(&metrics, "lost") == 1);
        assert!(fake.tries.load(Ordering::SeqCst) > 1, "it was tried again before");
        fake.fails.store(false, Ordering::SeqCst);
        writer.hand_over(line(1));
        writer.close().wait();
        assert_eq!(*fake.lines.lock().unwrap(), ["1"]);
    }

    #[test]
    fn the_end_comes_although_the_output_fails_and_what_is_left_counts_as_lost() {
        let (fake, metrics) = (Fake::failing(), Metrics::new().unwrap());
        // A pause that no test waits for: the end cuts it short and tries once more.
        let limits = Limits { first_pause: Duration::from_secs(3600), drain: Duration::from_millis(200), ..FAST };
        let writer = Writer::start(fake.clone(), limits, metrics.clone(), None).unwrap();
        (0..3).for_each(|number| writer.hand_over(line(number)));
        fake.tried(1);
        let watch = Stopwatch::start();
        writer.close().wait();
        assert!(watch.elapsed() < Duration::from_secs(20), "{:?}", watch.elapsed());
        assert_eq!(counted(&metrics, "lost"), 3);
        assert_eq!(fake.tries.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_successor_writes_after_what_its_predecessor_left() {
        let (fake, metrics) = (Fake::failing(), Metrics::new().unwrap());
        let first = Writer::start(fake.clone(), FAST, metrics.clone(), None).unwrap();
        (0..3).for_each(|number| first.hand_over(line(number)));
        fake.tried(1);
        let second = Writer::start(fake.clone(), FAST, metrics.clone(), Some(first.close())).unwrap();
        second.hand_over(line(3));
        fake.fails.store(false, Ordering::SeqCst);
        second.close().wait();
        assert_eq!(*fake.lines.lock().unwrap(), ["0", "1", "2", "3"]);
    }
}
