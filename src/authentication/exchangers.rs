//! The mail exchangers (MX) that our own domains publish now, and whether the peer is one of them.
//!
//! A backup MX hands us mail that no sender's SPF lets it send, and so does a host that somebody put into our
//! domain's MX, as in 2020. What tells the two apart is what the admin pinned, never DNS itself.

use std::net::IpAddr;

use serde::Serialize;

use super::Subject;
use crate::{
    dns::{Data, Inquiry, Kind, Question},
    names::{Domain, domain_of},
    policy::{Policy, Topology},
};

/// How many of our domains, and how many exchangers of each, are looked at for a message.
const MOST_DOMAINS: usize = 5;
const MOST_EXCHANGERS: usize = 20;

/// An exchanger that a domain of ours publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchanger {
    /// The domain.
    pub domain: String,
    /// The host's name.
    pub host: String,
    /// Its preference.
    pub preference: u16,
}

/// What an exchanger that has the peer's address is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// The admin named it as one of ours.
    Pinned,
    /// Another's host, where the admin named none at all.
    Unpinned,
    /// Not among those that the admin named, or a name of our own domain at an address that is not ours.
    Foreign,
}

/// What our domains publish.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Exchangers {
    /// Whether anything was asked.
    pub asked: bool,
    /// Whether all that had to be asked was answered.
    pub known: bool,
    /// The exchanger that has the peer's address.
    pub peer: Option<Exchanger>,
}

impl Exchangers {
    /// Asks, of the recipients' domains as far as they are ours; of all of ours when no recipient is known.
    pub(super) async fn find(subject: Subject<'_>, ip: IpAddr, policy: &Policy, inquiry: &mut Inquiry<'_>) -> Self {
        let ours = &policy.topology.domains;
        let mut domains: Vec<&str> = Vec::new();
        for address in &subject.envelope.recipients {
            let Some(domain) = domain_of(address) else { continue };
            // Mail for a name below a domain of ours goes by that name's own MX.
            if ours.covering(domain).is_some() && !domains.iter().any(|known| known.eq_ignore_ascii_case(domain)) {
                domains.push(domain);
            }
        }
        if domains.is_empty() {
            domains.extend(ours.iter().map(Domain::as_str));
        }
        let mut found = Self { asked: !domains.is_empty(), known: !domains.is_empty(), peer: None };
        for domain in domains.into_iter().take(MOST_DOMAINS) {
            found.domain(domain, ip, inquiry).await;
        }
        found
    }

    /// The exchanger that has the peer's address, and what it is to us.
    pub fn standing(&self, topology: &Topology) -> Option<(&Exchanger, Standing)> {
        let exchanger = self.peer.as_ref()?;
        let pinned = topology.exchangers.covering(&exchanger.host).is_some();
        let our_name = topology.domains.covering(&exchanger.host).is_some() && topology.has_public_networks();
        let standing = match (pinned, topology.exchangers.is_empty()) {
            (true, _) => Standing::Pinned,
            (false, true) if !our_name => Standing::Unpinned,
            (false, _) => Standing::Foreign,
        };
        Some((exchanger, standing))
    }

    async fn domain(&mut self, domain: &str, ip: IpAddr, inquiry: &mut Inquiry<'_>) {
        let Some(question) = Question::new(domain, Kind::Mx) else { return };
        let answer = inquiry.ask(question).await;
        self.known &= answer.said.is_answer();
        for data in answer.records().iter().take(MOST_EXCHANGERS) {
            let Data::Mx { preference, exchange } = data else { continue };
            let Some(question) = Question::address(exchange, ip) else { continue };
            let answer = inquiry.ask(question).await;
            self.known &= answer.said.is_answer();
            if answer.addresses().any(|address| address == ip) {
                let (domain, host) = (domain.to_ascii_lowercase(), exchange.to_string());
                self.peer.get_or_insert(Exchanger { domain, host, preference: *preference });
            }
        }
    }
}
