//! The manifest: what a report was made of and with, and the hashes of its files, so that it can stand as evidence.
//!
//! Takes the result, the store and the files' hashes, gives JSON; and the same hashes as `sha256sum` reads them.

use std::io;

use ring::digest;
use serde::Serialize;

use super::{
    report::{Exposure, Tool},
    zone::Moment,
};

/// The schema of the manifest.
pub const SCHEMA: &str = "relaywatch.manifest/1";

/// A file of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// The store that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoreFacts {
    /// Its file, made printable.
    pub file: String,
    /// The version of its tables.
    pub tables: usize,
}

#[derive(Debug, Serialize)]
struct Manifest<'a> {
    schema: &'static str,
    tool: &'a Tool,
    made_at: Both,
    query: Query<'a>,
    store: Store<'a>,
    files: &'a [Sealed],
}

#[derive(Debug, Serialize)]
struct Query<'a> {
    arguments: &'a [String],
    indicators: &'a [String],
    changed_at: Both,
    fixed_at: Both,
    begins: Both,
    ends: Both,
    ns_ttl_seconds: i64,
    pre_window_seconds: i64,
    time_zone: &'a str,
}

#[derive(Debug, Serialize)]
struct Store<'a> {
    #[serde(flatten)]
    facts: &'a StoreFacts,
    messages: u64,
    first: Option<Both>,
    last: Option<Both>,
}

#[derive(Debug, Serialize)]
struct Both {
    utc: String,
    local: String,
}

impl From<&Moment> for Both {
    fn from(moment: &Moment) -> Self {
        Self { utc: moment.utc(), local: moment.iso() }
    }
}

/// The manifest as JSON. `arguments` is what was typed.
pub fn manifest(
    exposure: &Exposure,
    arguments: &[String],
    store: &StoreFacts,
    files: &[Sealed],
) -> Result<String, serde_json::Error> {
    let window = &exposure.window;
    let coverage = &exposure.coverage;
    crate::view::json::pretty(&Manifest {
        schema: SCHEMA,
        tool: &exposure.tool,
        made_at: Both::from(&exposure.made_at),
        query: Query {
            arguments,
            indicators: &window.indicators,
            changed_at: Both::from(&window.changed_at),
            fixed_at: Both::from(&window.fixed_at),
            begins: Both::from(&window.begins),
            ends: Both::from(&window.ends),
            ns_ttl_seconds: window.ns_ttl_seconds,
            pre_window_seconds: window.pre_window_seconds,
            time_zone: &window.time_zone,
        },
        store: Store {
            facts: store,
            messages: coverage.messages,
            first: coverage.first.as_ref().map(Both::from),
            last: coverage.last.as_ref().map(Both::from),
        },
        files,
    })
}

/// The hashes as `sha256sum -c` reads them.
pub fn sums(files: &[Sealed]) -> String {
    files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect()
}

/// Hashes what is written through it.
pub struct Sealing<W: io::Write> {
    out: W,
    bytes: u64,
    hash: digest::Context,
}

impl<W: io::Write> std::fmt::Debug for Sealing<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealing").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<W: io::Write> Sealing<W> {
    /// Nothing written as yet.
    pub fn new(out: W) -> Self {
        Self { out, bytes: 0, hash: digest::Context::new(&digest::SHA256) }
    }

    /// Ends it: what was written to, and its seal.
    pub fn seal(mut self, name: &str) -> io::Result<(W, Sealed)> {
        self.out.flush()?;
        let sha256 = self.hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((self.out, Sealed { name: name.to_owned(), bytes: self.bytes, sha256 }))
    }
}

impl<W: io::Write> io::Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_seal_is_the_hash_of_what_was_written() {
        let mut sealing = Sealing::new(Vec::new());
        sealing.write_all(b"ab").unwrap();
        sealing.write_all(b"c").unwrap();
        let (bytes, sealed) = sealing.seal("a.txt").unwrap();
        assert_eq!((bytes.as_slice(), sealed.bytes), (&b"abc"[..], 3));
        assert_eq!(sums(&[sealed]), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.txt\n");
    }
}
