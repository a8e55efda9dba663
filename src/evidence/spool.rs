//! The spool: records that were acknowledged and are on their way into the store.
//!
//! A file beside the store, one line a record. To append a line is a single write, a fifth of what a commit costs, and then it is in the
//! operating system's hands: no end of this process loses it. The thread of [`super::Keeper`] stores what was appended some times a second,
//! and empties the file. What a killed process left in it is taken in by whoever opens the store next ([`take_in`]).
//!
//! The first line names the spool, and each other one begins with its number. In the transaction that stores records the store notes the
//! number of the last one, so that each is stored once, wherever between the two files a kill falls.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use ring::rand::{SecureRandom as _, SystemRandom};

use super::{
    coverage::Gap,
    error::StoreError,
    ledger::Ledger,
    mark::Mark,
    record::Record,
    store::{Durability, FileId, Store},
};
use crate::{clock::Timestamp, metrics::Trouble};

/// What a spool's first line begins with; the version of its lines is part of it.
const TITLE: &str = "relaywatch-spool-1 ";
/// Bytes of a spool that holds nothing: the first line.
const EMPTY: u64 = TITLE.len() as u64 + 17;
/// How often a daemon at work is looked at, and what lies between two looks.
const DAEMON_LOOKS: usize = 50;
const DAEMON_LOOK: Duration = Duration::from_millis(20);
/// Bytes of a spool beyond which nothing is appended to it. It is emptied some times a second, unless the store cannot keep up.
const MOST_BYTES: u64 = 16 << 20;
/// Records of one transaction while a spool is taken in.
const BATCH: usize = 256;
/// How long the end of another program's transaction is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A spool to append to. No other process appends to it meanwhile, nor takes it in.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    path: PathBuf,
    last: Mark,
    line: Vec<u8>,
    length: u64,
    /// Whether it ends with a whole line.
    whole: bool,
}

/// What became of a spool that was left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TakenIn {
    /// Records that were stored.
    pub stored: usize,
    /// Lines that could not be read: the file was damaged. The store has a gap instead.
    pub damaged: usize,
}

/// Where a store's spool lies.
pub(super) fn path(store: &Path) -> PathBuf {
    store.with_extension("spool")
}

/// Has what waits beside a store be in it: stores what a daemon that was killed left, or waits for one that is at work, for a second at most.
/// `rest` waits.
pub fn take_in(store: &Path, now: Timestamp, rest: &mut dyn FnMut(Duration)) -> Result<TakenIn, StoreError> {
    let spool = path(store);
    let failed = |error: io::Error| failed(store, &spool, &error);
    if length(&spool).map_err(failed)? <= EMPTY {
        return Ok(TakenIn::default());
    }
    let mut spool = match Spool::open(store) {
        Ok(Some(spool)) => spool,
        Ok(None) => return is_emptied(&spool, rest).map_err(failed).map(|_| TakenIn::default()),
        // Who may only read the store sees by the spool's length whether a daemon is at work.
        Err(error) => {
            return if is_emptied(&spool, rest).is_ok_and(|emptied| emptied) {
                Ok(TakenIn::default())
            } else {
                Err(failed(error))
            };
        }
    };
    let mut ledger = Ledger::new(Store::open(store, Durability::Normal, PATIENCE)?)?;
    let taken = spool.take_in(&mut ledger, now)?;
    spool.remove();
    Ok(taken)
}

/// Waits until a daemon has emptied it; not for long.
fn is_emptied(spool: &Path, rest: &mut dyn FnMut(Duration)) -> io::Result<bool> {
    let mut before = 0;
    for _ in 0..DAEMON_LOOKS {
        let now = length(spool)?;
        if now < before || now <= EMPTY {
            return Ok(true); // what is there is new
        }
        before = now;
        rest(DAEMON_LOOK);
    }
    Ok(false)
}

