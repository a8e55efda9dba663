//! `relaywatch serve`: the daemon.

use std::{io, path::PathBuf, sync::Arc};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Error, Screen, Status, policy};
use crate::{
    clock::SystemClock,
    config::DnsSettings,
    dns::{Dns, Network, Offline},
    metrics::Metrics,
    serve::{self, Parts},
};

/// Run the daemon: milter, metrics, health
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch serve --config /etc/relaywatch/relaywatch.toml
  relaywatch check-config /etc/relaywatch/relaywatch.toml && systemctl reload relaywatch")]
pub(super) struct Args {
    /// The configuration file [default: /etc/relaywatch/relaywatch.toml if it is there, else embedded defaults]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let (config, file) = policy::load_or_default(self.config.as_deref(), screen.style.color)?;
        serve::logging::start(&config.log);
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        if config.policy.topology.domains.is_empty() {
            tracing::warn!("no domain of yours is configured (topology.domains): only indicator lists can be matched");
        }
        let runtime = tokio::runtime::Runtime::new().map_err(Error::Daemon)?;
        runtime
            .block_on(async {
                let listeners = serve::inherited()?.complete(&config)?;
                let reload = match file {
                    Some(file) => serve::signals_and_files(file, &config)?,
                    None => serve::ignore_hangups()?,
                };
                let shutdown = stop_on_signal()?;
                let clock = Arc::new(SystemClock);
                let metrics = Metrics::new().map_err(io::Error::other)?;
                let dns = resolvers(&config.dns, &metrics);
                serve::run(Parts { config, metrics, listeners, clock, dns, observer: None, reload, shutdown }).await
            })
            .map_err(Error::Daemon)?;
        Ok(Status::Done)
    }
}

/// Who answers questions of DNS; nobody where none is to be found, because mail is not to wait for that.
fn resolvers(settings: &DnsSettings, metrics: &Metrics) -> Arc<dyn Dns> {
    if !settings.on {
        return Arc::new(Offline);
    }
    match Network::new(settings.network.clone(), Arc::new(metrics.clone())) {
        Ok(network) => {
            let servers: Vec<_> = network.servers().map(|server| server.to_string()).collect();
            tracing::info!(servers = servers.join(" "), "DNS is asked");
            Arc::new(network)
        }
        Err(error) => {
            tracing::warn!(%error, "nobody can be asked about senders; name your resolvers in `dns.servers`");
            Arc::new(Offline)
        }
    }
}

/// A token that SIGTERM and SIGINT cancel.
pub(super) fn stop_on_signal() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, token) = (signal(kind)?, token.clone());
        tokio::spawn(async move {
            signals.recv().await;
            token.cancel();
        });
    }
    Ok(token)
}
