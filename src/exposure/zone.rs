//! The time zone of a report.
//!
//! Takes a zone's name and times as people write them, gives unix seconds and back. A time without a zone is read in the zone that was asked
//! for, and refused where none was: nine hours decide who was exposed.

use std::fmt;

use jiff::{
    Timestamp, Zoned,
    civil::DateTime,
    tz::{TimeZone, db},
};
use serde::{Serialize, Serializer};

use crate::{schema::nearest, text::printable};

/// Seconds of an hour.
const HOUR: i64 = 3600;

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// Why a text is no time, or no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// There is no such zone.
    #[error("`{name}` is no time zone{hint}")]
    Unknown {
        /// What was asked for, made printable.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// It can be read in no way.
    #[error(
        "`{0}` is no time; write it with its zone as `2020-05-31T00:05:00+09:00`, or as `2020-05-31T00:05` with `--time-zone Asia/Tokyo`"
    )]
    NoTime(String),
    /// Its zone is not stated.
    #[error(
        "`{0}` does not say in which zone; write `{0}+09:00` or `{0}Z`, or give `--time-zone Asia/Tokyo` beside it"
    )]
    NoZone(String),
    /// The clocks were changed just then.
    #[error(
        "`{0}` was twice or never on the clocks of {1}, which were changed just then; write it with its offset, as `2020-05-31T00:05:00+09:00`"
    )]
    Ambiguous(String, String),
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }
}

impl Zone {
    /// The zone of that name in the IANA database.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        let known: Vec<String> = db().available().map(|known| known.to_string()).collect();
        let Some(known_name) = known.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(ZoneError::Unknown { name: printable(name, 80), hint: hint(name, &known) });
        };
        match db().get(known_name) {
            Ok(zone) if known_name.eq_ignore_ascii_case("UTC") => Ok(Self { zone, ..Self::default() }),
            Ok(zone) => Ok(Self { name: known_name.clone(), zone }),
            Err(error) => Err(ZoneError::Unknown { name: printable(name, 80), hint: format!(": {error}") }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The moment in this zone.
    pub fn moment(&self, second: i64) -> Moment {
        let second = second.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        Moment(Timestamp::from_second(second).unwrap_or_default().to_zoned(self.zone.clone()))
    }

    /// The first second of the hour in which a moment lies, by the clocks of this zone.
    pub fn hour(&self, second: i64) -> i64 {
        let offset = i64::from(self.moment(second).0.offset().seconds());
        (second + offset).div_euclid(HOUR) * HOUR - offset
    }

    /// The first second of the hour after that one.
    pub fn next_hour(&self, hour: i64) -> i64 {
        let next = self.hour(hour + HOUR);
        // Where the clocks are put back by half an hour, the hour has thirty minutes more.
        if next > hour { next } else { hour + HOUR }
    }
}

/// Reads a time: with its zone, or else in the zone that was asked for.
pub fn parse_time(text: &str, zone: Option<&Zone>) -> Result<i64, ZoneError> {
    let text = text.trim();
    let shown = || printable(text, 80);
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_second());
    }
    if let Ok(time) = text.parse::<Zoned>() {
        return Ok(time.timestamp().as_second());
    }
    let local: DateTime = text.parse().map_err(|_| ZoneError::NoTime(shown()))?;
    let zone = zone.ok_or_else(|| ZoneError::NoZone(shown()))?;
    let time = zone.zone.to_ambiguous_zoned(local).unambiguous();
    time.map(|time| time.timestamp().as_second()).map_err(|_| ZoneError::Ambiguous(shown(), zone.name.clone()))
}

fn hint(name: &str, known: &[String]) -> String {
    let name = name.trim();
    let city = |known: &&String| known.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
    let meant = known.iter().filter(|known| known.contains('/')).find(city).map(String::as_str);
    // Short names are all near each other: `JST` is one letter from `EST`, and fourteen hours.
    let like = || nearest(name, known.iter().map(String::as_str)).filter(|_| name.len() > 4);
    match meant.or_else(like) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => "; expected a name of the IANA database, such as `Asia/Tokyo`".to_owned(),
    }
}

/// A moment in the report's zone. In JSON it is RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment(Zoned);

