//! A mail's header section, as bytes.
//!
//! It takes the bytes of a file, or the header fields one by one from a milter, and gives the fields back raw,
//! in order, in one buffer. It reads as an MTA would: the first line that is no header field ends the section
//! (Postfix takes the rest as body), and every oddity on the way is reported as a [`Break`], never an error.

use std::{borrow::Cow, ops::Range};

use mail_parser::parsers::MessageStream;
use memchr::memchr;

use crate::{session::Session, text::cut};

/// What comes in: a header section and, from a milter, what the border recorded of the SMTP session.
#[derive(Debug, Clone, Default)]
pub struct RawMessage {
    /// The header fields as they stood, in order.
    pub headers: HeaderSection,
    /// The SMTP session that brought the mail, where the way in knows it.
    pub session: Option<Session>,
    /// The body, where somebody needs it and it was not too long to keep.
    pub body: Option<Vec<u8>>,
}

impl RawMessage {
    /// The whole message with CRLF line ends, as it was signed (RFC 6376, 5.3); nothing where a part of it is not there.
    pub fn to_crlf(&self) -> Option<Vec<u8>> {
        let body = self.body.as_deref()?;
        if self.headers.breaks().contains(&Break::TooLong) {
            return None;
        }
        let mut text = Vec::with_capacity(self.headers.bytes() + body.len() + body.len() / 32 + 2);
        push_crlf(&mut text, &self.headers.buffer);
        text.extend_from_slice(b"\r\n");
        push_crlf(&mut text, body);
        Some(text)
    }
}

/// Adds text with every line end as CRLF.
fn push_crlf(text: &mut Vec<u8>, mut rest: &[u8]) {
    while let Some(end) = memchr(b'\n', rest) {
        let line = &rest[..end];
        text.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        text.extend_from_slice(b"\r\n");
        rest = &rest[end + 1..];
    }
    text.extend_from_slice(rest);
}

/// An ordered list of raw header fields in one buffer.
#[derive(Debug, Clone, Default)]
pub struct HeaderSection {
    buffer: Vec<u8>,
    fields: Vec<Span>,
    breaks: Vec<Break>,
}

#[derive(Debug, Clone)]
struct Span {
    name: Range<usize>,
    value: Range<usize>,
}

/// One header field; `value` is everything behind the colon, folds included, without the last line end.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The field's name as written.
    pub name: &'a [u8],
    /// The field's raw value.
    pub value: &'a [u8],
}

/// Something in a header section that RFC 5322 does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Break {
    /// A line that is neither a field nor a fold ended the section early.
    MalformedLine,
    /// The section ended with the input, without an empty line.
    NoEmptyLine,
    /// A carriage return stood alone inside a field.
    BareCr,
    /// A NUL byte stood inside a field.
    Nul,
    /// The section was longer than is kept; what lies behind was not read.
    TooLong,
}

impl Break {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::MalformedLine, Self::NoEmptyLine, Self::BareCr, Self::Nul, Self::TooLong];

    /// The name used in output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedLine => "malformed-line",
            Self::NoEmptyLine => "no-empty-line",
            Self::BareCr => "bare-cr",
            Self::Nul => "nul",
            Self::TooLong => "too-long",
        }
    }
}

