//! What a sign of forwarding is, and what it is read from.

use serde::Serialize;

use crate::{
    authentication::SpfResult,
    context::Context,
    envelope::address,
    message::Field,
    text::printable,
    trace::{Hop, Origin},
};

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
    /// Another recipient stands in the hop below (RFC 5321, 4.4).
    OtherRecipient,
    /// A host on the way delivered it to another address (RFC 9228, and fields without an RFC).
    DeliveredTo,
    /// Somebody sent it again (RFC 5322, 3.6.6).
    Resent,
    /// The envelope sender is rewritten by the Sender Rewriting Scheme.
    Srs,
    /// The envelope sender is rewritten as Gmail does for mail that its users forward.
    Caf,
    /// The envelope sender was tagged by its own domain (Bounce Address Tag Validation).
    Batv,
    /// The envelope sender names another recipient (variable envelope return path).
    Verp,
    /// It came by way of a mailing list (RFC 2919, RFC 2369).
    List,
    /// It says that it is bulk mail (RFC 2076, 3.9).
    Precedence,
    /// A host that the admin pinned sealed it (RFC 8617).
    Arc,
    /// The peer is a forwarder that the admin declared.
    Declared,
    /// The peer is an exchanger of our own domain (RFC 5321, 5.1).
    SecondMx,
    /// The peer is a host of a provider that hands on other people's mail.
    Filter,
    /// The peer is a host of the sender's own domain.
    SendersHost,
}

/// Who could have made a sign up. The order is from easy to hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forgery {
    /// Anybody: it is a field or a word in the mail.
    Anybody,
    /// Anybody who has a domain with SPF of its own.
    AnyDomain,
    /// Any customer of a provider, who has it hand on what he likes.
    AnyCustomer,
    /// Whoever holds our own DNS.
    OurDns,
    /// Nobody but the forwarder: it rests on what our border recorded, on cryptography, or on what the admin declared.
    Nobody,
}

impl SignKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::OtherRecipient,
        Self::DeliveredTo,
        Self::Resent,
        Self::Srs,
        Self::Caf,
        Self::Batv,
        Self::Verp,
        Self::List,
        Self::Precedence,
        Self::Arc,
        Self::Declared,
        Self::SecondMx,
        Self::Filter,
        Self::SendersHost,
    ];

    /// The name used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtherRecipient => "other-recipient",
            Self::DeliveredTo => "delivered-to",
            Self::Resent => "resent",
            Self::Srs => "srs",
            Self::Caf => "caf",
            Self::Batv => "batv",
            Self::Verp => "verp",
            Self::List => "list",
            Self::Precedence => "precedence",
            Self::Arc => "arc",
            Self::Declared => "declared",
            Self::SecondMx => "second-mx",
            Self::Filter => "filter",
            Self::SendersHost => "senders-host",
        }
    }

    /// What gives it away, in a sentence.
    pub fn tell(self) -> &'static str {
        match self {
            Self::OtherRecipient => "A hop below the border took the mail for another recipient than ours.",
            Self::DeliveredTo => {
                "A field that came with the mail says that it was delivered to another address before."
            }
            Self::Resent => "Fields say that somebody sent the mail again.",
            Self::Srs => "The envelope sender is another one, rewritten by the Sender Rewriting Scheme.",
            Self::Caf => "The envelope sender is a mailbox that forwards, as Gmail writes it.",
            Self::Batv => "The envelope sender carries a tag of its own domain.",
            Self::Verp => {
                "The envelope sender names the recipient that the mail was sent to, and that is none of ours."
            }
            Self::List => "Fields of a mailing list stand in the mail.",
            Self::Precedence => "The mail calls itself bulk or list mail.",
            Self::Arc => "The chain of ARC seals is intact, and a pinned sealer wrote the newest seal.",
            Self::Declared => "The peer is a forwarder that the admin declared.",
            Self::SecondMx => "One of our own domains publishes the peer as its exchanger.",
            Self::SendersHost => {
                "The peer's verified name lies in the sender's own domain, whose SPF record forgot it."
            }
            Self::Filter => "The peer's verified name lies with a provider that hands on other people's mail.",
        }
    }

    /// Who could have made it up, as a rule; the sign at hand may say otherwise.
    pub fn forgery(self) -> Forgery {
        match self {
            Self::OtherRecipient | Self::DeliveredTo | Self::Resent | Self::List | Self::Precedence => Forgery::Anybody,
            Self::Srs | Self::Caf | Self::Batv | Self::Verp => Forgery::AnyDomain,
            Self::SecondMx => Forgery::OurDns,
            Self::Arc | Self::Declared | Self::Filter | Self::SendersHost => Forgery::Nobody,
        }
    }

    /// Whether it says by itself that somebody forwards. A BATV tag and a precedence stand in a sender's mail whichever way
    /// it comes: were they an explanation, an interposed relay would be explained for all mail of such senders.
    pub fn explains(self) -> bool {
        !matches!(self, Self::Batv | Self::Precedence)
    }
}

