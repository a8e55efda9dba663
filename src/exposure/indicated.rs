//! The relay, as it was named, found in the hops of a message.
//!
//! Takes what the user typed (an address, a network, a name, a list) and hops, gives whether a message came through it, and who says so. Only
//! an address that our own servers recorded of their client, or the name that they looked up for it, is a record of ours. What a client says
//! of itself in HELO, and every line below the border, is a claim: a spammer may name any relay there.

use std::{collections::BTreeSet, fs, net::IpAddr, path::Path};

use ipnetwork::IpNetwork;
use serde::Serialize;

use crate::{
    evidence::{HopFacts, Reader, StoreError},
    names::Domain,
    net::parse_network,
    problem::Source,
    rules::indicators::{Confidence, Indicator, Indicators, PlainList, Value, described, plain},
    text::printable,
};

/// Who says that a message came through the relay. The order is from hard to soft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Our own servers recorded it of their client.
    Recorded,
    /// Only lines and names that others wrote say so; these can be forged.
    Claimed,
}

impl Proof {
    /// Both, the harder one first.
    pub const ALL: [Self; 2] = [Self::Recorded, Self::Claimed];

    /// The name used in CSV and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Claimed => "claimed",
        }
    }
}

/// The hop at which a message crossed the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    /// Who says so.
    pub proof: Proof,
    /// The hop, 0 is the newest.
    pub hop: usize,
}

/// The relay, as it was named.
#[derive(Debug, Clone, Default)]
pub struct Indicated {
    asked: Vec<String>,
    indicators: Indicators,
    networks: Vec<IpNetwork>,
}

impl Indicated {
    /// Adds what a user typed: an address, a network, a name (with all names below it), `host:NAME` (that name alone), or a list's file.
    pub fn add(&mut self, typed: &str) -> Result<(), String> {
        let typed = typed.trim();
        if let Ok(network) = parse_network(typed) {
            if network.prefix() == 0 {
                return Err(format!("`{network}` holds every address there is"));
            }
            self.add_value(typed, Value::Network(network));
        } else if let Some(name) = typed.strip_prefix("host:") {
            let name = Domain::parse(name).map_err(|error| error.to_string())?;
            self.add_value(typed, Value::Host(name));
        } else if is_path(typed) {
            self.add_list(Path::new(typed))?;
        } else {
            let name = Domain::parse(typed).map_err(|error| {
                format!("{error}, nor an address or a network; of a list give its path, such as `./list.toml`")
            })?;
            let is_suffix = name.is_public_suffix() || !name.as_str().contains('.');
            if is_suffix {
                return Err(format!(
                    "`{name}` is a public suffix, under which anyone registers; `host:{name}` is that name alone"
                ));
            }
            self.add_value(typed, Value::Domain(name));
        }
        self.asked.push(printable(typed, 500));
        Ok(())
    }

    /// What was asked for, made printable.
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    fn add_value(&mut self, id: &str, value: Value) {
        self.add_indicator(Indicator {
            id: id.to_owned(),
            value,
            confidence: Confidence::High,
            first_seen: None,
            last_seen: None,
            reference: None,
            note: None,
        });
    }

    fn add_indicator(&mut self, indicator: Indicator) {
        if let Value::Network(network) = &indicator.value {
            self.networks.push(*network);
        }
        self.indicators.add(indicator);
    }

    fn add_list(&mut self, path: &Path) -> Result<(), String> {
        let name = path.to_string_lossy().into_owned();
        let bytes =
            fs::read(path).map_err(|error| format!("cannot read the list `{}`: {error}", printable(&name, 200)))?;
        let text = String::from_utf8_lossy(&bytes);
        let source = Source { name: &name, text: &text };
        let mut problems = Vec::new();
        let before = self.indicators.network_count();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let read = described::read(&source, &mut problems);
            read.into_iter().for_each(|indicator| self.add_indicator(indicator.into_inner()));
        } else {
            let networks = plain::read(&source, &mut problems);
            self.networks.extend(networks.iter().map(|(_, network)| *network));
            self.indicators.add_plain(PlainList { name: name.clone(), confidence: Confidence::High }, networks);
        }
        if let Some(problem) = problems.first() {
            return Err(problem.to_string());
        }
        if self.indicators.is_empty() || (self.indicators.network_count() == before && text.trim().is_empty()) {
            return Err(format!("the list `{}` is empty", printable(&name, 200)));
        }
        Ok(())
    }

    /// The hops of a store in which the relay may be found.
    pub(super) fn hops(&self, reader: &Reader) -> Result<BTreeSet<i64>, StoreError> {
        let mut hops = reader.hops_in(&self.networks)?;
        hops.extend(
            reader.hops_named(|name| self.is_name(name) || literal(name).is_some_and(|ip| self.is_address(ip)))?,
        );
        Ok(hops)
    }

    /// Whether a message with these hops came through the relay; the hardest proof of it, of equal ones the newest.
    pub fn crossing(&self, hops: &[HopFacts], border: Option<usize>) -> Option<Crossing> {
        let mut claim = None;
        for (hop, facts) in hops.iter().enumerate() {
            let ours = border.is_some_and(|border| hop <= border);
            let address = facts.ip.is_some_and(|ip| self.is_address(ip));
            let named = |name: &Option<String>| name.as_deref().is_some_and(|name| self.is_name(name));
            if ours && (address || named(&facts.rdns)) {
                return Some(Crossing { proof: Proof::Recorded, hop });
            }
            let helo =
                named(&facts.helo) || facts.helo.as_deref().and_then(literal).is_some_and(|ip| self.is_address(ip));
            // The host of a line of ours is ourselves, whatever domain was asked for.
            let below = !ours
                && (address
                    || named(&facts.rdns)
                    || named(&facts.by)
                    || facts.by_ip.is_some_and(|ip| self.is_address(ip)));
            if claim.is_none() && (helo || below) {
                claim = Some(Crossing { proof: Proof::Claimed, hop });
            }
        }
        claim
    }

    fn is_address(&self, ip: IpAddr) -> bool {
        self.indicators.address(ip).is_some()
    }

    fn is_name(&self, name: &str) -> bool {
        if name.is_ascii() {
            return self.indicators.name(name).is_some();
        }
        name.len() <= 255 && Domain::parse(name).is_ok_and(|name| self.indicators.name(name.as_str()).is_some())
    }
}

