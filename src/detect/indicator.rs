//! `indicator`: a hop's address or name stands on a list of known bad ones.
//!
//! At the border the address is a fact, and the list's confidence decides. Below it anyone can write any address into
//! a line, so a match there is one step less severe. Names are what a host says of itself: a match on a HELO is
//! likewise supporting only, wherever it stands.

use super::{Basis, Code, Context, Detector, Finding, Outcome};
use crate::{
    rules::indicators::{Confidence, Match},
    text::printable,
    trace::Received,
    verdict::Severity,
};

pub(super) struct Indicator;

impl Detector for Indicator {
    fn code(&self) -> Code {
        Code::Indicator
    }

    fn detect(&self, context: &Context<'_>) -> Outcome {
        let indicators = &context.policy.indicators;
        if indicators.is_empty() {
            return Outcome::NoData("no indicator list is configured");
        }
        if context.trace.hops.is_empty() {
            return Outcome::NoData("there is no hop");
        }
        let border = context.boundary.peer().map(|(hop, _)| hop);
        let mut findings = Vec::new();
        for (index, hop) in context.trace.hops.iter().enumerate() {
            let received = &hop.received;
            let place = if border == Some(index) { "the host that handed us the mail" } else { "a host in the trace" };
            if let Some(found) = received.ip.and_then(|ip| indicators.address(ip)) {
                let basis = if border == Some(index) { Basis::Border } else { Basis::Supporting };
                let ip = received.ip.map(|ip| ip.to_string()).unwrap_or_default();
                findings.push(finding(index, basis, place, &ip, "ip", &found));
            }
            for (role, name) in names(received) {
                if let Some(found) = indicators.name(name) {
                    findings.push(finding(index, Basis::Supporting, place, name, role, &found));
                }
            }
        }
        findings.into()
    }
}

fn names(received: &Received) -> impl Iterator<Item = (&'static str, &str)> {
    let names = [("rdns", &received.rdns), ("helo", &received.helo), ("by", &received.by)];
    names.into_iter().filter_map(|(role, name)| name.as_deref().map(|name| (role, name)))
}

fn finding(hop: usize, basis: Basis, place: &str, value: &str, role: &'static str, found: &Match<'_>) -> Finding {
    let severity = match (found.confidence, basis) {
        (Confidence::High, Basis::Border) => Severity::Malicious,
        (Confidence::High, Basis::Supporting) | (Confidence::Medium, Basis::Border) => Severity::Suspicious,
        (Confidence::Medium | Confidence::Low, _) => Severity::Notice,
    };
    let value = printable(value, 100);
    let caveat = if basis == Basis::Border { "" } else { "; this part of the trace can be forged" };
    let about = found.note.map(|note| format!(": {}", printable(note, 200))).unwrap_or_default();
    Finding {
        code: Code::Indicator,
        severity,
        basis,
        hop: Some(hop),
        fact: format!("{role}={value} indicator={}", printable(&found.id, 100)),
        sentence: format!(
            "{value}, {place}, is on the indicator list as {} ({} confidence){about}{caveat}.",
            printable(&found.id, 100),
            found.confidence.as_str(),
        ),
    }
}