impl HeaderSection {
    /// Reads the header section at the start of a message; the body is not looked at.
    ///
    /// A leading mbox separator (`From `) is passed over. At most `limit` bytes are read.
    pub fn read(message: &[u8], limit: usize) -> Self {
        let mut section = Self::default();
        let cut = message.len() > limit;
        let mut rest = &message[..message.len().min(limit)];
        section.buffer.reserve(rest.len().min(4096));
        section.fields.reserve(24);
        if rest.starts_with(b"From ") {
            rest = &rest[line_length(rest)..];
        }
        loop {
            if rest.is_empty() {
                section.note(if cut { Break::TooLong } else { Break::NoEmptyLine });
                break;
            }
            if rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
                break;
            }
            let Some(colon) = field_name_length(rest) else {
                // Where the last line was cut, nobody knows how it goes on.
                let torn = cut && memchr(b'\n', rest).is_none();
                section.note(if torn { Break::TooLong } else { Break::MalformedLine });
                break;
            };
            let mut end = line_length(rest);
            while matches!(rest.get(end), Some(b' ' | b'\t')) {
                end += line_length(&rest[end..]);
            }
            let field = &rest[..end];
            let value = field[colon + 1..].strip_suffix(b"\n").unwrap_or(&field[colon + 1..]);
            section.push(field[..colon].trim_ascii_end(), value.strip_suffix(b"\r").unwrap_or(value));
            rest = &rest[end..];
        }
        section
    }

    /// Adds a field at the end, as a milter hands them over.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(name);
        self.buffer.push(b':');
        let value_start = self.buffer.len();
        self.buffer.extend_from_slice(value);
        self.fields.push(Span { name: start..start + name.len(), value: value_start..self.buffer.len() });
        self.buffer.extend_from_slice(b"\r\n");
        if memchr(0, value).is_some() {
            self.note(Break::Nul);
        }
        if has_bare_cr(value) {
            self.note(Break::BareCr);
        }
    }

    /// Reports an oddity that the way in saw.
    pub fn note(&mut self, seen: Break) {
        if !self.breaks.contains(&seen) {
            self.breaks.push(seen);
        }
    }

    /// Makes room for another message without giving the memory back.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.fields.clear();
        self.breaks.clear();
    }

    /// How many fields the section has.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether the section has no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields as they stood, one behind the other.
    pub fn raw(&self) -> &[u8] {
        &self.buffer
    }

    /// How many bytes the fields take.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// How much memory the section takes up, its list of fields included: a section of many tiny fields takes several
    /// times its bytes.
    pub fn footprint(&self) -> usize {
        self.buffer.len() + self.fields.len() * size_of::<Span>()
    }

    /// What a field adds to [`Self::footprint`].
    pub fn field_footprint(name: &[u8], value: &[u8]) -> usize {
        name.len() + value.len() + ": \r\n".len() + size_of::<Span>()
    }

    /// What is wrong with the section, each kind once.
    pub fn breaks(&self) -> &[Break] {
        &self.breaks
    }

    /// The field at a place, counted from the top.
    pub fn get(&self, index: usize) -> Option<Field<'_>> {
        let span = self.fields.get(index)?;
        Some(Field { name: &self.buffer[span.name.clone()], value: &self.buffer[span.value.clone()] })
    }

    /// All fields with their places, from the top.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Field<'_>)> {
        (0..self.fields.len()).filter_map(|index| self.get(index).map(|field| (index, field)))
    }

    /// All fields of one name, from the top.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (usize, Field<'a>)> {
        self.iter().filter(move |(_, field)| field.is(name))
    }

    /// The first address of the first `From` field (RFC 5322), for people to read; it proves nothing.
    pub fn from_address(&self) -> Option<String> {
        let (_, field) = self.named("From").next()?;
        let value = [field.value, b"\r\n"].concat();
        let parsed = MessageStream::new(&value).parse_address();
        parsed.as_address()?.first()?.address().map(str::to_owned)
    }

    /// Every address in the fields of that name, at most 200 (RFC 5322, 3.6.3).
    pub fn addresses(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (_, field) in self.named(name).take(10) {
            let value = [field.value, b"\r\n"].concat();
            let parsed = MessageStream::new(&value).parse_address();
            let addresses = parsed.as_address().into_iter().flat_map(|address| address.iter());
            found.extend(addresses.filter_map(|address| address.address().map(str::to_owned)).take(200 - found.len()));
        }
        found
    }

    /// The decoded text of the first field of that name (RFC 2047), for people to read.
    pub fn text(&self, name: &str) -> Option<String> {
        let (_, field) = self.named(name).next()?;
        let value = [field.value, b"\r\n"].concat();
        MessageStream::new(&value).parse_unstructured().into_text().map(Cow::into_owned)
    }
}

