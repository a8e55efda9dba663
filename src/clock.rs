//! Time, handed in.
//!
//! Takes nothing, gives the present. This is the only file that may ask the operating system what time it
//! is (clippy's `disallowed-methods` holds every other file to it), so that a test can say what time it is.

use std::time::{Duration, Instant};

pub use jiff::Timestamp;

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// The present, in UTC.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still, for tests and for mail whose time is known.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Measures how long something takes, by the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Something that is said, or tried, only so often: what comes and goes must not fill a log.
#[derive(Debug, Clone, Copy)]
pub struct Seldom {
    every: Duration,
    last: Option<Stopwatch>,
}

impl Seldom {
    /// At once, and then after so long again.
    pub const fn every(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// Whether it is due; then it is not for a while.
    pub fn is_due(&mut self) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= self.every);
        if due {
            self.last = Some(Stopwatch::start());
        }
        due
    }

    /// Has it be due.
    pub fn hurry(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_seldom_is_said_at_once_and_then_not_for_a_while() {
        let mut always = Seldom::every(Duration::ZERO);
        assert_eq!([always.is_due(), always.is_due()], [true, true]);
        let mut seldom = Seldom::every(Duration::from_secs(3600));
        assert_eq!([seldom.is_due(), seldom.is_due(), seldom.is_due()], [true, false, false]);
        seldom.hurry();
        assert_eq!([seldom.is_due(), seldom.is_due()], [true, false]);
    }
}
