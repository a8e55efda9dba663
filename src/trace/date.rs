//! The date of a hop.
//!
//! Takes the text behind the `;` of a `Received` value, gives the moment it states, or nothing. It reads RFC 5322
//! date-times (3.3, and the obsolete forms of 4.3) and what MTAs write instead: asctime, ISO 8601 and Go time stamps,
//! `Jul, 17 2002 9:34:44 PM +1100`, month names in full, `21-Nov-1997`. What follows the date is not looked at.
//!
//! Choices, none of which invents a time:
//! - No zone, no time: `asctime` and `24/07/2002 11:34:18` state the hour of an unknown place.
//! - A zone name that RFC 5322 does not list counts as `-0000`, as RFC 5322 (4.3) asks; so do the military letters.
//! - A numeric zone whose minutes are above 59 (`+0360`, `-0060`: bulk mailers make them up) breaks RFC 5322 (3.3), and so
//!   does one without its sign or with other marks (`2000`, `--800`, `+05-30`): the time is unknown. Only a missing leading
//!   zero (`-400`) and a colon (`-08:00`) are forgiven, because they can mean but one thing.
//! - Years of two digits are 2000-2049 and 1950-1999, of three digits 1900 + n (RFC 5322, 4.3).
//! - Dates that do not exist (31 June, 25:00, 10:70) are nothing. The second 60 is a leap second. The weekday is not held
//!   against the date.

use crate::clock::Timestamp;

/// A date as it was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date<'a> {
    /// The moment.
    pub(super) time: Option<Timestamp>,
    /// The zone as written.
    pub(super) zone: Option<&'a [u8]>,
    /// Whether the zone is a name that RFC 5322 does not know, and so counts as `-0000`.
    pub(super) unknown_zone: bool,
}

/// Reads the date that stands at the beginning of the text.
pub(super) fn read(text: &[u8]) -> Date<'_> {
    usual(text).unwrap_or_else(|| word_by_word(text))
}

/// The form that RFC 5322 prescribes and nearly everybody writes: `[Mon, ]3 Nov 2025 10:00:00 +0100`. Its parts stand at
/// known places and need not be looked for. Where it says something, [`word_by_word`] says the same.
fn usual(text: &[u8]) -> Option<Date<'_>> {
    let text = text.trim_ascii_start();
    let rest = match text {
        [a, b, c, b',', b' ', rest @ ..] if is_weekday(&[*a, *b, *c]) => rest,
        _ => text,
    };
    let (day, rest) = match rest.strip_prefix(b" ").unwrap_or(rest) {
        [ones, b' ', rest @ ..] => (pair(b'0', *ones)?, rest),
        [tens, ones, b' ', rest @ ..] => (pair(*tens, *ones)?, rest),
        _ => return None,
    };
    let (fixed, rest) = rest.split_first_chunk()?;
    let &[a, b, c, b' ', y0, y1, y2, y3, b' ', h0, h1, b':', m0, m1, b':', s0, s1, b' '] = fixed else { return None };
    let (month, year) = (month(&[a, b, c])?, pair(y0, y1)? * 100 + pair(y2, y3)?);
    let (hour, minute, second) = (pair(h0, h1)?, pair(m0, m1)?, pair(s0, s1)?);
    if day > 31 || year < 1900 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let end = rest.iter().position(|byte| CLASS[usize::from(*byte)] != Class::Within).unwrap_or(rest.len());
    let word = rest.get(..end)?;
    let (zone, known) = match word {
        [b'+' | b'-', _, _, _, _] => (numeric_zone(word)?, true),
        [_, _, _] => named_zone(word)?,
        _ => return None,
    };
    let parts = Parts {
        day: Some(day),
        month: Some(month),
        year: Some(year.into()),
        time: Some((hour * 3600 + minute * 60 + second).into()),
        afternoon: None,
        zone: Some(zone),
        zone_word: Some(word),
        unknown_zone: !known,
    };
    Some(parts.date())
}

