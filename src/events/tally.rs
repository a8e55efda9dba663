//! What became of an output's events: counted each time, and told in the log at most once a minute.
//!
//! Takes what a writer and whoever fills its queue see. A SIEM that is away for a night must not fill the log that an admin then reads.

use std::{
    io,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use crate::{
    clock::{Seldom, Stopwatch},
    metrics::{EventOutput, EventResult, Metrics},
};

/// How often the log is told of trouble.
const SELDOM: Duration = Duration::from_secs(60);

/// What became of an output's events, in the metrics and in the log.
#[derive(Debug)]
pub(super) struct Tally {
    kind: EventOutput,
    name: String,
    metrics: Metrics,
    /// The writer's own time.
    pub(super) watch: Stopwatch,
    /// When the writer was closed.
    pub(super) closed: OnceLock<Duration>,
    said: Mutex<Said>,
}

#[derive(Debug)]
struct Said {
    seldom: Seldom,
    /// Lost events that the log does not know of yet.
    lost: u64,
    /// Whether the log has it that the output fails.
    failing: bool,
}

impl Tally {
    pub(super) fn new(kind: EventOutput, name: String, metrics: Metrics) -> Self {
        let said = Mutex::new(Said { seldom: Seldom::every(SELDOM), lost: 0, failing: false });
        Self { kind, name, metrics, watch: Stopwatch::start(), closed: OnceLock::new(), said }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn written(&self, complaint: Option<&str>) {
        self.metrics.events(self.kind, EventResult::Written, 1);
        let mut said = self.said();
        if said.failing {
            said.failing = false;
            tracing::info!(output = self.name, lost = std::mem::take(&mut said.lost), "events are written again");
        }
        if let Some(complaint) = complaint
            && said.seldom.is_due()
        {
            tracing::warn!(output = self.name, "{complaint}");
        }
    }

    pub(super) fn trouble(&self, error: &io::Error) {
        let mut said = self.said();
        if said.seldom.is_due() {
            said.failing = true;
            let lost = std::mem::take(&mut said.lost);
            tracing::warn!(output = self.name, %error, lost, "events cannot be written; they wait, and it is tried again");
        }
    }

    pub(super) fn lost(&self, count: u64, why: &str) {
        self.metrics.events(self.kind, EventResult::Lost, count);
        let mut said = self.said();
        said.lost += count;
        if said.seldom.is_due() {
            let lost = std::mem::take(&mut said.lost);
            tracing::error!(output = self.name, lost, "events are lost: {why}");
        }
    }
}

impl Drop for Tally {
    /// The last word, where the last minute has not had it.
    fn drop(&mut self) {
        let lost = self.said().lost;
        if lost > 0 {
            tracing::error!(output = self.name, lost, "events were lost");
        }
    }
}
