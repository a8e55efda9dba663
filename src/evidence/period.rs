//! From when to when the messages are that were stored one after the other.
//!
//! Messages are numbered as they are stored, which is about the order of their time. For each thousand of them the first and the last time
//! is kept (the table `period`), so that a stretch of time is found without an index over all messages: in a daemon's store in one
//! place, in archives wherever a file's mail lies. A time that is far off makes its thousand be looked at more often, and hides none.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Result};

/// A period's number is that of its messages without so many bits.
const BITS: u32 = 10;

/// From when to when, in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first second that belongs to it.
    pub since: i64,
    /// The first second that does not.
    pub until: i64,
}

impl Span {
    /// All time.
    pub const ALWAYS: Self = Self { since: i64::MIN, until: i64::MAX };
}

/// Notes the time of a message that was stored.
pub(super) fn note(connection: &Connection, message: i64, time: i64) -> Result<()> {
    let mut note = connection.prepare_cached(
        "INSERT INTO period (id, since, until) VALUES (?1, ?2, ?2) \
         ON CONFLICT DO UPDATE SET since = min(since, ?2), until = max(until, ?2) WHERE since > ?2 OR until < ?2",
    )?;
    note.execute([message >> BITS, time]).map(drop)
}

/// Looks once more at the periods of messages that were deleted.
pub(super) fn renew(connection: &Connection, deleted: &[i64]) -> Result<()> {
    for period in deleted.iter().map(|message| message >> BITS).collect::<BTreeSet<_>>() {
        connection.prepare_cached("DELETE FROM period WHERE id = ?1")?.execute([period])?;
        let mut renew = connection.prepare_cached(
            "INSERT INTO period (id, since, until) SELECT ?1, min(time), max(time) FROM message WHERE id BETWEEN ?2 AND ?3 \
             HAVING count(*) > 0",
        )?;
        let (first, last) = messages(period, period);
        renew.execute([period, first, last])?;
    }
    Ok(())
}

/// The number of the first and of the last message that may be of a stretch of time; nothing where none is.
pub(super) fn around(connection: &Connection, span: Span) -> Result<Option<(i64, i64)>> {
    let mut find = connection
        .prepare_cached("SELECT min(id), max(id) FROM period WHERE until >= ?1 AND since < ?2 HAVING count(*) > 0")?;
    let periods = find.query_row([span.since, span.until], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(periods.map(|(first, last)| messages(first, last)))
}

/// The numbers that messages of these periods and of those between have.
fn messages(first: i64, last: i64) -> (i64, i64) {
    (first << BITS, last << BITS | ((1 << BITS) - 1))
}
