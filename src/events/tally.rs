//! What became of an output's events: counted each time, and told in the log at most once a minute.
//!
//! Takes what a writer and whoever fills its queue see. A SIEM that is away for a night must not fill the log that an admin then reads.

use std::{
    io,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use crate::{
    clock::Stopwatch,
    metrics::{EventOutput, EventResult, Metrics},
};

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

#[derive(Debug, Default)]
struct Said {
    /// When something was said last.
    last: Option<Duration>,
    /// Lost events that the log does not know of yet.
    lost: u64,
    /// Whether the log has it that the output fails.
    failing: bool,
}

impl Tally {
    /// How often the log is told of trouble.
    const SELDOM: Duration = Duration::from_secs(60);

    pub(super) fn new(kind: EventOutput, name: String, metrics: Metrics) -> Self {
        Self { kind, name, metrics, watch: Stopwatch::start(), closed: OnceLock::new(), said: Mutex::default() }
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
            && said.may_speak(self.watch.elapsed())
        {
            tracing::warn!(output = self.name, "{complaint}");
        }
    }

    pub(super) fn trouble(&self, error: &io::Error) {
        let mut said = self.said();
        if said.may_speak(self.watch.elapsed()) {
            said.failing = true;
            let lost = std::mem::take(&mut said.lost);
            tracing::warn!(output = self.name, %error, lost, "events cannot be written; they wait, and it is tried again");
        }
    }

    pub(super) fn lost(&self, count: u64, why: &str) {
        self.metrics.events(self.kind, EventResult::Lost, count);
        let mut said = self.said();
        said.lost += count;
        if said.may_speak(self.watch.elapsed()) {
            let lost = std::mem::take(&mut said.lost);
            tracing::error!(output = self.name, lost, "events are lost: {why}");
        }
    }
}

impl Said {
    fn may_speak(&mut self, now: Duration) -> bool {
        let may = self.last.is_none_or(|last| now >= last + Tally::SELDOM);
        if may {
            self.last = Some(now);
        }
        may
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_once_a_minute() {
        let mut said = Said::default();
        let spoken: Vec<u64> = (0..200).filter(|second| said.may_speak(Duration::from_secs(*second))).collect();
        assert_eq!(spoken, [0, 60, 120, 180]);
    }
}
