//! What a detector may read: the facts of one message, gathered once.

use crate::{
    boundary::Boundary,
    message::{HeaderSection, RawMessage},
    policy::Policy,
    trace::{Hop, Origin, Trace},
};

/// The facts of one message.
#[derive(Debug)]
pub struct Context<'a> {
    /// All hops, newest first.
    pub trace: &'a Trace,
    /// Where our records end.
    pub boundary: &'a Boundary,
    /// Who sent it to whom, as far as our side recorded it.
    pub envelope: Envelope,
    /// What the admin decided.
    pub policy: &'a Policy,
}

impl<'a> Context<'a> {
    /// Gathers the facts.
    pub fn gather(message: &RawMessage, trace: &'a Trace, boundary: &'a Boundary, policy: &'a Policy) -> Self {
        Self { trace, boundary, envelope: Envelope::find(message, trace, boundary), policy }
    }

    /// The next older hop that is not bookkeeping within a host.
    pub fn next_older(&self, hop: usize) -> Option<(usize, &'a Hop)> {
        let older = self.trace.hops.iter().enumerate().skip(hop + 1);
        older.into_iter().find(|(_, hop)| hop.received.kind != crate::trace::HopKind::Local)
    }
}

/// The SMTP envelope, from the session or from what our own hosts wrote above the border hop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The envelope sender; an empty one is a bounce.
    pub sender: Option<String>,
    /// The envelope recipients that are known.
    pub recipients: Vec<String>,
}

impl Envelope {
    fn find(message: &RawMessage, trace: &Trace, boundary: &Boundary) -> Self {
        if let Some(session) = &message.session {
            return Self { sender: session.mail_from.clone(), recipients: session.recipients.clone() };
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
        let sender = message.headers.named("Return-Path").next().filter(|(index, _)| *index < end);
        Self { sender: sender.map(|(_, field)| field.text().trim_matches(['<', '>']).to_owned()), recipients }
    }
}

/// Recipients that our own hosts noted at delivery. Fields below the border hop came with the mail and prove nothing.
fn recorded_above(headers: &HeaderSection, end: usize) -> Vec<String> {
    const FIELDS: [&str; 4] = ["X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To"];
    let noted = headers.iter().take(end).filter(|(_, field)| FIELDS.iter().any(|name| field.is(name)));
    let mut recipients: Vec<String> = Vec::new();
    for (_, field) in noted {
        let address = field.text().trim_matches(['<', '>']).to_owned();
        if address.contains('@') && !recipients.contains(&address) {
            recipients.push(address);
        }
    }
    recipients
}
