//! What is asked: which relay, and when the false delegation stood.
//!
//! A message belongs to a segment by when it was written, because who wrote just before the change may have been read as well: mail that
//! waits in a queue is delivered by the DNS of its next attempt.

use super::zone::Zone;
use crate::{clock::Timestamp, evidence::Stored, hunt::Wanted, units};

const DAY: i64 = 86_400;

/// How long a sender's queue tries: RFC 5321, 4.5.4.1 asks for 4 to 5 days. What claims to have been written earlier is not believed.
const LONGEST_UNDERWAY: i64 = 5 * DAY;
/// The longest tail: resolvers cut TTLs to a day or a week (RFC 2181, 8 allows 68 years).
const LONGEST_TTL: i64 = 30 * DAY;
/// The longest time before the change; no queue holds mail longer than days.
const LONGEST_BEFORE: i64 = 30 * DAY;
/// The longest window. Beyond it, a year has slipped.
const LONGEST_WINDOW: i64 = 400 * DAY;

/// Where in the incident a message was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Before all of it.
    Earlier,
    /// Just before the change.
    PreWindow,
    /// While the false delegation stood.
    Window,
    /// Afterwards, while resolvers could still hold it.
    Tail,
    /// After all of it.
    Later,
}

impl Segment {
    /// Every segment, in the order of time.
    pub const ALL: [Self; 5] = [Self::Earlier, Self::PreWindow, Self::Window, Self::Tail, Self::Later];
    /// Those that are counted as exposed.
    pub const INSIDE: [Self; 3] = [Self::PreWindow, Self::Window, Self::Tail];

    /// The name used in CSV and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "earlier",
            Self::PreWindow => "pre_window",
            Self::Window => "window",
            Self::Tail => "tail",
            Self::Later => "later",
        }
    }
}

/// From when to when, both included, in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first second.
    pub first: i64,
    /// The last second.
    pub last: i64,
}

impl Span {
    /// Whether a moment lies within.
    pub fn holds(self, second: i64) -> bool {
        (self.first..=self.last).contains(&second)
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Query {
    /// The relay.
    pub wanted: Wanted,
    /// The relay as it was typed, made printable.
    pub asked: Vec<String>,
    /// When the delegation was changed, in unix seconds.
    pub changed: i64,
    /// When it was put right.
    pub fixed: i64,
    /// How long a resolver may have held the false delegation after that, in seconds.
    pub ns_ttl: i64,
    /// How long before the change mail counts as exposed, in seconds.
    pub pre_window: i64,
    /// The zone in which times are told.
    pub zone: Zone,
}

/// Why a question cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It ended before it began.
    #[error("--fixed-at ({fixed}) lies before --changed-at ({changed})")]
    Backwards {
        /// When it was changed.
        changed: String,
        /// When it was fixed.
        fixed: String,
    },
    /// It has not ended yet.
    #[error(
        "{option} ({time}) lies in the future; while the delegation is not put right, give the present time for --fixed-at"
    )]
    Future {
        /// The option.
        option: &'static str,
        /// The time.
        time: String,
    },
    /// Something lasts too long.
    #[error("{what} is {length}, and more than {most} is not believable; {hint}")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// How long it is.
        length: String,
        /// How long it may be.
        most: String,
        /// What to look at.
        hint: &'static str,
    },
}

impl Query {
    /// Checks that the question makes sense.
    pub fn check(&self, now: Timestamp) -> Result<(), QueryError> {
        let shown = |second| self.zone.moment(second).to_string();
        if self.fixed < self.changed {
            return Err(QueryError::Backwards { changed: shown(self.changed), fixed: shown(self.fixed) });
        }
        for (option, second) in [("--changed-at", self.changed), ("--fixed-at", self.fixed)] {
            if second > now.as_second() {
                return Err(QueryError::Future { option, time: shown(second) });
            }
        }
        let lengths = [
            (
                "the time between --changed-at and --fixed-at",
                self.fixed - self.changed,
                LONGEST_WINDOW,
                "is a year wrong?",
            ),
            ("--ns-ttl", self.ns_ttl, LONGEST_TTL, "resolvers keep no delegation longer; a bare number is seconds"),
            ("--pre-window", self.pre_window, LONGEST_BEFORE, "senders give up after 4 to 5 days (RFC 5321, 4.5.4.1)"),
        ];
        for (what, length, most, hint) in lengths {
            if length > most {
                return Err(QueryError::TooLong { what, length: show_length(length), most: show_length(most), hint });
            }
        }
        Ok(())
    }

