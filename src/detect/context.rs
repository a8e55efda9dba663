//! What a detector may read: the facts of one message, gathered once.

use crate::{
    authentication::{Authentication, Subject},
    boundary::Boundary,
    envelope::Envelope,
    message::RawMessage,
    policy::Policy,
    trace::{Hop, Trace},
};

/// The facts of one message, as the spine learned them.
#[derive(Debug)]
pub struct Context<'a> {
    /// The message itself.
    pub message: &'a RawMessage,
    /// All hops, newest first.
    pub trace: &'a Trace<'a>,
    /// Where our records end.
    pub boundary: &'a Boundary,
    /// Who sent it to whom, as far as our side recorded it.
    pub envelope: &'a Envelope<'a>,
    /// What is known of the sender's authorisation.
    pub authentication: &'a Authentication,
    /// What the admin decided.
    pub policy: &'a Policy,
}

impl<'a> Context<'a> {
    /// Puts them together.
    pub fn new(subject: Subject<'a>, authentication: &'a Authentication, policy: &'a Policy) -> Self {
        let Subject { message, trace, boundary, envelope } = subject;
        Self { message, trace, boundary, envelope, authentication, policy }
    }

    /// The next older hop that is not bookkeeping within a host.
    pub fn next_older(&self, hop: usize) -> Option<(usize, &'a Hop<'a>)> {
        let older = self.trace.hops.iter().enumerate().skip(hop + 1);
        older.into_iter().find(|(_, hop)| hop.received.kind != crate::trace::HopKind::Local)
    }

    /// A hop's client as people call it: its address, and the name that the hop states.
    pub fn client(&self, hop: usize) -> String {
        let Some(Hop { received, .. }) = self.trace.hops.get(hop) else { return "?".to_owned() };
        let ip = received.ip.map_or_else(|| "?".to_owned(), |ip| ip.to_string());
        let name = received.rdns.as_deref().or(received.helo.as_deref());
        name.map_or(ip.clone(), |name| format!("{ip} ({})", crate::text::printable(name.trim_end_matches('.'), 100)))
    }
}
