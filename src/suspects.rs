//! The suspects table: which peers handed us suspicious or malicious mail, how often, and when last.
//!
//! Bounded whatever comes: at most `tracked` peers are remembered; when that is full, the quieter half is summed up and
//! forgotten. Only the `top` ones are shown by address.

use std::{collections::HashMap, net::IpAddr};

use crate::{clock::Timestamp, config::SuspectSettings};

/// Peers by how much suspicious mail they brought since the start of the process.
#[derive(Debug)]
pub struct Suspects {
    settings: SuspectSettings,
    peers: HashMap<IpAddr, Suspect>,
    forgotten: u64,
}

/// What is remembered of one peer.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    messages: u64,
    last_seen: Timestamp,
}

/// The table as shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Peer, messages and when it was last seen (unix seconds), the busiest first.
    pub top: Vec<(String, u64, f64)>,
    /// The messages of all other peers.
    pub other: u64,
}

impl Suspects {
    /// An empty table.
    pub fn new(settings: SuspectSettings) -> Self {
        Self { settings, peers: HashMap::new(), forgotten: 0 }
    }

    /// Notes one message; without a peer it counts among the others.
    pub fn note(&mut self, peer: Option<IpAddr>, now: Timestamp) {
        let Some(peer) = peer else {
            self.forgotten += 1;
            return;
        };
        if self.peers.len() >= self.settings.tracked.max(1) && !self.peers.contains_key(&peer) {
            self.forget_quiet_half();
        }
        let suspect = self.peers.entry(peer).or_insert(Suspect { messages: 0, last_seen: now });
        suspect.messages += 1;
        suspect.last_seen = now;
    }

    /// Takes over changed bounds.
    pub fn configure(&mut self, settings: SuspectSettings) {
        self.settings = settings;
        while self.peers.len() > self.settings.tracked.max(1) {
            self.forget_quiet_half();
        }
    }

    /// The table as it stands.
    pub fn table(&self) -> Table {
        let ranked = self.ranked();
        let shown = ranked.iter().take(self.settings.top);
        let top = shown.map(|(ip, s)| (ip.to_string(), s.messages, s.last_seen.as_duration().as_secs_f64())).collect();
        let rest: u64 = ranked.iter().skip(self.settings.top).map(|(_, s)| s.messages).sum();
        Table { top, other: self.forgotten + rest }
    }

    /// Peers with the most messages first; equal ones by who was seen last.
    fn ranked(&self) -> Vec<(IpAddr, Suspect)> {
        let mut ranked: Vec<_> = self.peers.iter().map(|(ip, suspect)| (*ip, *suspect)).collect();
        ranked.sort_by_key(|(ip, s)| (std::cmp::Reverse((s.messages, s.last_seen)), *ip));
        ranked
    }

    fn forget_quiet_half(&mut self) {
        let keep = self.peers.len() / 2;
        for (ip, suspect) in self.ranked().into_iter().skip(keep) {
            self.forgotten += suspect.messages;
            self.peers.remove(&ip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_busiest_are_shown_and_the_rest_is_summed() {
        let mut suspects = Suspects::new(SuspectSettings { top: 1, tracked: 10 });
        for (ip, times) in [("192.0.2.1", 3), ("192.0.2.2", 2), ("192.0.2.3", 1)] {
            (0..times).for_each(|n| suspects.note(Some(ip.parse().unwrap()), at(n)));
        }
        suspects.note(None, at(9));
        assert_eq!(suspects.table(), Table { top: vec![("192.0.2.1".to_owned(), 3, 2.0)], other: 4 });
    }

    #[test]
    fn memory_is_bounded_and_no_message_is_lost_from_the_sum() {
        let mut suspects = Suspects::new(SuspectSettings { top: 2, tracked: 100 });
        for n in 0..10_000u32 {
            suspects.note(Some(std::net::Ipv4Addr::from(n).into()), at(i64::from(n)));
            assert!(suspects.peers.len() <= 100);
        }
        let table = suspects.table();
        assert_eq!(table.top.iter().map(|(_, n, _)| n).sum::<u64>() + table.other, 10_000);
    }
}
