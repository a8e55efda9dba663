//! What no message refers to any more: addresses, names, hops and whole paths that outlived their last message.
//!
//! An address that outlives its last message is personal data that is kept too long. Which rows are in use is written into sets of
//! numbers, a few thousand messages at a time, without a lock. Then the rest is deleted in short transactions. Somebody may have come to
//! use an old row meanwhile: each of these transactions first marks, under its lock, what newer messages refer to. Every row is
//! written together with a message that refers to it, and messages are numbered upwards, so that nothing is missed; where that does not hold
//! ([`upheavals`]), the sweep is given up and begun anew. The writer forgets its memory of rows when it sees that somebody else changed the
//! file (`ledger.rs`). A writer that never pauses is not caught up with; one with an MTA before it pauses for most of its time.

use std::{collections::HashMap, time::Duration};

use rusqlite::{Connection, Result, Row, TransactionBehavior};

use super::clearing::{Portion, delete, note_upheaval, upheavals};
use crate::clock::Stopwatch;

/// Messages, or rows, that are looked at in one step, without a lock.
const LOOK: usize = 2000;
/// Messages that are looked at under the lock; where more came, they are looked at without it first.
const CATCH_UP: usize = 200;

/// The tables, in the order in which they are swept: what refers goes before what it refers to.
const TABLES: [Table; 6] = [Table::Path, Table::Hop, Table::Source, Table::Address, Table::Name, Table::Protocol];

/// A table whose rows are referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Table {
    Path,
    Hop,
    Source,
    Address,
    Name,
    Protocol,
}

impl Table {
    fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Hop => "hop",
            Self::Source => "source",
            Self::Address => "address",
            Self::Name => "name",
            Self::Protocol => "protocol",
        }
    }

    /// What an empty row holds, of a table whose ids are hashes.
    fn empty(self) -> Option<&'static str> {
        match self {
            Self::Name => Some("name = ''"),
            Self::Address => Some("address = NULL"),
            Self::Path | Self::Hop | Self::Source | Self::Protocol => None,
        }
    }
}

/// What a step did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Swept {
    /// Messages that were too old and stood behind younger ones.
    pub(super) messages: u64,
    /// Rows that nobody referred to.
    pub(super) orphans: u64,
    /// How long the store was locked.
    pub(super) held: Duration,
    /// Whether there is more to do.
    pub(super) more: bool,
    /// Whether all tables were swept.
    pub(super) complete: bool,
}

/// One sweep through the store.
#[derive(Debug)]
pub(super) struct Sweep {
    marks: Marks,
    upheavals: Option<i64>,
    /// The table that is swept, by its place in [`TABLES`], and the last row that was looked at; nothing while messages are read first.
    at: Option<(usize, i64)>,
    portion: Portion,
}

impl Sweep {
    /// Begins; nothing is marked yet.
    pub(super) fn begin(connection: &Connection) -> Result<Self> {
        let upheavals = upheavals(connection)?;
        Ok(Self { marks: Marks::default(), upheavals, at: None, portion: Portion::default() })
    }

    /// Does the next short piece of work. Messages recorded before `oldest` are deleted where they are met.
    pub(super) fn step(&mut self, connection: &mut Connection, oldest: i64) -> Result<Swept> {
        let reading = connection.transaction()?;
        let expired = (oldest, self.portion.get());
        let read = self.marks.read(&reading, LOOK, self.at.is_none().then_some(expired))?;
        reading.commit()?;
        if !read.expired.is_empty() {
            return self.expire(connection, &read.expired);
        }
        if !read.all {
            return Ok(Swept { more: true, ..Swept::default() });
        }
        let (place, after) = *self.at.get_or_insert((0, i64::MIN));
        let Some(table) = TABLES.get(place).copied() else {
            return Ok(Swept { complete: true, ..Swept::default() });
        };
        let candidates = self.candidates(connection, table, after)?;
        let Some(last) = candidates.last else {
            self.at = Some((place + 1, i64::MIN));
            return Ok(Swept { more: true, ..Swept::default() });
        };
        if candidates.unmarked.is_empty() {
            self.at = Some((place, last));
            return Ok(Swept { more: true, ..Swept::default() });
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let begun = Stopwatch::start();
        if upheavals(&transaction)? != self.upheavals {
            return Ok(Swept::default());
        }
        if !self.marks.read(&transaction, CATCH_UP, None)?.all {
            return Ok(Swept { held: begun.elapsed(), more: true, ..Swept::default() });
        }
        let mut orphans = 0;
        for row in candidates.unmarked {
            if !self.marks.has(table, row) {
                orphans += remove(&transaction, table, row)?;
            }
        }
        if orphans > 0 {
            // For another sweep: its marks may stand for rows that are gone.
            note_upheaval(&transaction)?;
            self.upheavals = upheavals(&transaction)?;
        }
        transaction.commit()?;
        let held = begun.elapsed();
        self.portion.learn(held);
        self.at = Some((place, last));
        Ok(Swept { orphans, held, more: true, ..Swept::default() })
    }

    fn expire(&mut self, connection: &mut Connection, messages: &[i64]) -> Result<Swept> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let begun = Stopwatch::start();
        if upheavals(&transaction)? != self.upheavals {
            return Ok(Swept::default());
        }
        delete(&transaction, messages)?;
        transaction.commit()?;
        let held = begun.elapsed();
        self.portion.learn(held);
        Ok(Swept { messages: messages.len() as u64, held, more: true, ..Swept::default() })
    }

