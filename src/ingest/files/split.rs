//! Messages of one file.
//!
//! Takes a stream, gives header sections. A file that begins with `From ` is an mbox, any other is one message. In an
//! mbox a line begins a message when it looks like the file's first line (`From address date`) and stands behind an empty
//! line or within a header section (mboxes without bodies). That reads mboxo and mboxrd alike, whose difference, `>From `
//! in bodies, does not matter here; mboxcl's Content-Length is not followed, because a sender can write one.
//!
//! Most of a file are bodies that nobody wants: they are searched for what could begin a message, and their lines are
//! never looked at. A property test holds this to a splitter that goes line by line.

#[cfg(test)]
mod tests;

use std::io::{self, Read};

use memchr::{memchr, memmem::Finder};

use super::Lines;
use crate::message::HeaderSection;

/// What is looked at of a line to know a separator.
const SEPARATOR_BYTES: usize = 512;
/// What Windows puts before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How every separator begins, with the end of the line before it.
const SEPARATOR: &[u8] = b"\nFrom ";
/// What is kept of a stretch without a separator: as much of one as may stand at its end, and the line end before that.
const KEPT: usize = SEPARATOR.len() - 1 + 2;

/// What comes next in a file.
#[derive(Debug)]
pub(super) enum Found {
    /// A message.
    Message { index: u64, offset: u64, headers: HeaderSection, body: Option<Vec<u8>> },
    /// A message that is not wanted.
    Passed,
    /// Nothing at all, because the file is no mail.
    NotMail(&'static str),
    /// Nothing more.
    End,
}

/// Says of a header section whether its message is wanted.
pub(super) type Wants = dyn Fn(&[u8]) -> bool + Send + Sync;

/// Reads one file's messages.
pub(super) struct Splitter<'a, R> {
    lines: Lines<R>,
    finder: Finder<'static>,
    limit: usize,
    /// Bytes of a body that are kept; with zero none is, and it streams by.
    body_limit: usize,
    /// Which header sections are wanted.
    filter: Option<&'a Wants>,
    header: Vec<u8>,
    state: State,
    mbox: bool,
    /// Whether the file's separators state a date, so that `From here on ..` in a body is none.
    dated: bool,
    messages: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was read.
    Start,
    /// At a message's first header line; the message began at the offset.
    Header(u64),
    /// In the body of a message.
    Body,
    /// At the end.
    End,
}

impl<'a, R: Read> Splitter<'a, R> {
    /// Reads the messages of `lines`, which must hold more than [`SEPARATOR_BYTES`] in memory.
    pub(super) fn new(lines: Lines<R>, limit: usize, body_limit: usize, filter: Option<&'a Wants>) -> Self {
        Self {
            lines,
            finder: Finder::new(SEPARATOR),
            limit,
            body_limit,
            filter,
            header: Vec::new(),
            state: State::Start,
            mbox: false,
            dated: false,
            messages: 0,
        }
    }

    /// Whether the file is an mbox.
    pub(super) fn is_mbox(&self) -> bool {
        self.mbox
    }

