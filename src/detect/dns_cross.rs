//! `dns-cross`: the peer is a host that our own domain's DNS names as a mail exchanger, and it is none of ours.
//!
//! In 2020 the attacker's name servers answered `MX mail.coincheck.com`, at 45.77.24.250, and from there the mail came. A backup MX
//! looks the same to DNS; what tells them apart is the admin: an exchanger that is pinned
//! (`topology.exchangers`) or whose address is ours is as it should be. One that goes by a name of our own domain without having an
//! address of ours, or stands beside pinned ones, is not. Where nothing is pinned, another's host is a notice: declare it once.

use super::{Context, Detector, Outcome};
use crate::{
    authentication::{Exchanger, Standing},
    finding::{Basis, Code, Finding, Severity},
    text::printable,
};

pub(super) struct DnsCross;

impl Detector for DnsCross {
    fn code(&self) -> Code {
        Code::DnsCross
    }

    fn detect(&self, context: &Context<'_>) -> Outcome {
        let Some((border, peer)) = context.subject.boundary.peer() else {
            return Outcome::NoData("no outside peer is known");
        };
        let exchangers = &context.authentication.exchangers;
        let Some((exchanger, standing)) = exchangers.standing(&context.policy.topology) else {
            return match (exchangers.asked, exchangers.known) {
                (_, true) => Outcome::Clean,
                (true, false) => Outcome::NoData("DNS did not say which exchangers our domain has"),
                (false, false) => Outcome::NoData("no domain of ours is configured, or no DNS is asked"),
            };
        };
        let pinned = if exchanger.is_pinned(&context.policy.topology) { "" } else { " and not pinned" };
        let Exchanger { domain, host, preference } = exchanger;
        let (domain, host) = (printable(domain, 100), printable(host, 100));
        let (severity, advice) = match standing {
            Standing::Pinned => return Outcome::Clean,
            Standing::Unpinned => (
                Severity::Notice,
                "if it is your backup MX, add it to `topology.exchangers`; if not, somebody changed your DNS",
            ),
            Standing::Foreign => {
                (Severity::Suspicious, "somebody may have changed your DNS: look at your delegation and MX now")
            }
        };
        vec![Finding {
            code: Code::DnsCross,
            severity,
            basis: Basis::Border,
            hop: Some(border),
            fact: format!("peer={peer} mx={host} domain={domain} preference={preference}"),
            sentence: format!(
                "{peer} handed us the mail, and DNS names it now as {host}, an exchanger (MX {preference}) of your domain {domain}, but it is none of your addresses{pinned}; {advice}."
            ),
            evidence: context.authentication.evidence(),
        }]
        .into()
    }
}
