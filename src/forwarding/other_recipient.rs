//! `other-recipient`: a hop below the border took the mail for another address than those we took it for.
//!
//! Takes the `for` clause (RFC 5321, 4.4) of the nearest older hop that states one, gives a sign with the address that forwards.
//! An interposed relay takes the mail for the very address that it hands it on to.

use super::{Context, Sign, SignKind};
use crate::envelope::address;

pub(super) fn other_recipient(context: &Context<'_>) -> Option<Sign> {
    let (border, _) = context.border()?;
    let older = context.subject.trace.hops.iter().skip(border + 1);
    let mut stated = older.filter_map(|hop| hop.received.recipient.as_deref());
    let recipient = stated.find(|recipient| address::split(recipient).is_some())?;
    let seen = format!("for <{recipient}>");
    (!context.is_recipient(recipient)?).then(|| Sign::new(SignKind::OtherRecipient, Some(recipient), &seen))
}

#[cfg(test)]
mod tests {
    use super::{super::sample::Sample, *};

    fn hop(recipient: &str) -> String {
        format!(
            "Received: from mail.sender.example (mail.sender.example [192.0.2.10]) by mx.alumni.example (Postfix) with ESMTP \
             id 1 {recipient}; Mon, 3 Nov 2025 10:00:00 +0000\n"
        )
    }

    #[test]
    fn another_address_below_the_border_forwards() {
        let sign = Sample::session(&(hop("for <carol@alumni.example>") + "\n")).ask(other_recipient).unwrap();
        assert_eq!(sign.forwarder.as_deref(), Some("carol@alumni.example"));
        assert_eq!(sign.seen, "for <carol@alumni.example>");
        let stored = "Received: from mx.alumni.example (mx.alumni.example [203.0.113.66]) by gw.victim.example (Postfix) with ESMTP id 2 \
                      for <bob@victim.example>; Mon, 3 Nov 2025 10:00:01 +0000\n"
            .to_owned()
            + &hop("for <carol@alumni.example>");
        assert!(Sample::stored(&stored).ask(other_recipient).is_some());
    }

    #[test]
    fn our_own_address_in_any_case_does_not() {
        for recipient in ["for <bob@victim.example>", "for <Bob@VICTIM.example>", ""] {
            assert_eq!(Sample::session(&hop(recipient)).ask(other_recipient), None, "{recipient}");
        }
    }

    #[test]
    fn the_nearest_hop_that_states_an_address_decides() {
        let ours_last = hop("") + &hop("for <bob@victim.example>") + &hop("for <carol@alumni.example>");
        assert_eq!(Sample::session(&ours_last).ask(other_recipient), None);
        let other_last = hop("for <local>") + &hop("for <carol@alumni.example>") + &hop("for <bob@victim.example>");
        assert!(Sample::session(&other_last).ask(other_recipient).is_some());
    }

    #[test]
    fn one_of_several_recipients_is_enough_and_without_any_nothing_differs() {
        let mut sample = Sample::session(&hop("for <carol@victim.example>"));
        sample.message.session.as_mut().unwrap().recipients.push("carol@victim.example".to_owned());
        assert_eq!(sample.ask(other_recipient), None);
        sample.message.session.as_mut().unwrap().recipients.clear();
        assert_eq!(sample.ask(other_recipient), None);
    }
}
