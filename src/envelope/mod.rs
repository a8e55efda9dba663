//! The SMTP envelope: who sent the message to whom, as far as our side recorded it.
//!
//! Takes the message with its boundary, gives sender and recipients, from the session or from what our own hosts wrote
//! above the border hop. What only the mail itself says is no evidence, and not taken.

pub(crate) mod address;
pub mod batv;
pub mod srs;

use std::borrow::Cow;

use crate::{
    boundary::Boundary,
    message::{Field, HeaderSection, RawMessage},
    text::cut,
    trace::{Origin, Trace},
};

/// The SMTP envelope, from the session or from what our own hosts wrote above the border hop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The envelope sender; an empty one is a bounce.
    pub sender: Option<Cow<'a, str>>,
    /// The envelope recipients that are known.
    pub recipients: Vec<Cow<'a, str>>,
}

impl<'a> Envelope<'a> {
    /// The same, without a borrow.
    pub fn into_owned(self) -> Envelope<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Envelope { sender: self.sender.map(owned), recipients: self.recipients.into_iter().map(owned).collect() }
    }

    /// Finds it; recipients that only a mail itself names are no evidence, and not taken.
    pub fn find(message: &'a RawMessage, trace: &Trace<'a>, boundary: &Boundary) -> Self {
        if let Some(session) = &message.session {
            return Self {
                sender: session.mail_from.as_deref().map(Cow::Borrowed),
                recipients: session.recipients.iter().map(|address| Cow::Borrowed(address.as_str())).collect(),
            };
        }
        let border = boundary.peer().and_then(|(hop, _)| trace.hops.get(hop));
        let end = match border.map(|hop| hop.origin) {
            Some(Origin::Field { index }) => index,
            Some(Origin::Session) | None => 0,
        };
        let mut recipients = recorded_above(&message.headers, end);
        if recipients.is_empty() {
            recipients.extend(border.and_then(|hop| hop.received.recipient.clone()));
        }
        let delivered = || message.headers.named("Return-Path").next().filter(|(index, _)| *index < end);
        // What the border wrote down of it is from before anybody of ours rewrote it (a list, an alias).
        let recorded = border.and_then(|hop| hop.received.envelope_from.clone());
        Self { sender: recorded.or_else(|| delivered().map(|(_, field)| address(field))), recipients }
    }
}

/// Recipients that our own hosts noted at delivery. Fields below the border hop came with the mail and prove nothing.
fn recorded_above(headers: &HeaderSection, end: usize) -> Vec<Cow<'_, str>> {
    const FIELDS: [&str; 4] = ["X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To"];
    let noted = headers.iter().take(end).filter(|(_, field)| FIELDS.iter().any(|name| field.is(name)));
    let mut recipients = Vec::new();
    for (_, field) in noted {
        let address = address(field);
        if address.contains('@') && !recipients.contains(&address) {
            recipients.push(address);
        }
    }
    recipients
}

/// The address that a field holds, without its angle brackets.
fn address(field: Field<'_>) -> Cow<'_, str> {
    cut(field.text(), |text| text.trim_matches(['<', '>']))
}
