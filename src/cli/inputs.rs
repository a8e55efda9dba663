//! Inputs that gave no mail: counted and complained of, in `scan` and in `hunt`.

use std::io::Write;

use super::progress::grouped;
use crate::{
    ingest::files::{Trouble, TroubleKind},
    text::Printable,
};

/// How many inputs gave no mail, and why.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    unreadable: u64,
    not_mail: u64,
    not_mail_named: u64,
    skipped: u64,
}

impl Inputs {
    /// Counts one, and writes what is wrong with it into memory.
    pub(super) fn trouble(&mut self, trouble: &Trouble, err: &mut Vec<u8>) {
        match trouble.kind {
            TroubleKind::Unreadable => self.unreadable += 1,
            TroubleKind::NotMail => {
                self.not_mail += 1;
                self.not_mail_named += u64::from(trouble.named);
            }
            TroubleKind::Skipped => self.skipped += 1,
        }
        let path = trouble.path.to_string_lossy();
        let _ = writeln!(err, "relaywatch: {}: {}", Printable(&path), Printable(&trouble.reason)); // into memory
    }

    /// Adds the counts of another.
    pub(super) fn add(&mut self, other: &Self) {
        self.unreadable += other.unreadable;
        self.not_mail += other.not_mail;
        self.not_mail_named += other.not_mail_named;
        self.skipped += other.skipped;
    }

    /// Whether an input could not be read. A file in a folder that is no mail is none; one that the user named is.
    pub(super) fn is_incomplete(&self) -> bool {
        self.unreadable > 0 || self.not_mail_named > 0
    }

    /// Those that there were, in the words for what could not be read, what is no mail, and what was skipped.
    pub(super) fn shown(&self, words: [&str; 3]) -> String {
        let counts = [self.unreadable, self.not_mail, self.skipped].into_iter().zip(words);
        let counts = counts.filter(|(count, _)| *count > 0);
        counts.map(|(count, what)| format!("{} {what}", grouped(count))).collect::<Vec<_>>().join(", ")
    }
}
