//! One hop of a trace and what it states.

use std::{borrow::Cow, net::IpAddr};

use super::{Ambiguity, HopKind};
use crate::{clock::Timestamp, tls::TlsVersion};

/// One hop: where it comes from, and what it says.
#[derive(Debug, Clone)]
pub struct Hop<'a> {
    /// Whether our border recorded it in the session, or a header field states it.
    pub origin: Origin,
    /// What is said of the hop.
    pub received: Received<'a>,
}

/// Where a hop comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The SMTP session.
    Session,
    /// A `Received` header field.
    Field {
        /// The field's place in the header section.
        index: usize,
    },
}

/// What a `Received` field says (RFC 5321, 4.4), and nothing that it does not say.
///
/// Its text is borrowed from the message, unless it held a fold or bytes that are not UTF-8.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Received<'a> {
    /// What kind of hop it is.
    pub kind: HopKind,
    /// Whether a hop is [`HopKind::Local`] only by words that a client could have said in its HELO (`from localhost by ..`
    /// of a host that writes no addresses). Good enough to read a trace, not to trust what lies below it.
    pub hearsay: bool,
    /// Which MTA's way of writing it was read as (`postfix`, `exchange`, ..).
    pub dialect: Option<&'static str>,
    /// What the client said in HELO.
    pub helo: Option<Cow<'a, str>>,
    /// The address that the client said as its HELO: a literal (RFC 5321, 4.1.3), and no more than a claim.
    pub helo_ip: Option<IpAddr>,
    /// The client's name as verified by the receiving host; see [`Received::verified_name`] for those that do not.
    pub rdns: Option<Cow<'a, str>>,
    /// The client's address as recorded by the receiving host.
    pub ip: Option<IpAddr>,
    /// The client's port.
    pub port: Option<u16>,
    /// What the client's host answered when asked who is there (RFC 1413), or the local user.
    pub ident: Option<Cow<'a, str>>,
    /// The receiving host, as it calls itself.
    pub by: Option<Cow<'a, str>>,
    /// The receiving host's own address, where it states it.
    pub by_ip: Option<IpAddr>,
    /// The link.
    pub via: Option<Cow<'a, str>>,
    /// The protocol as written.
    pub with: Option<Cow<'a, str>>,
    /// The receiving host's id of the mail.
    pub id: Option<Cow<'a, str>>,
    /// The first recipient of the `for` clause, without angle brackets.
    pub recipient: Option<Cow<'a, str>>,
    /// The envelope sender; an empty one is a bounce.
    pub envelope_from: Option<Cow<'a, str>>,
    /// When the mail was received.
    pub time: Option<Timestamp>,
    /// The date's zone as written.
    pub zone: Option<Cow<'a, str>>,
    /// Whether the hop was encrypted: true or false where the field says so, nothing where it is silent.
    pub tls: Option<bool>,
    /// The TLS version, where the field states it.
    pub tls_version: Option<TlsVersion>,
    /// The cipher's name as written.
    pub cipher: Option<Cow<'a, str>>,
    /// Whether the client's certificate was verified; false also where it had none.
    pub verified: Option<bool>,
    /// What the receiving host says of its software.
    pub software: Option<Cow<'a, str>>,
    /// What the field leaves open.
    pub ambiguities: Vec<Ambiguity>,
}

/// Dialects of hosts that write the reverse zone's name without asking whether it leads back (tcpserver without `-p`).
const UNCONFIRMED: [&str; 3] = ["qmail", "qmail-ldap", "qpsmtpd"];

impl Received<'_> {
    /// The client's name, where the receiving host saw that it leads back to the client's address. A name from the reverse
    /// zone alone is the client's own claim.
    pub fn verified_name(&self) -> Option<&str> {
        let confirmed = self.dialect.is_none_or(|dialect| !UNCONFIRMED.contains(&dialect));
        self.rdns.as_deref().filter(|_| confirmed)
    }

    /// The same, without a borrow.
    pub fn into_owned(self) -> Received<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Received {
            helo: owned(self.helo),
            rdns: owned(self.rdns),
            ident: owned(self.ident),
            by: owned(self.by),
            via: owned(self.via),
            with: owned(self.with),
            id: owned(self.id),
            recipient: owned(self.recipient),
            envelope_from: owned(self.envelope_from),
            zone: owned(self.zone),
            cipher: owned(self.cipher),
            software: owned(self.software),
            ..self
        }
    }
}
