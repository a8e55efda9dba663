//! Why a mail may come by way of a third host on an ordinary day: forwarders, lists, filters, second MX.
//!
//! Takes the facts of one message, gives [`Sign`]s, each from a small function of its own in [`SIGNS`]. A sign names the forwarder
//! and how it was known, and says who could have forged it: most signs are header fields, which anybody below the
//! boundary writes. Only `declared`, `second-mx`, `filter` and `senders-host` speak of the peer; the others say that somebody forwarded the mail, and
//! an interposed relay may still have carried it afterwards. What a sign is worth is decided by the detector that asks.
//! docs/forwarding.md is the page for admins.

mod arc;
mod batv;
mod caf;
mod declared;
mod delivered_to;
mod filter;
mod list;
mod other_recipient;
mod resent;
mod second_mx;
mod senders_host;
mod sign;
mod srs;
mod verp;

pub use sign::{Forgery, Sign, SignKind};

use crate::context::Context;

/// Every sign that is looked for; a new one is its file and a line here.
pub const SIGNS: &[fn(&Context<'_>) -> Option<Sign>] = &[
    other_recipient::other_recipient,
    delivered_to::delivered_to,
    resent::resent,
    srs::srs,
    caf::caf,
    batv::batv,
    verp::verp,
    list::list,
    list::precedence,
    arc::arc,
    declared::declared,
    second_mx::second_mx,
    filter::filter,
    senders_host::senders_host,
];

/// All signs of a message, in the order of [`SIGNS`].
pub fn signs(context: &Context<'_>) -> Vec<Sign> {
    SIGNS.iter().filter_map(|sign| sign(context)).collect()
}

#[cfg(test)]
mod sample {
    //! One mail with its facts, for the tests of the signs: from `alice@sender.example` through 203.0.113.66 to
    //! `bob@victim.example`.

    use super::{Context, Sign};
    use crate::{
        authentication::{Authentication, Subject},
        boundary::Boundary,
        envelope::Envelope,
        message::{HeaderSection, RawMessage},
        names::Domain,
        net::parse_network,
        policy::{Policy, Topology},
        session::Session,
        trace::Trace,
    };

    /// What a test changes before it asks for a sign.
    pub(super) struct Sample {
        pub(super) message: RawMessage,
        pub(super) policy: Policy,
        pub(super) authentication: Authentication,
    }

    impl Sample {
        /// A mail as a milter sees it: every field came with it.
        pub(super) fn session(headers: &str) -> Self {
            let session = Session {
                peer_ip: "203.0.113.66".parse().ok(),
                helo: Some("relay.example.net".to_owned()),
                extended: true,
                border: Some("gw.victim.example".to_owned()),
                mail_from: Some("alice@sender.example".to_owned()),
                recipients: vec!["bob@victim.example".to_owned()],
                ..Session::default()
            };
            Self { message: RawMessage { session: Some(session), ..Self::stored(headers).message }, ..Self::stored("") }
        }

        /// A mail as it lies in a mailbox, with the fields of our own hosts on top.
        pub(super) fn stored(headers: &str) -> Self {
            let topology = Topology {
                networks: [parse_network("198.51.100.0/24").unwrap()].into_iter().collect(),
                domains: [Domain::parse("victim.example").unwrap()].into_iter().collect(),
                ..Topology::default()
            };
            Self {
                message: RawMessage {
                    headers: HeaderSection::read(headers.as_bytes(), 64 << 20),
                    ..RawMessage::default()
                },
                policy: Policy { topology, ..Policy::default() },
                authentication: Authentication::default(),
            }
        }

        /// The same with another envelope sender.
        pub(super) fn from(sender: &str) -> Self {
            let mut sample = Self::session("");
            if let Some(session) = &mut sample.message.session {
                session.mail_from = Some(sender.to_owned());
            }
            sample
        }

        /// What a sign's function says of it.
        pub(super) fn ask(&self, sign: fn(&Context<'_>) -> Option<Sign>) -> Option<Sign> {
            self.facts(sign)
        }

        pub(super) fn facts<T>(&self, ask: impl FnOnce(&Context<'_>) -> T) -> T {
            let trace = Trace::read(&self.message);
            let boundary = Boundary::find(&trace, self.policy.boundary, &self.policy.topology);
            let envelope = Envelope::find(&self.message, &trace, &boundary);
            let subject = Subject { message: &self.message, trace: &trace, boundary: &boundary, envelope: &envelope };
            ask(&Context { subject, authentication: &self.authentication, policy: &self.policy })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{sample::Sample, *};

    #[test]
    fn an_ordinary_mail_has_no_sign() {
        let sample = Sample::session(
            "Received: from mail.sender.example (mail.sender.example [192.0.2.10]) by relay.example.net with ESMTP id 1 for \
             <bob@victim.example>; Mon, 3 Nov 2025 10:00:00 +0000\nFrom: alice@sender.example\nTo: bob@victim.example\n\n",
        );
        assert_eq!(sample.facts(signs), []);
    }

    #[test]
    fn a_mail_of_our_own_has_no_foreign_fields() {
        let sample = Sample::stored(
            "Received: from pc.victim.example (pc.victim.example [198.51.100.9]) by gw.victim.example with ESMTP id 1 for \
             <bob@victim.example>; Mon, 3 Nov 2025 10:00:00 +0000\nList-Id: <a.example>\nDelivered-To: x@a.example\nResent-To: y@a.example\n\n",
        );
        assert_eq!(sample.facts(signs), []);
    }

    #[test]
    fn forwarding_as_gmail_does_it_shows_several_signs() {
        let mut sample = Sample::session(
            "X-Forwarded-To: bob@victim.example\nX-Forwarded-For: carol@example.com bob@victim.example\n\
             Delivered-To: carol@example.com\nReceived: from mail.sender.example (mail.sender.example [192.0.2.10]) by mx.example.com \
             with ESMTPS id 1 for <carol@example.com>; Mon, 03 Nov 2025 10:00:00 -0800 (PST)\nFrom: alice@sender.example\n\n",
        );
        if let Some(session) = &mut sample.message.session {
            session.mail_from = Some("carol+caf_=bob=victim.example@example.com".to_owned());
        }
        let signs = sample.facts(signs);
        assert_eq!(
            signs.iter().map(|sign| sign.kind).collect::<Vec<_>>(),
            [SignKind::OtherRecipient, SignKind::DeliveredTo, SignKind::Caf]
        );
        assert!(signs.iter().all(|sign| sign.forwarder.as_deref() == Some("carol@example.com")), "{signs:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_fields_and_any_sender_can_be_asked(
            fields in proptest::collection::vec(
                ("(Received|Delivered-To|X-Forwarded-For|Resent-From|List-Id|List-Post|Precedence|ARC-Seal)", "[^\r\n]{0,60}"), 0..8),
            sender in "(SRS[01][=+-]|a\\+SRS=|a\\+caf_=|prvs=|b-)?[^\r\n]{0,60}",
        ) {
            let text = fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
            let mut sample = Sample::session(&text);
            if let Some(session) = &mut sample.message.session {
                session.mail_from = Some(sender.clone());
            }
            for sign in sample.facts(signs) {
                let shown = sign.seen + &sign.forwarder.unwrap_or_default();
                assert!(!shown.contains(crate::text::is_unsafe), "{shown:?}");
            }
            let _ = (crate::envelope::srs::original_sender(&sender), crate::envelope::batv::original_sender(&sender));
        }
    }
}