    /// The next rows that are not marked.
    fn candidates(&self, connection: &Connection, table: Table, after: i64) -> Result<Candidates> {
        let sql = format!("SELECT id FROM {} WHERE id > ?1 ORDER BY id LIMIT {LOOK}", table.as_str());
        let mut find = connection.prepare_cached(&sql)?;
        let mut found = Candidates::default();
        for row in find.query_map([after], |row| row.get(0))? {
            let row = row?;
            found.last = Some(row);
            if !self.marks.has(table, row) {
                found.unmarked.push(row);
            }
            if found.unmarked.len() >= self.portion.get() {
                break;
            }
        }
        Ok(found)
    }
}

#[derive(Default)]
struct Candidates {
    unmarked: Vec<i64>,
    last: Option<i64>,
}

fn remove(connection: &Connection, table: Table, row: i64) -> Result<u64> {
    if table == Table::Path {
        for hop in hops(connection, row)? {
            let mut delete = connection.prepare_cached("DELETE FROM path_hop WHERE hop = ?1 AND path = ?2")?;
            delete.execute([hop, row])?;
        }
    }
    vacate(connection, table, row)
}

/// Takes a row away. Where the ids are hashes, who looks for a text goes on from a row that is another's to the next (`once.rs`): a row
/// that another one stands behind becomes an empty one instead, so that the other is found.
pub(super) fn vacate(connection: &Connection, table: Table, row: i64) -> Result<u64> {
    let (name, empty) = (table.as_str(), table.empty());
    if let Some(empty) = empty {
        let mut neighbour = connection.prepare_cached(&format!("SELECT 1 FROM {name} WHERE id = ?1 + 1"))?;
        if neighbour.exists([row])? {
            let sql = format!("UPDATE {name} SET {empty} WHERE id = ?1");
            connection.prepare_cached(&sql)?.execute([row])?;
            return Ok(0);
        }
    }
    let mut delete = connection.prepare_cached(&format!("DELETE FROM {name} WHERE id = ?1"))?;
    Ok(delete.execute([row])? as u64)
}

/// The hops of a path.
fn hops(connection: &Connection, path: i64) -> Result<Vec<i64>> {
    let mut find = connection.prepare_cached("SELECT hops FROM path WHERE id = ?1")?;
    let mut rows = find.query([path])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    Ok(serde_json::from_str(row.get_ref(0)?.as_str()?).unwrap_or_default())
}

/// The rows that messages refer to.
#[derive(Debug, Default)]
struct Marks {
    rows: HashMap<Table, Ids>,
    /// The newest message that was read.
    read: i64,
}

/// What was read of messages.
struct ReadOn {
    /// Whether there are no more.
    all: bool,
    /// Those that were recorded too long ago; they were passed over.
    expired: Vec<i64>,
}

impl Marks {
    fn has(&self, table: Table, row: i64) -> bool {
        self.rows.get(&table).is_some_and(|ids| ids.has(row))
    }

    fn add(&mut self, table: Table, row: i64) -> bool {
        self.rows.entry(table).or_default().add(row)
    }

    /// Marks what columns of a row refer to.
    fn add_each(&mut self, row: &Row<'_>, columns: &[(usize, Table)]) -> Result<()> {
        for (column, table) in columns {
            if let Some(id) = row.get(*column)? {
                self.add(*table, id);
            }
        }
        Ok(())
    }

