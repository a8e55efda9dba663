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
