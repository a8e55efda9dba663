//! `verp`: the envelope sender names the recipient that the mail was sent to, and that is none of ours.
//!
//! Takes a variable envelope return path (D. J. Bernstein, 1997; in Mailman, ezmlm, Sympa and all bulk mailers):
//! `list-bounces+carol=alumni.example@lists.example`, `bounce-123-carol=alumni.example@lists.example`. Mail that was sent to `carol@alumni.example`
//! and comes for another address was forwarded by her. One that names our own recipient is what every newsletter carries, an interposed
//! relay's too, and so no sign.

use super::{Context, Sign, SignKind};
use crate::envelope::address;

pub(super) fn verp(context: &Context<'_>) -> Option<Sign> {
    let (local, _) = context.sender()?;
    let (mark, domain) = local.rsplit_once('=')?;
    let domain = address::inner_domain(domain)?;
    // Rewriting and tagging schemes have signs of their own.
    let other = ["SRS", "prvs=", "msprvs"].iter().any(|prefix| address::strip_prefix(local, prefix).is_some());
    if other || ["+SRS=", "+caf_="].iter().any(|mark| address::split_once(local, mark).is_some()) {
        return None;
    }
    // Where the list's own part ends cannot be told: `bounce-123-mary-ann=..`. Any end of it may be the recipient.
    let ends = mark.match_indices(['+', '-']).map(|(at, _)| at + 1).filter(|at| *at < mark.len()).take(SEPARATORS);
    let recipients = ends.filter_map(|at| mark.get(at..)).map(|local| format!("{local}@{domain}")).collect::<Vec<_>>();
    if recipients.is_empty() {
        return None;
    }
    for recipient in &recipients {
        if context.is_recipient(recipient)? {
            return None;
        }
    }
    let named = named(mark);
    let forwarder = if named.is_empty() { domain } else { format!("{named}@{domain}") };
    context.envelope_sign(SignKind::Verp, &forwarder)
}

/// The recipient's local part, as far as it can be told from the list's own part: what follows the last `+`, or `bounces-`, and numbers.
fn named(mark: &str) -> &str {
    let mut rest = mark.rsplit_once('+').map_or(mark, |(_, rest)| rest);
    for word in ["bounces-", "bounce-"] {
        rest = address::split_once(rest, word).map_or(rest, |(_, rest)| rest);
    }
    while let Some((number, more)) = rest.split_once('-')
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        rest = more;
    }
    rest
}

/// How many separators of a local part are tried.
const SEPARATORS: usize = 16;

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};

    #[test]
    fn a_recipient_that_is_none_of_ours_forwards() {
        for sender in [
            "list-bounces+carol=alumni.example@lists.example",
            "bounce-123-carol=alumni.example@lists.example",
            "bounces+12345-carol=Alumni.Example@lists.example",
        ] {
            let sign = Sample::from(sender).ask(verp).unwrap();
            assert_eq!(sign.forwarder.as_deref(), Some("carol@alumni.example"), "{sender}");
        }
        for (mark, name) in
            [("bounce-7-mary-ann", "mary-ann"), ("list-bounces-12-x", "x"), ("owner-talk", "owner-talk"), ("a+", "")]
        {
            assert_eq!(named(mark), name);
        }
    }

    #[test]
    fn our_own_recipient_is_what_newsletters_carry() {
        for sender in ["list-bounces+bob=victim.example@lists.example", "bounce-12-3-bob=victim.example@lists.example"]
        {
            assert_eq!(Sample::from(sender).ask(verp), None, "{sender}");
        }
        let mut sample = Sample::from("bounce-7-mary-ann=victim.example@lists.example");
        sample.message.session.as_mut().unwrap().recipients = vec!["Mary-Ann@victim.example".to_owned()];
        assert_eq!(sample.ask(verp), None);
    }

    #[test]
    fn other_forms_are_none() {
        for sender in [
            "",
            "alice@sender.example",
            "bounces+carol@lists.example",
            "bounces+carol=alumni@lists.example",
            "carol=alumni.example@lists.example",
            "bounces+=alumni.example@lists.example",
            "SRS0+abc=TT=orig.example=x=alumni.example@fwd.example",
            "carol+caf_=dave=alumni.example@example.com",
            "prvs=1234abcdef=x+carol=alumni.example@sender.example",
            "x+c\u{1b}arol=alumni.example@lists.example",
        ] {
            assert_eq!(Sample::from(sender).ask(verp), None, "{sender:?}");
        }
    }
}
