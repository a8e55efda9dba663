//! `resent`: somebody sent the mail again, and says so (RFC 5322, 3.6.6).
//!
//! Takes the newest of the fields that such a person's program puts on top, gives a sign with their address.

use super::{Context, Sign, SignKind};
use crate::envelope::address;

/// Those that name who it was come first.
const FIELDS: [&str; 4] = ["Resent-Sender", "Resent-From", "Resent-To", "Resent-Date"];

pub(super) fn resent(context: &Context<'_>) -> Option<Sign> {
    let (name, field) = FIELDS
        .iter()
        .find_map(|name| context.came_with_it().find(|field| field.is(name)).map(|field| (name, field)))?;
    let text = field.text();
    let who = address::addresses(&text).next().filter(|_| matches!(*name, "Resent-Sender" | "Resent-From"));
    Some(Sign::new(SignKind::Resent, who, &format!("{name}: {text}")))
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};

    #[test]
    fn who_sent_it_again_is_named() {
        let sample = Sample::session(
            "Resent-Date: Mon, 3 Nov 2025 10:00:00 +0000\nResent-To: bob@victim.example\nresent-from: Carol <carol@alumni.example>\n\n",
        );
        let sign = sample.ask(resent).unwrap();
        assert_eq!(sign.forwarder.as_deref(), Some("carol@alumni.example"));
        assert_eq!(sign.seen, "Resent-From: Carol <carol@alumni.example>");
    }

    #[test]
    fn a_date_alone_names_nobody() {
        let sign = Sample::session("Resent-Date: x@y.example\n\n").ask(resent).unwrap();
        assert_eq!(sign.forwarder, None);
        assert_eq!(sign.forgery, super::super::Forgery::Anybody);
    }

    #[test]
    fn other_fields_say_nothing() {
        assert_eq!(Sample::session("Resent: x\nResent-From-X: a@b.example\nSender: a@b.example\n\n").ask(resent), None);
    }

    #[test]
    fn control_characters_are_spelled_out() {
        let sign = Sample::session("Resent-From: \u{1b}[31m\u{202e}a@b.example\n\n").ask(resent).unwrap();
        assert!(!sign.seen.contains(crate::text::is_unsafe) && sign.forwarder.is_none(), "{sign:?}");
    }
}
