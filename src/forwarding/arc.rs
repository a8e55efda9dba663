//! `arc`: the chain of ARC seals is intact, and a pinned sealer wrote the newest seal (RFC 8617).
//!
//! Takes what a pinned host stated of the chain and the `ARC-Seal` fields that came with the mail, gives a sign with the sealer. A seal that our
//! own side added on receipt stands above the border's field and does not count: it would explain every mail.
//!
//! Nobody else can make the seal, but anybody can hand on a mail that bears it: it says that the sealer had the mail, not that the peer
//! is the sealer.

use super::{Context, Sign, SignKind};
use crate::{authentication::DkimResult, names::normal};

/// The most sets a chain has (RFC 8617, 4.2.1).
const SETS: usize = 50;

pub(super) fn arc(context: &Context<'_>) -> Option<Sign> {
    if context.policy.forwarding.arc_sealers.is_empty() || context.authentication.stated.arc != Some(DkimResult::Pass) {
        return None;
    }
    let mut newest: Option<(usize, String)> = None;
    for (index, field) in context.came_with_it().filter(|field| field.is("ARC-Seal")).enumerate() {
        let text = field.text();
        let (instance, domain) = seal(&text).filter(|_| index < SETS)?;
        match &newest {
            // Two seals of one instance break a chain (RFC 8617, 5.2); who says it is intact looked at another one.
            Some((known, _)) if *known == instance => return None,
            Some((known, _)) if *known > instance => {}
            Some(_) | None => newest = Some((instance, normal(domain).into_owned())),
        }
    }
    let (instance, domain) = newest?;
    let is_pinned = context.policy.forwarding.arc_sealers.iter().any(|sealer| normal(sealer) == domain);
    is_pinned.then(|| Sign::new(SignKind::Arc, Some(&domain), &format!("ARC-Seal i={instance} of {domain}")))
}

/// Instance and domain of a seal; nothing where a tag is missing or written twice.
fn seal(text: &str) -> Option<(usize, &str)> {
    let (mut instance, mut domain) = (None, None);
    for tag in text.split(';') {
        let Some((name, value)) = tag.split_once('=') else { continue };
        let slot = match name.trim() {
            "i" => &mut instance,
            "d" => &mut domain,
            _ => continue,
        };
        if slot.replace(value.trim()).is_some() {
            return None;
        }
    }
    let instance = instance?.parse().ok().filter(|instance| (1..=SETS).contains(instance))?;
    Some((instance, domain.filter(|domain| !domain.is_empty())?))
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};

    fn sealed(headers: &str) -> Sample {
        let mut sample = Sample::session(headers);
        sample.policy.forwarding.arc_sealers = vec!["fwd.example".to_owned()];
        sample.authentication.stated.arc = Some(DkimResult::Pass);
        sample
    }

    #[test]
    fn the_newest_seal_decides() {
        let mine = "ARC-Seal: i=2; a=rsa-sha256; t=1; cv=pass;\r\n\td=FWD.example; s=a; b=abc==\n";
        let other = "ARC-Seal: i=1; a=rsa-sha256; d=sender.example; s=a; b=d=\n";
        let sign = sealed(&format!("{mine}{other}\n")).ask(arc).unwrap();
        assert_eq!(sign.seen, "ARC-Seal i=2 of fwd.example");
        assert!(sealed(&format!("{other}{mine}\n")).ask(arc).is_some(), "the order of fields does not matter");
        let passed_on = mine.replace("i=2", "i=1") + &other.replace("i=1", "i=2");
        assert_eq!(sealed(&passed_on).ask(arc), None, "somebody sealed it after the pinned one");
    }

    #[test]
    fn a_chain_that_nobody_vouches_for_says_nothing() {
        let headers = "ARC-Seal: i=1; d=fwd.example; b=x\n\n";
        for arc_result in [None, Some(DkimResult::None), Some(DkimResult::Fail)] {
            let mut sample = sealed(headers);
            sample.authentication.stated.arc = arc_result;
            assert_eq!(sample.ask(arc), None);
        }
        let mut sample = sealed(headers);
        sample.policy.forwarding.arc_sealers.clear();
        assert_eq!(sample.ask(arc), None);
    }

    #[test]
    fn broken_seals_break_the_chain() {
        let good = "ARC-Seal: i=1; d=fwd.example; b=x\n";
        for bad in [
            "i=0",
            "i=51",
            "i=-1",
            "i=x",
            "d=fwd.example",
            "i=2",
            "i=2; i=3; d=fwd.example",
            "i=2; d=",
            "i=1; d=fwd.example",
        ] {
            assert_eq!(sealed(&format!("{good}ARC-Seal: {bad}; b=x\n\n")).ask(arc), None, "{bad}");
        }
        let many = (1..=60).map(|i| format!("ARC-Seal: i={i}; d=fwd.example; b=x\n")).collect::<String>();
        assert_eq!(sealed(&many).ask(arc), None);
    }

    #[test]
    fn a_name_that_only_looks_pinned_is_not() {
        for domain in ["fwd.example.attacker.test", "x.fwd.example", "fwd.exampl\u{435}", "fwd.example\u{0}"] {
            assert_eq!(sealed(&format!("ARC-Seal: i=1; d={domain}; b=x\n\n")).ask(arc), None, "{domain:?}");
        }
    }

    #[test]
    fn our_own_seal_on_receipt_does_not_count() {
        let border = "Received: from relay.example.net (relay.example.net [203.0.113.66]) by gw.victim.example (Postfix) with ESMTP id 1 \
                      for <bob@victim.example>; Mon, 3 Nov 2025 10:00:00 +0000\n";
        let ours = "ARC-Seal: i=1; d=fwd.example; b=x\n";
        let mut sample = Sample::stored(&format!("{ours}{border}\n"));
        sample.policy.forwarding.arc_sealers = vec!["fwd.example".to_owned()];
        sample.authentication.stated.arc = Some(DkimResult::Pass);
        assert_eq!(sample.ask(arc), None);
    }
}
