//! A field's value, and its parts as text.
//!
//! Takes the raw bytes of one value, gives parts of it as text that is borrowed wherever it can be: checked once as UTF-8
//! and for folds, and then only cut.

use std::borrow::Cow;

use memchr::memchr3;

/// A field's value, which is checked once for what must not be in a text.
pub(super) struct Value<'a> {
    bytes: &'a [u8],
    text: Option<&'a str>,
    /// Where the first fold is: what stands before it holds none.
    fold: usize,
}

impl<'a> Value<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            text: str::from_utf8(bytes).ok(),
            fold: memchr3(b'\r', b'\n', b'\t', bytes).unwrap_or(bytes.len()),
        }
    }

    /// A part of the value as text: folds become one blank; what is not UTF-8 becomes U+FFFD.
    pub(super) fn part(&self, part: &'a [u8]) -> Cow<'a, str> {
        let folded = || part.iter().any(|byte| *byte < b' ' && matches!(byte, b'\r' | b'\n' | b'\t'));
        match self.slice(part) {
            Some((text, end)) if end <= self.fold || !folded() => Cow::Borrowed(text),
            _ => Self::repaired(part),
        }
    }

    #[cold]
    fn repaired(part: &[u8]) -> Cow<'a, str> {
        Cow::Owned(String::from_utf8_lossy(part).split_ascii_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// A part that is one word, and so holds no fold.
    pub(super) fn word(&self, part: &'a [u8]) -> Cow<'a, str> {
        self.slice(part).map_or_else(|| self.part(part), |(text, _)| Cow::Borrowed(text))
    }

    /// The same bytes out of the text that was checked already, and where they end.
    fn slice(&self, part: &[u8]) -> Option<(&'a str, usize)> {
        let start = part.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr())?;
        let end = start.checked_add(part.len())?;
        let slice = self.text?.get(start..end)?;
        std::ptr::eq(slice.as_bytes(), part).then_some((slice, end))
    }
}
