//! What a detector may read: the facts of one message, gathered once.

use crate::{
    boundary::Boundary,
    envelope::Envelope,
    policy::Policy,
    trace::{Hop, Trace},
};

/// The facts of one message, as the spine learned them.
#[derive(Debug)]
pub struct Context<'a> {
    /// All hops, newest first.
    pub trace: &'a Trace<'a>,
    /// Where our records end.
    pub boundary: &'a Boundary,
    /// Who sent it to whom, as far as our side recorded it.
    pub envelope: &'a Envelope<'a>,
    /// What the admin decided.
    pub policy: &'a Policy,
}

impl<'a> Context<'a> {
    /// The next older hop that is not bookkeeping within a host.
    pub fn next_older(&self, hop: usize) -> Option<(usize, &'a Hop<'a>)> {
        let older = self.trace.hops.iter().enumerate().skip(hop + 1);
        older.into_iter().find(|(_, hop)| hop.received.kind != crate::trace::HopKind::Local)
    }
}
