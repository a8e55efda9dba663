//! `caf`: the envelope sender is a mailbox that forwards, as Gmail writes it.
//!
//! Takes `carol+caf_=bob=victim.example@example.com`: mail that Gmail forwards for `carol@example.com` to `bob@victim.example`. Google documents
//! the fields that it adds (`X-Forwarded-To`, `X-Forwarded-For`) and not this form, which stands in public headers.

use super::{Context, Sign, SignKind};
use crate::envelope::address;

pub(super) fn caf(context: &Context<'_>) -> Option<Sign> {
    let (local, domain) = context.sender()?;
    let (user, target) = address::split_once(local, "+caf_=")?;
    let (target_local, target_domain) = target.rsplit_once('=')?;
    address::inner_domain(target_domain).filter(|_| !user.is_empty() && !target_local.is_empty())?;
    context.envelope_sign(SignKind::Caf, &format!("{user}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};

    #[test]
    fn the_mailbox_that_forwards_is_named() {
        let sign = Sample::from("carol+caf_=bob=victim.example@example.com").ask(caf).unwrap();
        assert_eq!(sign.forwarder.as_deref(), Some("carol@example.com"));
        assert_eq!(sign.seen, "envelope sender carol+caf_=bob=victim.example@example.com");
        let tagged = Sample::from("carol+caf_=bob+tag=x=victim.example@example.com").ask(caf).unwrap();
        assert_eq!(tagged.forwarder.as_deref(), Some("carol@example.com"));
    }

    #[test]
    fn broken_forms_are_none() {
        for sender in [
            "",
            "carol@example.com",
            "carol+caf_=@example.com",
            "carol+caf_=bob@example.com",
            "carol+caf_==victim.example@example.com",
            "carol+caf_=bob=victim@example.com",
            "+caf_=bob=victim.example@example.com",
            "carol+caf_=bob=victim.example",
            "carol+caf_=b\u{7}ob=victim.example@example.com",
        ] {
            assert_eq!(Sample::from(sender).ask(caf), None, "{sender:?}");
        }
    }
}
