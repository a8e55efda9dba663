//! `delivered-to`: a field that came with the mail says that it was delivered to another address before.
//!
//! Takes the fields below the border's own; those above were written by us. `Delivered-To` is RFC 9228 (and Postfix's and qmail's guard
//! against loops), `X-Original-To` Postfix's, `Envelope-To` Exim's, `X-Delivered-To` Fastmail's, `X-Forwarded-To` and
//! `X-Forwarded-For` Gmail's. One that names a recipient of ours is no sign: it is the loop guard of a host on the way.

use super::{Context, Sign, SignKind};
use crate::envelope::address;

const FIELDS: [&str; 6] =
    ["Delivered-To", "X-Original-To", "X-Forwarded-To", "X-Forwarded-For", "X-Delivered-To", "Envelope-To"];

/// How many such fields are looked at. Ten thousand of them, each held against a thousand recipients, would cost a sender nothing
/// and us a second.
const LOOKED_AT: usize = 32;

pub(super) fn delivered_to(context: &Context<'_>) -> Option<Sign> {
    let fields = context.came_with_it().filter_map(|field| Some((FIELDS.iter().find(|name| field.is(name))?, field)));
    fields.take(LOOKED_AT).find_map(|(name, field)| {
        let text = field.text();
        let other = address::addresses(&text).find(|address| context.is_recipient(address) == Some(false))?;
        Some(Sign::new(SignKind::DeliveredTo, Some(other), &format!("{name}: {text}")))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};

    #[test]
    fn another_address_below_the_border_forwards() {
        for name in FIELDS {
            let sign = Sample::session(&format!("{name}: <carol@alumni.example>\n\n")).ask(delivered_to).unwrap();
            assert_eq!(sign.forwarder.as_deref(), Some("carol@alumni.example"), "{name}");
            assert_eq!(sign.seen, format!("{name}: <carol@alumni.example>"));
        }
    }

    #[test]
    fn our_own_address_is_a_loop_guard() {
        for text in
            ["Delivered-To: bob@victim.example", "x-original-to: BOB@Victim.example", "X-Forwarded-For: 192.0.2.1"]
        {
            assert_eq!(Sample::session(&format!("{text}\n\n")).ask(delivered_to), None, "{text}");
        }
    }

    #[test]
    fn what_our_own_hosts_wrote_above_the_border_is_no_sign() {
        let border = "Received: from relay.example.net (relay.example.net [203.0.113.66]) by gw.victim.example (Postfix) with ESMTP id 1 \
                      for <info@victim.example>; Mon, 3 Nov 2025 10:00:00 +0000\n";
        let above = format!("Delivered-To: bob@victim.example\nX-Original-To: info@victim.example\n{border}\n");
        assert_eq!(Sample::stored(&above).ask(delivered_to), None);
        let below = format!("Delivered-To: bob@victim.example\n{border}Delivered-To: carol@alumni.example\n\n");
        assert!(Sample::stored(&below).ask(delivered_to).is_some());
    }

    #[test]
    fn without_a_known_recipient_only_what_lies_outside_our_domains_differs() {
        let sign = |field: &str, domains: bool| {
            let mut sample = Sample::session(&format!("Delivered-To: {field}\n\n"));
            sample.message.session.as_mut().unwrap().recipients.clear();
            if !domains {
                sample.policy.topology.domains = std::iter::empty().collect();
            }
            sample.ask(delivered_to)
        };
        assert!(sign("carol@alumni.example", true).is_some());
        assert_eq!(sign("carol@victim.example", true), None);
        assert_eq!(sign("carol@alumni.example", false), None);
    }

    #[test]
    fn ten_thousand_fields_are_bounded_work() {
        let mut headers = "Delivered-To: bob@victim.example\n".repeat(10_000);
        headers += "Delivered-To: carol@alumni.example\n\n";
        assert_eq!(Sample::session(&headers).ask(delivered_to), None, "only the newest are looked at");
    }

    #[test]
    fn bytes_of_any_kind_are_shown_safely() {
        let odd = "Delivered-To: \u{1b}]0;x\u{7} <j\u{fc}rgen@b\u{fc}cher.example> \u{202e}\n\n";
        let sign = Sample::session(odd).ask(delivered_to).unwrap();
        assert_eq!(sign.forwarder.as_deref(), Some("jürgen@bücher.example"));
        assert!(!sign.seen.contains(crate::text::is_unsafe), "{:?}", sign.seen);
    }
}
