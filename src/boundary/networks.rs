//! Strategy `networks`: the newest hop whose client lies outside our networks.
//!
//! The newest hop was recorded by the host that holds the mail, which is ours. Each older hop was recorded by the
//! client of the one before it, and is trusted exactly as long as that client was ours.

use super::{Place, in_networks, walk};
use crate::{policy::Topology, trace::Trace};

pub(super) fn find(trace: &Trace<'_>, topology: &Topology) -> Place {
    walk(trace, 0, |_| true, |_, ip| in_networks(topology, ip))
}