impl Forgery {
    /// The words for it, behind "but".
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Anybody => "anybody can write that into a mail",
            Self::AnyDomain => "anybody with a domain can do that",
            Self::AnyCustomer => "any customer of that provider can have it do so",
            Self::OurDns => "whoever holds your DNS can make it so",
            Self::Nobody => "nobody else could have made it up",
        }
    }

    /// Every answer, from easy to hard.
    pub const ALL: [Self; 5] = [Self::Anybody, Self::AnyDomain, Self::AnyCustomer, Self::OurDns, Self::Nobody];

    /// The name used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anybody => "anybody",
            Self::AnyDomain => "any-domain",
            Self::AnyCustomer => "any-customer",
            Self::OurDns => "our-dns",
            Self::Nobody => "nobody",
        }
    }
}

impl Sign {
    /// How much of a forwarder's name and of what was seen is kept, in characters.
    const FORWARDER: usize = 120;
    const SEEN: usize = 200;

    /// A sign that is as hard to forge as its kind is as a rule; foreign text is made printable and cut.
    pub(super) fn new(kind: SignKind, forwarder: Option<&str>, seen: &str) -> Self {
        let forwarder = forwarder.map(|name| printable(name, Self::FORWARDER));
        Self { kind, forwarder, seen: printable(seen, Self::SEEN), forgery: kind.forgery() }
    }

    /// The forwarder and the sign in a few words.
    pub fn explanation(&self) -> String {
        match &self.forwarder {
            _ if self.kind == SignKind::SendersHost => format!("{}, which its SPF forgot", self.seen),
            Some(forwarder) => format!("{forwarder} forwards ({})", self.seen),
            None => format!("it was forwarded ({})", self.seen),
        }
    }
}

/// What the signs ask of the facts.
impl<'a> Context<'a> {
    /// The hop at which the mail came in from outside, with its place in the trace.
    pub(super) fn border(&self) -> Option<(usize, &'a Hop<'a>)> {
        let (index, _) = self.subject.boundary.peer()?;
        self.subject.trace.hops.get(index).map(|hop| (index, hop))
    }

    /// The header fields that came with the mail, from the top: all of them with a session, else those below the border's own
    /// `Received`, because what stands above was written by us. None where the border is not known.
    pub(super) fn came_with_it(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let headers = &self.subject.message.headers;
        let first = match self.border().map(|(_, hop)| hop.origin) {
            Some(Origin::Session) => 0,
            Some(Origin::Field { index }) => index + 1,
            None => headers.len(),
        };
        (first..headers.len()).filter_map(|index| headers.get(index))
    }

    /// The peer's names that lead back to its address: the one that we asked for, and the one that our border did.
    pub(super) fn verified_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let recorded = self.border().and_then(|(_, hop)| hop.received.verified_name());
        self.authentication.names.verified.as_deref().into_iter().chain(recorded)
    }

    /// Whether the envelope names this address as a recipient. Where no recipient is known (Microsoft 365 records none), an
    /// address outside our domains is none; of one within nothing is known.
    pub(super) fn is_recipient(&self, address: &str) -> Option<bool> {
        let recipients = &self.subject.envelope.recipients;
        if !recipients.is_empty() {
            return Some(recipients.iter().any(|recipient| address::same(recipient, address)));
        }
        let ours = &self.policy.topology.domains;
        let (_, domain) = address::split(address).filter(|_| !ours.is_empty())?;
        ours.covering(domain).is_none().then_some(false)
    }

    /// The local part and the domain of the envelope sender; nothing for a bounce.
    pub(super) fn sender(&self) -> Option<(&'a str, &'a str)> {
        address::split(self.subject.envelope.sender.as_deref()?)
    }

    /// A sign that the envelope sender carries: its domain stands for it as long as nobody said that SPF does not pass, and
    /// without that anybody writes what he likes.
    pub(super) fn envelope_sign(&self, kind: SignKind, forwarder: &str) -> Option<Sign> {
        let sender = self.subject.envelope.sender.as_deref()?;
        let sign = Sign::new(kind, Some(forwarder), &format!("envelope sender {sender}"));
        match &self.authentication.stated.spf {
            Some(spf) if spf.result != SpfResult::Pass => Some(Sign { forgery: Forgery::Anybody, ..sign }),
            Some(_) | None => Some(sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_a_tell_of_its_own() {
        for (index, kind) in SignKind::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert!(kind.tell().ends_with('.'), "{kind:?}");
            assert!(!SignKind::ALL[..index].iter().any(|other| other.tell() == kind.tell()), "{kind:?}");
        }
        for forgery in Forgery::ALL {
            assert_eq!(serde_json::to_value(forgery).unwrap(), forgery.as_str());
        }
    }

    #[test]
    fn foreign_text_is_made_printable_and_cut() {
        let sign = Sign::new(SignKind::List, Some("a\x1b[31m\u{202e}"), &"é".repeat(100_000));
        assert_eq!(sign.forwarder.as_deref(), Some("a\\u{1b}[31m\\u{202e}"));
        assert_eq!(sign.seen.chars().count(), Sign::SEEN + 1);
    }
}
