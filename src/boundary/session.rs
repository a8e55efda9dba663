//! Strategy `session`: hop 0 is the SMTP session that the milter reported.
//!
//! When its peer is one of ours (a backup MX, a filter, the other border host), the walk goes on by our networks, so
//! that mail relayed to the backup MX by an attacker is judged by the attacker's address. A stored mail has no
//! session; its newest field is then what the border recorded, and the strategy is reported as `networks`.

use super::{Boundary, networks};
use crate::{
    policy::{BoundaryStrategy, Topology},
    trace::{Origin, Trace},
};

pub(super) fn find(trace: &Trace<'_>, topology: &Topology) -> Boundary {
    let has_session = trace.hops.first().is_some_and(|hop| hop.origin == Origin::Session);
    let strategy = if has_session { BoundaryStrategy::Session } else { BoundaryStrategy::Networks };
    Boundary { strategy, place: networks::find(trace, topology), hosted: None }
}
