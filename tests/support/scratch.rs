//! A folder of a test's own: directly under /tmp, because a UNIX socket's path has room for 107 bytes, and open to
//! Postfix, whose processes run as several users.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use tempfile::TempDir;

/// Makes it; it goes away when the value is dropped.
pub(crate) fn folder(what: &str) -> TempDir {
    let folder = tempfile::Builder::new().prefix(&format!("relaywatch-{what}-")).tempdir_in("/tmp");
    let folder = folder.expect("a folder can be made under /tmp");
    open_to_all(folder.path());
    folder
}

/// Lets every user look into a folder.
pub(crate) fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a mode can be set");
}

/// Writes a file as an editor does that saves atomically: beside it, then renamed over it.
pub(crate) fn replace(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    fs::write(&beside, text).expect("the file is writable");
    fs::rename(&beside, file).expect("the file can be renamed");
}
