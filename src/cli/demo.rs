//! `relaywatch demo`: an ordinary day and then the hijack, played to a real daemon.

use super::{Error, Screen, Status};

/// See it at work: an ordinary day's mail and then the hijack, sent through a daemon on this host
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch demo
  relaywatch demo --keep     leave the daemon running, and look at its /metrics")]
pub(super) struct Args {
    /// Leave the daemon running afterwards, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

impl Args {
    pub(super) fn run(self, _screen: &mut Screen<'_>) -> Result<Status, Error> {
        let _ = self.keep;
        Err(Error::NotBuilt("demo"))
    }
}
