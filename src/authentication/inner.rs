//! The hop below the peer from which the sender's domain lets its mail come.
//!
//! "Remove the peer, and the mail becomes normal." The hops below the peer can be forged, so that this is no proof by
//! itself; but only somebody who has the mail has its intact signature too.

use std::net::IpAddr;

use serde::Serialize;

use super::{Sender, SpfResult};
use crate::{
    dns::{Inquiry, Question},
    names::normal,
    net::is_public,
    trace::{HopKind, Trace},
};

/// How many hops below the peer are looked at, and how many addresses of a name.
const MOST_HOPS: usize = 5;
const MOST_ADDRESSES: usize = 4;

/// A host below the peer that the sender's SPF lets send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inner {
    /// The hop that tells of it, as an index into the trace.
    pub hop: usize,
    /// Its address.
    pub ip: IpAddr,
    /// How the hop tells of it.
    pub by: InnerBy,
}

/// How a hop tells of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "name")]
pub enum InnerBy {
    /// It took the mail from there.
    Client,
    /// The hop was written by a host of this name, which has the address: the peer took its own line away, so that nobody says any
    /// more from where it had the mail.
    Host(String),
}

impl Inner {
    /// Finds it.
    pub(super) async fn find(
        trace: &Trace<'_>,
        border: usize,
        peer: IpAddr,
        sender: &Sender,
        inquiry: &mut Inquiry<'_>,
    ) -> Option<Self> {
        let older = trace.hops.iter().enumerate().skip(border + 1);
        let older = older.filter(|(_, hop)| hop.received.kind != HopKind::Local).take(MOST_HOPS);
        let hops: Vec<_> = older.map(|(index, hop)| (index, &hop.received)).collect();
        for (hop, received) in &hops {
            let Some(ip) = received.ip.filter(|ip| is_public(*ip) && *ip != peer) else { continue };
            let helo = received.helo.as_deref().unwrap_or_default();
            if sender.check(ip, helo, inquiry).await.result == SpfResult::Pass {
                return Some(Self { hop: *hop, ip, by: InnerBy::Client });
            }
        }
        for (hop, received) in hops {
            let Some(name) = received.by.as_deref().filter(|name| name.contains('.')) else { continue };
            for like in [IpAddr::from([0; 4]), IpAddr::from([0; 16])] {
                let Some(question) = Question::address(name, like) else { continue };
                let answer = inquiry.ask(question).await;
                for ip in answer.addresses().filter(|ip| is_public(*ip) && *ip != peer).take(MOST_ADDRESSES) {
                    if sender.check(ip, name, inquiry).await.result == SpfResult::Pass {
                        return Some(Self { hop, ip, by: InnerBy::Host(normal(name).into_owned()) });
                    }
                }
            }
        }
        None
    }
}
