//! How much mail comes when: days and nights, workdays and weekends, in Japan.
//!
//! Each minute of the stream has a weight; a minute's share of the messages is what the running sum of the weights says,
//! so that the whole is exact, and any minute can be dealt without those before it being kept.

use super::calendar::{Civil, JST};
use super::random::Random;

/// Weights of the hours of a workday: a trough at four in the morning, a peak after ten, a dent at noon, people writing
/// from home until late.
const WORKDAY: [u64; 24] =
    [22, 15, 10, 8, 7, 8, 13, 25, 48, 82, 100, 96, 74, 88, 92, 90, 86, 80, 66, 58, 56, 54, 46, 33];

/// The same of a Saturday or Sunday: fewer, later.
const WEEKEND: [u64; 24] = [22, 16, 11, 8, 7, 7, 9, 13, 19, 27, 34, 36, 35, 34, 35, 36, 36, 35, 34, 36, 38, 38, 34, 27];

const MINUTE: i64 = 60;

/// When ordinary mail arrives: an iterator of unix seconds, in order.
#[derive(Debug, Clone)]
pub(crate) struct Rhythm {
    seed: u64,
    messages: u64,
    total: u64,
    start: i64,
    end: i64,
    minute: i64,
    /// The sum of the weights of the minutes before this one.
    sum: u64,
    /// Arrivals within the present minute, last first.
    present: Vec<i64>,
}

impl Rhythm {
    pub(crate) fn new(seed: u64, messages: u64, start: i64, days: i64) -> Self {
        let end = start + days * 86_400;
        let minutes = (start..end).step_by(60);
        let total = minutes.map(|minute| weight(seed, minute)).sum();
        Self { seed, messages, total, start, end, minute: start, sum: 0, present: Vec::new() }
    }

    /// How many messages have come before the running sum of weights is this.
    fn quota(&self, sum: u64) -> u64 {
        u64::try_from(u128::from(self.messages) * u128::from(sum) / u128::from(self.total.max(1))).unwrap_or(0)
    }
}

impl Iterator for Rhythm {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        while self.present.is_empty() {
            if self.minute >= self.end {
                return None;
            }
            let before = self.quota(self.sum);
            self.sum += weight(self.seed, self.minute);
            let count = self.quota(self.sum) - before;
            let number = ((self.minute - self.start) / MINUTE).cast_unsigned();
            let mut random = Random::of(self.seed, 1, number);
            self.present.extend((0..count).map(|_| self.minute + random.between(0, MINUTE - 1)));
            self.present.sort_unstable_by(|a, b| b.cmp(a));
            self.minute += MINUTE;
        }
        self.present.pop()
    }
}

/// Whether somebody writes just then: true as often as the hour is busy.
pub(crate) fn is_likely(time: i64, random: &mut Random) -> bool {
    random.percent(hourly(time) / 60)
}

/// The weight of the minute that begins then: that of its hour, and a little unrest.
fn weight(seed: u64, minute: i64) -> u64 {
    hourly(minute) * (70 + Random::of(seed, 2, minute.cast_unsigned()).below(61))
}

/// Sixty times the weight of the hour, going over into the next hour's.
fn hourly(time: i64) -> u64 {
    let now = Civil::at(time, JST);
    let hours = if now.is_weekend() { &WEEKEND } else { &WORKDAY };
    let at = |hour: i64| hours[usize::try_from(hour % 24).unwrap_or(0)];
    at(now.hour) * (60 - now.minute).cast_unsigned() + at(now.hour + 1) * now.minute.cast_unsigned()
}