/// The number that two digits make.
fn pair(tens: u8, ones: u8) -> Option<u32> {
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

fn word_by_word(text: &[u8]) -> Date<'_> {
    let mut parts = Parts::default();
    for word in Words(text) {
        if parts.take(word).is_none() {
            return Date { time: None, ..parts.date() };
        }
        if parts.zone.is_some() && parts.time.is_some() && parts.year.is_some() {
            break;
        }
    }
    parts.date()
}

/// Whether a word names a day of the week.
pub(super) fn is_weekday(word: &[u8]) -> bool {
    let name: &[u8] = match first_letters(word) {
        Some([b'm', b'o', b'n']) => b"monday",
        Some([b't', b'u', b'e']) => b"tuesday",
        Some([b'w', b'e', b'd']) => b"wednesday",
        Some([b't', b'h', b'u']) => b"thursday",
        Some([b'f', b'r', b'i']) => b"friday",
        Some([b's', b'a', b't']) => b"saturday",
        Some([b's', b'u', b'n']) => b"sunday",
        _ => return false,
    };
    abbreviates(word, name)
}

/// The words of a date: white space and commas part them, comments are passed over.
struct Words<'a>(&'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let skip = self.0.iter().position(|b| CLASS[usize::from(*b)] != Class::Between)?;
            self.0 = self.0.get(skip..)?;
            if self.0.first() != Some(&b'(') {
                break;
            }
            self.0 = self.0.get(memchr::memchr(b')', self.0)? + 1..)?;
        }
        let end = self.0.iter().position(|b| CLASS[usize::from(*b)] != Class::Within);
        let (word, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}

/// What a byte is to the words of a date.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Within,
    Between,
    End,
}

const CLASS: [Class; 256] = {
    let mut class = [Class::Within; 256];
    class[b' ' as usize] = Class::Between;
    class[b'\t' as usize] = Class::Between;
    class[b'\n' as usize] = Class::Between;
    class[b'\x0c' as usize] = Class::Between;
    class[b'\r' as usize] = Class::Between;
    class[b',' as usize] = Class::Between;
    class[b'(' as usize] = Class::End;
    class[b')' as usize] = Class::End;
    class[b';' as usize] = Class::End;
    class
};

#[derive(Default)]
struct Parts<'a> {
    day: Option<u32>,
    month: Option<u32>,
    year: Option<i64>,
    /// Seconds of the day, before AM and PM.
    time: Option<i64>,
    afternoon: Option<bool>,
    /// Seconds east of UTC.
    zone: Option<i64>,
    /// The word that says so, and whether it is a name that nobody knows.
    zone_word: Option<&'a [u8]>,
    unknown_zone: bool,
}

impl<'a> Parts<'a> {
    /// Takes the next word; nothing where a date cannot go on like this.
    fn take(&mut self, word: &'a [u8]) -> Option<()> {
        let first = *word.first()?;
        if first.is_ascii_digit() {
            return self.take_number(word);
        }
        if matches!(first, b'+' | b'-') {
            self.time?;
            self.zone = Some(numeric_zone(word)?);
            self.zone_word = Some(word);
            return Some(());
        }
        // `Jan, 8 Apr 2007`: the first was no month, but stood where the weekday does.
        if (self.month.is_none() || (self.day.is_some() && self.year.is_none()))
            && let Some(month) = month(word)
        {
            self.month = Some(month);
            return Some(());
        }
        if self.time.is_none() {
            return is_weekday(word).then_some(());
        }
        let letter = |at: usize| word.get(at).map(u8::to_ascii_lowercase);
        let meridian = match word.len() {
            2 => letter(1) == Some(b'm'),
            3 | 4 => letter(1) == Some(b'.') && letter(2) == Some(b'm'),
            _ => false,
        };
        if self.afternoon.is_none() && meridian && matches!(letter(0), Some(b'a' | b'p')) {
            self.afternoon = Some(letter(0) == Some(b'p'));
            return Some(());
        }
        let (zone, known) = named_zone(word)?;
        self.zone = Some(zone);
        self.zone_word = Some(word);
        self.unknown_zone = !known;
        Some(())
    }

