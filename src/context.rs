//! The facts of one message, gathered once: what a sign of forwarding and a detector may read.

use crate::{
    authentication::{Authentication, Subject},
    policy::Policy,
    text::printable,
    trace::{Hop, HopKind},
};

/// The facts of one message, as the spine learned them.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The message with its hops, its boundary and its envelope.
    pub subject: Subject<'a>,
    /// What is known of the sender's authorisation.
    pub authentication: &'a Authentication,
    /// What the admin decided.
    pub policy: &'a Policy,
}

impl<'a> Context<'a> {
    /// The next older hop that is not bookkeeping within a host.
    pub fn next_older(&self, hop: usize) -> Option<(usize, &'a Hop<'a>)> {
        let older = self.subject.trace.hops.iter().enumerate().skip(hop + 1);
        older.into_iter().find(|(_, hop)| hop.received.kind != HopKind::Local)
    }

    /// A hop's client as people call it: its address, and the name that the hop states.
    pub fn client(&self, hop: usize) -> String {
        let Some(Hop { received, .. }) = self.subject.trace.hops.get(hop) else { return "?".to_owned() };
        let ip = received.ip.map_or_else(|| "?".to_owned(), |ip| ip.to_string());
        let name = received.rdns.as_deref().or(received.helo.as_deref());
        name.map_or(ip.clone(), |name| format!("{ip} ({})", printable(name.trim_end_matches('.'), 100)))
    }
}
