//! A mail as it lies in the mailbox: its fields, from the top, with folds undone.

use std::{fs, path::Path};

/// A delivered mail.
#[derive(Debug, Clone)]
pub(crate) struct Delivered {
    fields: Vec<(String, String)>,
    /// Everything behind the header section.
    pub(crate) body: String,
}

impl Delivered {
    /// Reads a file.
    pub(crate) fn read(file: &Path) -> Self {
        Self::parse(&fs::read(file).expect("a delivered mail is readable"))
    }

    /// Reads a mail; bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in head.split('\n') {
            match (fields.last_mut(), line.starts_with([' ', '\t'])) {
                (Some((_, value)), true) => value.push_str(line),
                _ => {
                    let (name, value) = line.split_once(':').unwrap_or((line, ""));
                    fields.push((name.trim_end().to_owned(), value.trim_start().to_owned()));
                }
            }
        }
        Self { fields, body: body.to_owned() }
    }

    /// The values of all fields of a name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The value of a field that must stand at most once; nothing when it is not there.
    pub(crate) fn one(&self, name: &str) -> Option<String> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} stands {} times: {values:?}", values.len());
        values.first().map(|value| (*value).to_owned())
    }

    /// The place of the first field of a name, counted from the top.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The names of all fields, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.fields.iter().map(|(name, _)| name.as_str()).collect()
    }
}