    fn take_number(&mut self, word: &'a [u8]) -> Option<()> {
        if self.time.is_none() && word.contains(&b':') {
            let clock = match memchr::memchr2(b'T', b't', word) {
                Some(at) => {
                    self.take_calendar(word.get(..at)?)?;
                    word.get(at + 1..)?
                }
                None => word,
            };
            return self.take_clock(clock);
        }
        if self.day.is_none() && word.contains(&b'-') {
            return self.take_calendar(word);
        }
        let value = number(word)?;
        match (self.day, self.year, word.len()) {
            (None, _, 1..=3) if value <= 31 => self.day = Some(value),
            (Some(_), None, 2..=4) => self.year = Some(full_year(value, word.len())?),
            _ => return None,
        }
        Some(())
    }

    /// `2025-01-02` or `21-Nov-1997`.
    fn take_calendar(&mut self, word: &[u8]) -> Option<()> {
        let mut fields = word.split(|b| *b == b'-');
        let (a, b, c) = (fields.next()?, fields.next()?, fields.next()?);
        let (year, day) = if a.len() == 4 { (a, c) } else { (c, a) };
        self.month = Some(month(b).or_else(|| number(b).filter(|_| a.len() == 4))?);
        self.day = Some(number(day)?);
        self.year = Some(full_year(number(year)?, year.len())?);
        Some(())
    }

    /// `9:34`, `09:34:44`, `09:34:44.123`, each perhaps with its zone attached as ISO 8601 does.
    fn take_clock(&mut self, word: &'a [u8]) -> Option<()> {
        let zone = word.iter().position(|b| matches!(b, b'+' | b'-' | b'Z' | b'z'));
        let (clock, zone) = zone.map_or((word, None), |at| (&word[..at], word.get(at..)));
        let mut fields = clock.split(|b| *b == b':');
        let (hour, minute) = (number(fields.next()?)?, number(fields.next()?)?);
        let second = match fields.next() {
            Some(second) => number(second.split(|b| *b == b'.').next()?)?,
            None => 0,
        };
        if hour > 23 || minute > 59 || second > 60 || fields.next().is_some() {
            return None;
        }
        self.time = Some(i64::from(hour * 3600 + minute * 60 + second));
        if let Some(zone) = zone {
            self.zone = Some(if zone.eq_ignore_ascii_case(b"z") { 0 } else { numeric_zone(zone)? });
            self.zone_word = Some(zone);
        }
        Some(())
    }

    fn date(&self) -> Date<'a> {
        Date { time: self.moment(), zone: self.zone_word, unknown_zone: self.unknown_zone }
    }

    fn moment(&self) -> Option<Timestamp> {
        let (year, month, day) = (self.year?, self.month?, self.day?);
        if day == 0 || day > days_in(year, month)? {
            return None;
        }
        let mut time = self.time?;
        if let Some(afternoon) = self.afternoon {
            // 12 AM is midnight, 12 PM is noon; `13:00 PM` says the same thing twice.
            match (time / 3600, afternoon) {
                (12, false) => time -= 12 * 3600,
                (0..=11, true) => time += 12 * 3600,
                _ => {}
            }
        }
        let seconds = days_since_epoch(year, month, day) * 86_400 + time - self.zone?;
        Timestamp::from_second(seconds).ok()
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    digits.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}

fn full_year(value: u32, digits: usize) -> Option<i64> {
    let value = i64::from(value);
    match digits {
        2 if value < 50 => Some(2000 + value),
        2 | 3 => Some(1900 + value),
        4 if value >= 1900 => Some(value),
        _ => None,
    }
}

