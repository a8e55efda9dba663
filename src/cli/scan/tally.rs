//! What a scan counted, and the summary at its end.

use std::{collections::BTreeMap, fmt::Write as _, net::IpAddr, time::Duration};

use crate::{
    cli::{
        inputs::Inputs,
        progress::{grouped, rate},
    },
    finding::Level,
    inspect::Report,
    message::RawMessage,
    trace::{HopKind, Origin},
    view::{Ink, Style},
};

/// Peers of suspicious mail that are told apart; further ones are counted as one.
const MAX_PEERS: usize = 100_000;
/// Peers that the summary shows.
const SHOWN_PEERS: usize = 10;

/// Counts of a batch, or of all.
#[derive(Debug, Default)]
pub(super) struct Tally {
    messages: u64,
    fields: u64,
    unparsed: u64,
    levels: BTreeMap<Level, u64>,
    codes: BTreeMap<&'static str, u64>,
    boundaries: BTreeMap<&'static str, u64>,
    breaks: BTreeMap<&'static str, u64>,
    peers: BTreeMap<IpAddr, u64>,
    other_peers: u64,
    /// Inputs that gave no message.
    pub(super) inputs: Inputs,
}

impl Tally {
    /// Counts a message.
    pub(super) fn message(&mut self, message: &RawMessage, report: &Report<'_>) {
        let fields = report.trace.hops.iter().filter(|hop| hop.origin != Origin::Session);
        self.messages += 1;
        self.fields += fields.clone().count() as u64;
        self.unparsed += fields.filter(|hop| hop.received.kind == HopKind::Unparsed).count() as u64;
        let level = report.verdict.level;
        *self.levels.entry(level).or_default() += 1;
        for code in report.verdict.codes() {
            *self.codes.entry(code.as_str()).or_default() += 1;
        }
        *self.boundaries.entry(report.boundary.place.kind().as_str()).or_default() += 1;
        for seen in message.headers.breaks() {
            *self.breaks.entry(seen.as_str()).or_default() += 1;
        }
        if let Some((_, peer)) = report.boundary.peer().filter(|_| level >= Level::Suspicious) {
            self.peer(peer, 1);
        }
    }

    /// Adds the counts of another.
    pub(super) fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.fields += other.fields;
        self.unparsed += other.unparsed;
        merge(&mut self.levels, &other.levels);
        merge(&mut self.codes, &other.codes);
        merge(&mut self.boundaries, &other.boundaries);
        merge(&mut self.breaks, &other.breaks);
        for (peer, count) in &other.peers {
            self.peer(*peer, *count);
        }
        self.other_peers += other.other_peers;
        self.inputs.add(&other.inputs);
    }

    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Messages that are at least suspicious.
    pub(super) fn suspects(&self) -> u64 {
        self.levels.iter().filter(|(level, _)| **level >= Level::Suspicious).map(|(_, count)| count).sum()
    }

    /// The worst verdict of all.
    pub(super) fn worst(&self) -> Option<Level> {
        self.levels.keys().next_back().copied()
    }

    /// The summary, for people.
    pub(super) fn summary(&self, elapsed: Duration, interrupted: bool, style: &Style) -> String {
        let mut text = String::new();
        let rate =
            rate(self.messages, elapsed).map(|rate| format!(", {} messages/s", grouped(rate))).unwrap_or_default();
        let seconds = elapsed.as_secs_f64();
        let head = format!("{} messages with {} Received fields", grouped(self.messages), grouped(self.fields));
        let ended = if interrupted { " before it was interrupted" } else { "" };
        let _ = writeln!(text, "\n{} in {seconds:.1} s{rate}{ended}", style.paint(Ink::Strong, head));
        for level in Level::ALL {
            let count = self.levels.get(&level).copied().unwrap_or_default();
            let ink = if count > 0 { Ink::Level(level) } else { Ink::Faint };
            let line = format!("  {:<12}{:>12}", level.as_str(), grouped(count));
            let _ = writeln!(text, "{}", style.paint(ink, line));
        }
        let mut row = |label: &str, value: String| {
            if !value.is_empty() {
                let _ = writeln!(text, "{}{value}", style.paint(Ink::Faint, format_args!("{label:<19}")));
            }
        };
        row("Messages by code", counts(&self.codes));
        row("Boundary", counts(&self.boundaries));
        row("Broken headers", counts(&self.breaks));
        row("Fields not read", if self.unparsed > 0 { grouped(self.unparsed) } else { String::new() });
        row("Suspects' peers", self.top_peers());
        row("Inputs", self.inputs.shown(["could not be read", "no mail", "links to folders, not followed"]));
        text
    }

    fn peer(&mut self, peer: IpAddr, count: u64) {
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&peer) {
            self.other_peers += count;
        } else {
            *self.peers.entry(peer).or_default() += count;
        }
    }

    fn top_peers(&self) -> String {
        let mut peers: Vec<_> = self.peers.iter().collect();
        peers.sort_by_key(|(peer, count)| (std::cmp::Reverse(**count), **peer));
        let shown = peers.iter().take(SHOWN_PEERS).map(|(peer, count)| format!("{peer} {}", grouped(**count)));
        let mut shown: Vec<String> = shown.collect();
        let rest = peers.iter().skip(SHOWN_PEERS).map(|(_, count)| **count).sum::<u64>() + self.other_peers;
        if rest > 0 {
            shown.push(format!("others {}", grouped(rest)));
        }
        shown.join(", ")
    }
}

fn merge<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(*key).or_default() += count;
    }
}

fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    counts.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_bounded() {
        let mut tally = Tally::default();
        for n in 0..200_000_u32 {
            tally.peer(IpAddr::from(n.to_be_bytes()), 1);
        }
        assert_eq!((tally.peers.len(), tally.other_peers), (MAX_PEERS, 100_000));
    }
}