impl Moment {
    /// As RFC 3339 has it: `2020-05-31T00:05:00+09:00`.
    pub fn iso(&self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// Without its offset and seconds: `2020-05-31 00:05`.
    pub fn minute(&self) -> String {
        self.0.strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// Its day: `31 May`.
    pub fn day(&self) -> String {
        self.0.strftime("%-d %b").to_string()
    }

    /// Whether it is midnight.
    pub fn is_midnight(&self) -> bool {
        self.0.hour() == 0 && self.0.minute() == 0
    }

    /// In unix seconds.
    pub fn second(&self) -> i64 {
        self.0.timestamp().as_second()
    }

    /// As RFC 3339 has it, in UTC.
    pub fn utc(&self) -> String {
        self.0.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// `2020-05-31 00:05:00 +09:00`
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.strftime("%Y-%m-%d %H:%M:%S %:z").fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.iso())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGED: i64 = 1_590_851_100; // 2020-05-31 00:05 in Japan

    #[test]
    fn a_time_is_read_with_its_zone_or_in_the_one_asked_for() {
        let tokyo = Zone::named("Asia/Tokyo").unwrap();
        for text in [
            "2020-05-31T00:05:00+09:00",
            "2020-05-30T15:05:00Z",
            "2020-05-31 00:05+09:00",
            "2020-05-31T00:05[Asia/Tokyo]",
        ] {
            assert_eq!(parse_time(text, None), Ok(CHANGED), "{text}");
        }
        for text in ["2020-05-31T00:05", "2020-05-31 00:05:00"] {
            assert_eq!(parse_time(text, Some(&tokyo)), Ok(CHANGED), "{text}");
            assert_eq!(parse_time(text, None), Err(ZoneError::NoZone(text.to_owned())));
        }
        for text in ["yesterday", "", "1590851100", "2020-05-32T00:00Z", "a\u{1b}[1mb"] {
            assert!(matches!(parse_time(text, Some(&tokyo)), Err(ZoneError::NoTime(_))), "{text}");
        }
        assert!(!parse_time("a\u{1b}[1mb", None).unwrap_err().to_string().contains('\u{1b}'));
        let berlin = Zone::named("Europe/Berlin").unwrap();
        for text in ["2020-10-25T02:30", "2020-03-29T02:30"] {
            assert!(matches!(parse_time(text, Some(&berlin)), Err(ZoneError::Ambiguous(..))), "{text}");
        }
    }

    #[test]
    fn a_wrong_zone_is_told_with_the_one_that_was_meant() {
        assert_eq!(Zone::named("asia/tokyo").unwrap().name(), "Asia/Tokyo");
        assert_eq!(Zone::named("utc").unwrap(), Zone::default());
        for (name, hint) in [("Tokyo", "`Asia/Tokyo`"), ("Asia/Tokio", "`Asia/Tokyo`"), ("JST", "such as `Asia/Tokyo`")]
        {
            let error = Zone::named(name).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn hours_are_those_of_the_clocks_there() {
        let hours = |name: &str, from: i64, count: usize| {
            let zone = Zone::named(name).unwrap();
            let hours = std::iter::successors(Some(zone.hour(from)), |hour| Some(zone.next_hour(*hour)));
            hours.take(count).map(|hour| zone.moment(hour).to_string()).collect::<Vec<_>>()
        };
        assert_eq!(hours("Asia/Kolkata", CHANGED, 2), ["2020-05-30 20:00:00 +05:30", "2020-05-30 21:00:00 +05:30"]);
        // 2020-10-25 01:00 UTC: two o'clock comes twice in Berlin.
        let berlin = hours("Europe/Berlin", 1_603_584_000, 3);
        assert_eq!(berlin, ["2020-10-25 02:00:00 +02:00", "2020-10-25 02:00:00 +01:00", "2020-10-25 03:00:00 +01:00"]);
        // Lord Howe Island puts its clocks by half an hour: no hour is without an end.
        let zone = Zone::named("Australia/Lord_Howe").unwrap();
        let mut hour = zone.hour(1_585_990_000);
        for _ in 0..48 {
            let next = zone.next_hour(hour);
            assert!(next > hour && next - hour <= 5400, "{hour} {next}");
            hour = next;
        }
    }
}