    /// From the first second that counts as exposed to the last.
    pub fn whole(&self) -> Span {
        Span { first: self.changed - self.pre_window, last: self.fixed + self.ns_ttl }
    }

    /// Without the time before the change: while mail could be led astray.
    pub fn standing(&self) -> Span {
        Span { first: self.changed, last: self.fixed + self.ns_ttl }
    }

    /// One of the three segments that count as exposed; an empty one ends before it begins.
    pub fn span(&self, segment: Segment) -> Span {
        match segment {
            Segment::Earlier => Span { first: i64::MIN, last: self.whole().first - 1 },
            Segment::PreWindow => Span { first: self.whole().first, last: self.changed - 1 },
            Segment::Window => Span { first: self.changed, last: self.fixed },
            Segment::Tail => Span { first: self.fixed + 1, last: self.whole().last },
            Segment::Later => Span { first: self.whole().last + 1, last: i64::MAX },
        }
    }

    /// The segment in which a moment lies.
    pub fn segment(&self, second: i64) -> Segment {
        let holds = |segment: &Segment| self.span(*segment).holds(second);
        Segment::ALL.into_iter().find(holds).unwrap_or(Segment::Later)
    }
}

/// When a message was written: the earliest of what its `Date` and its oldest hop say, as far as that can be believed; else when it arrived.
///
/// Both can be forged, and moved by it is only the message of whoever forges them. A relay that takes lines away leaves the `Date`.
pub(super) fn written(message: &Stored) -> i64 {
    let arrived = message.time;
    let below = message.border_hop.map_or(0, |border| border + 1);
    let oldest = message.times.get(below..).and_then(|times| times.iter().rev().flatten().next());
    let stated = [message.dated, oldest.copied()].into_iter().flatten();
    let believable = stated.filter(|stated| (arrived - LONGEST_UNDERWAY..=arrived).contains(stated));
    believable.min().unwrap_or(arrived)
}

/// Reads a length of time in seconds: a bare number of seconds, as DNS writes TTLs, or `100h`, `2d`.
pub fn parse_length(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let seconds =
        text.parse::<u64>().ok().or_else(|| units::parse_duration(text).map(|milliseconds| milliseconds / 1000));
    seconds
        .and_then(|seconds| seconds.try_into().ok())
        .ok_or_else(|| "expected seconds such as `172800`, or `48h`, `2d`".to_owned())
}

