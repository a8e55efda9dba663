//! UNIX sockets that wake us only when there is something to read.
//!
//! Takes the standard library's sockets, gives a listener and a byte stream for tokio. Tokio's own asks the kernel about
//! reading and writing in one, and on a UNIX socket whatever the peer reads makes a new "can be written": each answer of
//! ours would wake us once more for nothing. Here "can be written" is asked for only while a write waits. (TCP says it only
//! to who was refused before.)

use std::{
    io::{self, Read, Write},
    mem,
    net::Shutdown,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::{UnixListener as StdListener, UnixStream as StdStream},
    },
    path::Path,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, unix::AsyncFd};

/// A UNIX socket that listens.
#[derive(Debug)]
pub struct UnixListener(AsyncFd<StdListener>);

/// A UNIX socket that is connected.
#[derive(Debug)]
pub struct UnixStream {
    socket: AsyncFd<StdStream>,
    /// Whether nothing was read yet: who has just connected has mostly spoken by now, which spares the first wake.
    new: bool,
    /// The socket under a second number, there while a write waits: epoll takes one question a number.
    full: Option<AsyncFd<StdStream>>,
}

impl UnixListener {
    /// Takes over a listening socket. Must be called within a tokio runtime.
    pub fn from_std(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        watched(listener, Interest::READABLE).map(Self)
    }

    /// Waits for the next connection. May be dropped while it waits without losing one.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.0.async_io(Interest::READABLE, StdListener::accept).await?;
        UnixStream::from_std(stream)
    }
}

impl UnixStream {
    /// Connects to a path.
    pub async fn connect(path: &Path) -> io::Result<Self> {
        Self::from_std(tokio::net::UnixStream::connect(path).await?.into_std()?)
    }

    /// Takes over a connected socket. Must be called within a tokio runtime.
    pub fn from_std(stream: StdStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { socket: watched(stream, Interest::READABLE)?, new: true, full: None })
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let ready =
                if mem::take(&mut self.new) { None } else { Some(ready!(self.socket.poll_read_ready(context))?) };
            let room = buffer.initialize_unfilled();
            let read = self.socket.get_ref().read(room);
            // What was there is read, so that it need not be tried again before the next wake.
            let emptied = match &read {
                Ok(length) => *length > 0 && *length < room.len(),
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            };
            if let (Some(mut ready), true) = (ready, emptied) {
                ready.clear_ready();
            }
            match read {
                Ok(length) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { socket, full, .. } = self.get_mut();
        loop {
            match socket.get_ref().write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(length) if length < bytes.len() => return Poll::Ready(Ok(length)),
                done => {
                    *full = None;
                    return Poll::Ready(done);
                }
            }
            let waits = match full {
                Some(waits) => waits,
                None => full.insert(watched(socket.get_ref().try_clone()?, Interest::WRITABLE)?),
            };
            // Tried again after each "can be written"; one that comes meanwhile is not lost by this.
            ready!(waits.poll_write_ready(context))?.clear_ready();
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

/// Has tokio watch a socket for one thing only.
///
/// Tokio's name for this that is not deprecated is `unsafe`, as it wants a promise that the number given stays open and the
/// same. A type that owns its number gives it.
#[allow(deprecated, reason = "safe for what owns its file descriptor, and only that is let in")]
fn watched<T: AsRawFd + Into<OwnedFd>>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(socket, interest)
}
