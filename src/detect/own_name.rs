//! `own-name`: a host goes by a name of ours and has no address of ours.
//!
//! The relay of 2020 called itself `mail.coincheck.com` when it handed the mail on, and wrote the same name into its own
//! `Received` field. Three signs, all held against the address that our border recorded:
//!
//! - the peer's verified name lies in a domain of ours: somebody points our DNS at a host that is not ours;
//! - the peer's HELO lies in a domain of ours, or is an address literal of ours;
//! - the next older hop was taken `by` a name of ours, so the peer (or a host behind it) works under our name.
//!
//! Deeper hops with such a `by` are reported as a notice, because anyone can write them. Mail of ours that comes back to
//! us by way of a list passes: its `by` lines of ours were handed on from addresses of ours.

use std::net::IpAddr;

use super::{Context, Detector, Outcome};
use crate::{
    finding::{Basis, Code, Finding, Severity},
    names::Domain,
    net::{is_public, parse_literal},
    text::printable,
};

pub(super) struct OwnName;

impl Detector for OwnName {
    fn code(&self) -> Code {
        Code::OwnName
    }

    fn detect(&self, context: &Context<'_>) -> Outcome {
        let topology = &context.policy.topology;
        if topology.domains.is_empty() {
            return Outcome::NoData("no domain of ours is configured");
        }
        let Some((border, peer)) = context.subject.boundary.peer() else {
            return Outcome::NoData("no outside peer is known");
        };
        let Some(hop) = context.subject.trace.hops.get(border) else {
            return Outcome::Error("the boundary lies outside the trace".to_owned());
        };
        let ours = |name: Option<&str>| {
            name.and_then(|name| topology.domains.covering(name).map(|domain| (name.to_owned(), domain)))
        };
        let mut findings = Vec::new();

        if let Some((name, domain)) = ours(hop.received.rdns.as_deref()) {
            let name = printable(&name, 100);
            findings.push(at_border(border, format!("rdns={name} ip={peer}"), format!(
                "{peer} handed us the mail and DNS verifies it as {name}, a name of yours ({domain}), but it is none of your addresses."
            )));
        }
        if let Some((name, domain)) = ours(hop.received.helo.as_deref()) {
            let name = printable(&name, 100);
            findings.push(at_border(border, format!("helo={name} ip={peer}"), format!(
                "{peer} handed us the mail and calls itself {name}, a name of yours ({domain}), but it is none of your addresses."
            )));
        } else if let Some(claimed) = hop.received.helo.as_deref().and_then(parse_literal)
            && claimed != peer
            && is_public(claimed)
            && topology.networks.contains(claimed)
        {
            findings.push(at_border(border, format!("helo={claimed} ip={peer}"), format!(
                "{peer} handed us the mail and calls itself [{claimed}], an address of yours, but it is none of your addresses."
            )));
        }
        findings.extend(below(context, border, peer, &ours));
        findings.into()
    }
}

/// Hops that were taken by a name of ours and handed on from an address that is not ours.
fn below<'a>(
    context: &Context<'a>,
    border: usize,
    peer: IpAddr,
    ours: &impl Fn(Option<&str>) -> Option<(String, &'a Domain)>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut newer = (border, Some(peer));
    while let Some((index, hop)) = context.next_older(newer.0) {
        let handed_on_from = newer.1;
        newer = (index, hop.received.ip);
        let Some((name, domain)) = ours(hop.received.by.as_deref()) else { continue };
        let Some(ip) = handed_on_from.filter(|ip| is_public(*ip)) else { continue };
        if context.policy.topology.networks.contains(ip) || hop.received.ip == Some(ip) {
            continue;
        }
        let name = printable(&name, 100);
        let fact = format!("by={name} ip={ip}");
        if findings.is_empty() && handed_on_from == Some(peer) {
            findings.push(Finding { hop: Some(index), ..at_border(border, fact, format!(
                "Before us the mail was taken by {name}, a name of yours ({domain}), and came on to us from {ip}, which is none of your addresses."
            )) });
        } else {
            findings.push(Finding {
                code: Code::OwnName,
                severity: Severity::Notice,
                basis: Basis::Supporting,
                hop: Some(index),
                fact,
                sentence: format!(
                    "Deep in the trace the mail was taken by {name}, a name of yours ({domain}), and handed on from {ip}, which is none of your addresses; this part of the trace can be forged."
                ),
                evidence: Vec::new(),
            });
            break;
        }
    }
    findings
}

fn at_border(hop: usize, fact: String, sentence: String) -> Finding {
    Finding {
        code: Code::OwnName,
        severity: Severity::Suspicious,
        basis: Basis::Border,
        hop: Some(hop),
        fact,
        sentence,
        evidence: Vec::new(),
    }
}
