//! The daemon's clearing of the store: a thread of its own beside the one that writes.
//!
//! Once a minute it looks for what is too old or too much, and takes it out in short steps ([`Pruner`]) with rests between them, so that the
//! mail does not notice.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use super::{
    Settings,
    error::StoreError,
    retention::{Pruner, Retention, Step},
};
use crate::{
    clock::{Clock, Seldom},
    metrics::{Metrics, Trouble},
};

/// How often is looked.
const ROUND: Duration = Duration::from_secs(60);
/// How long the thread that writes is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// How often a store that cannot be cleared is complained of.
const COMPLAIN: Duration = Duration::from_secs(600);

/// Tells the thread what changed.
#[derive(Debug, Clone)]
pub(super) struct Tidy(Sender<Told>);

enum Told {
    Settings(Box<Settings>),
    Stop,
}

impl Tidy {
    /// Starts the thread.
    pub(super) fn start(settings: Settings, clock: Arc<dyn Clock>, metrics: Metrics) -> std::io::Result<Self> {
        let (sender, told) = channel();
        let work = Work { settings, clock, metrics, pruner: None, complaint: Seldom::every(COMPLAIN) };
        thread::Builder::new().name("evidence-tidy".to_owned()).spawn(move || work.run(&told))?;
        Ok(Self(sender))
    }

    /// Takes over other settings. Where the thread is gone, nobody needs to know.
    pub(super) fn configure(&self, settings: Settings) {
        let _ = self.0.send(Told::Settings(Box::new(settings)));
    }

    /// Ends the thread after the step that it is at.
    pub(super) fn stop(&self) {
        let _ = self.0.send(Told::Stop);
    }
}

struct Work {
    settings: Settings,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    pruner: Option<Pruner>,
    complaint: Seldom,
}

impl Work {
    fn run(mut self, told: &Receiver<Told>) {
        loop {
            let rest = self.round();
            match told.recv_timeout(rest) {
                Ok(Told::Settings(settings)) => {
                    self.settings = *settings;
                    self.pruner = None;
                }
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Does one step; says how long to rest after it.
    fn round(&mut self) -> Duration {
        if !self.settings.on {
            return ROUND;
        }
        match self.step() {
            Ok(step) => {
                self.metrics.evidence_pruned(step.messages);
                if step.more {
                    return step.rest();
                }
                self.metrics.evidence_bytes(bytes(&self.settings));
                self.pruner = None; // by the next round the file may be another one
                ROUND
            }
            Err(error) => {
                self.pruner = None;
                // Nothing was stored as yet, or somebody moved the store away; the thread that writes knows.
                if error.trouble != Trouble::Missing {
                    self.complain(&error);
                }
                ROUND
            }
        }
    }

    fn step(&mut self) -> Result<Step, StoreError> {
        let pruner = match &mut self.pruner {
            Some(pruner) => pruner,
            None => self.pruner.insert(Pruner::open(&self.settings.path(), LOCK_PATIENCE)?),
        };
        pruner.step(Retention { age: self.settings.retention, size: self.settings.max_size }, self.clock.now())
    }

    fn complain(&mut self, error: &StoreError) {
        self.metrics.evidence_error(error.trouble);
        if self.complaint.is_due() {
            tracing::error!(trouble = error.trouble.as_str(), %error, "old evidence cannot be cleared away");
        }
    }
}

/// What the store takes on the disk, its log of writes included.
fn bytes(settings: &Settings) -> u64 {
    let path = settings.path();
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    [path, log.into()].iter().filter_map(|file| std::fs::metadata(file).ok()).map(|about| about.len()).sum()
}
