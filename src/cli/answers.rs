//! Where the commands that read files take answers of DNS from.

use std::{path::PathBuf, sync::Arc};

use tokio::runtime::Runtime;

use super::Error;
use crate::{
    config::DnsSettings,
    dns::{Dns, Network, Offline, Zone, at_once},
    inspect::{Report, inspect},
    message::RawMessage,
    policy::Policy,
};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What DNS says")]
pub(super) struct DnsArgs {
    /// Ask DNS about sender and peer, as the daemon does; today's DNS says nothing of an old mail's day
    #[arg(long, conflicts_with = "zone")]
    dns: bool,
    /// Take the answers from a zone file (RFC 1035) instead; what it does not hold does not exist
    #[arg(long, value_name = "FILE")]
    zone: Option<PathBuf>,
}

/// Whoever answers, and what is needed to wait for an answer.
pub(super) struct Answers {
    dns: Arc<dyn Dns>,
    runtime: Option<Runtime>,
}

impl DnsArgs {
    /// Whether real servers are asked, so that most of the time is spent waiting.
    pub(super) fn waits(&self) -> bool {
        self.dns
    }

    /// Whether signatures can be verified, for which bodies are needed.
    pub(super) fn asks(&self) -> bool {
        self.dns || self.zone.is_some()
    }

    pub(super) fn answers(&self, settings: &DnsSettings) -> Result<Answers, Error> {
        if let Some(file) = &self.zone {
            let shown = file.display().to_string();
            let fail = |reason: String| Error::Input { path: shown.clone(), reason };
            let text = std::fs::read_to_string(file).map_err(|error| fail(error.to_string()))?;
            let zone = Zone::read(&text).map_err(|error| fail(error.to_string()))?;
            return Ok(Answers { dns: Arc::new(zone), runtime: None });
        }
        if !self.dns {
            return Ok(Answers { dns: Arc::new(Offline), runtime: None });
        }
        let runtime = Runtime::new().map_err(|error| Error::Internal(error.to_string()))?;
        let network =
            Network::new(settings.network.clone(), Arc::new(())).map_err(|error| Error::Dns(error.to_string()))?;
        Ok(Answers { dns: Arc::new(network), runtime: Some(runtime) })
    }
}

impl Answers {
    /// Inspects one message, from whatever thread.
    pub(super) fn inspect<'a>(&self, message: &'a RawMessage, policy: &Policy) -> Report<'a> {
        let inspection = inspect(message, policy, &*self.dns);
        match &self.runtime {
            Some(runtime) => runtime.block_on(inspection),
            None => at_once(inspection),
        }
    }
}
