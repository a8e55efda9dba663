//! What a sign of forwarding is, and what it is read from.

use std::net::IpAddr;

use serde::Serialize;

use crate::{
    authentication::{DkimFact, Exchangers, PeerNames, Stated},
    boundary::Boundary,
    envelope::Envelope,
    message::RawMessage,
    policy::Policy,
    trace::Trace,
};

/// The facts that signs are read from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The message.
    pub message: &'a RawMessage,
    /// All hops, newest first.
    pub trace: &'a Trace<'a>,
    /// Where our records end.
    pub boundary: &'a Boundary,
    /// Who sent it to whom, as far as our side recorded it.
    pub envelope: &'a Envelope<'a>,
    /// What the admin decided.
    pub policy: &'a Policy,
    /// What pinned hosts stated.
    pub stated: &'a Stated,
    /// The DKIM signatures that were checked.
    pub dkim: &'a [DkimFact],
    /// What DNS says of the peer.
    pub peer: &'a PeerNames,
    /// The exchangers that our domains publish.
    pub exchangers: &'a Exchangers,
}

/// One sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sign {
    /// Which sign.
    pub kind: SignKind,
    /// Who forwards: an address, a host or a domain, made printable; nothing where the sign does not say.
    pub forwarder: Option<String>,
    /// What was seen, in a few words that can stand in a sentence, made printable: `Delivered-To: alice@alumni.example`.
    pub seen: String,
    /// Who could have made it up.
    pub forgery: Forgery,
}

/// Which sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignKind {
    /// Another recipient stands in the hop below.
    OtherRecipient,
}

/// Who could have made a sign up. The order is from easy to hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forgery {
    /// Anybody: it is a field or a word in the mail.
    Anybody,
    /// Anybody who has a domain with SPF of its own.
    AnyDomain,
    /// Whoever holds our own DNS.
    OurDns,
    /// Nobody but the forwarder: it rests on what our border recorded, on cryptography, or on what the admin declared.
    Nobody,
}

impl Forgery {
    /// The words for it, behind "but".
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Anybody => "anybody can write that into a mail",
            Self::AnyDomain => "anybody with a domain can do that",
            Self::OurDns => "whoever holds your DNS can make it so",
            Self::Nobody => "nobody else could have made it up",
        }
    }
}

impl Sign {
    /// The forwarder and the sign in a few words.
    pub fn explanation(&self) -> String {
        match &self.forwarder {
            Some(forwarder) => format!("{forwarder} forwards ({})", self.seen),
            None => format!("it was forwarded ({})", self.seen),
        }
    }

    /// The peer's address, where the boundary knows one.
    pub fn peer(facts: &Facts<'_>) -> Option<IpAddr> {
        facts.boundary.peer().map(|(_, ip)| ip)
    }
}
