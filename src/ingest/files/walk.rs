//! Files under a path, in a fixed order.
//!
//! Takes a path, hands on files: those of a folder by name, with those of its folders in between. Of a Maildir only
//! `new`, `cur` and sub-mailboxes are entered: `tmp` holds mail that is still being delivered, the other files are the mail
//! server's own. Links to folders are left out, because they may lead back; devices, sockets and pipes in folders as well.

use std::{
    ffi::OsString,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{STDIN, Trouble, TroubleKind};

/// What stands under a path.
pub(super) enum Entry {
    /// A file.
    File { path: PathBuf, named: bool },
    /// A folder that cannot be entered.
    Trouble(Trouble),
}

type Sink<'a> = dyn FnMut(Entry) -> ControlFlow<()> + 'a;

/// Hands on every file under a path that the user named; that one may be a link or a pipe.
pub(super) fn walk(path: &Path, sink: &mut Sink<'_>) -> ControlFlow<()> {
    if path != Path::new(STDIN) && path.is_dir() {
        return folder(path, true, sink);
    }
    sink(Entry::File { path: path.to_owned(), named: true })
}

#[derive(PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    LinkToFolder,
    Other,
}

fn folder(path: &Path, named: bool, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let entries = match entries(path) {
        Ok(entries) => entries,
        Err(error) => return sink(trouble(path, named, TroubleKind::Unreadable, &error.to_string())),
    };
    let has = |wanted: &str| entries.iter().any(|(name, kind)| *kind == Kind::Folder && name == wanted);
    let maildir = has("cur") && has("new");
    for (name, kind) in entries {
        let inner = path.join(&name);
        match kind {
            Kind::Folder if maildir && name == "tmp" => {}
            Kind::Folder => folder(&inner, false, sink)?,
            Kind::File if maildir => {}
            Kind::File => sink(Entry::File { path: inner, named: false })?,
            Kind::LinkToFolder => {
                let reason = "it is a link to a folder and was not followed; name it to have it read";
                sink(trouble(&inner, false, TroubleKind::Skipped, reason))?;
            }
            Kind::Other => {}
        }
    }
    ControlFlow::Continue(())
}

/// A folder's entries by name. The names of one folder are the only thing here that grows with what is read.
fn entries(path: &Path) -> io::Result<Vec<(OsString, Kind)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let kind = match kind {
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File,
            kind if kind.is_symlink() => match fs::metadata(entry.path()) {
                Ok(target) if target.is_dir() => Kind::LinkToFolder,
                Ok(target) if !target.is_file() => Kind::Other,
                Ok(_) | Err(_) => Kind::File, // a broken link is reported when it is opened
            },
            _ => Kind::Other,
        };
        entries.push((entry.file_name(), kind));
    }
    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(entries)
}

fn trouble(path: &Path, named: bool, kind: TroubleKind, reason: &str) -> Entry {
    Entry::Trouble(Trouble { path: path.to_owned(), kind, reason: reason.to_owned(), named })
}
