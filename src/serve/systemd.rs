//! systemd: sockets that it opened for us, and what it wants to be told (sd_listen_fds(3), sd_notify(3)).

use listenfd::ListenFd;

use super::listeners::{Inherited, Listeners};

/// Takes over the sockets that systemd opened, if it did.
///
/// A socket whose `FileDescriptorName=` is `http` serves HTTP; every other one is a milter's.
pub fn inherited() -> std::io::Result<Listeners> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut sockets = ListenFd::from_env();
    let mut listeners = Listeners::default();
    for index in 0..sockets.len() {
        let is_http = names.next() == Some("http");
        let socket = match sockets.take_unix_listener(index) {
            Ok(Some(socket)) => Inherited::Unix(socket),
            Ok(None) => continue,
            // Not a UNIX socket, so it is a TCP one; anything else is an error of the unit file.
            Err(_) => match sockets.take_tcp_listener(index)? {
                Some(socket) => Inherited::Tcp(socket),
                None => continue,
            },
        };
        listeners.adopt(socket, is_http)?;
    }
    Ok(listeners)
}

pub(super) fn ready() {
    tell(&[sd_notify::NotifyState::Ready]);
}

pub(super) fn stopping() {
    tell(&[sd_notify::NotifyState::Stopping]);
}

pub(super) fn reloading() {
    match sd_notify::NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[sd_notify::NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "systemd cannot be told of the reload"),
    }
}

pub(super) fn reloaded() {
    tell(&[sd_notify::NotifyState::Ready]);
}

/// Without systemd there is nobody to tell, and that is no error.
fn tell(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told the state");
    }
}