/// How long it is; nothing where there is none.
fn length(spool: &Path) -> io::Result<u64> {
    match std::fs::metadata(spool) {
        Ok(file) => Ok(file.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn failed(store: &Path, spool: &Path, error: &io::Error) -> StoreError {
    let trouble = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Trouble::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Trouble::Full,
        _ => Trouble::Other,
    };
    let name = spool.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let what = format!("records wait beside it in {name}, which cannot be read and emptied ({error})");
    StoreError::new(store, trouble, what)
}

impl Spool {
    /// Opens the spool of a store, which may hold records still; makes it, readable by its owner only, where there is none. Nothing where
    /// another process has it.
    pub(super) fn open(store: &Path) -> io::Result<Option<Self>> {
        let path = path(store);
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever had it before may have removed it before this lock was got.
        if FileId::of(&path) != FileId::of_open(&file) {
            return Ok(None);
        }
        let length = file.metadata()?.len();
        Ok(Some(Self { file, path, last: Mark { spool: 0, number: 0 }, line: Vec::new(), length, whole: false }))
    }

    /// Stores what the spool holds, empties it, and makes it ready to be appended to.
    pub(super) fn take_in(&mut self, ledger: &mut Ledger, now: Timestamp) -> Result<TakenIn, StoreError> {
        let mut taken = TakenIn::default();
        let store = ledger.path().to_owned();
        let path = self.path.clone();
        let failed = |error: io::Error| failed(&store, &path, &error);
        if self.length > 0 {
            self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
            let mut lines = Lines::of(&self.file).map_err(failed)?;
            let known = ledger.mark()?.filter(|mark| Some(mark.spool) == lines.spool).map_or(0, |mark| mark.number);
            loop {
                let batch = lines.batch(known).map_err(failed)?;
                let Some((_, last)) = batch.last() else { break };
                let last = *last;
                taken.stored += ledger.take(batch.iter().map(|(record, _)| record), None, Some(last))?.stored;
            }
            taken.damaged = lines.damaged;
        }
        if taken.damaged > 0 {
            let (now, lost) = (now.as_second(), taken.damaged as u64);
            ledger.write([], Some(&Gap { since: now, until: now, lost, reason: "damaged".to_owned() }))?;
        }
        self.begin().map_err(failed)?;
        Ok(taken)
    }

    /// Empties it, under another name.
    fn begin(&mut self) -> io::Result<()> {
        let mut name = [0; 8];
        SystemRandom::new().fill(&mut name).map_err(|_| io::Error::other("the system gives no random numbers"))?;
        let name = u64::from_be_bytes(name);
        self.file.set_len(0)?;
        let title = format!("{TITLE}{name:016x}\n");
        self.file.write_all(title.as_bytes())?;
        self.last = Mark { spool: name, number: 0 };
        (self.length, self.whole) = (EMPTY, true);
        Ok(())
    }

    /// Whether it takes another record.
    pub(super) fn has_room(&self) -> bool {
        self.whole && self.length < MOST_BYTES
    }

    /// Appends a record: once this is through, a kill does not lose it.
    pub(super) fn append(&mut self, record: &Record) -> io::Result<Mark> {
        let number = self.last.number + 1;
        self.line.clear();
        write!(self.line, "{number} ")?;
        serde_json::to_writer(&mut self.line, record)?;
        self.line.push(b'\n');
        if let Err(error) = self.file.write_all(&self.line) {
            // Half a line would make one of itself and the next.
            self.whole = self.file.set_len(self.length).is_ok();
            return Err(error);
        }
        self.length += self.line.len() as u64;
        self.last.number = number;
        Ok(self.last)
    }

    /// Takes the records out, all of which are stored.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(EMPTY)?;
        (self.length, self.whole) = (EMPTY, true);
        Ok(())
    }

    /// Whether its path leads to another file by now, or to none.
    pub(super) fn is_moved(&self) -> bool {
        FileId::of(&self.path) != FileId::of_open(&self.file)
    }

    /// Takes it away, all of its records being stored.
    pub(super) fn remove(self) {
        // Also where it was moved to, so that nobody takes it in there; whatever fails here, the store knows what it holds of it.
        let _ = self.file.set_len(0);
        if !self.is_moved() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The lines of a spool that was left behind.
struct Lines<R> {
    file: BufReader<io::Take<R>>,
    /// The spool's name.
    spool: Option<u64>,
    /// Lines that could not be read.
    damaged: usize,
}

impl<R: io::Read> Lines<R> {
    fn of(file: R) -> io::Result<Self> {
        // Appending ends at the bound; the last line may go beyond it.
        let mut lines = Self { file: BufReader::new(file.take(4 * MOST_BYTES)), spool: None, damaged: 0 };
        let title = lines.next()?;
        let title = title.as_deref().and_then(|title| std::str::from_utf8(title).ok());
        lines.spool = title.and_then(|title| u64::from_str_radix(title.strip_prefix(TITLE)?, 16).ok());
        Ok(lines)
    }

    /// A whole line, without its end. The last one may have been cut off by the kill: nobody was told that it is kept.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.file.read_until(b'\n', &mut line)?;
        Ok((line.pop() == Some(b'\n')).then_some(line))
    }

    /// Some records with a number beyond the known one; none at the end.
    fn batch(&mut self, known: u64) -> io::Result<Vec<(Record, Mark)>> {
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(line) = self.next()?
        {
            match self.spool.and_then(|spool| read(&line, spool)) {
                Some((_, mark)) if mark.number <= known => {}
                Some(found) => batch.push(found),
                None => self.damaged += 1,
            }
        }
        Ok(batch)
    }
}

fn read(line: &[u8], spool: u64) -> Option<(Record, Mark)> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (number, record) = line.split_at_checked(space)?;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((serde_json::from_slice(record).ok()?, Mark { spool, number }))
}
