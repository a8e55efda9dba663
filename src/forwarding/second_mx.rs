//! `second-mx`: one of our own domains publishes the peer as its exchanger (RFC 5321, 5.1).
//!
//! Takes what DNS says of our exchangers, gives a sign with the host. In June 2020 it was our own DNS that named the attacker's host: a
//! published exchanger explains a peer only to whoever still holds the DNS. `topology.exchangers` pins the hosts that are meant; one
//! that stands against what is pinned ([`Standing::Foreign`]) explains nothing, and is what `dns-cross` sees.

use super::{Context, Forgery, Sign, SignKind};
use crate::authentication::Standing;

pub(super) fn second_mx(context: &Context<'_>) -> Option<Sign> {
    let (exchanger, standing) = context.authentication.exchangers.standing(&context.policy.topology)?;
    let (host, domain) = (&exchanger.host, &exchanger.domain);
    let sign = Sign::new(SignKind::SecondMx, Some(host), &format!("{host} is an exchanger of {domain}"));
    match standing {
        Standing::Pinned => Some(Sign { forgery: Forgery::Nobody, ..sign }),
        Standing::Unpinned => Some(sign),
        Standing::Foreign => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};
    use crate::{authentication::Exchanger, names::Domain};

    fn sign(host: &str, pinned: &[&str]) -> Option<Forgery> {
        let mut sample = Sample::session("");
        sample.authentication.exchangers.peer =
            Some(Exchanger { domain: "victim.example".to_owned(), host: host.to_owned(), preference: 20 });
        sample.policy.topology.exchangers = pinned.iter().map(|name| Domain::parse(name).unwrap()).collect();
        sample.ask(second_mx).map(|sign| sign.forgery)
    }

    #[test]
    fn a_published_exchanger_is_as_good_as_what_is_pinned() {
        assert_eq!(Sample::session("").ask(second_mx), None);
        assert_eq!(sign("mx2.backup.example", &[]), Some(Forgery::OurDns));
        assert_eq!(sign("mx2.backup.example", &["mx2.backup.example"]), Some(Forgery::Nobody));
        assert_eq!(sign("mx2.backup.example", &["mx1.backup.example"]), None);
    }
}
