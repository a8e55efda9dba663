//! `declared`: the peer is a forwarder that the admin declared, by its network, its verified name, or the SPF record of its domain.
//!
//! Takes the peer's address, which our border recorded, and what DNS says of it, gives a sign with the name that the admin gave it.

use super::{Context, Sign, SignKind};
use crate::{names::normal, policy::DeclaredForwarder};

pub(super) fn declared(context: &Context<'_>) -> Option<Sign> {
    let (_, ip) = context.subject.boundary.peer()?;
    let sign = |forwarder: &str, seen: String| Sign::new(SignKind::Declared, Some(forwarder), &seen);
    let declared = &context.policy.forwarding.declared;
    if let Some(by_network) = declared.iter().find(|forwarder| forwarder.networks.contains(ip)) {
        return Some(sign(&by_network.name, format!("{ip} is in the networks declared for {}", by_network.name)));
    }
    for name in context.verified_names() {
        if let Some(by_name) = declared.iter().find(|forwarder| forwarder.hosts.covering(name).is_some()) {
            return Some(sign(&by_name.name, format!("{ip} is verified as {name}, declared for {}", by_name.name)));
        }
    }
    let domain = normal(context.authentication.names.authorised_by.as_deref()?);
    let named = |forwarder: &&DeclaredForwarder| forwarder.spf_domains.iter().any(|known| known.as_str() == domain);
    let by_spf = declared.iter().find(named)?;
    Some(sign(&by_spf.name, format!("SPF of {domain} allows {ip}, declared for {}", by_spf.name)))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Forgery, sample::Sample},
        *,
    };
    use crate::{names::Domain, net::parse_network};

    fn domain(name: &str) -> Domain {
        Domain::parse(name).unwrap()
    }

    fn sample(forwarder: DeclaredForwarder) -> Sample {
        let mut sample = Sample::session("");
        sample.policy.forwarding.declared = vec![DeclaredForwarder { name: "alumni".to_owned(), ..forwarder }];
        sample
    }

    #[test]
    fn a_network_declares_the_peer() {
        let networks = |text: &str| [parse_network(text).unwrap()].into_iter().collect();
        let sign =
            sample(DeclaredForwarder { networks: networks("203.0.113.64/28"), ..Default::default() }).ask(declared);
        let sign = sign.unwrap();
        assert_eq!((sign.forwarder.as_deref(), sign.forgery), (Some("alumni"), Forgery::Nobody));
        let other = DeclaredForwarder { networks: networks("203.0.113.0/26"), ..Default::default() };
        assert_eq!(sample(other).ask(declared), None);
    }

    #[test]
    fn a_verified_name_declares_it_and_a_claimed_one_does_not() {
        let hosts = || [domain("alumni.example")].into_iter().collect();
        let mut by_name = sample(DeclaredForwarder { hosts: hosts(), ..Default::default() });
        by_name.message.session.as_mut().unwrap().helo = Some("mx.alumni.example".to_owned());
        assert_eq!(by_name.ask(declared), None, "HELO is the client's own word");
        by_name.authentication.names.verified = Some("MX.alumni.example.".to_owned());
        assert!(by_name.ask(declared).is_some());
        by_name.authentication.names.verified = Some("alumni.example.attacker.test".to_owned());
        assert_eq!(by_name.ask(declared), None);
        by_name.message.session.as_mut().unwrap().peer_name = Some("mx.alumni.example".to_owned());
        assert!(by_name.ask(declared).is_some(), "our border verified it");
    }

    #[test]
    fn the_spf_record_of_a_declared_domain_declares_it() {
        let mut by_spf =
            sample(DeclaredForwarder { spf_domains: vec![domain("alumni.example")], ..Default::default() });
        assert_eq!(by_spf.ask(declared), None);
        by_spf.authentication.names.authorised_by = Some("alumni.example".to_owned());
        assert_eq!(by_spf.ask(declared).unwrap().forwarder.as_deref(), Some("alumni"));
        by_spf.authentication.names.authorised_by = Some("other.example".to_owned());
        assert_eq!(by_spf.ask(declared), None);
    }
}
