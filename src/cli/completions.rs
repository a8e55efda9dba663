//! `relaywatch completions`: for the user's shell, made from the definition of the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Error, Screen, Status};

/// Write completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch completions bash > /etc/bash_completion.d/relaywatch
  relaywatch completions zsh > ~/.zfunc/_relaywatch")]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let mut script = Vec::new(); // clap panics when it cannot write, so it writes to memory
        clap_complete::generate(self.shell, &mut Cli::command(), "relaywatch", &mut script);
        screen.out.write_all(&script)?;
        Ok(Status::Done)
    }
}