/// `+0100`, `+01:00`, `-400`; nothing for what cannot be.
fn numeric_zone(word: &[u8]) -> Option<i64> {
    let (sign, digits) = word.split_first()?;
    let (hours, minutes) = match digits.len() {
        5 if digits.get(2) == Some(&b':') => (digits.get(..2)?, digits.get(3..)?),
        length @ (3 | 4) => digits.split_at(length - 2),
        _ => return None,
    };
    let (hours, minutes) = (i64::from(number(hours)?), i64::from(number(minutes)?));
    let offset = hours * 3600 + minutes * 60;
    (minutes < 60).then_some(if *sign == b'-' { -offset } else { offset })
}

/// The zones that RFC 5322 (4.3) names; every other name is `-0000`, and says so. No name is nothing.
fn named_zone(word: &[u8]) -> Option<(i64, bool)> {
    if word.len() > 6 || !word.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let named: [(&[u8], i64); 12] = [
        (b"GMT", 0),
        (b"UTC", 0),
        (b"UT", 0),
        (b"Z", 0),
        (b"EDT", -4),
        (b"EST", -5),
        (b"CDT", -5),
        (b"CST", -6),
        (b"MDT", -6),
        (b"MST", -7),
        (b"PDT", -7),
        (b"PST", -8),
    ];
    let known = named.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, hours)| hours);
    Some((known.unwrap_or(0) * 3600, known.is_some()))
}

fn month(word: &[u8]) -> Option<u32> {
    let (number, name): (u32, &[u8]) = match first_letters(word)? {
        [b'j', b'a', b'n'] => (1, b"january"),
        [b'f', b'e', b'b'] => (2, b"february"),
        [b'm', b'a', b'r'] => (3, b"march"),
        [b'a', b'p', b'r'] => (4, b"april"),
        [b'm', b'a', b'y'] => (5, b"may"),
        [b'j', b'u', b'n'] => (6, b"june"),
        [b'j', b'u', b'l'] => (7, b"july"),
        [b'a', b'u', b'g'] => (8, b"august"),
        [b's', b'e', b'p'] => (9, b"september"),
        [b'o', b'c', b't'] => (10, b"october"),
        [b'n', b'o', b'v'] => (11, b"november"),
        [b'd', b'e', b'c'] => (12, b"december"),
        _ => return None,
    };
    abbreviates(word, name).then_some(number)
}

/// The first three letters of a word, in lower case.
fn first_letters(word: &[u8]) -> Option<[u8; 3]> {
    word.first_chunk::<3>().map(|letters| letters.map(|letter| letter.to_ascii_lowercase()))
}

/// Whether a word stands for a name: its first letters, perhaps with a dot behind them.
fn abbreviates(word: &[u8], name: &[u8]) -> bool {
    // The first three letters were compared already.
    let word = word.strip_suffix(b".").unwrap_or(word);
    word.len() == 3 || word.len() > 3 && name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn days_in(year: i64, month: u32) -> Option<u32> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return None,
    })
}

