//! `relaywatch version`.

use super::{Error, Screen, Status};
use crate::view::json::{REPORT_SCHEMA, TRACE_SCHEMA};

/// Show the version of the program and of what it writes
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  relaywatch version")]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        writeln!(screen.out, "relaywatch {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(screen.out, "writes {REPORT_SCHEMA}, {TRACE_SCHEMA}")?;
        Ok(Status::Done)
    }
}
