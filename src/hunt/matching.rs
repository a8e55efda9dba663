//! What is looked for, and the hops that show it.
//!
//! Takes the facts of a hop, wherever they come from, gives each part of it that an indicator fits, and which one. A name
//! fits as on indicator lists; one in another script (RFC 6531) is taken to its A-labels first.

use std::{borrow::Cow, net::IpAddr};

use ipnetwork::IpNetwork;

use super::Needle;
use crate::{
    names::Domain,
    rules::indicators::{Confidence, Indicator, Indicators, PlainList, Value},
    trace::{AmbiguityReason, Received},
};

/// What is kept of one message: a sender may write thousands of lines that fit.
const MOST: usize = 100;

/// What a hop says of hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// What the client's address could be, where the hop speaks of two and none is taken.
    pub candidates: Vec<IpAddr>,
    /// What the client said in HELO.
    pub helo: Option<&'a str>,
    /// The address that the client said in HELO.
    pub helo_address: Option<IpAddr>,
    /// The client's name, verified or from the reverse zone alone.
    pub name: Option<&'a str>,
    /// The receiving host.
    pub by: Option<&'a str>,
    /// The receiving host's address.
    pub by_address: Option<IpAddr>,
}

impl<'a> From<&'a Received<'_>> for Facts<'a> {
    fn from(received: &'a Received<'_>) -> Self {
        let disputed = received.ambiguities.iter().filter(|open| open.reason == AmbiguityReason::TwoAddresses);
        Self {
            address: received.ip,
            candidates: disputed.flat_map(|open| &open.candidates).filter_map(|ip| ip.parse().ok()).collect(),
            helo: received.helo.as_deref(),
            helo_address: received.helo_ip,
            name: received.rdns.as_deref(),
            by: received.by.as_deref(),
            by_address: received.by_ip,
        }
    }
}

/// A part of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The client's address.
    Address,
    /// One of two addresses that the client may have.
    Candidate,
    /// What the client said in HELO.
    Helo,
    /// The client's name.
    Name,
    /// The receiving host's name.
    By,
    /// The receiving host's address.
    ByAddress,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 6] = [Self::Address, Self::Candidate, Self::Helo, Self::Name, Self::By, Self::ByAddress];

    /// The name used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Candidate => "maybe-address",
            Self::Helo => "helo",
            Self::Name => "name",
            Self::By => "by",
            Self::ByAddress => "by-address",
        }
    }
}

/// A part of a hop that an indicator fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The hop's place in the trace, 0 is the newest.
    pub hop: usize,
    /// The part.
    pub part: Part,
    /// What the user typed, or the id of a list's entry.
    pub indicator: String,
    /// What the hop says there; foreign text.
    pub value: String,
}

/// All sightings of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sightings {
    /// The newest hops' ones.
    pub kept: Vec<Sighting>,
    /// How many further ones there are.
    pub more: usize,
}

impl Sightings {
    fn push(&mut self, hop: usize, part: Part, indicator: String, value: Cow<'_, str>) {
        if self.kept.len() < MOST {
            self.kept.push(Sighting { hop, part, indicator, value: value.into_owned() });
        } else {
            self.more += 1;
        }
    }
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    indicators: Indicators,
    /// The indicators of which a needle may be made; nothing where there are too many for that.
    values: Option<Vec<Value>>,
}

impl Wanted {
    /// Looks for nothing as yet.
    pub fn new() -> Self {
        Self { indicators: Indicators::default(), values: Some(Vec::new()) }
    }

    /// Looks for what the user typed.
    pub fn add(&mut self, typed: &str, value: Value) {
        self.add_described(Indicator {
            id: typed.to_owned(),
            value,
            confidence: Confidence::High,
            first_seen: None,
            last_seen: None,
            reference: None,
            note: None,
        });
    }

    /// Looks for an entry of a described list.
    pub fn add_described(&mut self, indicator: Indicator) {
        let values = self.values.take().filter(|values| values.len() < Needle::MOST);
        self.values = values.map(|mut values| {
            values.push(indicator.value.clone());
            values
        });
        self.indicators.add(indicator);
    }

    /// Looks for the entries of a plain list, with the lines they stand on.
    pub fn add_plain(&mut self, name: &str, networks: Vec<(u32, IpNetwork)>) {
        let values = self.values.take().filter(|values| values.len() + networks.len() <= Needle::MOST);
        self.values = values.map(|mut values| {
            values.extend(networks.iter().map(|(_, network)| Value::Network(*network)));
            values
        });
        self.indicators.add_plain(PlainList { name: name.to_owned(), confidence: Confidence::High }, networks);
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.indicators.is_empty()
    }

    /// What a header section must hold to show any of it, where that can be told.
    pub fn needle(&self) -> Option<Needle> {
        Needle::of(self.values.as_ref()?)
    }

