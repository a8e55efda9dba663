//! Comparing bytes as MTAs write them, in any case, and finding short words in short texts.

use memchr::memchr_iter;

/// Whether a text begins so.
pub(super) fn starts(text: &[u8], start: &[u8]) -> bool {
    strip(text, start).is_some()
}

/// What stands behind a beginning, where the text has it.
pub(super) fn strip<'a>(text: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

/// Where a word first stands in a text. Both are short here: there is nothing to prepare for the search.
pub(super) fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    let first = *word.first()?;
    memchr_iter(first, text).find(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(word)))
}
