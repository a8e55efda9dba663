//! Where the commands that ask or fill the evidence store find it.

use std::path::{Path, PathBuf};

use crate::config::Config;

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
