//! What DNS says of the peer: its verified name, and which declared forwarder's SPF holds it.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    SpfResult, Subject,
    spf::{self, Query},
};
use crate::{
    dns::{Data, Inquiry, Question},
    names::normal,
    policy::Policy,
};

/// How many names of an address are tried.
const MOST_NAMES: usize = 5;

/// What DNS says of the peer, asked only when somebody needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PeerNames {
    /// The peer's verified name: its reverse name, which leads back to its address (RFC 8601, 3: iprev).
    pub verified: Option<String>,
    /// The domain of a declared forwarder whose SPF record holds the peer.
    pub authorised_by: Option<String>,
}

impl PeerNames {
    /// Asks.
    pub(super) async fn find(
        subject: Subject<'_>,
        border: usize,
        ip: IpAddr,
        policy: &Policy,
        inquiry: &mut Inquiry<'_>,
    ) -> Self {
        // What our border, or our provider, verified itself need not be asked again.
        let hop = subject.trace.hops.get(border);
        let recorded = hop.and_then(|hop| hop.received.verified_name());
        let verified = match recorded {
            Some(name) => Some(normal(name).into_owned()),
            None => verified(ip, inquiry).await,
        };
        let mut authorised_by = None;
        for domain in policy.forwarding.declared.iter().flat_map(|forwarder| &forwarder.spf_domains) {
            let sender = format!("postmaster@{domain}");
            let query = Query { ip, helo: "", sender: &sender, domain: domain.as_str() };
            if spf::check(query, inquiry).await == SpfResult::Pass {
                authorised_by = Some(domain.to_string());
                break;
            }
        }
        Self { verified, authorised_by }
    }
}

/// The first of an address' names that leads back to it.
async fn verified(ip: IpAddr, inquiry: &mut Inquiry<'_>) -> Option<String> {
    let names = inquiry.ask(Question::reverse(ip)).await;
    for data in names.records().iter().take(MOST_NAMES) {
        if let Data::Ptr(name) = data
            && let Some(question) = Question::address(name, ip)
            && inquiry.ask(question).await.addresses().any(|address| address == ip)
        {
            return Some(name.to_string());
        }
    }
    None
}