impl<'a> Field<'a> {
    /// Whether the field has this name (RFC 5322: in any case).
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value with its folds undone (RFC 5322, 2.2.3): line ends before white space fall away.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        if memchr::memchr2(b'\n', b'\r', self.value).is_none() {
            return Cow::Borrowed(self.value);
        }
        let mut text = Vec::with_capacity(self.value.len());
        for (at, &byte) in self.value.iter().enumerate() {
            let line_end = byte == b'\n' || (byte == b'\r' && self.value.get(at + 1) == Some(&b'\n'));
            if !line_end {
                text.push(byte);
            }
        }
        Cow::Owned(text)
    }

    /// The unfolded value as text, trimmed; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> Cow<'a, str> {
        let text = match self.unfolded() {
            Cow::Borrowed(text) => String::from_utf8_lossy(text),
            Cow::Owned(text) => Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
        };
        cut(text, str::trim)
    }
}

/// The length of the first line, its end included.
fn line_length(bytes: &[u8]) -> usize {
    memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)
}

/// The place of the colon when the line is a header field: printable ASCII without a space, then a colon.
///
/// White space before the colon (RFC 5322, 4.5) is taken, as Postfix and Sendmail take it.
fn field_name_length(bytes: &[u8]) -> Option<usize> {
    let name = bytes.iter().position(|byte| !(33..=126).contains(byte) || *byte == b':')?;
    let gap = bytes[name..].iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
    (name > 0 && bytes[name + gap] == b':').then_some(name + gap)
}

fn has_bare_cr(value: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', value).any(|at| value.get(at + 1) != Some(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(section: &HeaderSection) -> Vec<String> {
        section.iter().map(|(_, field)| String::from_utf8_lossy(field.name).into_owned()).collect()
    }

    #[test]
    fn fields_folds_and_the_body_are_told_apart() {
        let section = HeaderSection::read(b"From x@y Sat\nA: one\r\n\ttwo\r\nb : x\n\nC: body\n", 1000);
        assert_eq!(names(&section), ["A", "b"]);
        assert_eq!(section.get(0).unwrap().text(), "one\ttwo");
        assert!(section.breaks().is_empty());
    }

    #[test]
    fn the_first_malformed_line_ends_the_section() {
        let section = HeaderSection::read(b"A: 1\nRec eived: no\nB: 2\n\n", 1000);
        assert_eq!(names(&section), ["A"]);
        assert_eq!(section.breaks(), [Break::MalformedLine]);
    }

    #[test]
    fn oddities_are_reported_once_and_nothing_is_lost() {
        let section = HeaderSection::read(b"A: x\ry\0\0z\nB: \xff", 1000);
        assert_eq!(section.get(0).unwrap().value, b" x\ry\0\0z");
        assert_eq!(section.get(1).unwrap().text(), "\u{fffd}");
        assert_eq!(section.breaks(), [Break::Nul, Break::BareCr, Break::NoEmptyLine]);
        assert_eq!(HeaderSection::read(b"A: 123456789\n\n", 8).breaks(), [Break::TooLong]);
        assert_eq!(HeaderSection::read(b"A: 1\nBcdefgh: 2\n\n", 8).breaks(), [Break::TooLong]);
        assert_eq!(HeaderSection::read(b"A: 1\nB c\nD: 2\n\n", 10).breaks(), [Break::MalformedLine]);
    }

    #[test]
    fn people_read_decoded_text() {
        let section = HeaderSection::read(
            b"From: =?utf-8?q?J=C3=BCrgen?= <j@sender.example>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\n",
            1000,
        );
        assert_eq!(section.from_address().as_deref(), Some("j@sender.example"));
        assert_eq!(section.text("subject").as_deref(), Some("Grüße"));
    }
}
