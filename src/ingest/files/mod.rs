//! Mail in files: `.eml`, mbox, Maildir, folders of these, `.gz` and `.zst`, standard input.
//!
//! Takes paths, hands on messages in a fixed order: that of the paths, within a folder that of the names, within an mbox
//! that of the file. Of a message the header section is kept, up to a limit; its body is passed over as it streams by, so
//! that neither a mail of 10 GB nor a decompression bomb takes memory. What cannot be read is handed on as a
//! [`Trouble`] with its reason, and reading goes on.

mod decompress;
mod lines;
mod split;
mod walk;

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{message::RawMessage, text::Printable};

pub use lines::Lines;

/// The path that stands for standard input.
pub const STDIN: &str = "-";

/// Something that reading files came upon.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly every item is a mail; a box would only cost")]
pub enum Item {
    /// A message.
    Mail(Mail),
    /// An input, or part of one, that gave none.
    Trouble(Trouble),
}

/// A message and where it was found.
#[derive(Debug)]
pub struct Mail {
    /// Where it was found.
    pub source: Source,
    /// The message.
    pub message: RawMessage,
}

/// Where a message was found. Shown as the path, with the offset behind it in files of several messages.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file, as it was named or found; `-` is standard input.
    pub path: Arc<Path>,
    /// Which message of the file, counted from 0.
    pub index: u64,
    /// Where in the (decompressed) file it begins.
    pub offset: u64,
    /// Whether the file is an mbox, and may hold several.
    pub mbox: bool,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.to_string_lossy();
        if self.mbox { write!(f, "{}:{}", Printable(&path), self.offset) } else { write!(f, "{}", Printable(&path)) }
    }
}

/// An input that gave no message.
#[derive(Debug)]
pub struct Trouble {
    /// The file or folder.
    pub path: PathBuf,
    /// What kind of trouble it is.
    pub kind: TroubleKind,
    /// What is wrong, for people.
    pub reason: String,
    /// Whether the path was named by the user, not found in a folder.
    pub named: bool,
}

/// What became of an input that gave no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// It could not be opened, or broke off.
    Unreadable,
    /// It was read, and is no mail.
    NotMail,
    /// It was left out: a link to a folder, which might be a loop.
    Skipped,
}

/// How reading is done.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Bytes kept of a message's header section.
    pub max_header_bytes: usize,
    /// Bytes kept of a message's body; of a longer one nothing is kept, and with zero none is.
    pub max_body_bytes: usize,
    /// Counts the bytes that were read from files, before decompression; for a progress bar.
    pub bytes: Arc<AtomicU64>,
    /// Which messages are handed on, by their header sections; all of them where it is not set.
    pub filter: Option<Filter>,
    /// Counts the messages that were not.
    pub passed: Arc<AtomicU64>,
}

/// Says of a header section, as bytes, whether its message is wanted.
#[derive(Clone)]
pub struct Filter(Arc<split::Wants>);

impl Filter {
    /// Wants what `wants` says yes to.
    pub fn new(wants: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(wants))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            max_header_bytes: 1024 * 1024,
            max_body_bytes: 0,
            bytes: Arc::default(),
            filter: None,
            passed: Arc::default(),
        }
    }
}

impl Reading {
    /// Reads everything under the paths, until `sink` breaks off.
    pub fn all(&self, paths: &[PathBuf], sink: &mut dyn FnMut(Item) -> ControlFlow<()>) -> ControlFlow<()> {
        for path in paths {
            walk::walk(path, &mut |entry| match entry {
                walk::Entry::File { path, named } => self.file(&path, named, sink),
                walk::Entry::Trouble(trouble) => sink(Item::Trouble(trouble)),
            })?;
        }
        ControlFlow::Continue(())
    }

    /// Opens a file, or standard input, and decompresses it if need be.
    pub fn open(&self, path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
        let raw: Box<dyn Read + Send> =
            if path == Path::new(STDIN) { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
        decompress::decompress(Box::new(Counted { inner: raw, bytes: Arc::clone(&self.bytes) }))
    }

    fn file(&self, path: &Path, named: bool, sink: &mut dyn FnMut(Item) -> ControlFlow<()>) -> ControlFlow<()> {
        let trouble = |kind, reason| Item::Trouble(Trouble { path: path.to_owned(), kind, reason, named });
        let mut splitter = match self.open(path) {
            Ok(stream) => {
                let filter = self.filter.as_ref().map(|filter| &*filter.0);
                split::Splitter::new(Lines::new(stream), self.max_header_bytes, self.max_body_bytes, filter)
            }
            Err(error) => return sink(trouble(TroubleKind::Unreadable, error.to_string())),
        };
        let shared: Arc<Path> = Arc::from(path);
        loop {
            match splitter.next() {
                Ok(split::Found::Message { index, offset, headers, body }) => {
                    let source = Source { path: Arc::clone(&shared), index, offset, mbox: splitter.is_mbox() };
                    sink(Item::Mail(Mail { source, message: RawMessage { headers, body, session: None } }))?;
                }
                Ok(split::Found::Passed) => _ = self.passed.fetch_add(1, Ordering::Relaxed),
                Ok(split::Found::NotMail(reason)) => return sink(trouble(TroubleKind::NotMail, reason.to_owned())),
                Ok(split::Found::End) => break,
                Err(error) => {
                    let after = match splitter.messages() {
                        0 => String::new(),
                        1 => " (after 1 message)".to_owned(),
                        count => format!(" (after {count} messages)"),
                    };
                    return sink(trouble(TroubleKind::Unreadable, format!("{error}{after}")));
                }
            }
        }
        if path == Path::new(STDIN) {
            splitter.drain(); // or else whoever writes into the pipe would be killed for it
        }
        ControlFlow::Continue(())
    }
}

struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
