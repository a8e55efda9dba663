//! A store that fails: when it is tried again, and how often that is complained of.

use std::{collections::HashMap, time::Duration};

use crate::{
    clock::{Seldom, Stopwatch},
    evidence::error::StoreError,
    metrics::Trouble,
};

/// How soon a failing store is tried again, at first and at last.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How often the same is said.
pub(super) const SELDOM: Duration = Duration::from_secs(60);

/// That the store fails, and how.
pub(super) struct Failing {
    tried: Stopwatch,
    wait: Duration,
    /// How it failed last.
    pub(super) error: StoreError,
    /// Whether the log says so.
    pub(super) said: bool,
}

impl Failing {
    /// It failed just now, and maybe before; `say` is whether the log is told this time.
    pub(super) fn now(before: Option<Self>, error: StoreError, say: bool) -> Self {
        let (first, most) = RETRY;
        let (wait, said) = before.map_or((first, false), |before| ((before.wait * 2).clamp(first, most), before.said));
        Self { tried: Stopwatch::start(), wait, error, said: said || say }
    }

    /// How long until it is tried again.
    pub(super) fn rest(&self) -> Duration {
        self.wait.saturating_sub(self.tried.elapsed())
    }

    /// Has it tried at once.
    pub(super) fn hurry(&mut self) {
        self.wait = Duration::ZERO;
    }
}

/// What was complained of and when: a store that comes and goes must not fill the disk with complaints.
pub(super) struct Complaints {
    troubles: HashMap<Trouble, Seldom>,
    pub(super) loss: Seldom,
}

impl Default for Complaints {
    fn default() -> Self {
        Self { troubles: HashMap::new(), loss: Seldom::every(SELDOM) }
    }
}

impl Complaints {
    pub(super) fn of(&mut self, trouble: Trouble) -> &mut Seldom {
        self.troubles.entry(trouble).or_insert(Seldom::every(SELDOM))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_store_that_goes_on_failing_is_tried_less_and_less_often_and_never_at_once() {
        let error = || StoreError::new(Path::new("evidence.db"), Trouble::Full, "no space");
        let mut failing = Failing::now(None, error(), true);
        let mut waits = vec![failing.wait];
        for _ in 0..8 {
            failing = Failing::now(Some(failing), error(), false);
            waits.push(failing.wait);
        }
        assert!(failing.said, "what was said once is taken back when it is over");
        let expected = [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000].map(Duration::from_millis);
        assert_eq!(waits, expected);
        failing.hurry();
        assert_eq!(failing.rest(), Duration::ZERO);
        assert_eq!(Failing::now(Some(failing), error(), false).wait, RETRY.0, "hurried once, it rests again");
    }

    #[test]
    fn the_same_is_not_said_twice_and_another_trouble_is() {
        let mut complaints = Complaints::default();
        let said = [Trouble::Full, Trouble::Locked, Trouble::Full].map(|trouble| complaints.of(trouble).is_due());
        assert_eq!(said, [true, true, false]);
        assert!(complaints.loss.is_due());
    }
}
