//! `broken-chain`: the host that took the mail at one hop is not the host that handed it on at the next.
//!
//! A relay that takes its own line away, or lines that were made up, leave such a gap. So do pools, NAT, internal names
//! and operators with several domains: in one of nine pairs of neighbours in ordinary mail the names differ. It is
//! therefore a notice, resting on lines that can be forged, and never more; only the newest gap is reported.

use super::{Context, Detector, Outcome};
use crate::{
    finding::{Basis, Code, Finding, Severity},
    net::is_public,
    policy::Operators,
    text::printable,
    trace::Received,
};

pub(super) struct BrokenChain;

impl Detector for BrokenChain {
    fn code(&self) -> Code {
        Code::BrokenChain
    }

    fn detect(&self, context: &Context<'_>) -> Outcome {
        let start = context.subject.boundary.peer().map_or(0, |(hop, _)| hop);
        let mut newer = start;
        let mut compared = false;
        while let Some((older, hop)) = context.next_older(newer) {
            let Some(next) = context.subject.trace.hops.get(newer) else { break };
            match fits(&next.received, &hop.received, &context.policy.operators) {
                Some(false) => return Outcome::Findings(vec![gap(newer, &next.received, &hop.received)]),
                Some(true) => compared = true,
                None => {}
            }
            newer = older;
        }
        if compared { Outcome::Clean } else { Outcome::NoData("no two neighbouring hops can be compared") }
    }
}

/// Whether the older hop's receiving host can be the newer hop's client; nothing when the names do not tell.
fn fits(newer: &Received<'_>, older: &Received<'_>, operators: &Operators) -> Option<bool> {
    if newer.ip.is_some() && older.by_ip == newer.ip {
        return Some(true);
    }
    if newer.ip.is_some_and(|ip| !is_public(ip)) {
        return None;
    }
    let by = older.by.as_deref()?;
    // What the client said is most often its verified name.
    let helo = newer.helo.as_deref().filter(|_| newer.helo != newer.rdns);
    let mut told = None;
    for name in newer.rdns.as_deref().into_iter().chain(helo) {
        match operators.same(name, by) {
            Some(false) => told = Some(false),
            Some(true) => return Some(true),
            None => {}
        }
    }
    told
}

fn gap(hop: usize, newer: &Received<'_>, older: &Received<'_>) -> Finding {
    let by = printable(older.by.as_deref().unwrap_or("?"), 100);
    let from = printable(newer.rdns.as_deref().or(newer.helo.as_deref()).unwrap_or("?"), 100);
    Finding {
        code: Code::BrokenChain,
        severity: Severity::Notice,
        basis: Basis::Supporting,
        hop: Some(hop),
        fact: format!("from={from} by={by}"),
        sentence: format!(
            "The mail was taken by {by} and then came from {from}: a hop in between is missing, or the lines were made up. It happens in ordinary mail as well."
        ),
        evidence: Vec::new(),
    }
}
