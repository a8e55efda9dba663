//! Whose authorisation is looked at: the envelope sender's, or that of the name in HELO.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    Source, SpfFact, SpfIdentity,
    spf::{self, Query},
};
use crate::{
    dns::Inquiry,
    envelope::{Envelope, batv, srs},
    names::{domain_of, normal},
};

/// Whose authorisation is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sender {
    /// Which name of the session it is.
    pub identity: SpfIdentity,
    /// The address; for the HELO identity `postmaster@` the name.
    pub address: String,
    /// Its domain, in lower case.
    pub domain: String,
    /// The domain of a forwarder that had put its own name in the place of the sender's (SRS), and from whose form the sender was
    /// read back.
    pub rewritten_by: Option<String>,
}

impl Sender {
    /// Finds it; nothing where the envelope sender is not known, or has no domain.
    pub fn of(envelope: &Envelope<'_>, helo: &str) -> Option<Self> {
        let address = envelope.sender.as_deref()?;
        if address.is_empty() {
            let domain = normal(helo).into_owned();
            let address = format!("postmaster@{domain}");
            return Some(Self { identity: SpfIdentity::Helo, address, domain, rewritten_by: None });
        }
        let domain = normal(domain_of(address)?).into_owned();
        let original = srs::original_sender(address);
        let rewritten_by = original.is_some().then(|| domain.clone());
        let address = original.or_else(|| batv::original_sender(address)).unwrap_or_else(|| address.to_owned());
        let domain = normal(domain_of(&address)?).into_owned();
        Some(Self { identity: SpfIdentity::MailFrom, address, domain, rewritten_by })
    }

    /// The one whose SPF a pinned host checked, as far as it says whose.
    pub(super) fn stated(fact: &SpfFact) -> Option<Self> {
        let domain = fact.domain.clone()?;
        let address = format!("postmaster@{domain}");
        Some(Self { identity: fact.identity, address, domain, rewritten_by: None })
    }

    /// What its SPF says of an address.
    pub(super) async fn check(&self, ip: IpAddr, helo: &str, inquiry: &mut Inquiry<'_>) -> SpfFact {
        let query = Query { ip, helo, sender: &self.address, domain: &self.domain };
        SpfFact {
            result: spf::check(query, inquiry).await,
            domain: Some(self.domain.clone()),
            identity: self.identity,
            ip: Some(ip),
            source: Source::Dns,
        }
    }
}
