//! The span of time in which is hunted.
//!
//! Takes times as a user types them, gives moments. A time without a zone is refused: half of a night's mail would be on
//! the wrong side of it, and nobody would see that.

use jiff::{civil, tz::TimeZone};

use crate::{clock::Timestamp, text::printable};

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WhenError(String);

/// From a moment on, up to another one. An end that is open holds all there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub since: Option<Timestamp>,
    /// The first moment that is too late.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether both ends are open.
    pub fn is_open(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    /// Whether a moment is in it; one that is not known is in no span but the open one.
    pub fn holds(&self, time: Option<Timestamp>) -> bool {
        match time {
            Some(time) => self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until),
            None => self.is_open(),
        }
    }
}

/// Reads a time (RFC 3339), or a date, which is its first moment in UTC.
pub fn when(text: &str) -> Result<Timestamp, WhenError> {
    let shown = printable(text, 80);
    let fail = |message: String| Err(WhenError(message));
    let dated = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if dated && let Ok(date) = text.parse::<civil::Date>() {
        return date
            .to_zoned(TimeZone::UTC)
            .map_or_else(|_| fail(format!("`{shown}` is out of reach")), |start| Ok(start.timestamp()));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if !dated && let Ok(time) = text.parse::<civil::DateTime>() {
        let time = time.strftime("%Y-%m-%dT%H:%M:%S");
        return fail(format!("it states no zone; write `{time}Z` for UTC, or the offset as in `{time}+09:00`"));
    }
    fail("expected a date such as `2020-05-31`, or a time with its zone such as `2020-05-31T00:05+09:00`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_with_a_zone_are_moments() {
        for (text, moment) in [
            ("2020-05-31", "2020-05-31T00:00:00Z"),
            ("2020-05-31T00:05+09:00", "2020-05-30T15:05:00Z"),
            ("2020-05-31T00:05:07Z", "2020-05-31T00:05:07Z"),
            ("2020-05-31 00:05:07-02:30", "2020-05-31T02:35:07Z"),
        ] {
            assert_eq!(when(text).map(|time| time.to_string()), Ok(moment.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_refused_with_what_to_write() {
        let refused = when("2020-05-31T00:05").unwrap_err().to_string();
        assert_eq!(
            refused,
            "it states no zone; write `2020-05-31T00:05:00Z` for UTC, or the offset as in `2020-05-31T00:05:00+09:00`"
        );
        for text in
            ["", "yesterday", "2020-13-01", "2020-05-31T25:00Z", "31.5.2020", "1590883500", "2020-05-31T00:05 JST"]
        {
            let refused = when(text).unwrap_err().to_string();
            assert!(refused.starts_with("expected a date"), "{text}: {refused}");
        }
    }

    #[test]
    fn a_span_has_its_beginning_and_not_its_end() {
        let time = |text: &str| when(text).ok();
        let span = Span { since: time("2020-05-31"), until: time("2020-06-02") };
        assert!(span.holds(time("2020-05-31")) && span.holds(time("2020-06-01T23:59:59Z")));
        assert!(!span.holds(time("2020-06-02")) && !span.holds(time("2020-05-30T23:59:59Z")) && !span.holds(None));
        assert!(Span::default().holds(None) && Span { until: None, ..span }.holds(time("2021-01-01")));
    }
}
