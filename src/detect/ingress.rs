//! `ingress`: the mail did not come the way that the recipient's domain prescribes.
//!
//! A rule names the hosts that mail for a domain must pass (a cloud filter, the first MX) and others that may hand it
//! over all the same. Hard facts only decide: the peer, and the hops between it and us that our own hosts recorded. When
//! the filter stands in the trace *below* an unlisted peer, the mail was passed on by a host between the two, which is
//! the 2020 case for a domain behind a filter; when it stands nowhere, the mail went round the filter.

use std::{borrow::Cow, net::IpAddr};

use super::{Context, Detector, Outcome};
use crate::{
    finding::{Basis, Code, Finding, Severity},
    names::domain_of,
    policy::IngressRule,
    text::printable,
};

pub(super) struct Ingress;

impl Detector for Ingress {
    fn code(&self) -> Code {
        Code::Ingress
    }

    fn detect(&self, context: &Context<'_>) -> Outcome {
        if context.policy.ingress.is_empty() {
            return Outcome::NoData("no ingress rule is configured");
        }
        let Some((border, peer)) = context.subject.boundary.peer() else {
            return Outcome::NoData("no outside peer is known");
        };
        let recipients = &context.subject.envelope.recipients;
        if recipients.is_empty() && context.policy.ingress.iter().all(|rule| !rule.recipients.is_empty()) {
            return Outcome::NoData("no recipient is known");
        }
        let broken = context.policy.ingress.iter().filter_map(|rule| {
            let domain = governed(rule, recipients)?;
            check(context, rule, border, peer, &domain)
        });
        broken.collect::<Vec<_>>().into()
    }
}

/// The recipient domain that puts a message under the rule; rules without recipients are for every message.
fn governed(rule: &IngressRule, recipients: &[Cow<'_, str>]) -> Option<String> {
    if rule.recipients.is_empty() {
        return Some("every recipient".to_owned());
    }
    let mut domains = recipients.iter().filter_map(|address| domain_of(address));
    domains.find_map(|domain| rule.recipients.covering(domain)).map(ToString::to_string)
}

fn check(context: &Context<'_>, rule: &IngressRule, border: usize, peer: IpAddr, domain: &str) -> Option<Finding> {
    let ip_of = |index: usize| context.subject.trace.hops.get(index).and_then(|hop| hop.received.ip);
    let passed = |ip: IpAddr| rule.must_pass.contains(ip);
    if (0..=border).filter_map(ip_of).any(passed) || rule.may_pass.contains(peer) {
        return None;
    }
    let name = context
        .subject
        .trace
        .hops
        .get(border)
        .and_then(|hop| hop.received.rdns.as_deref().or(hop.received.helo.as_deref()));
    let name = name.map(|name| format!(" ({})", printable(name, 100))).unwrap_or_default();
    let filter = (border + 1..context.subject.trace.hops.len()).find_map(|index| ip_of(index).filter(|ip| passed(*ip)));
    let (fact, sentence) = match filter {
        Some(filter) => (
            format!("between={peer} after={filter} recipients={domain}"),
            format!(
                "Mail for {domain} left {filter}, where it must pass, and then reached us through {peer}{name}, which no rule allows in between."
            ),
        ),
        None if rule.must_pass.is_empty() => (
            format!("peer={peer} recipients={domain}"),
            format!("{peer}{name} handed us mail for {domain}, and it is none of the hosts that may."),
        ),
        None => (
            format!("bypassed-by={peer} recipients={domain}"),
            format!("{peer}{name} handed us mail for {domain} without passing any of the hosts that it must pass."),
        ),
    };
    Some(Finding {
        code: Code::Ingress,
        severity: Severity::Suspicious,
        basis: Basis::Border,
        hop: Some(border),
        fact,
        sentence,
        evidence: Vec::new(),
    })
}
