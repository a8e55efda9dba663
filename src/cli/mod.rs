//! The command line: one file a command.
//!
//! Takes the arguments and a [`Screen`] to write to, gives a [`Status`] that becomes the exit code. The definitions here
//! are the one source of the help, the man pages and the completions. Only this module and main.rs know a terminal.

mod answers;
mod check_config;
mod completions;
mod demo;
mod forget;
mod hunt;
mod inputs;
mod inspect;
mod man;
mod pipeline;
mod policy;
mod progress;
mod report;
mod scan;
mod screen;
mod serve;
mod stop;
mod store;
mod trace;
mod version;
mod wanted;

use std::io;

use clap::{Parser, Subcommand};

use crate::exposure::AskError;

pub use screen::{Environment, Screen, When};

/// Tells a mail admin that a host which should not be there is carrying their mail.
#[derive(Debug, Parser)]
#[command(name = "relaywatch", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    color: When,
}

const EXAMPLES: &str = "\
Examples:
  relaywatch demo                          see it find the relay of 2020, without any set-up
  relaywatch inspect mail.eml              show the way of one mail, hop by hop
  relaywatch scan ~/Maildir                look for mail that came by a wrong way
  relaywatch hunt 45.77.24.250 --in ~/Maildir  say who wrote through that host, and when
  relaywatch serve --config relaywatch.toml  run beside Postfix or Sendmail
  relaywatch report --help                 count who wrote through a relay

Exit codes: 0 all is well, 1 something was found (scan, inspect, hunt, report), 2 something could not be done.";

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Inspect(inspect::Args),
    Scan(scan::Args),
    Hunt(hunt::Args),
    Report(report::Args),
    Trace(trace::Args),
    Forget(forget::Args),
    CheckConfig(check_config::Args),
    Version(version::Args),
    Man(man::Args),
    Completions(completions::Args),
}

impl Cli {
    /// When to use colours.
    pub fn color(&self) -> When {
        self.color
    }

    /// Does what was asked for.
    pub fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        match self.command {
            Command::Demo(args) => args.run(screen),
            Command::Serve(args) => args.run(screen),
            Command::Inspect(args) => args.run(screen),
            Command::Scan(args) => args.run(screen),
            Command::Hunt(args) => args.run(screen),
            Command::Report(args) => args.run(screen),
            Command::Trace(args) => args.run(screen),
            Command::Forget(args) => args.run(screen),
            Command::CheckConfig(args) => args.run(screen),
            Command::Version(args) => args.run(screen),
            Command::Man(args) => args.run(screen),
            Command::Completions(args) => args.run(screen),
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All is well.
    Done,
    /// Something was found.
    Found,
    /// Something could not be read; the rest was.
    Incomplete,
    /// The user ended it.
    Interrupted,
}

impl Status {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::Incomplete => 2,
            Self::Interrupted => 130, // as shells report a SIGINT
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is not usable.
    #[error("{0}")]
    Config(String),
    /// An input cannot be read.
    #[error("{path}: {reason}")]
    Input {
        /// The input, made printable.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An argument is none that the command knows.
    #[error("{0}")]
    Usage(String),
    /// Nobody can be asked.
    #[error("{0}; name your resolvers in `dns.servers`")]
    Dns(String),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// The evidence store cannot be used.
    #[error("{0}")]
    Store(#[from] crate::evidence::StoreError),
    /// A fault of ours.
    #[error("internal error, please report it: {0}")]
    Internal(String),
    /// The daemon could not start, or ended by a fault.
    #[error("{0}")]
    Daemon(io::Error),
}

impl Error {
    /// Whether the reader of our output went away (`relaywatch scan .. | head`); nothing to complain about.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<AskError> for Error {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Store(error) => Self::Store(error),
            AskError::Output(error) => Self::Output(error),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_help_has_examples() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for command in command.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }
}