    /// Marks what the next messages refer to. With `expired`, those that were recorded before a time are passed over, so many at most.
    fn read(&mut self, connection: &Connection, most: usize, expired: Option<(i64, usize)>) -> Result<ReadOn> {
        let mut read = ReadOn { all: true, expired: Vec::new() };
        let mut find = connection.prepare_cached(
            "SELECT m.id, coalesce(r.recorded, m.time), m.source, m.path, m.message_host, m.sender, m.header_from, m.recipient \
             FROM message m LEFT JOIN remark r ON r.message = m.id WHERE m.id > ?1 ORDER BY m.id LIMIT ?2",
        )?;
        let mut rows = find.query([self.read, i64::try_from(most).unwrap_or(i64::MAX)])?;
        let (first, mut count) = (self.read, 0);
        while let Some(row) = rows.next()? {
            count += 1;
            self.read = row.get(0)?;
            if let Some((oldest, portion)) = expired
                && row.get::<_, i64>(1)? < oldest
            {
                read.expired.push(self.read);
                if read.expired.len() >= portion {
                    read.all = false;
                    break;
                }
                continue;
            }
            self.add(Table::Source, row.get(2)?);
            self.path(connection, row.get(3)?)?;
            self.add_each(row, &[(4, Table::Name), (5, Table::Address), (6, Table::Address), (7, Table::Address)])?;
        }
        read.all &= count < most;
        let mut find =
            connection.prepare_cached("SELECT address FROM further_recipient WHERE message > ?1 AND message <= ?2")?;
        let mut rows = find.query([first, self.read])?;
        while let Some(row) = rows.next()? {
            self.add(Table::Address, row.get(0)?);
        }
        Ok(read)
    }

    fn path(&mut self, connection: &Connection, path: i64) -> Result<()> {
        if !self.add(Table::Path, path) {
            return Ok(());
        }
        for hop in hops(connection, path)? {
            if !self.add(Table::Hop, hop) {
                continue;
            }
            let mut find = connection.prepare_cached("SELECT helo, rdns, by, protocol FROM hop WHERE id = ?1")?;
            let mut rows = find.query([hop])?;
            let Some(row) = rows.next()? else { continue };
            self.add_each(row, &[(0, Table::Name), (1, Table::Name), (2, Table::Name), (3, Table::Protocol)])?;
        }
        Ok(())
    }
}

/// A set of numbers, of some that follow each other and of hashes: by blocks of 65536, two bytes a number or a bit each.
#[derive(Debug, Default)]
struct Ids(HashMap<i64, Block>);

#[derive(Debug)]
enum Block {
    /// In order.
    Few(Vec<u16>),
    Many(Box<[u64; 1024]>),
}

/// From here on a bit each takes less.
const FEW: usize = 4096;

impl Ids {
    /// Whether it was not there.
    fn add(&mut self, id: i64) -> bool {
        let (block, low) = place(id);
        let block = self.0.entry(block).or_insert_with(|| Block::Few(Vec::new()));
        if let Block::Few(few) = block
            && few.len() >= FEW
        {
            let mut bits = Box::new([0; 1024]);
            for low in few.iter() {
                set(&mut bits, *low);
            }
            *block = Block::Many(bits);
        }
        match block {
            Block::Few(few) => few.binary_search(&low).map_err(|at| few.insert(at, low)).is_err(),
            Block::Many(bits) => set(bits, low),
        }
    }

    fn has(&self, id: i64) -> bool {
        let (block, low) = place(id);
        self.0.get(&block).is_some_and(|block| match block {
            Block::Few(few) => few.binary_search(&low).is_ok(),
            Block::Many(bits) => bits.get(usize::from(low) / 64).is_some_and(|word| word >> (low % 64) & 1 == 1),
        })
    }
}

/// Whether it was not there.
fn set(bits: &mut [u64; 1024], low: u16) -> bool {
    let Some(word) = bits.get_mut(usize::from(low) / 64) else { return false };
    let before = *word;
    *word |= 1 << (low % 64);
    *word != before
}

fn place(id: i64) -> (i64, u16) {
    (id >> 16, u16::try_from(id & 0xffff).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_numbers_holds_what_was_added_and_nothing_else() {
        let mut ids = Ids::default();
        let added = [i64::MIN, -65537, -65536, -1, 0, 1, 63, 64, 65535, 65536, 1 << 40, i64::MAX];
        for id in added {
            assert!(!ids.has(id) && ids.add(id) && !ids.add(id), "{id}");
        }
        for id in added {
            assert!(ids.has(id));
            for near in [id.wrapping_sub(1), id.wrapping_add(1)] {
                assert_eq!(ids.has(near), added.contains(&near), "{near}");
            }
        }
    }

    #[test]
    fn a_block_that_fills_holds_the_same() {
        let mut ids = Ids::default();
        let odd = (0..30_000).map(|number| (number * 7919 % 65536) | 1);
        let known: std::collections::HashSet<i64> = odd.clone().collect();
        let new = odd.filter(|id| ids.add(*id)).count();
        assert_eq!(new, known.len());
        assert!(new > FEW && (0..65536).all(|id| ids.has(id) == known.contains(&id)));
    }
}
