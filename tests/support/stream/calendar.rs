//! Dates as mail writes them, in any zone, from unix seconds: of our own, so that nothing here leans on what is tested.

/// Japan's offset in seconds; it has no summer time.
pub(crate) const JST: i64 = 9 * 3600;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A point of time in some zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    /// Days since a Thursday.
    days: i64,
}

/// Unix seconds of a date and time in Japan.
pub(crate) const fn jst(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> i64 {
    // The year begins in March here, so that the leap day comes last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 1 - 719_468;
    days * 86_400 + hour * 3600 + minute * 60 - JST
}

impl Civil {
    /// What the clock shows in a zone so many seconds ahead of UTC.
    pub(crate) fn at(time: i64, offset: i64) -> Self {
        let local = time + offset;
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let shifted = days + 719_468;
        let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 { (era * 400 + year, month + 3) } else { (era * 400 + year + 1, month - 9) };
        Self { year, month, day, hour: second / 3600, minute: second / 60 % 60, second: second % 60, days }
    }

    /// Saturday or Sunday.
    pub(crate) fn is_weekend(&self) -> bool {
        matches!(self.weekday(), "Sat" | "Sun")
    }

    fn weekday(&self) -> &'static str {
        DAYS[usize::try_from(self.days.rem_euclid(7)).unwrap_or(0)]
    }

    fn month_name(&self) -> &'static str {
        MONTHS[usize::try_from(self.month - 1).unwrap_or(0)]
    }
}

/// `Wed, 27 May 2020 09:15:02 +0900` (RFC 5322, 3.3).
pub(crate) fn date(time: i64, offset: i64) -> String {
    let c = Civil::at(time, offset);
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.abs() / 60;
    format!(
        "{}, {} {} {} {:02}:{:02}:{:02} {sign}{:02}{:02}",
        c.weekday(),
        c.day,
        c.month_name(),
        c.year,
        c.hour,
        c.minute,
        c.second,
        minutes / 60,
        minutes % 60,
    )
}

/// `27 May 2020 00:15:02 -0000`, as qmail writes it.
pub(crate) fn qmail_date(time: i64) -> String {
    let c = Civil::at(time, 0);
    format!("{} {} {} {:02}:{:02}:{:02} -0000", c.day, c.month_name(), c.year, c.hour, c.minute, c.second)
}

/// `Wed May 27 00:15:02 2020`, in UTC, as an mbox's separator has it.
pub(crate) fn mbox_date(time: i64) -> String {
    let c = Civil::at(time, 0);
    format!("{} {} {:2} {:02}:{:02}:{:02} {}", c.weekday(), c.month_name(), c.day, c.hour, c.minute, c.second, c.year)
}

/// `2020-05-31 13:00`, the hour in Japan in which it was.
pub(crate) fn jst_hour(time: i64) -> String {
    let c = Civil::at(time, JST);
    format!("{:04}-{:02}-{:02} {:02}:00", c.year, c.month, c.day, c.hour)
}
