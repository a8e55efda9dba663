//! `relaywatch hunt`: who wrote through a host, to whom, and when.

mod archive;
mod render;
mod store;
mod tally;

use std::{
    num::NonZero,
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use clap::ValueEnum;

use self::{
    archive::{Archive, Batch},
    render::Form,
    tally::Tally,
};
use super::{
    Error, Screen, Status,
    pipeline::{self, Event, Size},
    policy::PolicyArgs,
    progress::Progress,
    stop::Stop,
    store::StoreArgs,
    wanted,
};
use crate::{
    clock::{Stopwatch, Timestamp},
    hunt::{Span, Wanted, when},
    ingest::files::{Filter, Reading},
};

/// Say which mail crossed a host, who sent it, to whom, and when
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch hunt 45.77.24.250
  relaywatch hunt 45.77.24.250 --in /var/vmail archive-2020.mbox.gz
  relaywatch hunt 203.0.113.0/24 evil.example host:mx.example.net --in ~/Maildir
  relaywatch hunt incident.toml --since 2020-05-31T00:05+09:00 --until 2020-06-08 --in mail.mbox
  relaywatch hunt 45.77.24.250 --format csv --in mail.mbox.zst > affected.csv
  zcat old.mbox.gz | relaywatch hunt 45.77.24.250 --count --in -

INDICATOR is an address, a network, a name (which stands for all names below it, too), `host:NAME`
for exactly that name, or the file of a list: .toml, .netset, .txt, or any file with a `/` in its
path.

A line in a mail says what its writer wanted it to say. Only the address at your border is a fact,
and is marked `border`; name your networks and domains for that, as with scan.

Exit codes:
  0    no message crossed it
  1    at least one did
  2    an input could not be read, whatever was found in the others
  130  it was ended by Ctrl-C")]
pub(super) struct Args {
    /// What is looked for
    #[arg(value_name = "INDICATOR", required = true)]
    indicators: Vec<String>,
    /// Files and folders that are searched instead of the evidence store; `-` is standard input
    #[arg(long = "in", value_name = "PATH", num_args = 1..)]
    paths: Vec<PathBuf>,
    /// Only mail of this time or later: a date in UTC, or a time with its zone
    #[arg(long, value_name = "TIME", value_parser = when)]
    since: Option<Timestamp>,
    /// Only mail from before this time
    #[arg(long, value_name = "TIME", value_parser = when)]
    until: Option<Timestamp>,
    /// A line of text, a JSON object (docs/json.md) or a record of CSV for each message
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    /// Only say how many messages crossed it
    #[arg(long, conflicts_with = "format")]
    count: bool,
    /// How many messages are read at a time [default: one a core]
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Neither progress nor summary
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Jsonl,
    Csv,
}

/// Messages that are read together, where each has its trace read.
const BATCH: usize = 64;

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let wanted = wanted::read(&self.indicators, screen.style.color)?;
        if let (Some(since), Some(until)) = (self.since, self.until)
            && until <= since
        {
            return Err(Error::Usage(format!("`--until` ({until}) is not later than `--since` ({since})")));
        }
        if self.paths.is_empty() { self.store(&wanted, screen) } else { self.archives(wanted, screen) }
    }

    fn form(&self, screen: &Screen<'_>) -> Form {
        match self.format {
            _ if self.count => Form::Nothing,
            Format::Text => Form::Text(screen.style),
            Format::Jsonl => Form::Jsonl,
            Format::Csv => Form::Csv,
        }
    }

    fn store(mut self, wanted: &Wanted, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let stopwatch = Stopwatch::start();
        let form = self.form(screen);
        let config = std::mem::take(&mut self.policy).config(screen.style.color)?;
        let reader = super::store::open(&self.store.path(&config), screen)?;
        let stop = Stop::on_ctrl_c();
        let mut tally = Tally::default();
        let (mut written, mut interrupted, mut line) = (Ok(()), false, Vec::new());
        screen.out.write_all(&form.head())?;
        let span = Span { since: self.since, until: self.until };
        store::search(&reader, wanted, span, &mut |passage| {
            tally.passage(&passage);
            line.clear();
            form.write(&passage, &mut line);
            written = screen.out.write_all(&line);
            interrupted = stop.is_asked();
            if interrupted || written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        written?;
        self.end(&tally, stopwatch, interrupted, screen)
    }

    /// Says what was counted.
    fn end(
        &self,
        tally: &Tally,
        stopwatch: Stopwatch,
        interrupted: bool,
        screen: &mut Screen<'_>,
    ) -> Result<Status, Error> {
        if self.count {
            writeln!(screen.out, "{}", tally.seen())?;
        } else if !self.quiet {
            screen.out.flush()?;
            let summary = tally.summary(stopwatch.elapsed(), interrupted, &screen.style);
            match self.format {
                Format::Text => screen.out.write_all(summary.as_bytes())?,
                Format::Jsonl | Format::Csv => screen.err.write_all(summary.as_bytes())?, // the data stay clean of it
            }
        }
        Ok(if interrupted {
            Status::Interrupted
        } else if tally.inputs.is_incomplete() {
            Status::Incomplete
        } else if tally.seen() > 0 {
            Status::Found
        } else {
            Status::Done
        })
    }

    fn archives(mut self, wanted: Wanted, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let stopwatch = Stopwatch::start();
        let config = std::mem::take(&mut self.policy).config(screen.style.color)?;
        let mut reading = Reading { max_header_bytes: config.milter.max_header_bytes, ..Reading::default() };
        let mut size = Size { threads: self.threads.map_or_else(cores, NonZero::get), batch: BATCH };
        if let Some(needle) = wanted.needle() {
            reading.filter = Some(Filter::new(move |section| needle.may_be_in(section)));
            size.batch = 1; // few are left, and each may be waited for
        }
        let form = self.form(screen);
        let span = Span { since: self.since, until: self.until };
        let archive = Archive { wanted, span, policy: config.policy, form };
        let progress = Progress::start(screen.interactive && !self.quiet, &self.paths);
        let (bytes, passed) = (Arc::clone(&reading.bytes), Arc::clone(&reading.passed));
        let stop = Stop::on_ctrl_c();
        let mut tally = Tally::default();
        let mut interrupted = false;
        screen.out.write_all(&form.head())?;
        let paths = std::mem::take(&mut self.paths);
        pipeline::run(
            move |sink| reading.all(&paths, sink),
            move |items| archive.batch(items),
            size,
            &mut |event: Event<Batch>| {
                if let Event::Batch(batch) = event {
                    tally.add(batch.tally);
                    progress.aside(|| {
                        screen.out.write_all(&batch.out)?;
                        screen.err.write_all(&batch.err)?;
                        if screen.interactive { screen.out.flush() } else { Ok(()) }
                    })?;
                }
                let messages = tally.messages() + passed.load(Ordering::Relaxed);
                progress.update(messages, (tally.seen(), "SEEN"), bytes.load(Ordering::Relaxed), stopwatch.elapsed());
                interrupted = stop.is_asked();
                Ok(if interrupted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            },
        )?;
        progress.finish();
        tally.passed(passed.load(Ordering::Relaxed));
        self.end(&tally, stopwatch, interrupted, screen)
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}
