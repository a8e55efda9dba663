//! `senders-host`: the peer's verified name lies in the sender's own domain.
//!
//! Takes the peer's name that leads back to its address and the domain whose SPF was asked, gives a sign where both are one
//! organisation's. It is no forwarder at all, but a host that the sender forgot in its SPF record; nobody else has such a name without the
//! sender's DNS.

use super::{Context, Sign, SignKind};
use crate::names::{normal, registrable};

pub(super) fn senders_host(context: &Context<'_>) -> Option<Sign> {
    let domain = normal(&context.authentication.sender.as_ref()?.domain);
    let owner = registrable(&domain)?;
    let name = context.verified_names().find(|name| registrable(&normal(name)) == Some(owner))?;
    Some(Sign::new(SignKind::SendersHost, Some(name), &format!("{name} is a host of {owner}")))
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};
    use crate::authentication::{Sender, SpfIdentity};

    fn sample(domain: &str, verified: Option<&str>) -> Sample {
        let mut sample = Sample::session("");
        let address = format!("alice@{domain}");
        sample.authentication.sender =
            Some(Sender { identity: SpfIdentity::MailFrom, address, domain: domain.to_owned(), rewritten_by: None });
        sample.authentication.names.verified = verified.map(str::to_owned);
        sample
    }

    #[test]
    fn a_verified_name_of_the_sender_is_the_senders() {
        let sign = sample("news.sender.example", Some("mx3.Sender.example")).ask(senders_host).unwrap();
        assert_eq!(sign.forwarder.as_deref(), Some("mx3.Sender.example"));
        for name in [None, Some("mx3.other.example"), Some("sender.example.attacker.test"), Some("localhost")] {
            assert_eq!(sample("sender.example", name).ask(senders_host), None, "{name:?}");
        }
        assert_eq!(sample("com", Some("mx.com")).ask(senders_host), None);
    }
}
