//! Indicator lists: networks, hosts and domains that are known to be bad.
//!
//! Takes entries, gives a set that answers in the time of one prefix look-up or one hash look-up a label, with several
//! hundred thousand entries as with three. [`described`] and [`plain`] read the lists' two formats (see docs/indicators.md).

pub mod described;
pub mod plain;

use std::{net::IpAddr, sync::Arc};

use ipnetwork::IpNetwork;

use crate::{
    names::{Domain, Ending, NameMap, normal},
    net::PrefixTable,
};

/// How sure the source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// May well be wrong.
    Low,
    /// Likely right.
    Medium,
    /// Seen and confirmed.
    High,
}

impl Confidence {
    /// Every confidence.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The name used in lists and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What an indicator is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An address or a network.
    Network(IpNetwork),
    /// One host name, exactly.
    Host(Domain),
    /// A domain and every name below it.
    Domain(Domain),
}

/// One indicator of a list in TOML.
#[derive(Debug, Clone)]
pub struct Indicator {
    /// An id that survives edits of the list.
    pub id: String,
    /// What it is about.
    pub value: Value,
    /// How sure the source is.
    pub confidence: Confidence,
    /// When it was first seen in use, if known.
    pub first_seen: Option<jiff::civil::Date>,
    /// When it was last seen in use, if known.
    pub last_seen: Option<jiff::civil::Date>,
    /// Where it is written down.
    pub reference: Option<String>,
    /// What it is, in a few words.
    pub note: Option<String>,
}

/// A plain list: one network a line, nothing said of each.
#[derive(Debug, Clone)]
pub struct PlainList {
    /// The list's name, part of its entries' ids.
    pub name: String,
    /// How sure the list is as a whole.
    pub confidence: Confidence,
}

/// A match: what is known of an indicator.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<'a> {
    /// The indicator's id.
    pub id: String,
    /// How sure the source is.
    pub confidence: Confidence,
    /// What it is, in a few words.
    pub note: Option<&'a str>,
}

/// All indicators in use.
#[derive(Debug, Clone, Default)]
pub struct Indicators {
    entries: Vec<Arc<Indicator>>,
    lists: Vec<PlainList>,
    networks: PrefixTable<Entry>,
    hosts: NameMap<u32>,
    domains: NameMap<u32>,
}

/// Where an entry of the prefix table is described.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Described(u32),
    Plain { list: u32, line: u32 },
}

impl Indicators {
    /// Adds an indicator. Of two with the same value the surer one stays.
    pub fn add(&mut self, indicator: Indicator) {
        let Ok(number) = u32::try_from(self.entries.len()) else { return };
        let confidence = indicator.confidence;
        let surer = |entries: &[Arc<Indicator>], old: u32| {
            entries.get(old as usize).is_some_and(|old| old.confidence >= confidence)
        };
        match &indicator.value {
            Value::Network(network) => {
                let kept = self.networks.get_mut(*network).is_some_and(|old| match *old {
                    Entry::Described(old) => surer(&self.entries, old),
                    Entry::Plain { list, .. } => {
                        self.lists.get(list as usize).is_some_and(|list| list.confidence > confidence)
                    }
                });
                if !kept {
                    self.networks.insert(*network, Entry::Described(number));
                }
            }
            Value::Host(name) => self.hosts.insert(name, number, |old| !surer(&self.entries, *old)),
            Value::Domain(name) => self.domains.insert(name, number, |old| !surer(&self.entries, *old)),
        }
        self.entries.push(Arc::new(indicator));
    }

    /// Adds a plain list with its networks and the lines they stand on.
    pub fn add_plain(&mut self, list: PlainList, mut networks: Vec<(u32, IpNetwork)>) {
        let Ok(number) = u32::try_from(self.lists.len()) else { return };
        // In order of address, neighbours share a path in the table: half a million go in several times faster.
        networks.sort_unstable_by_key(|(line, network)| (*network, *line));
        for (line, network) in networks {
            // Of two lists that hold the same network the surer one answers; the earlier one when they are equal.
            let kept = self.networks.get_mut(network).is_some_and(|old| match *old {
                Entry::Described(old) => {
                    self.entries.get(old as usize).is_some_and(|old| old.confidence >= list.confidence)
                }
                Entry::Plain { list: old, .. } => {
                    self.lists.get(old as usize).is_none_or(|old| old.confidence >= list.confidence)
                }
            });
            if !kept {
                self.networks.insert(network, Entry::Plain { list: number, line });
            }
        }
        self.lists.push(list);
    }

