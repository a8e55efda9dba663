//! Sets the log up: to standard error, as text or JSON.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Registry, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{LogFormat, LogLevel, LogSettings};

/// Starts logging; a second call changes nothing.
///
/// Under systemd (`JOURNAL_STREAM`) text lines carry no time, since the journal adds its own.
pub fn start(settings: &LogSettings) {
    let level = match settings.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // The DNS client warns of each stray datagram, which anybody can send.
    let level = Targets::new()
        .with_default(level)
        .with_target("hickory_net", LevelFilter::ERROR)
        .with_target("hickory_proto", LevelFilter::ERROR);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let started = match settings.format {
        LogFormat::Json => Registry::default().with(level).with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text if std::env::var_os("JOURNAL_STREAM").is_some() => {
            Registry::default().with(level).with(lines.without_time().with_ansi(false)).try_init()
        }
        LogFormat::Text => Registry::default().with(level).with(lines.with_ansi(colour)).try_init(),
    };
    if started.is_err() {
        tracing::debug!("the log was set up before");
    }
}
