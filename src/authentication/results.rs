//! What a pinned host wrote of a mail's authentication.

use super::{DkimFact, DkimResult, SpfFact};
use crate::{boundary::Boundary, message::RawMessage, trace::Trace};

/// What the fields of pinned hosts say; nobody else's are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// SPF of the peer.
    pub spf: Option<SpfFact>,
    /// Each DKIM signature that is spoken of.
    pub dkim: Vec<DkimFact>,
    /// What became of the chain of ARC seals (RFC 8617), where it is said.
    pub arc: Option<DkimResult>,
    /// Fields under a pinned name that stand where their writer cannot have put them: forged, and not believed.
    pub forged: usize,
}

impl Stated {
    /// Reads them.
    pub fn read(_message: &RawMessage, _trace: &Trace<'_>, _boundary: &Boundary, _pinned: &[String]) -> Self {
        Self::default()
    }
}
