//! Whether a network touches any of ours, asked half a million times a list.
//!
//! Takes networks, keeps them as sorted ranges that do not touch, and answers by binary search.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

/// Address ranges of both families; IPv4 as `::ffff:0:0/96`, so that one order serves both.
#[derive(Debug, Default)]
pub(super) struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    pub(super) fn new(networks: impl IntoIterator<Item = IpNetwork>) -> Self {
        let mut ranges = networks.into_iter().map(bounds).collect::<Vec<_>>();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::new();
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// Whether any address is in both.
    pub(super) fn touch(&self, network: IpNetwork) -> bool {
        let (first, last) = bounds(network);
        let after = self.0.partition_point(|(_, end)| *end < first);
        self.0.get(after).is_some_and(|(start, _)| *start <= last)
    }
}

fn bounds(network: IpNetwork) -> (u128, u128) {
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => u128::from(ip),
    };
    (number(network.network()), number(network.broadcast()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrower_wider_and_equal_networks_touch() {
        let ours = Ranges::new(["10.0.0.0/8", "198.51.100.5", "10.1.0.0/16", "fe80::/10"].map(|n| n.parse().unwrap()));
        for yes in ["10.0.0.0/8", "10.200.0.1", "0.0.0.0/1", "198.51.100.0/24", "fe80::1", "::/0"] {
            assert!(ours.touch(yes.parse().unwrap()), "{yes}");
        }
        for no in ["11.0.0.0/8", "198.51.100.4", "198.51.100.6", "2001:db8::/32", "9.255.255.255"] {
            assert!(!ours.touch(no.parse().unwrap()), "{no}");
        }
    }
}
