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
    /// The address that the client said as its HELO: a literal (RFC 5321, 4.1.3), and no more than a claim.
    pub helo_ip: Option<IpAddr>,
    /// The client's name as verified by the receiving host.
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

/// Something that a field leaves open, so that a reader has to choose or to be silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ambiguity {
    /// What is open.
    pub field: AmbiguousField,
    /// Why.
    pub reason: AmbiguityReason,
    /// What it could be.
    pub candidates: Vec<String>,
}

/// What can be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AmbiguousField {
    /// The client's address.
    Ip,
    /// The receiving host.
    By,
    /// What kind of hop it is.
    Kind,
    /// The moment.
    Time,
}

impl AmbiguousField {
    /// The name used in output, as in `trace --fields`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::By => "by",
            Self::Kind => "kind",
            Self::Time => "time",
        }
    }
}

/// Why something is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AmbiguityReason {
    /// Two places could be the receiving host's record of its client, and they disagree: one is the client's invention.
    /// No address is stated then.
    TwoAddresses,
    /// The address stands alone in place of a name, and it is not known which MTA wrote it: it may be what the client said.
    LoneAddress,
    /// The clause holds two `by`, and a client can have written the first into its HELO. What stands before the second is
    /// not read.
    TwoHosts,
    /// Only words that a client could have said as its HELO make the hop a local one.
    LocalByHelo,
    /// The zone has a name that RFC 5322 does not know; the time is read as UTC.
    UnknownZone,
}

impl AmbiguityReason {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::TwoAddresses, Self::LoneAddress, Self::TwoHosts, Self::LocalByHelo, Self::UnknownZone];

    /// The reason's name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TwoAddresses => "two-addresses",
            Self::LoneAddress => "lone-address",
            Self::TwoHosts => "two-hosts",
            Self::LocalByHelo => "local-by-helo",
            Self::UnknownZone => "unknown-zone",
        }
    }

    /// The reason in words, for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::TwoAddresses => {
                "two addresses stand where the receiving host writes its client's: one was made up, none is taken"
            }
            Self::LoneAddress => {
                "the address stands where a name does: it may be what the client said, not what the host saw"
            }
            Self::TwoHosts => {
                "the field names two receiving hosts: what stands before the second may be the client's words"
            }
            Self::LocalByHelo => "only words that a client can say make this a local hop",
            Self::UnknownZone => "nobody knows the date's zone; it was read as UTC",
        }
    }
}

impl Received<'_> {
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
