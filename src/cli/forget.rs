//! `relaywatch forget`: an erasure request.

use std::{
    path::{Path, PathBuf},
    thread,
};

use super::{Error, Screen, Status, policy, store::StoreArgs};
use crate::{
    clock::{Clock as _, SystemClock},
    evidence::{self, Forgotten, Wanted, privacy::HashKey},
    text::Printable,
};

/// Forget mail addresses: take them out of the evidence store
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch forget --dry-run ann@sender.example
  relaywatch forget ann@sender.example ann@old.example

The daemon may go on running. Hop addresses stay: they are the evidence. docs/privacy.md says what else stays.

Exit codes: 0 it was forgotten, or was not there; 2 something could not be done.")]
pub(super) struct Args {
    /// The mail addresses
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<String>,
    /// Only say what there is
    #[arg(long)]
    dry_run: bool,
    /// The configuration file [default: /etc/relaywatch/relaywatch.toml if it is there, else embedded defaults]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The key of stored hashes [default: the configuration's evidence.key_file]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
}

const NOT_REACHED: &str = "\
Not reached by this: the event log and the log of anomalies (file, journal, syslog), the MTA's own logs and queues, backups and snapshots,
reports and exports that were made before. New mail from or to an address is recorded as before.";

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let (config, _) = policy::load_or_default(self.config.as_deref(), screen.style.color)?;
        let key = match &self.key_file {
            Some(file) => Some(key(file)?),
            None => config.evidence.privacy.key.clone(),
        };
        let mut wanted = Vec::with_capacity(self.addresses.len());
        for address in &self.addresses {
            let none =
                || Error::Input { path: Printable(address).to_string(), reason: "this is no mail address".to_owned() };
            wanted.push(Wanted::new(address, key.as_ref()).ok_or_else(none)?);
        }
        let path = self.store.path(&config);
        evidence::take_in(&path, SystemClock.now(), &mut thread::sleep)?;
        let mut status = Status::Done;
        for wanted in &wanted {
            let found = evidence::forget(&path, wanted, self.dry_run, &mut thread::sleep)?;
            self.tell(wanted, &found, &path, screen)?;
            if !self.dry_run && !found.wiped {
                status = Status::Incomplete;
            }
        }
        writeln!(screen.out, "{NOT_REACHED}")?;
        Ok(status)
    }

    fn tell(&self, wanted: &Wanted, found: &Forgotten, path: &Path, screen: &mut Screen<'_>) -> Result<(), Error> {
        let out = &mut *screen.out;
        let (address, path) = (Printable(wanted.address()), path.to_string_lossy());
        let path = Printable(&path);
        if found.is_nothing() {
            writeln!(out, "{address}: nothing of it is in {path}")?;
        } else {
            let done = if self.dry_run { "would be forgotten" } else { "forgotten" };
            writeln!(out, "{address}: {done} in {path}")?;
            let lines = [
                (found.addresses, "its own rows (in clear, as a hash): emptied, people are counted as before"),
                (found.rewritten, "other addresses that hold it (of forwarders, of lists): emptied"),
                (found.messages_sent, "messages from it: stay, without saying whose they are"),
                (found.messages_received, "messages to it: stay, without saying whose they are"),
                (found.headings, "messages that lose their Message-ID and subject"),
                (found.findings, "findings that mention it, which is cut out"),
                (found.texts, "host names or names of files that mention it, which is cut out"),
            ];
            for (count, what) in lines.into_iter().filter(|(count, _)| *count > 0) {
                writeln!(out, "  {count:>6} {what}")?;
            }
        }
        if found.hashed > 0 {
            writeln!(
                out,
                "  {} addresses are stored as hashes; without their key (--key-file) nobody can tell whether it is among them",
                found.hashed
            )?;
        }
        if !found.tagged.is_empty() {
            let tagged: Vec<_> = found.tagged.iter().map(|address| Printable(address).to_string()).collect();
            writeln!(out, "  left as they are; name them if they are the same person's: {}", tagged.join(" "))?;
        }
        if !self.dry_run && !found.wiped {
            writeln!(
                screen.err,
                "relaywatch: another program is reading {path}, so that old pages are still in its log ({path}-wal); \
                 end it (a report, a backup, a `sqlite3`), and do this again"
            )?;
        }
        Ok(())
    }
}

/// The key in a file. What is in it is never shown.
fn key(file: &Path) -> Result<HashKey, Error> {
    let fail = |reason: String| Error::Input { path: Printable(&file.to_string_lossy()).to_string(), reason };
    let bytes = std::fs::read(file).map_err(|error| fail(error.to_string()))?;
    let short = || fail(format!("the key has {} bytes; at least {} are needed", bytes.len(), HashKey::LEAST_BYTES));
    HashKey::new(&bytes).ok_or_else(short)
}
