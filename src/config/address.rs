//! A socket to listen on, as Postfix, Sendmail and admins write it.
//!
//! Takes `unix:/path`, `local:/path`, `inet:127.0.0.1:8895`, `inet:[::1]:8895` (Postfix), `inet:8895@127.0.0.1` and
//! `inet6:8895@::1` (Sendmail), gives an [`Address`]. Names are refused: nothing is resolved at start.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

/// A socket to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A UNIX socket, made at this path.
    Unix(PathBuf),
    /// A TCP address and port.
    Tcp(SocketAddr),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "inet:{address}"),
        }
    }
}

/// Why a text is no socket to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It does not begin with a known scheme.
    #[error("it does not begin with `unix:` or `inet:`")]
    Scheme,
    /// The path does not begin with `/`.
    #[error("its path does not begin with `/`")]
    RelativePath,
    /// The path holds a NUL byte or ends with `/`.
    #[error("its path names no file")]
    NoFile,
    /// The path is longer than a socket address can hold (`sun_path` is 108 bytes with its end).
    #[error("its path has {0} bytes, and the system allows 107")]
    LongPath(usize),
    /// A host name stands where an address is needed.
    #[error("`{0}` is a name; names are not resolved")]
    Name(String),
    /// The port is missing or no number.
    #[error("it has no port from 1 to 65535")]
    Port,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once(':').ok_or(AddressError::Scheme)?;
        match scheme {
            "unix" | "local" => unix(rest).map(Self::Unix),
            "inet" | "inet6" => tcp(rest).map(Self::Tcp),
            _ => Err(AddressError::Scheme),
        }
    }
}

/// Reads an address and a port: `127.0.0.1:9786`, `[::1]:9786`, or Sendmail's `9786@127.0.0.1`.
pub(super) fn tcp(text: &str) -> Result<SocketAddr, AddressError> {
    let (host, port) = match text.split_once('@') {
        Some((port, host)) => (host, port),
        None => text.rsplit_once(':').ok_or(AddressError::Port)?,
    };
    let port = port.parse().ok().filter(|port| *port > 0).ok_or(AddressError::Port)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let ip: IpAddr = bare.parse().map_err(|_| AddressError::Name(crate::text::printable(host, 60)))?;
    // `::1:8895` could mean two things; Postfix wants brackets as well.
    if ip.is_ipv6() && bare == host && !text.contains('@') {
        return Err(AddressError::Port);
    }
    Ok(SocketAddr::new(ip, port))
}

/// Reads the path of a UNIX socket.
pub(super) fn unix(path: &str) -> Result<PathBuf, AddressError> {
    if !path.starts_with('/') {
        return Err(AddressError::RelativePath);
    }
    if path.ends_with('/') || path.contains('\0') {
        return Err(AddressError::NoFile);
    }
    if path.len() > 107 {
        return Err(AddressError::LongPath(path.len()));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_read_as_postfix_and_sendmail_write_them() {
        for (text, shown) in [
            ("unix:/run/relaywatch/milter.sock", "unix:/run/relaywatch/milter.sock"),
            ("local:/run/relaywatch/milter.sock", "unix:/run/relaywatch/milter.sock"),
            ("inet:127.0.0.1:8895", "inet:127.0.0.1:8895"),
            ("inet:8895@127.0.0.1", "inet:127.0.0.1:8895"),
            ("inet6:8895@::1", "inet:[::1]:8895"),
            ("inet:[2001:db8::1]:8895", "inet:[2001:db8::1]:8895"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_socket_is_refused_with_the_reason() {
        let long = format!("unix:/{}", "x".repeat(107));
        for (text, error) in [
            ("/run/milter.sock", AddressError::Scheme),
            ("tcp:127.0.0.1:1", AddressError::Scheme),
            ("unix:milter.sock", AddressError::RelativePath),
            ("unix:/run/", AddressError::NoFile),
            (long.as_str(), AddressError::LongPath(108)),
            ("inet:localhost:8895", AddressError::Name("localhost".to_owned())),
            ("inet:127.0.0.1", AddressError::Port),
            ("inet:127.0.0.1:0", AddressError::Port),
            ("inet:127.0.0.1:65536", AddressError::Port),
            ("inet:::1:8895", AddressError::Port),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }
}
