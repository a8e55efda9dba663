//! What stands in an evidence store, asked without relaywatch's own reader.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
};

use relaywatch::{
    clock::{Clock as _, SystemClock},
    evidence::{self, TakenIn},
};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

/// An open store, or a copy of one.
pub(crate) struct Look {
    connection: Connection,
    _copy: Option<TempDir>,
}

/// The store's file within a folder.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join(evidence::FILE)
}

impl Look {
    /// Opens the store where it lies, to read only, once what waited beside it is in it.
    pub(crate) fn at(folder: &Path) -> Self {
        take_in(folder);
        Self { connection: open(&file(folder), OpenFlags::SQLITE_OPEN_READ_ONLY), _copy: None }
    }

    /// Opens a copy, so that the files stay as a kill left them: the next daemon is to find them so.
    pub(crate) fn at_copy(folder: &Path) -> Self {
        let copy = super::scratch::folder("copy");
        for name in ["evidence.db", "evidence.db-wal", "evidence.spool"] {
            let (from, to) = (folder.join(name), copy.path().join(name));
            if from.exists() {
                fs::copy(from, to).expect("the store can be copied");
            }
        }
        take_in(copy.path());
        Self { connection: open(&file(copy.path()), OpenFlags::SQLITE_OPEN_READ_WRITE), _copy: Some(copy) }
    }

    /// The file is whole, and no row refers to one that is not there.
    pub(crate) fn assert_whole(&self) {
        assert_eq!(self.texts("PRAGMA integrity_check"), ["ok"]);
        assert_eq!(self.texts("SELECT \"table\" || ' ' || rowid FROM pragma_foreign_key_check"), [""; 0]);
        // References that the tables do not declare.
        for (table, column, to) in [
            ("further_recipient", "message", "message"),
            ("finding", "message", "message"),
            ("remark", "message", "message"),
            ("path_hop", "hop", "hop"),
            ("path_hop", "path", "path"),
        ] {
            let sql = format!("SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM {to})");
            assert_eq!(self.number(&sql), 0, "{table}.{column}");
        }
        let hops = "SELECT count(*) FROM path p, json_each(p.hops) j WHERE j.value NOT IN (SELECT id FROM hop)";
        assert_eq!(self.number(hops), 0, "path.hops");
    }

    /// How often each queue id stands there, of mail that an MTA handed over.
    pub(crate) fn queue_ids(&self) -> BTreeMap<String, i64> {
        let sql = "SELECT queue_id, count(*) FROM message WHERE source IN (SELECT id FROM source WHERE source = 'milter') GROUP BY queue_id";
        let mut ask = self.connection.prepare(sql).expect("a store");
        let rows = ask.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("an answer");
        rows.map(|row| row.expect("a row")).collect()
    }

    /// Every one of these stands there once, and nothing stands there twice.
    pub(crate) fn assert_holds<'a>(&self, ids: impl IntoIterator<Item = &'a String>) {
        let stored = self.queue_ids();
        let twice: Vec<_> = stored.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty(), "stored more than once: {twice:?}");
        let missing: Vec<_> = ids.into_iter().filter(|id| !stored.contains_key(*id)).collect();
        assert!(missing.is_empty(), "{} are missing in the store: {missing:?}", missing.len());
    }

    /// The sum of what is noted as lost, and why.
    pub(crate) fn gaps(&self) -> (i64, Vec<String>) {
        let lost = self.number("SELECT coalesce(sum(lost), 0) FROM gap");
        (lost, self.texts("SELECT DISTINCT reason FROM gap ORDER BY reason"))
    }

    /// One number.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.connection.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// A column of texts.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let mut ask = self.connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let rows = ask.query_map([], |row| row.get(0)).expect("an answer");
        rows.map(|row| row.expect("a row")).collect()
    }
}

/// Has what waits beside the store of a folder be in it, as whoever asks it does first.
pub(crate) fn take_in(folder: &Path) -> TakenIn {
    evidence::take_in(&file(folder), SystemClock.now(), &mut thread::sleep).expect("the spool can be taken in")
}

fn open(file: &Path, access: OpenFlags) -> Connection {
    let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    connection.unwrap_or_else(|error| panic!("{} cannot be opened: {error}", file.display()))
}
