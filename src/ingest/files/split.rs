//! Messages of one file.
//!
//! Takes a stream, gives header sections. A file that begins with `From ` is an mbox, any other is one message. In an
//! mbox a line begins a message when it looks like the file's first line (`From address date`) and stands behind an empty
//! line or within a header section (mboxes without bodies). That reads mboxo and mboxrd alike, whose difference, `>From `
//! in bodies, does not matter here; mboxcl's Content-Length is not followed, because a sender can write one.

use std::io::{self, BufRead};

use super::Lines;
use crate::message::HeaderSection;

/// What is kept of a body's line: enough to know a separator.
const SEPARATOR_BYTES: usize = 512;

/// What comes next in a file.
#[derive(Debug)]
pub(super) enum Found {
    /// A message.
    Message { index: u64, offset: u64, headers: HeaderSection, body: Option<Vec<u8>> },
    /// Nothing at all, because the file is no mail.
    NotMail(&'static str),
    /// Nothing more.
    End,
}

/// Reads one file's messages.
pub(super) struct Splitter<R> {
    lines: Lines<R>,
    limit: usize,
    /// Bytes of a body that are kept; with zero none is, and it streams by.
    body_limit: usize,
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

impl<R: BufRead> Splitter<R> {
    pub(super) fn new(stream: R, limit: usize, body_limit: usize) -> Self {
        Self {
            lines: Lines::new(stream),
            limit,
            body_limit,
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
            let Some(first) = self.lines.next(self.limit + 1)? else { return Ok(Found::NotMail("it is empty")) };
            let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first); // a byte order mark, from Windows
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
        let headers = HeaderSection::read(&self.header, self.limit);
        self.header.clear();
        if headers.is_empty() && self.messages == 0 && !self.dated {
            return Ok(Found::NotMail("its first line is no header field"));
        }
        let index = self.messages;
        self.messages += 1;
        let body = if self.body_limit > 0 && self.state == State::Body { self.body()? } else { None };
        Ok(Found::Message { index, offset, headers, body })
    }

    /// Reads the rest of the stream and forgets it.
    pub(super) fn drain(&mut self) {
        let _ = io::copy(self.lines.inner(), &mut io::sink());
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
        let mut body = (self.body_limit > 0).then(Vec::new);
        let mut after_empty = true;
        loop {
            let offset = self.lines.offset();
            let room = body.as_ref().map_or(0, |body| self.body_limit + 1 - body.len());
            let Some(line) = self.lines.next(room.max(SEPARATOR_BYTES))? else {
                self.state = State::End;
                return Ok(body);
            };
            if self.mbox && after_empty && is_separator(line, self.dated) {
                self.state = State::Header(offset);
                // The empty line in front of a separator is the mailbox's.
                return Ok(body.map(|mut body| {
                    let end = body.strip_suffix(b"\r\n").or(body.strip_suffix(b"\n")).map_or(body.len(), <[u8]>::len);
                    body.truncate(end);
                    body
                }));
            }
            after_empty = is_empty(line);
            if let Some(kept) = &mut body {
                kept.extend_from_slice(if self.mbox { unquoted(line) } else { line });
                if kept.len() > self.body_limit {
                    body = None;
                }
            }
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
    line.starts_with(b"From ") && (!dated || is_dated(line))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn split(file: &[u8]) -> Vec<String> {
        let mut splitter = Splitter::new(io::BufReader::with_capacity(7, file), 100, 0);
        let mut found = Vec::new();
        loop {
            match splitter.next().unwrap() {
                Found::Message { index, offset, headers, .. } => {
                    let fields: Vec<String> = headers.iter().map(|(_, field)| field.text().into_owned()).collect();
                    found.push(format!("{index}@{offset} {} {:?}", fields.join("|"), headers.breaks()));
                }
                Found::NotMail(reason) => return vec![reason.to_owned()],
                Found::End => return found,
            }
        }
    }

    #[test]
    fn an_mbox_is_split_at_its_separators_only() {
        let mbox = b"From a@x.example Thu Jan  1 00:00:00 1970\n>From old\nA: 1\n\nbody\n\nFrom here on we talk at 10:30\nFrom b@x.example Thu Jan  1 00:00:00 1970\n\n>From c@x.example Thu Jan  1 00:00:00 1970\n\nFrom d@x.example Thu Jan  1 00:00:00 1970\nB: 2\n";
        assert_eq!(split(mbox), ["0@0 1 []", "1@181 2 [NoEmptyLine]"]);
    }

    #[test]
    fn an_mbox_of_headers_may_lack_empty_lines() {
        let mbox = b"From - Thu Jan  1 00:00:00 1970\r\nA: 1\r\nFrom - Thu Jan  1 00:00:00 1970\r\nB: 2\r\n\r\n";
        assert_eq!(split(mbox), ["0@0 1 [NoEmptyLine]", "1@39 2 []"]);
        assert_eq!(split(b"From x\nA: 1\n\nFrom y\nB: 2\n\n"), ["0@0 1 []", "1@13 2 []"]);
    }

    #[test]
    fn one_message_is_read_up_to_its_body_and_a_long_header_up_to_the_limit() {
        assert_eq!(split(b"\xef\xbb\xbfA: 1\n\nFrom x Thu Jan  1 00:00:00 1970\n"), ["0@0 1 []"]);
        let long = [b"A: 1\nB: ", &[b'x'; 500][..], b"\n\n"].concat();
        let expected = format!("0@0 1|{} [TooLong]", "x".repeat(92));
        assert_eq!(split(&long), [expected]);
    }

    #[test]
    fn what_is_no_mail_is_told_without_reading_on() {
        assert_eq!(split(b"\x7fELF\0\0\0"), ["its first line is no header field"]);
        assert_eq!(split(b"From the desk of\nsomebody\n\n"), ["its first line is no header field"]);
        assert_eq!(split(b""), ["it is empty"]);
    }
}
