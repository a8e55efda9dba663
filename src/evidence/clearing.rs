//! What all that takes things out of the store has in common.
//!
//! Short pieces of work with rests between them, as large as the time they take allows; messages deleted with what is theirs; and a mark that
//! tells others when numbers of rows do not mean what they meant.

use std::time::Duration;

use rusqlite::{Connection, Result, Transaction};

use super::{meta, period};

/// How long the store may be locked; a step that took longer makes the next one smaller.
const HOLD: Duration = Duration::from_millis(8);

/// Who waits looks for the lock a dozen times in 200 ms: held for a fifth of the time, it is found free.
pub(super) fn rest_after(held: Duration) -> Duration {
    (held * 4).max(Duration::from_millis(1))
}

/// How much is done at once, by how long it took before.
#[derive(Debug)]
pub(super) struct Portion(usize);

impl Default for Portion {
    fn default() -> Self {
        Self(50)
    }
}

impl Portion {
    pub(super) fn get(&self) -> usize {
        self.0
    }

    pub(super) fn learn(&mut self, held: Duration) {
        if held > HOLD {
            self.0 = (self.0 / 2).max(5);
        } else if held < HOLD / 4 {
            self.0 = (self.0 * 3 / 2).min(2000);
        }
    }
}

/// Deletes messages with what is theirs alone.
pub(super) fn delete(transaction: &Transaction<'_>, messages: &[i64]) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let newest: Option<i64> = transaction.query_row("SELECT max(id) FROM message", [], |row| row.get(0))?;
    for message in messages {
        for sql in [
            "DELETE FROM finding WHERE message = ?1",
            "DELETE FROM further_recipient WHERE message = ?1",
            "DELETE FROM remark WHERE message = ?1",
            "DELETE FROM message WHERE id = ?1",
        ] {
            transaction.prepare_cached(sql)?.execute([message])?;
        }
    }
    period::renew(transaction, messages)?;
    if newest.is_some_and(|newest| messages.contains(&newest)) {
        // SQLite gives the next message a number that was another's.
        note_upheaval(transaction)?;
    }
    Ok(())
}

/// Tells sweeps that run that what they know is not true any more: the number of a message or a row may have been given again, or a message
/// refers to another row than it did.
pub(super) fn note_upheaval(transaction: &Transaction<'_>) -> Result<()> {
    let before = upheavals(transaction)?.unwrap_or(0);
    meta::set(transaction, UPHEAVALS, before.wrapping_add(1))
}

/// How often that was told.
pub(super) fn upheavals(connection: &Connection) -> Result<Option<i64>> {
    meta::get(connection, UPHEAVALS)
}

const UPHEAVALS: &str = "upheavals";
