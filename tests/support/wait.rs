//! Waiting for something to become true: polls with a deadline, and says what it waited for.

use std::{thread, time::Duration};

use relaywatch::clock::Stopwatch;

/// Long enough for a loaded machine; a test that works never waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer; panics with `what` and the last state after [`PATIENCE`].
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    match within(PATIENCE, &mut ask) {
        Some(answer) => answer,
        None => panic!("waited {} s in vain for: {what}", PATIENCE.as_secs()),
    }
}

/// Asks until there is an answer or the time is over.
pub(crate) fn within<T>(time: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let watch = Stopwatch::start();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if watch.elapsed() >= time {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
