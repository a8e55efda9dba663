//! `relaywatch check-config`: whether the daemon would take a configuration.

use std::path::PathBuf;

use super::{Error, Screen, Status, policy};
use crate::text::Printable;

/// Check a configuration file and the lists it names
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch check-config
  relaywatch check-config relaywatch.toml && systemctl reload relaywatch

Exit codes: 0 the file can be used, 2 it cannot.")]
pub(super) struct Args {
    /// The configuration file
    #[arg(value_name = "FILE", default_value = policy::SYSTEM_FILE)]
    file: PathBuf,
}

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let config = policy::load(&self.file, screen.style.color)?;
        for warning in &config.warnings {
            write!(screen.err, "{}", warning.render(screen.style.color))?;
        }
        let shown = self.file.to_string_lossy();
        writeln!(screen.out, "{}: ok", Printable(&shown))?;
        for source in config.sources.iter().filter(|source| **source != self.file) {
            writeln!(screen.out, "{}: ok", Printable(&source.to_string_lossy()))?;
        }
        Ok(Status::Done)
    }
}
