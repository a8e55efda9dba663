//! Where events go, as decided by the configuration.

use std::{fmt, net::SocketAddr, path::PathBuf};

use crate::finding::Severity;

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The JSONL file; nothing where none is written.
    pub file: Option<PathBuf>,
    /// The size beyond which the file is not let grow, in bytes.
    pub max_size: u64,
    /// How many full files are kept beside it.
    pub keep: usize,
    /// The syslog receiver; nothing where none is told.
    pub syslog: Option<Destination>,
    /// The least severity of a finding that makes an event.
    pub level: Severity,
}

impl Default for Settings {
    fn default() -> Self {
        Self { file: None, max_size: 10 * 1024 * 1024, keep: 5, syslog: None, level: Severity::Notice }
    }
}

/// A syslog receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A datagram socket of this host, such as `/dev/log`.
    Unix(PathBuf),
    /// UDP (RFC 5426).
    Udp(SocketAddr),
    /// TCP with octet counting (RFC 6587, 3.4.1).
    Tcp(SocketAddr),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}