    /// Every sighting in a message's hops, newest first.
    pub fn sightings<'a>(&self, hops: impl Iterator<Item = Facts<'a>>) -> Sightings {
        let mut seen = Sightings::default();
        for (hop, facts) in hops.enumerate() {
            let mut address = |part, ip: Option<IpAddr>, shown: Option<&str>| {
                let found = ip.and_then(|ip| Some((ip, self.indicators.address(ip)?)));
                if let Some((ip, found)) = found {
                    seen.push(hop, part, found.id, shown.map_or_else(|| ip.to_string().into(), Cow::Borrowed));
                }
            };
            address(Part::Address, facts.address, None);
            for candidate in &facts.candidates {
                address(Part::Candidate, Some(*candidate), None);
            }
            address(Part::Helo, facts.helo_address, facts.helo);
            address(Part::ByAddress, facts.by_address, None);
            for (part, name) in [(Part::Helo, facts.helo), (Part::Name, facts.name), (Part::By, facts.by)] {
                if let Some((name, id)) = name.and_then(|name| Some((name, self.name(name)?))) {
                    seen.push(hop, part, id, name.into());
                }
            }
        }
        seen
    }

    fn name(&self, name: &str) -> Option<String> {
        if name.is_ascii() {
            return Some(self.indicators.name(name)?.id);
        }
        if name.len() > 255 {
            return None;
        }
        Some(self.indicators.name(Domain::parse(name).ok()?.as_str())?.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{net::parse_network, trace::read_received};

    fn wanted() -> Wanted {
        let mut wanted = Wanted::new();
        wanted.add("45.77.24.250", Value::Network(parse_network("45.77.24.250").unwrap()));
        wanted.add("2001:db8::/32", Value::Network(parse_network("2001:db8::/32").unwrap()));
        wanted.add("bad.example", Value::Domain(Domain::parse("bad.example").unwrap()));
        wanted.add("host:mx.worse.example", Value::Host(Domain::parse("mx.worse.example").unwrap()));
        wanted.add("bücher.example", Value::Domain(Domain::parse("bücher.example").unwrap()));
        wanted.add_plain("drop.netset", vec![(7, parse_network("198.51.100.0/24").unwrap())]);
        wanted
    }

    fn seen(lines: &[&str]) -> Vec<String> {
        let hops: Vec<_> = lines.iter().map(|line| read_received(line.as_bytes())).collect();
        let sightings = wanted().sightings(hops.iter().map(Facts::from));
        let shown = |seen: &Sighting| format!("{} {} {} {}", seen.hop, seen.part.as_str(), seen.indicator, seen.value);
        sightings.kept.iter().map(shown).collect()
    }

    #[test]
    fn every_part_of_a_hop_can_be_seen() {
        let date = "; Mon, 1 Jun 2020 00:00:05 +0000";
        let lines = [
            format!("from a.example (b.example [45.77.24.250]) by mx.victim.example (Postfix) with ESMTP id 1{date}"),
            format!(
                "from MX.Bad.example (mx.worse.example [198.51.100.9]) by x.bad.example. (Postfix) with ESMTP{date}"
            ),
            format!("from [45.77.24.250] (c.example [203.0.113.9]) by a.mx.worse.example (Postfix) with ESMTP{date}"),
            format!(
                "from d.example (d.example [203.0.113.9]) by e.example ([2001:db8::5]) with Microsoft SMTP Server id 1{date}"
            ),
            format!("from x.bücher.example (f.example [203.0.113.9]) by notbad.example (Postfix) with ESMTP{date}"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let expected = [
            "0 address 45.77.24.250 45.77.24.250",
            "1 address drop.netset:7 198.51.100.9",
            "1 helo bad.example MX.Bad.example",
            "1 name host:mx.worse.example mx.worse.example",
            "1 by bad.example x.bad.example.",
            "2 helo 45.77.24.250 45.77.24.250",
            "3 by-address 2001:db8::/32 2001:db8::5",
            "4 helo bücher.example x.bücher.example",
        ];
        assert_eq!(seen(&lines), expected);
    }

    /// A relay that says `x [192.0.2.9]` in HELO makes readers unsure of its own address; it is not lost to a hunt.
    #[test]
    fn an_address_that_is_disputed_is_seen_as_such() {
        let line =
            "from x (x [192.0.2.9] [45.77.24.250]) by mx.victim.example with ESMTP; Mon, 1 Jun 2020 00:00:05 +0000";
        assert_eq!(read_received(line.as_bytes()).ip, None);
        assert_eq!(seen(&[line]), ["0 maybe-address 45.77.24.250 45.77.24.250"]);
    }

    #[test]
    fn of_thousands_of_lines_the_newest_are_kept() {
        let line = "from a (a [45.77.24.250]) by b.example with SMTP; Mon, 1 Jun 2020 09:00:00 +0900";
        let hop = read_received(line.as_bytes());
        let seen = wanted().sightings((0..2_000).map(|_| Facts::from(&hop)));
        assert_eq!((seen.kept.len(), seen.more, seen.kept[99].hop), (100, 1_900, 99));
    }
}
