//! One hop of a trace and what it states.

use std::{borrow::Cow, net::IpAddr};

use serde::Serialize;

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
    /// The client's name as verified by the receiving host.
    pub rdns: Option<Cow<'a, str>>,
    /// The client's address as recorded by the receiving host.
    pub ip: Option<IpAddr>,
    /// The receiving host, as it calls itself.
    pub by: Option<Cow<'a, str>>,
    /// The receiving host's own address, where it states it.
    pub by_ip: Option<IpAddr>,
    /// The protocol as written.
    pub with: Option<Cow<'a, str>>,
    /// The receiving host's id of the mail.
    pub id: Option<Cow<'a, str>>,
    /// The first recipient of the `for` clause, without angle brackets.
    pub recipient: Option<Cow<'a, str>>,
    /// When the mail was received.
    pub time: Option<Timestamp>,
    /// Whether the hop was encrypted: true or false where the field says so, nothing where it is silent.
    pub tls: Option<bool>,
    /// The TLS version, where the field states it.
    pub tls_version: Option<TlsVersion>,
}

impl Received<'_> {
    /// The same, without a borrow.
    pub fn into_owned(self) -> Received<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Received {
            helo: owned(self.helo),
            rdns: owned(self.rdns),
            by: owned(self.by),
            with: owned(self.with),
            id: owned(self.id),
            recipient: owned(self.recipient),
            ..self
        }
    }
}

/// What kind of hop a field states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HopKind {
    /// The mail was taken from another host over a network.
    Transfer,
    /// Bookkeeping within one host: pickup, re-injection, list expansion.
    Local,
    /// It cannot be told which.
    Opaque,
    /// The field could not be read.
    #[default]
    Unparsed,
}

impl HopKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Transfer, Self::Local, Self::Opaque, Self::Unparsed];

    /// The name used in output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Local => "local",
            Self::Opaque => "opaque",
            Self::Unparsed => "unparsed",
        }
    }
}
