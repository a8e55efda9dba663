//! `filter`: the peer's verified name lies with a provider that hands on other people's mail.
//!
//! Takes the peer's name that leads back to its address (RFC 8601, 3: iprev), as we or our border asked for it, and the providers of
//! rules/forwarding/mediators.toml and of the admin, gives a sign with the provider. Nobody else can have such a name, but any customer of
//! the provider, the attacker too, can have mail relayed by it: the sign says whose host it is, not on whose behalf it acts.

use super::{Context, Forgery, Sign, SignKind};
use crate::rules::mediators::Role;

pub(super) fn filter(context: &Context<'_>) -> Option<Sign> {
    context.verified_names().find_map(|name| {
        let provider = context.policy.forwarding.filters.of(name)?;
        let seen = format!("{name} is a host of {} ({})", provider.name, provider.role.as_str());
        let sign = Sign::new(SignKind::Filter, Some(&provider.name), &seen);
        // A filter hands mail to those whose MX points to it; mailboxes and forwarders to wherever a customer says.
        let forgery = if provider.role == Role::Filter { sign.forgery } else { Forgery::AnyCustomer };
        Some(Sign { forgery, ..sign })
    })
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};
    use crate::{
        names::Domain,
        rules::mediators::{Mediator, Role},
    };

    fn sample(headers: &str) -> Sample {
        let mut sample = if headers.is_empty() { Sample::session("") } else { Sample::stored(headers) };
        sample.policy.forwarding.filters.add(Mediator {
            name: "Cloud filter".to_owned(),
            role: Role::Filter,
            hosts: vec![Domain::parse("filter.example").unwrap()],
            source: None,
        });
        sample
    }

    #[test]
    fn a_verified_name_of_a_provider_is_a_sign() {
        let mut sample = sample("");
        assert_eq!(sample.ask(filter), None);
        sample.authentication.names.verified = Some("Out1.Filter.example".to_owned());
        let sign = sample.ask(filter).unwrap();
        assert_eq!(sign.forwarder.as_deref(), Some("Cloud filter"));
        assert_eq!(sign.seen, "Out1.Filter.example is a host of Cloud filter (filter)");
    }

    #[test]
    fn a_name_that_the_peer_claims_or_that_looks_alike_is_none() {
        let mut sample = sample("");
        sample.message.session.as_mut().unwrap().helo = Some("out1.filter.example".to_owned());
        for name in ["notfilter.example", "filter.example.attacker.test", "filter.exampl\u{435}", ""] {
            sample.authentication.names.verified = Some(name.to_owned());
            assert_eq!(sample.ask(filter), None, "{name}");
        }
    }

    #[test]
    fn what_our_border_verified_counts_and_what_it_only_read_does_not() {
        let postfix = "Received: from x (out1.filter.example [203.0.113.66]) by gw.victim.example (Postfix) with ESMTP id 1 for \
                       <bob@victim.example>; Mon, 3 Nov 2025 10:00:00 +0000\n\n";
        assert!(sample(postfix).ask(filter).is_some());
        let qmail = "Received: from out1.filter.example (HELO x) (203.0.113.66) by gw.victim.example with SMTP; 3 Nov 2025 09:00:00 -0000\n\n";
        assert_eq!(sample(qmail).ask(filter), None);
        let below = "Received: from x (x.example.net [203.0.113.66]) by gw.victim.example (Postfix) with ESMTP id 1; Mon, 3 Nov 2025 10:00:00 \
                     +0000\nReceived: from x (out1.filter.example [192.0.2.1]) by x.example.net (Postfix) with ESMTP id 1; Mon, 3 Nov \
                     2025 10:00:00 +0000\n\n";
        assert_eq!(sample(below).ask(filter), None);
    }
}
