//! Comparing bytes as MTAs write them: in any case.

/// Whether a text begins so.
pub(super) fn starts(text: &[u8], start: &[u8]) -> bool {
    strip(text, start).is_some()
}

/// What stands behind a beginning, where the text has it.
pub(super) fn strip<'a>(text: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}
