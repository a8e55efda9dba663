//! Envelope senders that a forwarder rewrote by the Sender Rewriting Scheme.
//!
//! Takes an envelope sender, gives the one before it. Forms: `SRS0=HHH=TT=orig.example=local@fwd.example` and, for a second forwarder,
//! `SRS1=HHH=fwd.example==HHH=TT=orig.example=local@fwd2.example` (M. Shevek, "The Sender Rewriting Scheme", 2004; libsrs2, Mail::SRS and
//! PostSRSd follow it, the separator behind the tag is `=`, `+` or `-`); Microsoft 365's `user+SRS=HHH=TT=orig.example=local@tenant.example`,
//! and its `bounces+SRS=HHH=TT@tenant.example`, which keeps no original (learn.microsoft.com, "Sender Rewriting Scheme (SRS) in Microsoft 365").
//!
//! The hash is the forwarder's own and cannot be checked by anybody else: whoever has a domain can write any original into it.

use super::address;

/// How often one rewriting is looked for in another: forwarders that do not know SRS when they see it wrap it once more.
const LAYERS: usize = 4;

/// What a rewritten local part holds.
enum Rewritten<'a> {
    /// The address before, as its local part and its domain.
    From(&'a str, String),
    /// Nothing that leads back.
    Opaque,
}

/// The envelope sender before the first forwarder rewrote it, as `local@orig.example`, with the domain in lower case; nothing where
/// the address is not rewritten, or keeps no original. It is foreign text, and whoever wrote it may have made it up.
pub fn original_sender(sender: &str) -> Option<String> {
    let mut original = None;
    for _ in 0..LAYERS {
        let current = original.as_deref().unwrap_or(sender);
        let Some((local, _)) = address::split(current) else { break };
        let Some(Rewritten::From(local, domain)) = rewritten(local) else { break };
        original = Some(format!("{local}@{domain}"));
    }
    original
}

/// Whether a local part was rewritten.
pub(crate) fn is_rewritten(local: &str) -> bool {
    rewritten(local).is_some()
}

fn rewritten(local: &str) -> Option<Rewritten<'_>> {
    if let Some(rest) = address::strip_prefix(local, "SRS0") {
        return original(separated(rest)?);
    }
    if let Some(rest) = address::strip_prefix(local, "SRS1") {
        let mut parts = separated(rest)?.splitn(3, '=');
        let (hash, forwarder, opaque) = (parts.next()?, parts.next()?, parts.next()?);
        address::inner_domain(forwarder).filter(|_| is_tag(hash))?;
        // What the first forwarder wrote is its own business; most write SRS0.
        return Some(original(separated(opaque)?).unwrap_or(Rewritten::Opaque));
    }
    let (user, rest) = address::split_once(local, "+SRS=")?;
    match rest.split_once('=') {
        Some((hash, stamp)) if is_tag(hash) && is_tag(stamp) && !user.is_empty() => Some(Rewritten::Opaque),
        Some(_) if !user.is_empty() => original(rest),
        Some(_) | None => None,
    }
}

/// `HHH=TT=orig.example=local`.
fn original(text: &str) -> Option<Rewritten<'_>> {
    let mut parts = text.splitn(4, '=');
    let (hash, stamp, domain, local) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (is_tag(hash) && is_tag(stamp) && !local.is_empty()).then_some(())?;
    Some(Rewritten::From(local, address::inner_domain(domain)?))
}

/// What follows the separator behind `SRS0` or `SRS1`.
fn separated(text: &str) -> Option<&str> {
    text.strip_prefix(['=', '+', '-']).filter(|rest| !rest.is_empty())
}

/// A hash (base64) or a time stamp (base32).
fn is_tag(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '.');
    (1..=64).contains(&text.len()) && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_comes_back() {
        for (sender, original) in [
            ("SRS0=HHH=TT=orig.example=alice@fwd.example", Some("alice@orig.example")),
            ("srs0+1v/+=PN=Orig.Example=a=b@fwd.example", Some("a=b@orig.example")),
            ("SRS0-xy=C7=orig.example=alice+tag@fwd.example", Some("alice+tag@orig.example")),
            ("SRS1=GGG=fwd.example==HHH=TT=orig.example=alice@fwd2.example", Some("alice@orig.example")),
            ("SRS1+GGG=fwd.example=-HHH=TT=orig.example=alice@fwd2.example", Some("alice@orig.example")),
            ("carol+SRS=dmMzc=V3=orig.example=alice@tenant.example", Some("alice@orig.example")),
            ("a+b+srs=dmMzc=V3=orig.example=alice@tenant.example", Some("alice@orig.example")),
            ("SRS0=H=T=fwd.example=SRS0=H=T=orig.example=alice@fwd2.example", Some("alice@orig.example")),
            ("SRS0=H=T=orig.example=prvs=12ab=alice@fwd.example", Some("prvs=12ab=alice@orig.example")),
            ("SRS0=H=T=bücher.example=alice@fwd.example", Some("alice@xn--bcher-kva.example")),
            ("bounces+SRS=HnE87=C7@tenant.example", None),
            ("SRS1=GGG=fwd.example==opaque@fwd2.example", None),
        ] {
            assert_eq!(original_sender(sender).as_deref(), original, "{sender}");
            assert!(is_rewritten(address::split(sender).unwrap().0), "{sender}");
        }
    }

    #[test]
    fn broken_rewriting_is_none() {
        for sender in [
            "",
            "alice@sender.example",
            "SRS0@fwd.example",
            "SRS0=@fwd.example",
            "SRS0=HHH@fwd.example",
            "SRS0=HHH=TT@fwd.example",
            "SRS0=HHH=TT=orig.example@fwd.example",
            "SRS0=HHH=TT=orig.example=@fwd.example",
            "SRS0=HHH=TT=localhost=alice@fwd.example",
            "SRS0=HHH=TT=192.0.2.1=alice@fwd.example",
            "SRS0=HHH=TT=a..b=alice@fwd.example",
            "SRS0==TT=orig.example=alice@fwd.example",
            "SRS0=H\u{1b}H=TT=orig.example=alice@fwd.example",
            "SRS0=HHH=TT=orig.example=al\u{202e}ice@fwd.example",
            "SRS0=HHH=TT=orig.example=al ice@fwd.example",
            "SRS0HHH=TT=orig.example=alice@fwd.example",
            "SRS2=HHH=TT=orig.example=alice@fwd.example",
            "SRS1=GGG=fwd.example=@fwd2.example",
            "SRS1=GGG=fwd=x=y@fwd2.example",
            "SRS0=HHH=TT=orig.example=alice",
            "+SRS=HHH=TT=orig.example=alice@tenant.example",
            "carol+SRS=HHH@tenant.example",
            "çSRS0=HHH=TT=orig.example=alice@fwd.example",
        ] {
            assert_eq!(original_sender(sender), None, "{sender:?}");
            assert!(!address::split(sender).is_some_and(|(local, _)| is_rewritten(local)), "{sender:?}");
        }
        let long = format!("SRS0=HHH=TT=orig.example={}@fwd.example", "a".repeat(100_000));
        assert_eq!(original_sender(&long), None);
    }
}