    /// How many messages were found.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// The next message.
    pub(super) fn next(&mut self) -> io::Result<Found> {
        if self.state == State::Start {
            let keep = self.limit + 1 + BYTE_ORDER_MARK.len();
            let Some(first) = self.lines.next(keep)? else { return Ok(Found::NotMail("it is empty")) };
            let first = first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first);
            let first = first.get(..=self.limit).unwrap_or(first);
            if first.starts_with(b"From ") {
                self.mbox = true;
                self.dated = is_dated(first);
            } else if HeaderSection::read(first, self.limit).is_empty() {
                return Ok(Found::NotMail("its first line is no header field"));
            } else {
                self.header.extend_from_slice(first);
            }
            self.state = State::Header(0);
        }
        if self.state == State::Body {
            self.body()?;
        }
        let State::Header(offset) = self.state else { return Ok(Found::End) };
        self.read_header()?;
        let index = self.messages;
        let wanted = self.filter.is_none_or(|wants| wants(&self.header));
        // The first one says whether the file is mail at all.
        let headers =
            if wanted || index == 0 { HeaderSection::read(&self.header, self.limit) } else { HeaderSection::default() };
        self.header.clear();
        if headers.is_empty() && index == 0 && !self.dated {
            return Ok(Found::NotMail("its first line is no header field"));
        }
        self.messages += 1;
        if !wanted {
            return Ok(Found::Passed);
        }
        let body = if self.body_limit > 0 && self.state == State::Body { self.body()? } else { None };
        Ok(Found::Message { index, offset, headers, body })
    }

    /// Reads the rest of the stream and forgets it.
    pub(super) fn drain(&mut self) {
        loop {
            self.lines.pass(usize::MAX);
            if !self.lines.read_on().unwrap_or(false) {
                break;
            }
        }
    }

    /// Reads up to the empty line, the next separator or the end of the stream.
    fn read_header(&mut self) -> io::Result<()> {
        loop {
            let offset = self.lines.offset();
            let room = (self.limit + 1).saturating_sub(self.header.len());
            if room == 0 && !self.mbox {
                self.state = State::End;
                return Ok(());
            }
            let Some(line) = self.lines.next(room.max(SEPARATOR_BYTES))? else {
                self.state = State::End;
                return Ok(());
            };
            if self.mbox && is_separator(line, self.dated) {
                self.state = State::Header(offset);
                return Ok(());
            }
            if self.header.is_empty() && line.starts_with(b">From ") {
                continue; // a separator that an older mailbox quoted; Postfix passes over it too
            }
            self.header.extend_from_slice(&line[..line.len().min(room)]);
            if is_empty(line) {
                self.state = if self.mbox || self.body_limit > 0 { State::Body } else { State::End };
                return Ok(());
            }
        }
    }

    /// Reads a body to its end, and keeps it where that is wanted and it is not too long.
    fn body(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut body = Vec::new();
        let mut after_empty = true;
        while body.len() <= self.body_limit && self.body_limit > 0 {
            let offset = self.lines.offset();
            let room = self.body_limit + 1 - body.len();
            let Some(line) = self.lines.next(room.max(SEPARATOR_BYTES))? else {
                self.state = State::End;
                return Ok(Some(body));
            };
            if self.mbox && after_empty && is_separator(line, self.dated) {
                self.state = State::Header(offset);
                // The empty line in front of a separator is the mailbox's.
                let end = body.strip_suffix(b"\r\n").or(body.strip_suffix(b"\n")).map_or(body.len(), <[u8]>::len);
                body.truncate(end);
                return Ok(Some(body));
            }
            after_empty = is_empty(line);
            body.extend_from_slice(if self.mbox { unquoted(line) } else { line });
        }
        if self.mbox {
            self.pass_body(after_empty)?;
        } else {
            self.state = State::End;
        }
        Ok(None)
    }

    /// Passes over a body, or what is left of it, to the next separator or the end of the stream.
    fn pass_body(&mut self, after_empty: bool) -> io::Result<()> {
        if after_empty && self.pass_separator()? {
            return Ok(());
        }
        let (mut from, mut at_line) = (0, true);
        loop {
            let stretch = self.lines.stretch();
            let Some(at) = stretch.get(from..).and_then(|rest| self.finder.find(rest)) else {
                let passed = stretch.len().saturating_sub(KEPT);
                self.lines.pass(passed);
                at_line &= passed == 0;
                from = 0;
                if self.lines.read_on()? {
                    continue;
                }
                self.lines.pass(KEPT);
                self.state = State::End;
                return Ok(());
            };
            from += at;
            if stretch.get(..from).is_some_and(|before| ends_empty(before, at_line)) {
                self.lines.pass(from + 1);
                from = 0;
                if self.pass_separator()? {
                    return Ok(());
                }
            } else {
                from += 1;
            }
        }
    }

    /// Passes over the next line where it is a separator, and only there.
    fn pass_separator(&mut self) -> io::Result<bool> {
        loop {
            let seen = self.lines.stretch();
            let seen = seen.get(..SEPARATOR_BYTES).unwrap_or(seen);
            let end = memchr(b'\n', seen);
            if end.is_none() && seen.len() < SEPARATOR_BYTES && self.lines.read_on()? {
                continue;
            }
            let seen = self.lines.stretch();
            if !is_separator(end.and_then(|end| seen.get(..=end)).unwrap_or(seen), self.dated) {
                return Ok(false);
            }
            self.state = State::Header(self.lines.offset());
            return self.lines.next(0).map(|_| true);
        }
    }
}

/// A body's line without the `>` that a mailbox put before `From ` (mboxrd).
fn unquoted(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    if quotes > 0 && line.get(quotes..).is_some_and(|rest| rest.starts_with(b"From ")) { &line[1..] } else { line }
}

fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

fn is_separator(line: &[u8], dated: bool) -> bool {
    line.starts_with(b"From ") && (!dated || is_dated(line.get(..SEPARATOR_BYTES).unwrap_or(line)))
}

/// Whether a line end is that of an empty line, by what stands before it; that may begin with a line, or within one.
fn ends_empty(before: &[u8], at_line: bool) -> bool {
    match before.strip_suffix(b"\r").unwrap_or(before) {
        [] => at_line,
        [.., last] => *last == b'\n',
    }
}

/// Whether a line states a month and a time of day, as `From address Thu Jan  1 00:00:00 1970` does.
fn is_dated(line: &[u8]) -> bool {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let time = |word: &[u8]| {
        matches!(word, [b'0'..=b'9', b':', b'0'..=b'9', ..] | [b'0'..=b'9', b'0'..=b'9', b':', b'0'..=b'9', ..])
    };
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.by_ref().any(|word| MONTHS.contains(&word)) && words.any(time)
}
