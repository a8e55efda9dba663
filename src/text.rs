//! Foreign text, made safe to show.
//!
//! Everything a peer wrote (names, ids, whole fields) may hold terminal escapes, line breaks or
//! right-to-left overrides. It takes a string and gives it back with such characters spelled out, so that no
//! header field, log line, metric label or terminal can be injected.

use std::{
    borrow::Cow,
    fmt::{self, Display, Write as _},
};

/// Shows foreign text with control and direction characters as `\u{..}` escapes.
///
/// Printable Unicode stays as it is, so that an internationalised name remains readable.
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(pub &'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_unsafe(c) { write!(f, "{}", c.escape_unicode())? } else { f.write_char(c)? }
        }
        Ok(())
    }
}

/// Shows foreign text inside a structured header field: visible ASCII only, without the characters that have
/// a meaning there (RFC 8601 `value`, RFC 2045 `token`); everything else becomes `?`.
#[derive(Debug, Clone, Copy)]
pub struct HeaderToken<'a>(pub &'a str);

impl Display for HeaderToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(255) {
            let plain = c.is_ascii_graphic() && !matches!(c, '(' | ')' | ';' | '"' | '\\' | ',' | '=');
            f.write_char(if plain { c } else { '?' })?;
        }
        Ok(())
    }
}

/// Takes a part of a text, without a copy where it is borrowed.
pub fn cut<'a>(text: Cow<'a, str>, part: impl Fn(&str) -> &str) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
    }
}

/// Makes an owned, printable copy and cuts it to `limit` characters, with `…` where it was cut.
pub fn printable(text: &str, limit: usize) -> String {
    if text.len() <= limit && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(limit).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Printable(&shown).to_string()
}

/// Replaces control and direction characters by as many `?` as they have bytes, so that offsets into the text stay true.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_unsafe(c) && c != '\t') {
        return Cow::Borrowed(text);
    }
    let mask = |c: char| if is_unsafe(c) && c != '\t' { "????"[..c.len_utf8()].to_owned() } else { c.to_string() };
    Cow::Owned(text.chars().map(mask).collect())
}

/// Whether a character can change what a terminal, a log or a reader sees around it.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_overrides_are_spelled_out() {
        assert_eq!(Printable("a\x1b[31mb\r\nc\u{202e}d").to_string(), "a\\u{1b}[31mb\\u{d}\\u{a}c\\u{202e}d");
        assert_eq!(Printable("a\u{61c}b\u{2067}").to_string(), "a\\u{61c}b\\u{2067}", "every Bidi_Control character");
        assert_eq!(Printable("bücher.example").to_string(), "bücher.example");
    }

    #[test]
    fn a_header_token_cannot_leave_its_place() {
        assert_eq!(HeaderToken("a; pass (x)\r\nB: c").to_string(), "a??pass??x???B:?c");
    }

    #[test]
    fn masking_keeps_offsets() {
        assert_eq!(masked("a\tb\x1bc\u{202e}d"), "a\tb?c???d");
        assert!(matches!(masked("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_text_is_cut_visibly() {
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!(printable("abc", 3), "abc");
    }
}
