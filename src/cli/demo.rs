//! `relaywatch demo`: an ordinary day and then the hijack, played to a real daemon.

use super::{Error, Screen, Status, serve::stop_on_signal};
use crate::demo;

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
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let options = demo::Options { keep: self.keep, style: screen.style };
        let runtime = tokio::runtime::Runtime::new().map_err(Error::Daemon)?;
        runtime
            .block_on(async {
                let stop = stop_on_signal()?;
                demo::run(&options, screen.out, stop).await
            })
            .map_err(Error::Daemon)?;
        Ok(Status::Done)
    }
}
