//! Versions of SSL and TLS.

use serde::{Deserialize, Serialize};

/// A version of SSL or TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsVersion {
    /// SSL 2.0 (RFC 6176 forbids it).
    Ssl2,
    /// SSL 3.0 (RFC 7568 forbids it).
    Ssl3,
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346).
    Tls11,
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsVersion {
    /// Every version, the oldest first.
    pub const ALL: [Self; 6] = [Self::Ssl2, Self::Ssl3, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// Reads the forms that MTAs write: `TLSv1.3`, `TLS1_2`, `TLS1.2`, `TLSv1`, `SSLv3`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.trim().split_at_checked(3)?;
        let ssl = name.eq_ignore_ascii_case("ssl");
        if !ssl && !name.eq_ignore_ascii_case("tls") {
            return None;
        }
        Some(match (ssl, rest.trim_start_matches(['v', 'V', ' ', '_', '-'])) {
            (true, "2" | "2.0" | "2_0") => Self::Ssl2,
            (true, "3" | "3.0" | "3_0") => Self::Ssl3,
            (false, "1" | "1.0" | "1_0") => Self::Tls10,
            (false, "1.1" | "1_1") => Self::Tls11,
            (false, "1.2" | "1_2") => Self::Tls12,
            (false, "1.3" | "1_3") => Self::Tls13,
            _ => return None,
        })
    }

    /// The version as a number: `1.3` for TLS 1.3, `3.0` for SSL 3.0.
    pub fn number(self) -> f64 {
        match self {
            Self::Ssl2 => 2.0,
            Self::Ssl3 => 3.0,
            Self::Tls10 => 1.0,
            Self::Tls11 => 1.1,
            Self::Tls12 => 1.2,
            Self::Tls13 => 1.3,
        }
    }

    /// The version as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssl2 => "SSL 2.0",
            Self::Ssl3 => "SSL 3.0",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }
}
