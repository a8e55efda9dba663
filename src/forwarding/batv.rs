//! `batv`: the envelope sender carries a tag of its own domain (Bounce Address Tag Validation, draft-levine-smtp-batv).
//!
//! Takes `prvs=TAG=alice@sender.example`, gives `alice@sender.example`. The sender's own hosts write the tag, whichever way the mail then
//! goes: it explains no forwarding ([`SignKind::explains`]), and is told so that two addresses that differ by it are not held for two.
//! Filters (Proofpoint, Hornetsecurity) write it for all their customers, bulk mailers a form of their own (`msprvs1=TAG=..`).

use super::{Facts, Sign, SignKind, address};

/// The envelope sender without its tag; nothing where it has none. The key within the tag (its first digit) is not looked at, because
/// only the sender can check it.
pub fn original_sender(sender: &str) -> Option<String> {
    let (local, domain) = address::split(sender)?;
    let rest = address::strip_prefix(local, "prvs=").or_else(|| {
        let rest = address::strip_prefix(local, "msprvs")?;
        rest.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix('=')
    })?;
    let (first, second) = rest.split_once('=')?;
    // Early drafts had `prvs=alice/TAG`, and some hosts write `prvs=alice=TAG`; a tag is letters and digits, mostly digits.
    let original = if is_tag(first) { second } else { first };
    (!original.is_empty() && (is_tag(first) || is_tag(second))).then(|| format!("{original}@{domain}"))
}

pub(super) fn batv(facts: &Facts<'_>) -> Option<Sign> {
    let sender = facts.envelope.sender.as_deref()?;
    original_sender(sender)?;
    let sign = facts.envelope_sign(SignKind::Batv, "")?;
    Some(Sign { forwarder: None, ..sign })
}

fn is_tag(text: &str) -> bool {
    (6..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
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
