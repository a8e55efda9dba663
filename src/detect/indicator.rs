//! `indicator`: a hop's address or name stands on a list of known bad ones.
//!
//! At the border the address is a fact, and the list's confidence decides. Below it anyone can write any address into
//! a line, so a match there is one step less severe. Names are what a host says of itself: a match on a HELO is
//! likewise supporting only, wherever it stands.
//!
//! A sender may fill its mail with thousands of lines that match. Of each severity the newest [`MOST`] findings are kept:
//! the border's come before them, and what is left out says nothing worse.

use super::{Context, Detector, Outcome};
use crate::{
    finding::{Basis, Code, Finding, Severity},
    rules::indicators::{Confidence, Match},
    text::printable,
    trace::Received,
};

/// How many findings of one severity are reported.
const MOST: usize = 10;

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
        if context.subject.trace.hops.is_empty() {
            return Outcome::NoData("there is no hop");
        }
        let border = context.subject.boundary.peer().map(|(hop, _)| hop);
        let mut findings = Findings::default();
        for (index, hop) in context.subject.trace.hops.iter().enumerate() {
            let received = &hop.received;
            let place = if border == Some(index) { "the host that handed us the mail" } else { "a host in the trace" };
            if let Some(found) = received.ip.and_then(|ip| indicators.address(ip)) {
                let basis = if border == Some(index) { Basis::Border } else { Basis::Supporting };
                let ip = received.ip.map(|ip| ip.to_string()).unwrap_or_default();
                findings.push(severity(&found, basis), |severity| {
                    finding(index, severity, basis, place, &ip, "ip", &found)
                });
            }
            for (role, name) in names(received) {
                if let Some(found) = indicators.name(name) {
                    let basis = Basis::Supporting;
                    findings.push(severity(&found, basis), |severity| {
                        finding(index, severity, basis, place, name, role, &found)
                    });
                }
            }
        }
        findings.kept.into()
    }
}

/// Findings, few of each severity.
#[derive(Default)]
struct Findings {
    kept: Vec<Finding>,
    counts: [usize; Severity::ALL.len()],
}

impl Findings {
    fn push(&mut self, severity: Severity, make: impl FnOnce(Severity) -> Finding) {
        let at = Severity::ALL.iter().position(|other| *other == severity);
        if let Some(count) = at.and_then(|at| self.counts.get_mut(at))
            && *count < MOST
        {
            *count += 1;
            self.kept.push(make(severity));
        }
    }
}

fn names<'a>(received: &'a Received<'_>) -> impl Iterator<Item = (&'static str, &'a str)> {
    // What the client said is most often its verified name.
    let helo = if received.helo == received.rdns { &None } else { &received.helo };
    let names = [("rdns", &received.rdns), ("helo", helo), ("by", &received.by)];
    names.into_iter().filter_map(|(role, name)| name.as_deref().map(|name| (role, name)))
}

fn severity(found: &Match<'_>, basis: Basis) -> Severity {
    match (found.confidence, basis) {
        (Confidence::High, Basis::Border) => Severity::Malicious,
        (Confidence::High, Basis::Supporting) | (Confidence::Medium, Basis::Border) => Severity::Suspicious,
        (Confidence::Medium | Confidence::Low, _) => Severity::Notice,
    }
}

fn finding(
    hop: usize,
    severity: Severity,
    basis: Basis,
    place: &str,
    value: &str,
    role: &'static str,
    found: &Match<'_>,
) -> Finding {
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
        evidence: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        finding::Severity,
        inspect::inspect_offline,
        message::{HeaderSection, RawMessage},
        session::Session,
    };

    #[test]
    fn thousands_of_listed_lines_are_few_findings_and_the_border_is_among_them() {
        let policy = crate::config::defaults().policy;
        let line =
            "Received: from x (x [202.182.115.48]) by mail.coincheck.com with SMTP; Mon, 1 Jun 2020 09:00:00 +0900\n";
        let text = line.repeat(2_000);
        let session = Session { peer_ip: "45.77.24.250".parse().ok(), ..Session::default() };
        let message = RawMessage {
            headers: HeaderSection::read(text.as_bytes(), text.len()),
            session: Some(session),
            ..RawMessage::default()
        };
        let findings = inspect_offline(&message, &policy).verdict.findings;
        assert_eq!((findings[0].severity, findings[0].hop), (Severity::Malicious, Some(0)));
        assert!(findings.len() <= 3 * super::MOST, "{}", findings.len());
    }
}
