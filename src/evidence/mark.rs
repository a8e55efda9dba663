//! How far a spool has been stored: a spool's name and a record's number in it, as the store keeps them.

use std::fmt;

/// A record's place in a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The spool's name, chosen by chance.
    pub(super) spool: u64,
    /// The record's number in it.
    pub(super) number: u64,
}

impl Mark {
    /// Reads what [`fmt::Display`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (spool, number) = text.split_once(' ')?;
        Some(Self { spool: u64::from_str_radix(spool, 16).ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x} {}", self.spool, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mark = Mark { spool: 0x1f, number: 7 };
        assert_eq!(mark.to_string(), "000000000000001f 7");
        assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        for text in ["", "1", "x 1", "1 x", "1 -1"] {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
    }
}
