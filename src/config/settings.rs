//! Settings of the daemon's parts as decided, with their defaults.

use std::{net::SocketAddr, time::Duration};

use super::Address;
use crate::dns;

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
    /// Bytes of body kept of a message; zero where none is asked for (see `authentication.dkim`).
    pub body_bytes: usize,
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
            body_bytes: 0,
        }
    }
}

/// Who answers questions of DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsSettings {
    /// Whether anybody is asked.
    pub on: bool,
    /// Who, and what it may cost.
    pub network: dns::Settings,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self { on: true, network: dns::Settings::default() }
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

impl LogFormat {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Text, Self::Json];

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
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

impl LogLevel {
    /// Every level, the quietest first.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
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
