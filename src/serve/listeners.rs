//! The daemon's sockets: opened by us as configured, or taken over from systemd.

use std::{io, os::unix::net::UnixListener as StdUnixListener};

use tokio::net::TcpListener;

use crate::{config::Config, ingest::milter::listener::Listener};

/// Open sockets, ready to be served.
#[derive(Default)]
pub struct Listeners {
    /// The milter's.
    pub milter: Vec<Listener>,
    /// HTTP's.
    pub http: Option<TcpListener>,
}

/// A socket that somebody else opened.
pub(super) enum Inherited {
    Unix(StdUnixListener),
    Tcp(std::net::TcpListener),
}

impl Listeners {
    /// Opens what the configuration names and what is not there yet: milter sockets from systemd stand in for all
    /// configured ones, and so does an HTTP socket.
    pub fn complete(mut self, config: &Config) -> io::Result<Self> {
        if self.milter.is_empty() {
            for address in &config.milter.listen {
                let listener = Listener::bind(address, config.milter.socket_mode)
                    .map_err(|error| named(error, &format!("milter socket {address}")))?;
                self.milter.push(listener);
            }
        }
        if let (None, Some(address)) = (&self.http, config.http.listen) {
            let listener = std::net::TcpListener::bind(address)
                .map_err(|error| named(error, &format!("http socket {address}")))?;
            self.http = Some(asynchronous(listener)?);
        }
        Ok(self)
    }

    pub(super) fn adopt(&mut self, socket: Inherited, is_http: bool) -> io::Result<()> {
        match (socket, is_http) {
            (Inherited::Tcp(socket), true) => self.http = Some(asynchronous(socket)?),
            (Inherited::Unix(_), true) => return Err(io::Error::other("the socket named `http` must be a TCP socket")),
            (Inherited::Tcp(socket), false) => self.milter.push(Listener::from_std_tcp(socket)?),
            (Inherited::Unix(socket), false) => self.milter.push(Listener::from_std_unix(socket)?),
        }
        Ok(())
    }
}

fn asynchronous(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn named(error: io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what} cannot be opened: {error}"))
}
