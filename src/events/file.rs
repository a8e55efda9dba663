//! The JSONL file: one event a line, rotated by size.
//!
//! Takes lines, appends each by a single `write` to a file opened with `O_APPEND`: a process that is killed leaves whole lines or
//! none, and another writer's lines stay whole beside ours. What a full disk or a crash of the host leaves half written is ended
//! with a line end, so that it spoils no later event. A file that somebody else moved away (logrotate) is noticed by its inode.
//! Nothing is synced to the disk: an event is as safe as a line of the mail log.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{Line, writer::Output};
use crate::metrics::EventOutput;

/// The file's mode before the umask: a log shipper reads it as a member of the group.
const MODE: u32 = 0o640;

/// A JSONL file and the full ones before it (`events.jsonl.1` is the newest of them).
#[derive(Debug)]
pub struct JsonlFile {
    path: PathBuf,
    max_size: u64,
    keep: usize,
    open: Option<Open>,
    rotation_error: Option<io::Error>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Whether its last line has no end.
    torn: bool,
}

impl JsonlFile {
    /// A file that is not opened yet. One that reaches `max_size` bytes is moved away, and `keep` such are kept, at least one.
    pub fn new(path: PathBuf, max_size: u64, keep: usize) -> Self {
        Self { path, max_size, keep: keep.max(1), open: None, rotation_error: None }
    }

    /// Appends a line; its end is added.
    pub fn append(&mut self, line: &str) -> io::Result<()> {
        let mut open = self.current()?;
        let size = open.file.metadata()?.len();
        if size > 0 && size + line.len() as u64 + 1 > self.max_size {
            // An event that is lost is worse than a file that is too long.
            match self.rotate() {
                Ok(()) => open = Open::at(&self.path)?,
                Err(error) => self.rotation_error = Some(error),
            }
        }
        let written = open.append(line);
        self.open = Some(open);
        written
    }

    /// The file that bears our name now; opened anew where it was moved away or deleted.
    fn current(&mut self) -> io::Result<Open> {
        match (self.open.take(), fs::symlink_metadata(&self.path)) {
            (Some(open), Ok(named)) if is_same(&open.file.metadata()?, &named) => Ok(open),
            _ => Open::at(&self.path),
        }
    }

    /// Moves the file away and each full one a number up, as far as there is no gap: a rotation that fails halfway and is tried
    /// again must not push a full file out each time.
    fn rotate(&self) -> io::Result<()> {
        let is_free = |number: &usize| fs::symlink_metadata(self.full(*number)).is_err();
        let last = (1..self.keep).find(is_free).unwrap_or(self.keep);
        for number in (1..last).rev() {
            fs::rename(self.full(number), self.full(number + 1))?;
        }
        fs::rename(&self.path, self.full(1))
    }

    fn full(&self, number: usize) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        // A link or a pipe in its place is not followed: who can write to the folder must not lead us to another file.
        match fs::symlink_metadata(path) {
            Ok(about) if about.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(about) if !about.is_file() => return Err(io::Error::other("it is no regular file")),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(path)?;
        let about = file.metadata()?;
        if !is_same(&about, &fs::symlink_metadata(path)?) {
            return Err(io::Error::other("it was replaced while it was opened"));
        }
        let mut last = [b'\n'];
        if let Some(at) = about.len().checked_sub(1) {
            file.read_exact_at(&mut last, at)?;
        }
        Ok(Self { file, torn: last != [b'\n'] })
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        let text = format!("{}{line}\n", if self.torn { "\n" } else { "" });
        let before = self.file.metadata()?.len();
        let written = loop {
            match self.file.write(text.as_bytes()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => break written?,
            }
        };
        if written == text.len() {
            self.torn = false;
            return Ok(());
        }
        // The disk is full. The half line is taken back, but not where another process wrote behind it.
        let is_last = self.file.metadata()?.len() == before + written as u64;
        let undone = is_last && self.file.set_len(before).is_ok();
        self.torn |= !undone;
        Err(ErrorKind::StorageFull.into())
    }
}

fn is_same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

