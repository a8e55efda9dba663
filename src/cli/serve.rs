//! `relaywatch serve`: the daemon.

use std::path::PathBuf;

use super::{Error, Screen, Status};

/// Run the daemon: milter, metrics, health
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch serve --config /etc/relaywatch/relaywatch.toml
  relaywatch check-config /etc/relaywatch/relaywatch.toml && systemctl reload relaywatch")]
pub(super) struct Args {
    /// The configuration file [default: /etc/relaywatch/relaywatch.toml if it is there, else embedded defaults]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, _screen: &mut Screen<'_>) -> Result<Status, Error> {
        let _ = self.config;
        Err(Error::NotBuilt("serve"))
    }
}
