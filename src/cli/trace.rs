//! `relaywatch trace`: only reads, and judges nothing.

use std::path::PathBuf;

use super::{Error, Screen, Status, inspect::first_message};
use crate::{
    ingest::files::{Lines, Reading, STDIN},
    text::Printable,
    trace::{FieldJson, Trace, Written, read_received},
    view::json,
};

/// Read the Received fields of a mail and write them as JSON, without a judgement
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch trace mail.eml | jq '.hops[] | {by, ip, delay}'
  relaywatch trace --fields received-values.txt > hops.jsonl

docs/json.md describes the output.")]
pub(super) struct Args {
    /// Read one unfolded Received value a line, write one JSON object a line
    #[arg(long)]
    fields: bool,
    /// The mail, or the file of values; `-` is standard input
    #[arg(value_name = "FILE", default_value = STDIN)]
    file: PathBuf,
}

/// A longer field is read as far as this; RFC 5322 allows lines of 998 bytes.
const MAX_FIELD_BYTES: usize = 1024 * 1024;

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        if self.fields {
            return self.fields(screen);
        }
        let (mail, _) = first_message(&self.file, None, Reading::default())?;
        let trace = Trace::read(&mail.message);
        writeln!(screen.out, "{}", json::pretty(&json::trace(&trace, &mail.message))?)?;
        Ok(Status::Done)
    }

    fn fields(&self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let shown = Printable(&self.file.to_string_lossy()).to_string();
        let failed = |error: std::io::Error| Error::Input { path: shown.clone(), reason: error.to_string() };
        let stream = Reading::default().open(&self.file).map_err(failed)?;
        let mut lines = Lines::new(stream);
        while let Some(line) = lines.next(MAX_FIELD_BYTES).map_err(failed)? {
            let value = line.strip_suffix(b"\n").unwrap_or(line);
            let value = value.strip_suffix(b"\r").unwrap_or(value);
            let object = json::line(&FieldJson::new(&read_received(value), &Written::read(value)))?;
            screen.out.write_all(object.as_bytes())?;
            screen.out.write_all(b"\n")?;
            if lines.stretch().is_empty() {
                screen.out.flush()?; // the next read may wait; whoever feeds us line by line wants an answer first
            }
        }
        Ok(Status::Done)
    }
}
