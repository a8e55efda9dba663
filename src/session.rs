//! What the border MTA recorded of the SMTP session that brought a mail.
//!
//! These are hard facts: the peer could choose its HELO, but not the address it connected from, nor what our MTA
//! wrote down of the TLS layer, the time and the recipients.

use std::net::IpAddr;

use crate::{clock::Timestamp, tls::TlsVersion};

/// One SMTP transaction as the border saw it.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// The address of the connected client; nothing when it came over a local socket, or when the MTA does not know it.
    pub peer_ip: Option<IpAddr>,
    /// Whether the client came over a local socket: only then is a session without an address one of this host.
    pub local: bool,
    /// The client's host name when its reverse and forward DNS agree (Postfix `{client_name}`); never `unknown`.
    pub peer_name: Option<String>,
    /// What the client said in HELO or EHLO.
    pub helo: Option<String>,
    /// Whether it was EHLO, or TLS was used; decides how the hop's protocol is called (RFC 3848).
    pub extended: bool,
    /// The TLS version, when the session was encrypted.
    pub tls: Option<TlsVersion>,
    /// Whether the MTA said anything about TLS at all; without it, no TLS means "not known".
    pub tls_known: bool,
    /// The login name, when the client authenticated (RFC 4954).
    pub authenticated: Option<String>,
    /// The name of the border host itself (macro `j`).
    pub border: Option<String>,
    /// The border's queue id (macro `i`).
    pub queue_id: Option<String>,
    /// The envelope sender; empty for a bounce.
    pub mail_from: Option<String>,
    /// The envelope recipients, as far as they are kept.
    pub recipients: Vec<String>,
    /// When the transaction was seen.
    pub time: Option<Timestamp>,
}
