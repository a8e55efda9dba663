//! Strategy `hosts`: by the names of our border hosts, for mail whose top hops carry no useful addresses.
//!
//! A hop counts as recorded by us when its `by` is one of our hosts (or it is the session's). The client of such a
//! hop is ours when its address is, or when the receiving host verified a name of our hosts for it; a HELO alone is
//! the client's own claim and counts for nothing. So does a name from the reverse zone alone, which is the client's as well.

use super::{Place, in_networks, walk};
use crate::{
    policy::Topology,
    trace::{Origin, Trace},
};

pub(super) fn find(trace: &Trace<'_>, topology: &Topology) -> Place {
    let is_host = |name: Option<&str>| name.is_some_and(|name| topology.hosts.covering(name).is_some());
    walk(
        trace,
        0,
        |hop| hop.origin == Origin::Session || is_host(hop.received.by.as_deref()),
        |hop, ip| in_networks(topology, ip) || is_host(hop.received.verified_name()),
    )
}
