//! `relaywatch man`: the manual pages, made from the definition of the command line.

use std::path::PathBuf;

use clap::CommandFactory;

use super::{Cli, Error, Screen, Status};
use crate::text::Printable;

/// Write the manual pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  relaywatch man /usr/local/share/man/man1")]
pub(super) struct Args {
    /// The folder; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let shown = Printable(&self.folder.to_string_lossy()).to_string();
        let written = std::fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &self.folder));
        written.map_err(|error| Error::Input { path: shown.clone(), reason: error.to_string() })?;
        writeln!(screen.out, "manual pages written to {shown}")?;
        Ok(Status::Done)
    }
}
