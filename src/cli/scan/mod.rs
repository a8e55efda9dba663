//! `relaywatch scan`: all mail under some paths, on all cores, in bounded memory.

mod record;
mod render;
mod tally;

use std::{
    num::NonZero,
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use clap::ValueEnum;

use self::{
    record::Recorder,
    render::{Batch, Renderer},
    tally::Tally,
};
use super::{
    Error, Screen, Status,
    answers::DnsArgs,
    pipeline::{self, Event},
    policy::{PolicyArgs, reading},
    progress::{Progress, grouped},
    stop::Stop,
    store::StoreArgs,
};
use crate::{clock::Stopwatch, finding::Level};

/// Look through stored mail: .eml, mbox, Maildir, folders of these, .gz and .zst, standard input
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch scan ~/Maildir
  relaywatch scan --config relaywatch.toml --show notice /var/vmail archive-2020.mbox.zst
  relaywatch scan --format jsonl mail.mbox.gz > reports.jsonl
  zcat old.mbox.gz | relaywatch scan --fail-on suspicious -
  relaywatch scan --record --config relaywatch.toml /var/vmail

A message in an mbox is shown as FILE:OFFSET; `relaywatch inspect --at OFFSET FILE` shows its hops.

Exit codes:
  0    no message reached --fail-on
  1    at least one did
  2    an input could not be read, whatever was found in the others
  130  it was ended by Ctrl-C")]
pub(super) struct Args {
    /// Files and folders; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// One line of text a message, or one JSON object (docs/json.md)
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    /// The least verdict that is shown [default: suspicious for text, clean for jsonl]
    #[arg(long, value_enum, value_name = "LEVEL")]
    show: Option<Threshold>,
    /// The least verdict that makes the exit code 1
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Threshold::Malicious)]
    fail_on: Threshold,
    /// How many messages are inspected at a time [default: one a core; with --dns 32]
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Keep what is found in the evidence store, too, for `hunt` and `report`; mail that is there already is passed over
    #[arg(long)]
    record: bool,
    /// Neither progress nor summary
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    dns: DnsArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// Messages that are inspected and written together.
const BATCH: usize = 64;
/// How many messages wait for DNS at a time.
const WAITING_THREADS: usize = 32;

/// A level as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Threshold {
    Clean,
    Notice,
    Suspicious,
    Malicious,
}

impl From<Threshold> for Level {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Clean => Self::Clean,
            Threshold::Notice => Self::Notice,
            Threshold::Suspicious => Self::Suspicious,
            Threshold::Malicious => Self::Malicious,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Jsonl,
}

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let stopwatch = Stopwatch::start();
        let config = self.policy.config(screen.style.color)?;
        let reading = reading(&config, &self.dns);
        let answers = self.dns.answers(&config.dns)?;
        let show = self.show.unwrap_or(match self.format {
            Format::Text => Threshold::Suspicious,
            Format::Jsonl => Threshold::Clean,
        });
        let mut recorder = match self.record {
            true => Some(Recorder::open(&self.store.path(&config), config.evidence.durability)?),
            false => None,
        };
        let renderer = Renderer {
            answers,
            privacy: recorder.is_some().then(|| config.evidence.privacy.clone()),
            policy: config.policy,
            json: self.format == Format::Jsonl,
            show: show.into(),
            style: screen.style,
        };
        let progress = Progress::start(screen.interactive && !self.quiet, &self.paths);
        let bytes = Arc::clone(&reading.bytes);
        let stop = Stop::on_ctrl_c();
        // Who asks DNS waits for most of the time.
        let usual =
            || if self.dns.waits() { NonZero::new(WAITING_THREADS) } else { std::thread::available_parallelism().ok() };
        let threads = self.threads.or_else(usual).map_or(1, NonZero::get);

        let mut tally = Tally::default();
        let mut interrupted = false;
        let paths = self.paths;
        pipeline::run(
            move |sink| reading.all(&paths, sink),
            move |items| renderer.batch(items),
            pipeline::Size { threads, batch: BATCH },
            &mut |event: Event<Batch>| {
                if let Event::Batch(batch) = event {
                    // What was shown is to stand in the store whatever happens next.
                    if let Some(recorder) = &mut recorder {
                        recorder.write(&batch.records)?;
                    }
                    tally.add(&batch.tally);
                    progress.aside(|| {
                        screen.out.write_all(&batch.out)?;
                        screen.err.write_all(&batch.err)?;
                        if screen.interactive { screen.out.flush() } else { Ok(()) }
                    })?;
                }
                let (read, elapsed) = (bytes.load(Ordering::Relaxed), stopwatch.elapsed());
                progress.update(tally.messages(), (tally.suspects(), "SUSPICIOUS"), read, elapsed);
                interrupted = stop.is_asked();
                Ok(if interrupted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            },
        )?;
        progress.finish();
        let written = recorder.map(Recorder::end).transpose()?;
        if !self.quiet {
            screen.out.flush()?;
            let mut summary = tally.summary(stopwatch.elapsed(), interrupted, &screen.style);
            if let Some(written) = written {
                let known = if written.known > 0 {
                    format!(", {} were there", grouped(written.known as u64))
                } else {
                    String::new()
                };
                summary.push_str(&format!("Evidence           {} stored{known}\n", grouped(written.stored as u64)));
            }
            match self.format {
                Format::Text => screen.out.write_all(summary.as_bytes())?,
                Format::Jsonl => screen.err.write_all(summary.as_bytes())?, // the JSON stays clean of it
            }
        }
        Ok(if interrupted {
            Status::Interrupted
        } else if tally.inputs.is_incomplete() {
            Status::Incomplete
        } else if tally.worst().is_some_and(|worst| worst >= self.fail_on.into()) {
            Status::Found
        } else {
            Status::Done
        })
    }
}