/// What can only be a file: a path, or a list's name.
fn is_path(typed: &str) -> bool {
    let ends = [".toml", ".txt", ".netset", ".ipset", ".list"];
    typed.contains('/') || ends.iter().any(|end| typed.ends_with(end))
}

/// An address as HELO states it (RFC 5321, 4.1.3).
fn literal(name: &str) -> Option<IpAddr> {
    let inner = name.strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner.strip_prefix("IPv6:").unwrap_or(inner);
    inner.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::HopKind;

    fn indicated(typed: &[&str]) -> Indicated {
        let mut indicated = Indicated::default();
        typed.iter().for_each(|typed| indicated.add(typed).unwrap());
        indicated
    }

    fn hop(ip: &str, helo: &str, rdns: &str, by: &str) -> HopFacts {
        let name = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        HopFacts {
            kind: HopKind::default(),
            ip: ip.parse().ok(),
            helo: name(helo),
            rdns: name(rdns),
            by: name(by),
            by_ip: None,
            protocol: None,
            tls: None,
            tls_version: None,
        }
    }

    #[test]
    fn our_own_record_goes_before_what_others_say() {
        let by_address = indicated(&["45.77.24.250"]);
        let by_name = indicated(&["vultr.example", "host:mail.coincheck.com"]);
        let border = hop("45.77.24.250", "mail.coincheck.com", "x.vultr.example", "gw.coincheck.com");
        let direct = hop("203.0.113.10", "mx1.sender.example", "", "gw.coincheck.com");
        let liar = hop("203.0.113.10", "mail.coincheck.com", "", "gw.coincheck.com");
        let literal = hop("203.0.113.10", "[45.77.24.250]", "", "gw.coincheck.com");
        let below = hop("45.77.24.250", "x.vultr.example", "", "mx.decoy.example");
        let found = |indicated: &Indicated, hops: &[&HopFacts], border| {
            let hops: Vec<HopFacts> = hops.iter().map(|hop| (*hop).clone()).collect();
            indicated.crossing(&hops, border).map(|crossing| (crossing.proof, crossing.hop))
        };
        use Proof::{Claimed, Recorded};
        assert_eq!(found(&by_address, &[&border], Some(0)), Some((Recorded, 0)));
        assert_eq!(found(&by_name, &[&border], Some(0)), Some((Recorded, 0)), "the verified name");
        assert_eq!(found(&by_address, &[&direct, &below], Some(0)), Some((Claimed, 1)));
        assert_eq!(
            found(&by_address, &[&direct, &below], Some(1)),
            Some((Recorded, 1)),
            "a filter of ours handed it on"
        );
        assert_eq!(found(&by_name, &[&liar], Some(0)), Some((Claimed, 0)), "anybody says anything in HELO");
        assert_eq!(found(&by_address, &[&literal], Some(0)), Some((Claimed, 0)));
        assert_eq!(found(&by_address, &[&border], None), Some((Claimed, 0)), "no border, no record of ours");
        assert_eq!(found(&by_address, &[&direct], Some(0)), None);
        assert_eq!(found(&by_address, &[&liar, &border], Some(1)), Some((Recorded, 1)));
        let ours = indicated(&["coincheck.com"]);
        assert_eq!(found(&ours, &[&direct], Some(0)), None, "the host of our own line is ourselves");
    }

    #[test]
    fn what_is_no_indicator_is_refused() {
        let refused = |typed: &str| Indicated::default().add(typed).unwrap_err();
        assert!(refused("0.0.0.0/0").contains("every address"));
        assert!(refused("co.jp").contains("public suffix"));
        assert!(refused("").contains("is empty"), "{}", refused(""));
        assert!(refused("a b").contains("./list.toml"));
        assert!(refused("./no/such/list.netset").contains("cannot read the list"));
        assert!(refused("host:").contains("empty"));
    }

    #[test]
    fn lists_of_both_kinds_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        fs::write(path("a.netset"), "# relays\n45.77.24.0/24\n").unwrap();
        fs::write(path("bad.netset"), "45.77.24.0/24\nnonsense\n").unwrap();
        let list = indicated(&[&path("a.netset"), "rules/indicators/incident-2020.toml"]);
        assert!(list.is_address("45.77.24.9".parse().unwrap()));
        assert!(list.is_address("202.182.115.48".parse().unwrap()));
        assert!(list.is_name("ns.awsdns-017.net"));
        assert!(
            Indicated::default().add(&path("bad.netset")).unwrap_err().contains("bad.netset:2:1: "),
            "the line is told"
        );
    }
}
