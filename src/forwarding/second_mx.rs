//! `second-mx`: one of our own domains publishes the peer as its exchanger (RFC 5321, 5.1).
//!
//! Takes what DNS says of the peer, gives a sign with the host. In June 2020 it was our own DNS that named the attacker's host: a published
//! exchanger explains a peer only to whoever still holds the DNS. `topology.exchangers` pins the hosts that are meant; a pinned host
//! whose name lies outside our domains cannot be moved by whoever took ours.

use super::{Facts, Forgery, Sign, SignKind};
use crate::names::{Domain, normal, registrable};

pub(super) fn second_mx(facts: &Facts<'_>) -> Option<Sign> {
    let (domain, host) = facts.peer.exchanger.as_ref()?;
    let sign = Sign::new(SignKind::SecondMx, Some(host), &format!("{host} is an exchanger of {domain}"));
    let forgery = if is_pinned(facts, host) && !is_ours(facts, domain, host) { Forgery::Nobody } else { sign.forgery };
    Some(Sign { forgery, ..sign })
}

/// Whether this very host is pinned. Names below a pinned one are whatever our zone says.
fn is_pinned(facts: &Facts<'_>, host: &str) -> bool {
    facts.policy.topology.exchangers.covering(host).map(Domain::as_str) == Some(&normal(host))
}

/// Whether the host's address comes from our own DNS: who holds that moves the pinned name to a host of his.
fn is_ours(facts: &Facts<'_>, domain: &str, host: &str) -> bool {
    let (domain, host) = (normal(domain), normal(host));
    let below = host == domain || host.strip_suffix(&*domain).is_some_and(|rest| rest.ends_with('.'));
    let same_owner = registrable(&host).is_some_and(|owner| Some(owner) == registrable(&domain));
    below || same_owner || facts.policy.topology.domains.covering(&host).is_some()
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};

    fn sample(host: &str, pinned: &[&str]) -> Sample {
        let mut sample = Sample::session("");
        sample.peer.exchanger = Some(("victim.example".to_owned(), host.to_owned()));
        sample.policy.topology.exchangers = pinned.iter().map(|name| Domain::parse(name).unwrap()).collect();
        sample
    }

    #[test]
    fn a_published_exchanger_is_as_good_as_our_dns() {
        let sign = sample("mx2.backup.example", &[]).ask(second_mx).unwrap();
        assert_eq!((sign.forwarder.as_deref(), sign.forgery), (Some("mx2.backup.example"), Forgery::OurDns));
        assert_eq!(Sample::session("").ask(second_mx), None);
    }

    #[test]
    fn a_pinned_host_outside_our_domains_is_better() {
        let forgery = |host, pinned| sample(host, pinned).ask(second_mx).unwrap().forgery;
        assert_eq!(forgery("MX2.backup.example.", &["mx2.backup.example"]), Forgery::Nobody);
        assert_eq!(forgery("x.mx2.backup.example", &["mx2.backup.example"]), Forgery::OurDns, "pinned is one host");
    }

    #[test]
    fn whoever_took_our_dns_moves_a_pinned_host_of_ours() {
        for host in ["mail.victim.example", "victim.example"] {
            assert_eq!(sample(host, &[host]).ask(second_mx).unwrap().forgery, Forgery::OurDns, "{host}");
        }
        let mut unlisted = sample("mail.victim.example", &["mail.victim.example"]);
        unlisted.policy.topology.domains = std::iter::empty().collect();
        assert_eq!(unlisted.ask(second_mx).unwrap().forgery, Forgery::OurDns);
    }
}
