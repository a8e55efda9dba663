//! The hop at which a message crossed the relay.
//!
//! Takes what is looked for and a message's hops, gives who says that it came through there. Only an address that our own servers recorded
//! of their client is a record of ours. What a client says of itself in HELO, the name that its own reverse zone states, and every line below the
//! border are claims: a spammer may name any relay there.

use serde::Serialize;

use crate::{
    evidence::HopFacts,
    hunt::{Facts, Part, Wanted},
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

/// Whether a message with these hops came through the relay; the hardest proof of it, of equal ones the newest.
pub(super) fn crossing(wanted: &Wanted, hops: &[HopFacts], border: Option<usize>) -> Option<Crossing> {
    let mut claim = None;
    for seen in wanted.sightings(hops.iter().map(Facts::from)).kept {
        let ours = border.is_some_and(|border| seen.hop <= border);
        match seen.part {
            Part::Address if ours => return Some(Crossing { proof: Proof::Recorded, hop: seen.hop }),
            // The host of a line of ours is ourselves, whatever domain was asked for.
            Part::By | Part::ByAddress if ours => {}
            _ => claim = claim.or(Some(Crossing { proof: Proof::Claimed, hop: seen.hop })),
        }
    }
    claim
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{names::Domain, net::parse_network, rules::indicators::Value, trace::HopKind};

    fn wanted(typed: &[&str]) -> Wanted {
        let mut wanted = Wanted::new();
        for typed in typed {
            let value = match parse_network(typed) {
                Ok(network) => Value::Network(network),
                Err(_) => match typed.strip_prefix("host:") {
                    Some(name) => Value::Host(Domain::parse(name).unwrap()),
                    None => Value::Domain(Domain::parse(typed).unwrap()),
                },
            };
            wanted.add(typed, value);
        }
        wanted
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
        let by_address = wanted(&["45.77.24.250"]);
        let by_name = wanted(&["vultr.example", "host:mail.coincheck.com"]);
        let border = hop("45.77.24.250", "mail.coincheck.com", "x.vultr.example", "gw.coincheck.com");
        let direct = hop("203.0.113.10", "mx1.sender.example", "", "gw.coincheck.com");
        let liar = hop("203.0.113.10", "mail.coincheck.com", "", "gw.coincheck.com");
        let literal = hop("203.0.113.10", "[45.77.24.250]", "", "gw.coincheck.com");
        let below = hop("45.77.24.250", "x.vultr.example", "", "mx.decoy.example");
        let found = |wanted: &Wanted, hops: &[&HopFacts], border| {
            let hops: Vec<HopFacts> = hops.iter().map(|hop| (*hop).clone()).collect();
            crossing(wanted, &hops, border).map(|crossing| (crossing.proof, crossing.hop))
        };
        use Proof::{Claimed, Recorded};
        assert_eq!(found(&by_address, &[&border], Some(0)), Some((Recorded, 0)));
        assert_eq!(
            found(&by_name, &[&border], Some(0)),
            Some((Claimed, 0)),
            "a reverse zone says what its owner likes"
        );
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
        let ours = wanted(&["coincheck.com"]);
        assert_eq!(found(&ours, &[&direct], Some(0)), None, "the host of our own line is ourselves");
    }
}
