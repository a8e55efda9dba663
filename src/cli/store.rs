//! Where the commands that ask or fill the evidence store find it.

use std::{
    path::{Path, PathBuf},
    thread,
};

use super::{Error, Screen};
use crate::{
    clock::{Clock as _, SystemClock},
    config::Config,
    evidence::{Reader, take_in},
};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The evidence store")]
pub(super) struct StoreArgs {
    /// The store's file [default: evidence.db in the configuration's state.folder]
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
}

impl StoreArgs {
    /// The store's file.
    pub(super) fn path(&self, config: &Config) -> PathBuf {
        self.store.as_deref().map_or_else(|| config.evidence.path(), Path::to_owned)
    }
}

/// Opens a store to ask it. What a daemon that was killed left beside it is taken in first.
pub(super) fn open(path: &Path, screen: &mut Screen<'_>) -> Result<Reader, Error> {
    // Who may only read is answered all the same.
    if let Err(error) = take_in(path, SystemClock.now(), &mut thread::sleep) {
        writeln!(screen.err, "{error}")?;
    }
    Ok(Reader::open(path)?)
}