    /// The indicator for an address: the one with the longest prefix.
    pub fn address(&self, ip: IpAddr) -> Option<Match<'_>> {
        match *self.networks.lookup(ip)?.1 {
            Entry::Described(number) => self.described(number),
            Entry::Plain { list, line } => {
                let list = self.lists.get(list as usize)?;
                Some(Match { id: format!("{}:{line}", list.name), confidence: list.confidence, note: None })
            }
        }
    }

    /// The indicator for a name: the host itself, else the closest domain above it.
    pub fn name(&self, name: &str) -> Option<Match<'_>> {
        let ending = Ending::of(name);
        let listed = self.hosts.may_cover(ending) || self.domains.may_cover(ending);
        if !listed || name.len() > 255 {
            return None;
        }
        let name = normal(name);
        let number = self.hosts.get(&name).or_else(|| self.domains.covering(&name))?;
        self.described(*number)
    }

    /// How many networks are listed.
    pub fn network_count(&self) -> usize {
        self.networks.len()
    }

    /// How many host names and domains are listed.
    pub fn name_count(&self) -> usize {
        self.hosts.len() + self.domains.len()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.hosts.is_empty() && self.domains.is_empty()
    }

    fn described(&self, number: u32) -> Option<Match<'_>> {
        let entry = self.entries.get(number as usize)?;
        Some(Match { id: entry.id.clone(), confidence: entry.confidence, note: entry.note.as_deref() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{parse_literal, parse_network};

    fn described(id: &str, value: Value, confidence: Confidence) -> Indicator {
        Indicator {
            id: id.to_owned(),
            value,
            confidence,
            first_seen: None,
            last_seen: None,
            reference: None,
            note: None,
        }
    }

    #[test]
    fn of_two_entries_the_longer_then_the_surer_answers() {
        let network = |text: &str| parse_network(text).unwrap();
        let list = |name: &str, confidence| PlainList { name: name.to_owned(), confidence };
        let mut all = Indicators::default();
        all.add_plain(list("low", Confidence::Low), vec![(9, network("192.0.2.0/24")), (2, network("198.51.100.7"))]);
        all.add_plain(list("high", Confidence::High), vec![(1, network("192.0.2.0/24")), (5, network("192.0.2.0/24"))]);
        all.add(described("a", Value::Network(network("198.51.100.7")), Confidence::Medium));
        all.add(described("b", Value::Network(network("192.0.2.66")), Confidence::Low));
        let id = |ip: &str| all.address(parse_literal(ip).unwrap()).map(|found| found.id);
        assert_eq!(id("192.0.2.1").as_deref(), Some("high:1"));
        assert_eq!(id("198.51.100.7").as_deref(), Some("a"));
        assert_eq!(id("192.0.2.66").as_deref(), Some("b"));
        assert_eq!(id("203.0.113.1"), None);
    }

    #[test]
    fn a_host_is_exact_and_a_domain_holds_what_is_below() {
        let domain = |text: &str| Domain::parse(text).unwrap();
        let mut all = Indicators::default();
        all.add(described("host", Value::Host(domain("mx.example.net")), Confidence::High));
        all.add(described("domain", Value::Domain(domain("example.org")), Confidence::High));
        let id = |name: &str| all.name(name).map(|found| found.id);
        assert_eq!(id("MX.example.net.").as_deref(), Some("host"));
        assert_eq!(id("a.mx.example.net"), None);
        assert_eq!(id("a.b.example.org").as_deref(), Some("domain"));
        assert_eq!(id("notexample.org"), None);
    }
}
