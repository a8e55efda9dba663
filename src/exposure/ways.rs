//! The way of the mail: the relay, who handed mail to it, and which host of ours took it.
//!
//! Takes messages, gives a [`Path`]. Hosts are told apart up to a bound (see [`Tallied`]), because others name them.

use super::{
    report::{Path, Tls},
    top::Tallied,
};
use crate::evidence::Stored;

/// Hosts and names that are told one by one.
const TOP: usize = 8;

/// The ways of the mail, in the making.
#[derive(Debug, Default)]
pub(super) struct Ways {
    addresses: Tallied,
    names: Tallied,
    helos: Tallied,
    tls: Tls,
    handed_by: Tallied,
    handed_by_unknown: u64,
    borders: Tallied,
    normal_borders: Tallied,
}

impl Ways {
    /// A message through the relay, which is the client of that hop.
    pub(super) fn add(&mut self, message: &Stored, crossing: usize) {
        let hops = &message.hops;
        let Some(relay) = hops.get(crossing) else { return };
        if let Some(ip) = relay.ip {
            self.addresses.add(&ip.to_string());
        }
        relay.rdns.iter().for_each(|name| self.names.add(name));
        relay.helo.iter().for_each(|name| self.helos.add(name));
        relay.by.iter().for_each(|name| self.borders.add(name));
        match relay.tls {
            Some(true) => self.tls.encrypted += 1,
            Some(false) => self.tls.clear += 1,
            None => self.tls.unknown += 1,
        }
        let below = hops.get(crossing + 1);
        let same = |a: &Option<String>, b: &Option<String>| {
            a.as_deref().zip(b.as_deref()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
        };
        // Where the relay wrote a line of its own, that states who handed it the mail; where it did not, the newest line is of that host.
        let handed_by = below.and_then(|below| {
            let own = same(&below.by, &relay.helo)
                || same(&below.by, &relay.rdns)
                || (below.by_ip.is_some() && below.by_ip == relay.ip);
            if own {
                let name = below.rdns.clone().or_else(|| below.helo.clone());
                name.or_else(|| Some(below.ip?.to_string()))
            } else {
                below.by.clone()
            }
        });
        match handed_by {
            Some(name) => self.handed_by.add(&name),
            None => self.handed_by_unknown += 1,
        }
    }

    /// A message that came by another way.
    pub(super) fn other(&mut self, message: &Stored) {
        let border = message.border_hop.and_then(|border| message.hops.get(border)?.by.as_deref());
        self.normal_borders.add(border.unwrap_or("not recorded"));
    }

    /// What came of it.
    pub(super) fn finish(self) -> Path {
        Path {
            addresses: self.addresses.top(TOP),
            names: self.names.top(TOP),
            helos: self.helos.top(TOP),
            tls: self.tls,
            handed_by: self.handed_by.top(TOP),
            handed_by_unknown: self.handed_by_unknown,
            borders: self.borders.top(TOP),
            normal_borders: self.normal_borders.top(TOP),
        }
    }
}
