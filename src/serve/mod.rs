//! The daemon.
//!
//! [`run`] takes everything from outside as an argument (listeners, clock, reload requests, shutdown, an observer) and
//! supervises what runs: one milter server a socket, the HTTP side, and the reload of the configuration. `relaywatch serve`
//! and `relaywatch demo` call this same function.

mod bounded;
mod http;
mod judge;
mod listeners;
pub mod logging;
mod reload;
mod systemd;

use std::{io, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use judge::{Observer, Outputs, Watch};
pub use listeners::Listeners;
pub use reload::{Source, ignore_hangups, signals_and_files};
pub use systemd::inherited;

use crate::{
    clock::Clock,
    config::Config,
    dns::Dns,
    events::Events,
    evidence::Keeper,
    ingest::milter::server::{Milter, Stop},
    metrics::Metrics,
};

/// How long open messages may take to finish once the daemon was told to stop. systemd kills after 90 s.
const DRAIN: Duration = Duration::from_secs(30);

/// What the daemon is made of.
pub struct Parts {
    /// The configuration that it starts with.
    pub config: Config,
    /// What is counted.
    pub metrics: Metrics,
    /// The sockets, open already.
    pub listeners: Listeners,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Who answers questions of DNS.
    pub dns: Arc<dyn Dns>,
    /// Who else sees each report; the demonstration does.
    pub observer: Option<Observer>,
    /// Where configurations come from while it runs.
    pub reload: Source,
    /// Cancelled when the daemon shall stop.
    pub shutdown: CancellationToken,
}

/// Runs until `shutdown`; then finishes open messages and comes back.
pub async fn run(parts: Parts) -> io::Result<()> {
    let Parts { config, metrics, listeners, clock, dns, observer, reload, shutdown } = parts;
    // Before anything is served: a file that cannot be opened is a mistake to be told at the start.
    let events = Events::start(&config.events, metrics.clone())?;
    let keeper = Keeper::start(config.evidence.clone(), Arc::clone(&clock), metrics.clone())?;
    let outputs = Outputs { keeper: keeper.clone(), events, observer };
    let watch = Arc::new(Watch::new(config, metrics.clone(), Arc::clone(&clock), dns, outputs));
    let judge = Arc::clone(&watch) as Arc<dyn crate::ingest::Judge>;
    let milter = Milter::new(watch.milter_settings(), judge, metrics, clock);

    let mut milters = JoinSet::new();
    for listener in listeners.milter {
        tracing::info!(listen = %listener.address(), "milter listens");
        milters.spawn(milter.clone().serve(listener, Stop { shutdown: shutdown.clone(), drain: DRAIN }));
    }
    // HTTP and reload stop after the milters, so that the last messages can still be seen in /metrics.
    let late = CancellationToken::new();
    let mut others = JoinSet::new();
    if let Some(listener) = listeners.http {
        tracing::info!(listen = %listener.local_addr()?, "http listens");
        others.spawn(http::serve(listener, Arc::clone(&watch), shutdown.clone(), late.clone()));
    }
    others.spawn(reload::follow(reload, Arc::clone(&watch), late.clone()));

    systemd::ready();
    let mut result = Ok(());
    // A server that ends by itself brings the others down: half a daemon looks alive and is blind.
    // A stop is looked at first: idle servers end at once when it comes, and that is no failure of theirs.
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        Some(ended) = milters.join_next() => result = failed("milter", ended.map(Ok)),
        Some(ended) = others.join_next() => result = failed("http or reload", ended),
    }
    systemd::stopping();
    tracing::info!("stopping; open messages are finished first");
    shutdown.cancel();
    while let Some(ended) = milters.join_next().await {
        result = result.and(ended.map_err(io::Error::other));
    }
    keeper.stop().await;
    // Also while /metrics is there, which has what was lost.
    let closing = Arc::clone(&watch);
    result = result.and(tokio::task::spawn_blocking(move || closing.events().close()).await.map_err(io::Error::other));
    late.cancel();
    while let Some(ended) = others.join_next().await {
        result = result.and(ended.map_err(io::Error::other).and_then(|ended| ended));
    }
    tracing::info!("stopped");
    result
}

/// The error of a server that should not have ended.
fn failed(what: &str, ended: Result<io::Result<()>, tokio::task::JoinError>) -> io::Result<()> {
    let error = match ended {
        Ok(Ok(())) => io::Error::other(format!("the {what} server ended by itself")),
        Ok(Err(error)) => error,
        Err(panic) => io::Error::other(panic),
    };
    tracing::error!(%error, "a server of the daemon failed; stopping");
    Err(error)
}
