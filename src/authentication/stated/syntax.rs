//! The syntax that these fields share: words, quoted strings, comments (RFC 5322, 3.2; RFC 8601, 2.2).
//!
//! Takes text, gives its pieces one after another. It runs in linear time and does not recurse. Some hosts write a client's
//! words into a comment as they came; a `)` among them would let the rest of them out into the field. A parenthesis or a
//! quote without its partner therefore makes the field unreadable, instead of being an ordinary character.

use crate::names;

/// A place in a field's text.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// The top-level comments that were passed.
    pub(super) comments: Vec<&'a str>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, comments: Vec::new() }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte.
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes over this byte, where it is the next; only ASCII may be asked for.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.peek() == Some(byte);
        self.at += usize::from(eaten);
        eaten
    }

    /// Goes over white space and comments (CFWS); nothing where a parenthesis has no partner.
    pub(super) fn skip(&mut self) -> Option<()> {
        loop {
            match self.peek() {
                Some(byte) if byte.is_ascii_whitespace() => self.at += 1,
                Some(b'(') => self.comment()?,
                Some(b')') => return None,
                _ => return Some(()),
            }
        }
    }

    fn comment(&mut self) -> Option<()> {
        let inside = self.text.get(self.at + 1..)?;
        let (mut depth, mut escaped) = (1_usize, false);
        for (at, byte) in inside.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.comments.push(inside.get(..at)?.trim());
                self.at += at + 2;
                return Some(());
            }
        }
        None
    }

    /// A word: everything up to white space, `;`, a comment, a quote, or one of `stops`. It may be empty.
    pub(super) fn word(&mut self, stops: &[u8]) -> &'a str {
        let rest = self.rest();
        let ends =
            |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b';' | b'(' | b')' | b'"') || stops.contains(&byte);
        let end = rest.bytes().position(ends).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// A value: a word, a quoted string without its quotes, or a quoted local part with its domain.
    pub(super) fn value(&mut self, stops: &[u8]) -> Option<String> {
        if self.peek() != Some(b'"') {
            return Some(self.word(stops).to_owned());
        }
        let mut value = self.quoted()?;
        if self.peek() == Some(b'@') {
            value.push_str(self.word(stops));
        }
        Some(value)
    }

    fn quoted(&mut self) -> Option<String> {
        let inside = self.text.get(self.at + 1..)?;
        let (mut value, mut escaped) = (String::new(), false);
        for (at, c) in inside.char_indices() {
            match c {
                '\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                '"' if !escaped => {
                    self.at += at + 2;
                    return Some(value);
                }
                _ => value.push(c),
            }
            escaped = false;
        }
        None
    }

    /// Goes on to the next `;`, or to the end.
    pub(super) fn skip_to_semicolon(&mut self) -> Option<()> {
        loop {
            self.skip()?;
            match self.peek() {
                None | Some(b';') => return Some(()),
                Some(b'"') => drop(self.quoted()?),
                Some(_) => drop(self.word(b"")),
            }
        }
    }
}

/// The domain of an address, or a bare domain, in lower case; nothing where it can be neither. Exchange Online writes `none`
/// where there is no domain.
pub(super) fn domain(value: &str) -> Option<String> {
    let value = value.trim().trim_start_matches('<').trim_end_matches('>');
    let domain = value.rsplit_once('@').map_or(value, |(_, domain)| domain);
    let domain = names::normal(domain);
    (is_name(&domain) && domain != "none").then(|| domain.into_owned())
}

/// Whether a text can be a host's name or a selector.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.len() <= 255 && text.chars().all(plain)
}
