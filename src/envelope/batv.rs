//! Envelope senders that carry a tag of their own domain (Bounce Address Tag Validation, draft-levine-smtp-batv).
//!
//! Takes `prvs=TAG=alice@sender.example`, gives `alice@sender.example`. Filters (Proofpoint, Hornetsecurity) write the tag for all
//! their customers, bulk mailers a form of their own (`msprvs1=TAG=..`).

use super::address;

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

fn is_tag(text: &str) -> bool {
    (6..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
