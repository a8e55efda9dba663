//! The program: parses the command line, runs the command, turns its outcome into an exit code.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Parser;
use relaywatch::cli::{Cli, Environment, Error, Screen, Status};

/// As shells report a program that SIGPIPE ended: not 0, because the work was not finished.
const BROKEN_PIPE: u8 = 141;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let stdout = io::stdout().lock();
    let environment = Environment {
        terminal: stdout.is_terminal(),
        width: terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0)),
        no_color: std::env::var("NO_COLOR").ok(),
        term: std::env::var("TERM").ok(),
        columns: std::env::var("COLUMNS").ok(),
    };
    let mut out = io::BufWriter::with_capacity(64 * 1024, stdout);
    let mut err = io::stderr();
    let style = environment.style(cli.color());
    let interactive = err.is_terminal();
    let mut screen = Screen { out: &mut out, err: &mut err, style, interactive };
    let outcome = cli.run(&mut screen).and_then(|status| {
        screen.out.flush()?;
        Ok(status)
    });
    match outcome {
        Ok(status) => ExitCode::from(status.code()),
        Err(error) if error.is_broken_pipe() => ExitCode::from(BROKEN_PIPE),
        Err(error) => {
            let _ = out.flush();
            let _ = match error {
                Error::Config(text) => writeln!(err, "{}", text.trim_end()),
                error => writeln!(err, "relaywatch: {error}"),
            };
            ExitCode::from(Status::Incomplete.code())
        }
    }
}
