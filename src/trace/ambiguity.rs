//! What a field leaves open.
//!
//! Takes what was read, says where a reader had to choose or to be silent, and between what. docs/received.md explains each
//! reason to people.

use serde::Serialize;

use super::{HopKind, client::Client, date::Date, tokens::Clauses};

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

/// What the field leaves open.
pub(super) fn of(clauses: &Clauses<'_>, client: &Client<'_>, hearsay: bool, date: &Date<'_>) -> Vec<Ambiguity> {
    let mut all = Vec::new();
    let mut add = |field, reason, candidates| all.push(Ambiguity { field, reason, candidates });
    if clauses.rewritten {
        let hosts = clauses.hosts.iter().filter(|host| !host.is_empty());
        let hosts = hosts.map(|host| String::from_utf8_lossy(host).into_owned()).collect();
        add(AmbiguousField::By, AmbiguityReason::TwoHosts, hosts);
    } else if client.disputed {
        let addresses = client.candidates.iter().flatten().map(ToString::to_string).collect();
        add(AmbiguousField::Ip, AmbiguityReason::TwoAddresses, addresses);
    }
    if client.lone {
        let addresses = client.ip.iter().map(ToString::to_string).collect();
        add(AmbiguousField::Ip, AmbiguityReason::LoneAddress, addresses);
    }
    if hearsay {
        let kinds = [HopKind::Local, HopKind::Transfer].map(|kind| kind.as_str().to_owned()).to_vec();
        add(AmbiguousField::Kind, AmbiguityReason::LocalByHelo, kinds);
    }
    if date.unknown_zone {
        let times = date.time.iter().map(ToString::to_string).collect();
        add(AmbiguousField::Time, AmbiguityReason::UnknownZone, times);
    }
    all
}
