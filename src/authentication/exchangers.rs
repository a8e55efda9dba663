//! The mail exchangers (MX) that our own domains publish now, and whether the peer is one of them.
//!
//! A backup MX hands us mail that no sender's SPF lets it send, and so does a host that somebody put into our
//! domain's MX, as in 2020. What tells the two apart is what the admin pinned, never DNS itself.

use std::net::IpAddr;

use serde::Serialize;

use super::Subject;
use crate::{
    dns::{Data, Inquiry, Kind, Question},
    names::{Domain, domain_of, normal, same_owner},
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

impl Exchanger {
    /// Whether the admin named it. Names below a pinned one are whatever the zone says.
    pub fn is_pinned(&self, topology: &Topology) -> bool {
        let host = normal(&self.host);
        topology.exchangers.covering(&host).is_some_and(|name| name.as_str() == host)
    }
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
        let (host, pinned) = (normal(&exchanger.host), &topology.exchangers);
        let is_pinned = exchanger.is_pinned(topology);
        let is_ours = topology.domains.covering(&host).is_some() || same_owner(&host, &exchanger.domain);
        let standing = match (is_pinned, is_ours) {
            // Whoever took our DNS moves a name of ours to a host of his, a pinned one too.
            (_, true) if topology.has_public_networks() => Standing::Foreign,
            (true, false) => Standing::Pinned,
            (true, true) => Standing::Unpinned,
            (false, _) if pinned.is_empty() => Standing::Unpinned,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(host: &str, pinned: &[&str], networks: &[&str]) -> Standing {
        let exchanger = Exchanger { domain: "victim.example".to_owned(), host: host.to_owned(), preference: 10 };
        let found = Exchangers { asked: true, known: true, peer: Some(exchanger) };
        let domain = |name: &&str| Domain::parse(name).unwrap();
        let topology = Topology {
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            domains: [domain(&"victim.example")].into_iter().collect(),
            exchangers: pinned.iter().map(domain).collect(),
            ..Topology::default()
        };
        found.standing(&topology).unwrap().1
    }

    #[test]
    fn a_pinned_host_of_others_is_ours_to_trust_and_no_other() {
        assert_eq!(standing("MX2.backup.example.", &["mx2.backup.example"], &[]), Standing::Pinned);
        assert_eq!(standing("x.mx2.backup.example", &["mx2.backup.example"], &[]), Standing::Foreign);
        assert_eq!(standing("mx2.backup.example", &[], &[]), Standing::Unpinned);
        assert_eq!(standing("mx2.backup.example", &["other.example"], &[]), Standing::Foreign);
    }

    #[test]
    fn whoever_took_our_dns_moves_a_pinned_host_of_ours() {
        let ours = ["198.51.100.5/32"];
        assert_eq!(standing("mail.victim.example", &["mail.victim.example"], &ours), Standing::Foreign);
        assert_eq!(standing("mail.victim.example", &[], &ours), Standing::Foreign);
        assert_eq!(standing("mail.victim.example", &["mail.victim.example"], &["10.0.0.0/8"]), Standing::Unpinned);
    }
}
