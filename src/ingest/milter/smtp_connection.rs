//! What the MTA said of one SMTP connection.
//!
//! Takes CONNECT, HELO and their macros as they come, and writes them into each message's [`Session`]. The hard facts
//! of a message come from here, so nothing is guessed: what the MTA did not say, or does not vouch for, is not known.

use std::net::IpAddr;

use super::{
    command::{Peer, parse_address},
    macros::Macros,
};
use crate::{session::Session, tls::TlsVersion};

/// What is known of an SMTP connection.
#[derive(Debug, Default)]
pub(super) struct SmtpConnection {
    /// The macros of CONNECT.
    pub(super) macros: Macros,
    /// The macros of the last HELO.
    pub(super) helo_macros: Macros,
    /// The name in the last HELO.
    pub(super) helo: Option<String>,
    /// Whether the macros that `{tls_version}` belongs to came at all.
    pub(super) tls_told: bool,
    hostname: Option<String>,
    address: Option<IpAddr>,
    local: bool,
}

impl SmtpConnection {
    /// A client connected; its macros came just before.
    pub(super) fn begin(&mut self, hostname: String, peer: Peer) {
        let mut macros = std::mem::take(&mut self.macros);
        macros.settle();
        let address = match peer {
            Peer::Ip { address, .. } => Some(address),
            Peer::Local | Peer::Unknown => None,
        };
        let local = peer == Peer::Local;
        *self = Self { address, local, hostname: Some(hostname), macros, ..Self::default() };
    }

    /// Fills in what is known at the end of a message; `macros` are the message's own.
    ///
    /// The absence of `{tls_version}` means "no TLS" once the MTA has sent the macros that it belongs to, or has agreed
    /// to send it; before that it means nothing. No macro tells HELO from EHLO; all but a few hosts say EHLO, so
    /// `extended` is taken for granted.
    pub(super) fn describe(&self, macros: &Macros, chose_macros: bool, session: &mut Session) {
        let tls = macros.tls_version.as_ref().or(self.helo_macros.tls_version.as_ref());
        session.peer_ip = self.peer_ip();
        session.local = self.local;
        session.peer_name = self.confirmed_name();
        session.helo.clone_from(&self.helo);
        session.extended = true;
        session.tls = tls.and_then(|version| TlsVersion::parse(version));
        // A version that we cannot read is TLS of some kind, so that "none" would be wrong.
        session.tls_known = tls.is_some() == session.tls.is_some() && (chose_macros || self.tls_told);
        session.authenticated = macros.auth_authen.clone().or_else(|| self.helo_macros.auth_authen.clone());
        session.border.clone_from(&self.macros.border);
        session.queue_id.clone_from(&macros.queue_id);
    }

    fn peer_ip(&self) -> Option<IpAddr> {
        self.address.or_else(|| parse_address(self.macros.client_addr.as_deref()?.as_bytes()))
    }

    /// The client's name, when the MTA vouches for it: Postfix names none that forward DNS does not confirm; Sendmail
    /// names any and says beside it what it thinks of it.
    fn confirmed_name(&self) -> Option<String> {
        let forged = self.macros.validated.as_ref().is_some_and(|text| text.contains("may be forged"));
        let doubted = self.macros.client_resolve.as_ref().is_some_and(|answer| !answer.eq_ignore_ascii_case("OK"));
        let name = self.macros.client_name.as_ref().or(self.hostname.as_ref())?;
        let is_name = !(name.is_empty() || name.starts_with('[') || name.eq_ignore_ascii_case("unknown"));
        (is_name && !forged && !doubted && parse_address(name.as_bytes()).is_none()).then(|| name.clone())
    }
}