/// A length of time in seconds, as people write it: whole days as days, else hours, because `4d4h` is said of nothing.
pub(super) fn show_length(seconds: i64) -> String {
    const HOUR: u64 = 3600;
    match seconds.unsigned_abs() {
        hours if hours > 24 * HOUR && hours % (24 * HOUR) != 0 && hours.is_multiple_of(HOUR) => {
            format!("{}h", hours / HOUR)
        }
        seconds => units::show_duration(seconds.saturating_mul(1000)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::finding::Level;

    fn query() -> Query {
        let zone = Zone::default();
        Query {
            wanted: Wanted::new(),
            asked: Vec::new(),
            changed: 1000,
            fixed: 2000,
            ns_ttl: 500,
            pre_window: 100,
            zone,
        }
    }

    #[test]
    fn each_second_lies_in_one_segment() {
        let query = query();
        for (second, segment) in [
            (899, Segment::Earlier),
            (900, Segment::PreWindow),
            (999, Segment::PreWindow),
            (1000, Segment::Window),
            (2000, Segment::Window),
            (2001, Segment::Tail),
            (2500, Segment::Tail),
            (2501, Segment::Later),
            (i64::MIN, Segment::Earlier),
            (i64::MAX, Segment::Later),
        ] {
            assert_eq!(query.segment(second), segment, "{second}");
            let holding = Segment::ALL.into_iter().filter(|segment| query.span(*segment).holds(second));
            assert_eq!(holding.count(), 1, "{second}");
        }
        let bare = Query { ns_ttl: 0, pre_window: 0, ..query };
        assert_eq!(
            [999, 1000, 2000, 2001].map(|second| bare.segment(second)),
            [Segment::Earlier, Segment::Window, Segment::Window, Segment::Later]
        );
    }

    #[test]
    fn questions_without_sense_are_refused() {
        let now = Timestamp::from_second(5000).unwrap();
        let refused = |query: Query| query.check(now).unwrap_err().to_string();
        assert_eq!(query().check(now), Ok(()));
        assert!(refused(Query { fixed: 999, ..query() }).contains("lies before --changed-at"));
        assert!(
            refused(Query { fixed: 5001, ..query() })
                .starts_with("--fixed-at (1970-01-01 01:23:21 +00:00) lies in the future")
        );
        assert!(refused(Query { ns_ttl: 31 * DAY, ..query() }).starts_with("--ns-ttl is 31d, and more than 30d"));
        assert!(refused(Query { pre_window: 31 * DAY, ..query() }).starts_with("--pre-window is 31d"));
        assert!(refused(Query { changed: 5000 - 401 * DAY, fixed: 5000, ..query() }).contains("is a year wrong?"));
    }

    #[test]
    fn lengths_are_seconds_or_have_units() {
        assert_eq!(parse_length("360000"), Ok(360_000));
        assert_eq!(parse_length("100h"), Ok(360_000));
        assert_eq!(parse_length("0"), Ok(0));
        assert_eq!([360_000, 172_800, 5400, 0].map(show_length), ["100h", "2d", "1h30m", "0s"]);
        for bad in ["", "-1", "1.5h", "2 days", "99999999999999999999"] {
            assert!(parse_length(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn when_it_was_written_is_the_earliest_that_can_be_believed() {
        let message = |date, times: &[Option<i64>], border_hop| Stored {
            id: 1,
            time: 1_000_000,
            dated: date,
            source: "milter".to_owned(),
            offset: None,
            queue_id: None,
            message_id: None,
            subject: None,
            sender: None,
            header_from: None,
            recipients: Vec::new(),
            hops: Arc::default(),
            times: times.to_vec(),
            place: "peer".to_owned(),
            border_hop,
            verdict: Level::Clean,
            action: None,
        };
        let border = Some(1_000_000);
        for (date, times, expected) in [
            (None, vec![border], 1_000_000),
            (None, vec![border, Some(999_990), Some(999_000)], 999_000),
            (None, vec![border, Some(999_990), None], 999_990),
            (Some(998_000), vec![border], 998_000),
            (Some(998_000), vec![border, Some(999_000)], 998_000),
            (Some(999_500), vec![border, Some(999_000)], 999_000),
            // In the future, or longer ago than any queue holds mail.
            (Some(1_000_001), vec![border, Some(1_000_001)], 1_000_000),
            (Some(1_000_000 - 5 * DAY), vec![border], 1_000_000 - 5 * DAY),
            (Some(1_000_000 - 5 * DAY - 1), vec![border, Some(999_000)], 999_000),
            (Some(i64::MIN), vec![border, Some(i64::MAX)], 1_000_000),
        ] {
            assert_eq!(written(&message(date, &times, Some(0))), expected, "{date:?} {times:?}");
        }
        assert_eq!(written(&message(None, &[Some(999_999)], None)), 999_999);
        assert_eq!(written(&message(None, &[], Some(7))), 1_000_000);
    }
}