impl Output for JsonlFile {
    fn kind(&self) -> EventOutput {
        EventOutput::File
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn open(&mut self) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some(Open::at(&self.path)?);
        }
        Ok(())
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        self.append(&line.json)
    }

    fn complaint(&mut self) -> Option<String> {
        let error = self.rotation_error.take()?;
        Some(format!("it cannot be rotated and grows beyond `events.max_size`: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        (folder, path)
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn numbered(path: &Path, number: usize) -> PathBuf {
        JsonlFile::new(path.to_owned(), 1, 1).full(number)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_file_is_moved_away_and_the_oldest_goes() {
        let (folder, path) = folder();
        // Three lines of three bytes, with their ends, make twelve bytes.
        let mut file = JsonlFile::new(path.clone(), 12, 2);
        for number in 0..12 {
            file.append(&format!("{number:03}")).unwrap();
            assert!(fs::metadata(&path).unwrap().len() <= 12);
        }
        assert_eq!(names(folder.path()), ["events.jsonl", "events.jsonl.1", "events.jsonl.2"]);
        assert_eq!(read(&path), "009\n010\n011\n");
        assert_eq!(read(&numbered(&path, 1)), "006\n007\n008\n");
        assert_eq!(read(&numbered(&path, 2)), "003\n004\n005\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0, "nobody else reads it");
    }

    #[test]
    fn a_line_longer_than_the_file_may_be_has_one_of_its_own() {
        let (_folder, path) = folder();
        let mut file = JsonlFile::new(path.clone(), 8, 3);
        for line in ["a", "much longer than eight", "b"] {
            file.append(line).unwrap();
        }
        assert_eq!(read(&numbered(&path, 2)), "a\n");
        assert_eq!(read(&numbered(&path, 1)), "much longer than eight\n");
        assert_eq!(read(&path), "b\n");
    }

    #[test]
    fn a_half_line_of_a_crash_is_ended_first() {
        let (_folder, path) = folder();
        fs::write(&path, "{\"whole\":1}\n{\"ha").unwrap();
        let mut file = JsonlFile::new(path.clone(), 1000, 1);
        file.append("{}").unwrap();
        file.append("{}").unwrap();
        assert_eq!(read(&path), "{\"whole\":1}\n{\"ha\n{}\n{}\n");
    }

    #[test]
    fn a_file_that_was_moved_or_deleted_or_cut_is_noticed() {
        let (_folder, path) = folder();
        let mut file = JsonlFile::new(path.clone(), 1000, 1);
        file.append("1").unwrap();
        let away = path.with_extension("away");
        fs::rename(&path, &away).unwrap();
        file.append("2").unwrap();
        assert_eq!((read(&away).as_str(), read(&path).as_str()), ("1\n", "2\n"));
        fs::remove_file(&path).unwrap();
        file.append("3").unwrap();
        assert_eq!(read(&path), "3\n");
        // logrotate's `create`
        fs::rename(&path, &away).unwrap();
        fs::write(&path, "").unwrap();
        file.append("5").unwrap();
        assert_eq!((read(&away).as_str(), read(&path).as_str()), ("3\n", "5\n"));
        // logrotate's `copytruncate`
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        file.append("4").unwrap();
        assert_eq!(read(&path), "4\n");
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let (folder, path) = folder();
        let elsewhere = folder.path().join("elsewhere");
        symlink(&elsewhere, &path).unwrap();
        assert!(JsonlFile::new(path.clone(), 1000, 1).append("1").is_err());
        assert!(!elsewhere.exists(), "the link was not followed");
        let mut file = JsonlFile::new(elsewhere.clone(), 1000, 1);
        file.append("1").unwrap();
        fs::rename(&elsewhere, folder.path().join("real")).unwrap();
        symlink(folder.path().join("real"), &elsewhere).unwrap();
        assert!(file.append("2").is_err(), "a link to the very file is a link all the same");
        for path in [folder.path(), Path::new("/dev/full"), Path::new("/nonexistent/events.jsonl")] {
            assert!(JsonlFile::new(path.to_owned(), 1000, 1).open().is_err(), "{}", path.display());
        }
    }

    /// Where a rotation cannot be done, here because a folder stands in the way, lines go on and nothing else moves.
    #[test]
    fn a_rotation_that_fails_costs_no_line_and_no_full_file() {
        let (folder, path) = folder();
        let mut file = JsonlFile::new(path.clone(), 4, 3);
        for line in ["one", "two", "six"] {
            file.append(line).unwrap();
        }
        assert!(file.complaint().is_none());
        // The newest name is taken by what cannot be replaced by a file, and the full ones above it are none of it.
        let blocked = numbered(&path, 3);
        fs::create_dir(&blocked).unwrap();
        for line in ["ten", "11", "12"] {
            file.append(line).unwrap();
            assert!(file.complaint().unwrap().contains("events.max_size"));
        }
        assert_eq!(read(&path), "six\nten\n11\n12\n");
        assert_eq!((read(&numbered(&path, 1)).as_str(), read(&numbered(&path, 2)).as_str()), ("two\n", "one\n"));
        fs::remove_dir(&blocked).unwrap();
        file.append("end").unwrap();
        assert_eq!((read(&path).as_str(), read(&blocked).as_str()), ("end\n", "one\n"));
        assert_eq!(names(folder.path()).len(), 4);
    }

    #[test]
    fn two_writers_of_one_file_keep_their_lines_whole() {
        let (_folder, path) = folder();
        std::thread::scope(|scope| {
            let writers = ["a", "b"].map(|writer| {
                let mut file = JsonlFile::new(path.clone(), u64::MAX, 1);
                // A line that is just being written looks like a half one to who opens the file; an empty line comes of it.
                file.open().unwrap();
                (writer, file)
            });
            for (writer, mut file) in writers {
                scope.spawn(move || (0..500).for_each(|_| file.append(&writer.repeat(3000)).unwrap()));
            }
        });
        let text = read(&path);
        assert_eq!(text.lines().count(), 1000);
        assert!(text.lines().all(|line| line == "a".repeat(3000) || line == "b".repeat(3000)));
    }
}
