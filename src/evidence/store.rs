//! The store's file: opened, checked, brought to the present version of its tables.
//!
//! One SQLite file in WAL mode. A commit is in the operating system's hands when it returns, so that no end of this process
//! loses it; [`Durability::Full`] waits for the disk as well.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt},
    path::Path,
    path::PathBuf,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::error::StoreError;
use crate::metrics::Trouble;

/// Marks a SQLite file as ours (`PRAGMA application_id`): "rlyw".
const APPLICATION: i32 = 0x726c_7977;

/// What makes version N+1 of the tables of version N; the first one makes version 1 of nothing.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];

/// The version of the tables that this program writes.
pub const VERSION: usize = MIGRATIONS.len();

/// The file's name within the state folder.
pub const FILE: &str = "evidence.db";

/// Pages in the write-ahead log before they are moved into the file (16 MiB): waiting for the disk then is rare.
const CHECKPOINT_PAGES: u32 = 4096;

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The operating system: nothing is lost when this process ends, however it does.
    #[default]
    Normal,
    /// The disk: nothing is lost when the power fails.
    Full,
}

impl Durability {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Normal, Self::Full];

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Full => "full",
        }
    }
}

/// An open store.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

impl Store {
    /// Opens a store to write to it; makes it, readable by its owner only, where there is none. Its folder must exist.
    ///
    /// Who else is writing is waited for as long as `patience` says.
    pub fn open(path: &Path, durability: Durability, patience: Duration) -> Result<Self, StoreError> {
        make(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = Self::connect(path, flags, patience)?;
        let wrap = |error: rusqlite::Error| StoreError::of(path, &error);
        store.check(VERSION, path)?;
        store.prepare_new().map_err(wrap)?;
        store.migrate().map_err(wrap)?;
        store.settle(durability).map_err(wrap)?;
        Ok(store)
    }

    /// Opens a store to ask it.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        if let Err(error) = std::fs::metadata(path) {
            return Err(match error.kind() {
                ErrorKind::NotFound => StoreError::new(
                    path,
                    Trouble::Missing,
                    "there is none: nothing was stored as yet, or the configuration with its `state.folder` is another one (--config, --store)",
                ),
                _ => StoreError::new(path, Trouble::Denied, error.to_string()),
            });
        }
        // Who may write opens for writing: a reader alone in a folder cannot make the WAL's index.
        let patience = Duration::from_secs(5);
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = Self::connect(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE, patience)
            .or_else(|_| Self::connect(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY, patience))?;
        store.connection.pragma_update(None, "query_only", true).map_err(|error| StoreError::of(path, &error))?;
        store.check(VERSION, path)?;
        store.require_present()?;
        Ok(store)
    }

    /// Opens a store that is there to take things out of it.
    pub(super) fn open_to_clear(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::new(path, Trouble::Missing, "there is none, or its folder may not be looked into"));
        }
        let wrap = |error: rusqlite::Error| StoreError::of(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = Self::connect(path, flags, patience)?;
        store.check(VERSION, path)?;
        store.require_present()?;
        store.settle(Durability::Normal).map_err(wrap)?;
        Ok(store)
    }

    /// Whether the tables are of the present version.
    fn require_present(&self) -> Result<(), StoreError> {
        if self.version().map_err(|error| StoreError::of(&self.path, &error))? == VERSION {
            return Ok(());
        }
        let what = "its tables are of an older version; start `relaywatch serve` once, which brings them up to date";
        Err(StoreError::new(&self.path, Trouble::Future, what))
    }

    fn connect(path: &Path, flags: OpenFlags, patience: Duration) -> Result<Self, StoreError> {
        let connect = || {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(patience)?;
            // The file may come from anywhere: nothing in its schema is run on our behalf.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.set_prepared_statement_cache_capacity(64);
            connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))?;
            Ok(connection)
        };
        let connection = connect().map_err(|error: rusqlite::Error| StoreError::of(path, &error))?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// What can only be said of a file before its first table is made.
    fn prepare_new(&self) -> rusqlite::Result<()> {
        if self.connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))? == 0 {
            self.connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        Ok(())
    }

    /// Whether it is a store of ours, and not one of a newer program.
    fn check(&self, newest: usize, path: &Path) -> Result<(), StoreError> {
        let wrap = |error: rusqlite::Error| StoreError::of(path, &error);
        let tables: i64 =
            self.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(wrap)?;
        let application: i32 =
            self.connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(wrap)?;
        let version = self.version().map_err(wrap)?;
        if application != APPLICATION && (tables > 0 || application != 0) {
            return Err(StoreError::new(
                path,
                Trouble::Damaged,
                "it is a SQLite database, but none of relaywatch's; nothing was changed in it",
            ));
        }
        if version > newest {
            return Err(StoreError::new(
                path,
                Trouble::Future,
                format!(
                    "its tables are of version {version}, made by a newer relaywatch; this one knows up to {newest}"
                ),
            ));
        }
        Ok(())
    }

    fn version(&self) -> rusqlite::Result<usize> {
        let version: i64 = self.connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(usize::try_from(version).unwrap_or(usize::MAX))
    }

    /// Brings the tables to the present version, all or nothing; of two programs that start at once, one waits.
    fn migrate(&self) -> rusqlite::Result<()> {
        if self.version()? == VERSION {
            return Ok(());
        }
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let steps = || {
            for (from, step) in MIGRATIONS.iter().enumerate().skip(self.version()?) {
                self.connection.execute_batch(step)?;
                self.connection.pragma_update(None, "user_version", i64::try_from(from + 1).unwrap_or(i64::MAX))?;
            }
            self.connection.pragma_update(None, "application_id", APPLICATION)?;
            self.connection.execute_batch("COMMIT")
        };
        steps().inspect_err(|_: &rusqlite::Error| drop(self.connection.execute_batch("ROLLBACK")))
    }

    fn settle(&self, durability: Durability) -> rusqlite::Result<()> {
        let connection = &self.connection;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(
            None,
            "synchronous",
            match durability {
                Durability::Normal => "NORMAL",
                Durability::Full => "FULL",
            },
        )?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        // Each row is made or found before it is referred to; to look for it once more costs as much as a row, and where rows are taken out
        // SQLite would read all messages for each. A test asks for every reference afterwards.
        connection.pragma_update(None, "foreign_keys", false)?;
        // What is forgotten is to be gone from the file, too.
        connection.pragma_update(None, "secure_delete", true)
    }
}

/// Makes the file for its owner only: it says who wrote to whom. SQLite gives its helper files the same mode.
fn make(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => {
            let (trouble, what) = match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    (Trouble::Full, "no space is left where it is to lie")
                }
                ErrorKind::NotFound | ErrorKind::NotADirectory => (
                    Trouble::Missing,
                    "it cannot be made; its folder, `state.folder` of the configuration, is not there",
                ),
                _ => (
                    Trouble::Denied,
                    "it cannot be made; relaywatch's user must own its folder, and be able to write to it",
                ),
            };
            Err(StoreError::new(path, trouble, format!("{what} ({error})")))
        }
    }
}

/// Which file it is that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file's, if there is one.
    pub(super) fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|file| Self::new(&file))
    }

    /// An open file's.
    pub(super) fn of_open(file: &File) -> Option<Self> {
        file.metadata().ok().map(|file| Self::new(&file))
    }

    fn new(file: &Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }
}
