//! `batv`: the envelope sender carries a tag of its own domain ([`crate::envelope::batv`]).
//!
//! The sender's own hosts write the tag, whichever way the mail then goes: it explains no forwarding ([`SignKind::explains`]), and is told
//! so that two addresses that differ by it are not held for two.

use super::{Context, Sign, SignKind};
use crate::envelope::batv::original_sender;

pub(super) fn batv(context: &Context<'_>) -> Option<Sign> {
    let sender = context.subject.envelope.sender.as_deref()?;
    original_sender(sender)?;
    let sign = context.envelope_sign(SignKind::Batv, "")?;
    Some(Sign { forwarder: None, ..sign })
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};

    #[test]
    fn the_tag_falls_away() {
        for (sender, original) in [
            ("prvs=04384a72e4=alice@sender.example", "alice@sender.example"),
            ("PRVS=1234abcdef=a=b@sender.example", "a=b@sender.example"),
            ("prvs=alice=1234abcdef@sender.example", "alice@sender.example"),
            ("msprvs1=12345abcdef=bounces-1@sender.example", "bounces-1@sender.example"),
        ] {
            assert_eq!(original_sender(sender).as_deref(), Some(original), "{sender}");
            let sign = Sample::from(sender).ask(batv).unwrap();
            assert!(sign.forwarder.is_none() && !sign.kind.explains(), "{sign:?}");
        }
    }

    #[test]
    fn broken_tags_are_none() {
        for sender in [
            "",
            "alice@sender.example",
            "prvs=@sender.example",
            "prvs=1234abcdef@sender.example",
            "prvs=1234abcdef=@sender.example",
            "prvs=x=alice@sender.example",
            "prvs=1234abcdef=alice",
            "prvs=1234abcdef=al\u{1b}ice@sender.example",
            "msprvs=é=alice@sender.example",
        ] {
            assert_eq!(original_sender(sender), None, "{sender:?}");
            assert_eq!(Sample::from(sender).ask(batv), None, "{sender:?}");
        }
    }
}
