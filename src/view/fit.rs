//! Text that fits into columns.
//!
//! Takes printable text and a number of terminal columns, gives text that takes no more. Widths are those of a
//! terminal: a Chinese character takes two columns, a combining mark none.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text, or its beginning with `…`.
pub(crate) fn keep_start(text: &str, columns: usize) -> String {
    if fits(text, columns) {
        return text.to_owned();
    }
    let mut kept: String = take(text.chars(), columns.saturating_sub(1)).into_iter().collect();
    kept.push('…');
    kept
}

/// The text, or its end with `…` before: of a host name the end says whose it is.
pub(crate) fn keep_end(text: &str, columns: usize) -> String {
    if fits(text, columns) {
        return text.to_owned();
    }
    let kept = take(text.chars().rev(), columns.saturating_sub(1));
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

/// Adds spaces up to that many columns.
pub(crate) fn pad(text: &str, columns: usize, right: bool) -> String {
    let gap = " ".repeat(columns.saturating_sub(width(text)));
    if right { format!("{gap}{text}") } else { format!("{text}{gap}") }
}

/// Breaks a sentence into lines at its spaces; a word longer than a line is broken where the line ends.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(20);
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        while let Some(line) = lines.last_mut() {
            let used = if line.is_empty() { 0 } else { width(line) + 1 };
            if used + width(word) <= columns {
                if used > 0 {
                    line.push(' ');
                }
                line.push_str(word);
                break;
            }
            if used == 0 {
                let head: String = take(word.chars(), columns).into_iter().collect();
                word = &word[head.len()..];
                line.push_str(&head);
            }
            lines.push(String::new());
        }
    }
    lines
}

/// A text of few columns may still hold thousands of combining marks; such a one does not fit.
fn fits(text: &str, columns: usize) -> bool {
    width(text) <= columns && text.chars().count() <= columns * 2
}

/// As many characters as fit; each counts at least one, so that their number is bounded too.
fn take(characters: impl Iterator<Item = char>, columns: usize) -> Vec<char> {
    let mut used = 0;
    let mut kept = Vec::new();
    for c in characters {
        used += c.width().unwrap_or(1).max(1);
        if used > columns {
            break;
        }
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_columns_not_to_characters() {
        assert_eq!(keep_start("abcdef", 4), "abc…");
        assert_eq!(keep_end("mail.victim.example", 10), "…m.example");
        assert_eq!(keep_start("日本語テスト", 7), "日本語…");
        assert_eq!(keep_start("abc", 3), "abc");
        let marks = format!("a{}", "\u{301}".repeat(5000));
        assert!(keep_start(&marks, 10).chars().count() <= 10);
    }

    #[test]
    fn sentences_break_at_spaces_and_long_words_where_the_line_ends() {
        assert_eq!(wrap("one two three four five six", 20), ["one two three four", "five six"]);
        assert_eq!(wrap(&"x".repeat(45), 20), ["x".repeat(20), "x".repeat(20), "x".repeat(5)]);
    }
}
