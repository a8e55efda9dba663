//! Listeners: the sockets that MTAs connect to.
//!
//! Takes an [`Address`] or a socket that systemd opened for us, gives connections. A UNIX socket is made with its
//! access mode before anyone can connect to it, and goes when the listener goes, if it is still ours.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

use super::unix::{UnixListener, UnixStream};
use crate::config::Address;

/// How many connections the kernel holds for us while we are busy.
const BACKLOG: i32 = 1024;

/// A socket that MTAs connect to.
#[derive(Debug)]
pub struct Listener {
    socket: ListenerSocket,
    address: Address,
    _made: Option<MadeSocket>,
}

#[derive(Debug)]
enum ListenerSocket {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// A connection of either kind.
#[derive(Debug)]
pub enum Connection {
    /// Over a UNIX socket.
    Unix(UnixStream),
    /// Over TCP.
    Tcp(TcpStream),
}

/// A byte stream to an MTA.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {
    /// Called before each read that may wait.
    fn before_read(&self);
}

impl Listener {
    /// Makes and opens a socket; `mode` is the access mode of a UNIX socket.
    ///
    /// Must be called within a tokio runtime, as all that makes a listener.
    pub fn bind(address: &Address, mode: u32) -> io::Result<Self> {
        let made = Self::make(address, mode);
        made.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
    }

    fn make(address: &Address, mode: u32) -> io::Result<Self> {
        match address {
            Address::Unix(path) => {
                clear_stale(path)?;
                let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
                socket.bind(&SockAddr::unix(path)?)?;
                let made = MadeSocket::at(path)?;
                // Nobody can connect before `listen`, so no one slips in under the wrong mode.
                fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
                socket.listen(BACKLOG)?;
                Ok(Self { _made: Some(made), ..Self::from_std_unix(socket.into())? })
            }
            Address::Tcp(address) => {
                let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
                socket.set_reuse_address(true)?;
                socket.bind(&(*address).into())?;
                socket.listen(BACKLOG)?;
                Self::from_std_tcp(socket.into())
            }
        }
    }

    /// Takes over a UNIX socket that another process opened (systemd); its file is not ours to delete.
    pub fn from_std_unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        let path = listener.local_addr()?.as_pathname().map(Path::to_path_buf).unwrap_or_default();
        let socket = ListenerSocket::Unix(UnixListener::from_std(listener)?);
        Ok(Self { socket, address: Address::Unix(path), _made: None })
    }

    /// Takes over a TCP socket that another process opened (systemd).
    pub fn from_std_tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = Address::Tcp(listener.local_addr()?);
        Ok(Self { socket: ListenerSocket::Tcp(TcpListener::from_std(listener)?), address, _made: None })
    }

    /// Where it listens; a TCP port of 0 has become the real one.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Waits for the next connection. May be dropped while it waits without losing one.
    pub async fn accept(&self) -> io::Result<Connection> {
        match &self.socket {
            ListenerSocket::Unix(listener) => listener.accept().await.map(Connection::Unix),
            ListenerSocket::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Replies are written whole, so there is nothing to gain from waiting for more of them. A peer that is
                // gone already fails here, which is its own affair and no trouble of the listener's.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY was refused");
                }
                Ok(Connection::Tcp(stream))
            }
        }
    }
}

impl Transport for UnixStream {
    fn before_read(&self) {}
}

impl Transport for TcpStream {
    /// The MTA sends commands that have no answer as small packets, each held back by Nagle's algorithm until the one
    /// before is acknowledged; the kernel delays that by 40 ms unless told otherwise, and forgets it was told whenever
    /// it sees an exchange that looks interactive. So it is told again before each read.
    fn before_read(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Err(error) = SockRef::from(self).set_tcp_quickack(true) {
            tracing::debug!(%error, "TCP_QUICKACK was refused; mail over this milter connection is slower");
        }
    }
}

/// Removes what a process that died left at a path: a socket that nobody answers on, and nothing else.
fn clear_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "something that is no socket is there; it is left alone",
        ));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers on it")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// A socket file that we made, by its identity: whoever takes the path over keeps it.
#[derive(Debug)]
struct MadeSocket {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl MadeSocket {
    fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_path_buf(), device: metadata.dev(), inode: metadata.ino() })
    }
}

impl Drop for MadeSocket {
    fn drop(&mut self) {
        let is_ours = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == (self.device, self.inode);
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the milter's socket could not be removed");
        }
    }
}
