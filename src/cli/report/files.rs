//! A report as a folder of files with their hashes.
//!
//! The folder is there as a whole or not at all: everything is written beside it first. It names people, so that only its owner can read it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{Error, Screen};
use crate::{
    clock::Timestamp,
    evidence::{self, Reader},
    exposure::{
        self, Exposure, MessageTable, Query,
        manifest::{Sealed, Sealing, StoreFacts, manifest, sums},
        page, people, write_text,
    },
    text::{Printable, printable},
    view::{Style, json},
};

/// The manifest's name.
const MANIFEST: &str = "manifest.json";
/// The name of the list of hashes.
const SUMS: &str = "SHA256SUMS";

/// What is to be written where.
pub(super) struct Order<'a> {
    pub(super) folder: &'a Path,
    pub(super) query: &'a Query,
    pub(super) typed: Vec<String>,
    pub(super) people: bool,
}

/// Asks the store and writes the folder.
pub(super) fn write(order: &Order<'_>, reader: &Reader, now: Timestamp) -> Result<(Exposure, Vec<Sealed>), Error> {
    let fail = |error: io::Error| trouble(order.folder, &error);
    refuse_what_is_there(order.folder)?;
    let parent = match order.folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let beside = tempfile::Builder::new()
        .prefix(".relaywatch-report-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(fail)?;
    let folder = beside.path();

    let mut table = MessageTable::new(create(folder, "messages.csv").map_err(fail)?, order.query).map_err(fail)?;
    let exposure = exposure::ask(reader, order.query, now, &mut |row| table.write(row))?;
    let messages = table.finish().and_then(|out| seal(out, "messages.csv")).map_err(fail)?;

    let style = Style { width: 100, ..Style::default() };
    let mut sealed = vec![
        file(folder, "report.txt", |out| write_text(out, &exposure, order.people, &style)).map_err(fail)?,
        file(folder, "report.html", |out| out.write_all(page(&exposure, order.people).as_bytes())).map_err(fail)?,
        file(folder, "report.json", |out| writeln!(out, "{}", json::pretty(&exposure)?)).map_err(fail)?,
        file(folder, "affected.csv", |out| people(out, &exposure)).map_err(fail)?,
        messages,
    ];
    let store = StoreFacts { file: printable(&reader.path().to_string_lossy(), 1000), tables: evidence::VERSION };
    let manifest = manifest(&exposure, &order.typed, &store, &sealed)?;
    sealed.push(file(folder, MANIFEST, |out| writeln!(out, "{manifest}")).map_err(fail)?);
    file(folder, SUMS, |out| out.write_all(sums(&sealed).as_bytes())).map_err(fail)?;

    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
    fs::rename(folder, order.folder).map_err(fail)?;
    let _ = beside.keep(); // it is not there any more under its own name
    File::open(&parent).and_then(|parent| parent.sync_all()).map_err(fail)?;
    Ok((exposure, sealed))
}

/// Says what was written.
pub(super) fn tell(screen: &mut Screen<'_>, exposure: &Exposure, folder: &Path, sealed: &[Sealed]) -> io::Result<()> {
    for warning in &exposure.warnings {
        writeln!(screen.out, "! {}", Printable(warning))?;
    }
    writeln!(screen.out, "{}", Printable(&exposure::headline(exposure)))?;
    for sealed in sealed {
        let path = folder.join(&sealed.name);
        writeln!(screen.out, "{}  {}", sealed.sha256, Printable(&path.to_string_lossy()))?;
    }
    Ok(())
}

fn refuse_what_is_there(folder: &Path) -> Result<(), Error> {
    let refuse = |reason: &str| Err(Error::Input { path: shown(folder), reason: reason.to_owned() });
    match fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(true) => refuse("it is not empty; a report is written into a new folder, because it is evidence"),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => refuse("it is a file; expected a new folder"),
        Err(error) => Err(trouble(folder, &error)),
    }
}

type Out = Sealing<BufWriter<File>>;

/// A new file of its owner's only.
fn create(folder: &Path, name: &str) -> io::Result<Out> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name))?;
    Ok(Sealing::new(BufWriter::with_capacity(64 * 1024, file)))
}

fn seal(out: Out, name: &str) -> io::Result<Sealed> {
    let (file, sealed) = out.seal(name)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(sealed)
}

fn file(folder: &Path, name: &str, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Sealed> {
    let mut out = create(folder, name)?;
    write(&mut out)?;
    seal(out, name)
}

fn trouble(folder: &Path, error: &io::Error) -> Error {
    Error::Input { path: shown(folder), reason: format!("cannot write the report: {error}") }
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy(), 500)
}