/// Days from 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day is the last.
fn days_since_epoch(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = i64::from((month + 9) % 12);
    let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        read(text.as_bytes()).time.map(|time| time.to_string())
    }

    #[test]
    fn every_way_of_writing_one_moment() {
        let forms = [
            "Wed, 17 Jul 2002 22:34:44 +1100",
            " Wed,17 Jul 2002 22:34:44 +1100 (EST)",
            "17 Jul 02 11:34:44 -0000",
            "Wed, 17 Jul 102 11:34:44 UT",
            "Wed,  17 July 2002 11:34:44 GMT (envelope-from <a@b>)",
            "Jul, 17 2002 10:34:44 PM +1100",
            "Jul, 17 2002 10:34:44 p.m. +1100",
            "Wed Jul 17 11:34:44 2002 +0000",
            "Wed Jul 17 07:34:44 EDT 2002",
            "2002-07-17 11:34:44.123456789 +0000 UTC m=+567.4",
            "2002-07-17T11:34:44Z",
            "2002-07-17T13:34:44+02:00",
            "17-Jul-2002 03:34:44 -08:00",
            "Wed, 17 Jul 2002 7:34:44 -400 (EDT)",
            "Wed, 17 Jul 2002 11:34:44.008 +0000 (UTC)",
            "Wed, 17 Jul 2002 11:34:44 CEST",
            "Wed, 17 Jul 2002 11:34:44 A",
        ];
        for form in forms {
            assert_eq!(at(form).as_deref(), Some("2002-07-17T11:34:44Z"), "{form}");
        }
    }

    #[test]
    fn the_usual_form_is_read_as_any_other() {
        let forms = [
            "Wed, 17 Jul 2002 22:34:44 +1100",
            "  Wed, 17 Jul 2002 22:34:44 +1100 (EST)",
            "Wed,  7 Jul 2002 22:34:44 -0000",
            "7 Jul 2002 22:34:44 -0730; x",
            "31 Jun 2002 22:34:44 +0000",
            "Wed, 17 Jul 2002 23:59:60 +0000",
            "Wed, 00 Jul 2002 22:34:44 +0000",
            "Sat, 29 Feb 2020 22:34:44 +9959",
            "Sat, 29 Feb 2020 22:34:44 GMT",
            "Sat, 29 feb 2020 22:34:44 pst\t(x)",
            "Sat, 29 Feb 2020 22:34:44 XYZ, x",
        ];
        for form in forms {
            assert_eq!(usual(form.as_bytes()), Some(word_by_word(form.as_bytes())), "{form}");
        }
        let others = [
            "Wed, 17 Jul 2002 22:34:44 +01000",
            "Wed, 17 Jul 2002 22:34:44 +0060",
            "Foo, 17 Jul 2002 22:34:44 +0100",
            "45 Jul 2002 22:34:44 +0100",
            "17 Jul 2002 9:34:44Z +0100",
            "17 Jul 2002 22:34:44 PM +0100",
            "17 Jul 2002 22:34:44 p.m +0100",
            "17 Jul 1899 22:34:44 +0100",
            "17 Jul 2002 24:34:44 +0100",
        ];
        for form in others {
            assert_eq!(usual(form.as_bytes()), None, "{form}");
        }
    }

    #[test]
    fn years_of_two_digits_follow_rfc_5322() {
        assert_eq!(at("24 Dec 91 05:52:04 -0800").as_deref(), Some("1991-12-24T13:52:04Z"));
        assert_eq!(at("24 Dec 49 05:52:04 +0000").as_deref(), Some("2049-12-24T05:52:04Z"));
        assert_eq!(at("24 Dec 50 05:52:04 +0000").as_deref(), Some("1950-12-24T05:52:04Z"));
    }

    #[test]
    fn what_cannot_be_is_no_time() {
        let bad = [
            "",
            "Thu Jan  7 10:23:50 2021",
            "24/07/2002 11:34:18",
            "Wed, 17 Jul 2002 11:34:44",
            "31 Jun 2002 11:34:44 +0000",
            "29 Feb 2100 11:34:44 +0000",
            "17 Jul 2002 25:34:44 +0000",
            "17 Jul 2002 11:34:62 +0000",
            "17 Jul 2002 11:34:44 +0360",
            "17 Jul 2002 11:34:44 --800",
            "17 Jul 2002 11:34:44 +05-30",
            "17 Jul 2002 11:34:44 2000",
            "Jan, 12 http://a.example/ 2002 02:43:40 -0800",
            "0 Jul 2002 11:34:44 +0000",
            "17 Jul 20022 11:34:44 +0000",
        ];
        for text in bad {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn a_leap_second_and_a_leap_day_exist() {
        assert_eq!(at("31 Dec 2016 23:59:60 +0000").as_deref(), Some("2017-01-01T00:00:00Z"));
        assert_eq!(at("29 Feb 2000 00:00:00 +0000").as_deref(), Some("2000-02-29T00:00:00Z"));
    }
}
