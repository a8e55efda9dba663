//! Who writes into a store: many records in one transaction, all or none.

use std::path::Path;

use ring::hmac;
use rusqlite::{Result, ToSql, TransactionBehavior, params};

use super::{
    coverage::Gap,
    error::StoreError,
    insert::Insert,
    mark::Mark,
    meta,
    once::{Once, Remembered, key},
    record::Record,
    store::Store,
};

/// Where the store says up to where a spool has been stored.
const SPOOL: &str = "spool";

/// What became of the records of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Records that were stored.
    pub stored: usize,
    /// Records of mail that was stored before, from a file that was scanned already.
    pub known: usize,
}

/// Somebody who writes, as the store knows him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId {
    id: i64,
    started: i64,
}

/// Writes records into an open store.
#[derive(Debug)]
pub struct Ledger {
    store: Store,
    key: hmac::Key,
    remembered: Remembered,
    /// SQLite's count of changes by others, as of when the memory was last right.
    others: i64,
}

impl Ledger {
    /// Begins to write into a store.
    pub fn new(store: Store) -> Result<Self, StoreError> {
        let key = key(&store.connection).map_err(|error| StoreError::of(&store.path, &error))?;
        Ok(Self { store, key, remembered: Remembered::default(), others: -1 })
    }

    /// The store's file.
    pub(super) fn path(&self) -> &Path {
        &self.store.path
    }

    /// Up to where a spool has been stored.
    pub(super) fn mark(&self) -> Result<Option<Mark>, StoreError> {
        let text: Option<String> =
            meta::get(&self.store.connection, SPOOL).map_err(|error| StoreError::of(&self.store.path, &error))?;
        Ok(text.as_deref().and_then(Mark::parse))
    }

    /// Stores records, all or none, and with them that others were lost before.
    pub fn write<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Record>,
        lost: Option<&Gap>,
    ) -> Result<Written, StoreError> {
        self.take(records, lost, None)
    }

    /// Stores records, all or none, and up to where a spool has been stored with them.
    pub(super) fn take<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Record>,
        lost: Option<&Gap>,
        mark: Option<Mark>,
    ) -> Result<Written, StoreError> {
        let written = self.transaction(records, lost, mark);
        if written.is_err() {
            // It may hold ids of rows that were taken back.
            self.remembered = Remembered::default();
        }
        written.map_err(|error| StoreError::of(&self.store.path, &error))
    }

    /// Notes that somebody begins to write; what it gives is for [`Self::end_run`].
    pub fn begin_run(&mut self, writer: &str, now: i64) -> Result<RunId, StoreError> {
        let insert = "INSERT INTO run (writer, version, started) VALUES (?1, ?2, ?3)";
        let begun = self.run(insert, &[&writer, &env!("CARGO_PKG_VERSION"), &now])?;
        Ok(RunId { id: begun, started: now })
    }

    /// Notes that somebody ends to write.
    pub fn end_run(&mut self, run: &RunId, now: i64) -> Result<(), StoreError> {
        let update = "UPDATE run SET ended = ?3 WHERE id = ?1 AND started = ?2";
        self.run(update, &[&run.id, &run.started, &now]).map(drop)
    }

    /// Whether this store knows that somebody is writing; another one, that took its place, does not.
    pub(super) fn is_open(&self, run: &RunId) -> Result<bool, StoreError> {
        let find = "SELECT EXISTS (SELECT 1 FROM run WHERE id = ?1 AND started = ?2 AND ended IS NULL)";
        let found = self.store.connection.query_row(find, [run.id, run.started], |row| row.get(0));
        found.map_err(|error| StoreError::of(&self.store.path, &error))
    }

    /// Moves what stands beside the file (in its WAL) into it. SQLite does so at the end, but not to a file that was moved away.
    pub(super) fn gather(&self) -> Result<(), StoreError> {
        let gathered = self.store.connection.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()));
        gathered.map_err(|error| StoreError::of(&self.store.path, &error))
    }

    fn run(&self, sql: &str, values: &[&dyn ToSql]) -> Result<i64, StoreError> {
        let connection = &self.store.connection;
        let ran = connection.execute(sql, values).map(|_| connection.last_insert_rowid());
        ran.map_err(|error| StoreError::of(&self.store.path, &error))
    }

    fn transaction<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Record>,
        lost: Option<&Gap>,
        mark: Option<Mark>,
    ) -> Result<Written> {
        let transaction = self.store.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let others = transaction.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if others != self.others {
            self.remembered = Remembered::default();
            self.others = others;
        }
        let mut written = Written::default();
        for record in records {
            let once = Once { connection: &transaction, key: &self.key, remembered: &mut self.remembered };
            if Insert::new(once).record(record)? {
                written.stored += 1;
            } else {
                written.known += 1;
            }
        }
        if let Some(gap) = lost {
            let lost = i64::try_from(gap.lost).unwrap_or(i64::MAX);
            transaction.execute(
                "INSERT INTO gap (since, until, lost, reason) VALUES (?1, ?2, ?3, ?4)",
                params![gap.since, gap.until, lost, gap.reason],
            )?;
        }
        if let Some(mark) = mark {
            meta::set(&transaction, SPOOL, mark.to_string())?;
        }
        transaction.commit()?;
        Ok(written)
    }
}
