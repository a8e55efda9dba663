//! Configuration: one TOML file, as written and as decided.
//!
//! [`Config`] is what the rest of the program sees: valid by construction, with every default filled in. The files that an
//! admin writes become one by way of the types as written, or an error that names file, line and what was expected.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::policy::Policy;

/// The whole configuration as decided.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// What inspection is told.
    pub policy: Policy,
    /// The milter.
    pub milter: MilterSettings,
    /// The HTTP side: metrics and health.
    pub http: HttpSettings,
    /// The log.
    pub log: LogSettings,
    /// The suspects table.
    pub suspects: SuspectSettings,
    /// Every file that it was read from: the configuration and its indicator lists. These are watched for changes.
    pub sources: Vec<PathBuf>,
}

/// Where and how the milter listens, and what it bears.
#[derive(Debug, Clone)]
pub struct MilterSettings {
    /// The sockets it listens on.
    pub listen: Vec<Address>,
    /// The access mode of UNIX sockets it makes.
    pub socket_mode: u32,
    /// Connections open at one time; further ones are closed at once.
    pub max_connections: usize,
    /// How long an MTA may be silent. Postfix keeps a connection open while its SMTP client thinks, up to
    /// `smtpd_timeout` (300 s), so this is longer.
    pub idle_timeout: Duration,
    /// How long a whole frame may take to arrive once its first byte is there, and an answer to be taken.
    pub io_timeout: Duration,
    /// Bytes of header section kept of a message.
    pub max_header_bytes: usize,
    /// Recipients kept of a message.
    pub max_recipients: usize,
}

impl Default for MilterSettings {
    fn default() -> Self {
        Self {
            listen: vec![Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 8895)))],
            socket_mode: 0o660,
            max_connections: 1000,
            idle_timeout: Duration::from_secs(600),
            io_timeout: Duration::from_secs(10),
            max_header_bytes: 1024 * 1024,
            max_recipients: 1000,
        }
    }
}

/// A socket to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A UNIX socket, made at this path.
    Unix(PathBuf),
    /// A TCP address and port.
    Tcp(SocketAddr),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "inet:{address}"),
        }
    }
}

/// The HTTP side.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The address of /metrics, /healthz and /readyz; nothing turns HTTP off.
    pub listen: Option<SocketAddr>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::from(([127, 0, 0, 1], 9786))) }
    }
}

/// The log.
#[derive(Debug, Clone, Default)]
pub struct LogSettings {
    /// Text for people, or JSON for machines.
    pub format: LogFormat,
    /// The least level that is written.
    pub level: LogLevel,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One line of text an event.
    #[default]
    Text,
    /// One JSON object an event.
    Json,
}

/// The least level of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Only what is broken.
    Error,
    /// Also anomalies in mail.
    Warn,
    /// Also starts, stops and reloads.
    #[default]
    Info,
    /// Also each message.
    Debug,
}

/// The suspects table.
#[derive(Debug, Clone)]
pub struct SuspectSettings {
    /// How many peers are shown by address.
    pub top: usize,
    /// How many peers are remembered to find the top ones among.
    pub tracked: usize,
}

impl Default for SuspectSettings {
    fn default() -> Self {
        Self { top: 20, tracked: 10_000 }
    }
}
