//! Why the evidence store cannot be used, in the words an admin needs.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::metrics::Trouble;

/// Why the store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the evidence store {}: {what}", crate::text::Printable(&path.to_string_lossy()))]
pub struct StoreError {
    /// What kind of trouble it is.
    pub trouble: Trouble,
    /// The store's file.
    pub path: PathBuf,
    /// What is wrong, and what to do, in a sentence.
    pub what: String,
}

impl StoreError {
    pub(super) fn new(path: &Path, trouble: Trouble, what: impl Into<String>) -> Self {
        Self { trouble, path: path.to_owned(), what: what.into() }
    }

    /// Puts SQLite's error into words.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let code = match error.sqlite_error() {
            // The index of the WAL has no room; SQLite calls that an error of reading and writing.
            Some(error) if error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => Some(ErrorCode::DiskFull),
            error => error.map(|error| error.code),
        };
        let (trouble, what) = match code {
            Some(ErrorCode::DiskFull) => (Trouble::Full, "no space is left where it lies"),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                (Trouble::Locked, "another program holds it locked (an open transaction, a backup, a VACUUM?)")
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
                (Trouble::Denied, "it may not be written to; the user relaywatch runs as must own it and its folder")
            }
            Some(ErrorCode::CannotOpen) => {
                (Trouble::Denied, "it cannot be opened; is its folder there, and may this user write to it?")
            }
            Some(ErrorCode::DatabaseCorrupt) => (
                Trouble::Damaged,
                "it is damaged; docs/runbooks/RelaywatchEvidenceNotStored.md says how to save what is in it",
            ),
            Some(ErrorCode::NotADatabase) => {
                (Trouble::Damaged, "it is no SQLite database, or damaged at its beginning")
            }
            _ => (Trouble::Other, "reading or writing it failed"),
        };
        Self::new(path, trouble, format!("{what} ({error})"))
    }
}
