//! Messages to count, made by hand.

use std::sync::Arc;

use crate::{
    evidence::{HopFacts, Party, Stored},
    finding::Level,
    trace::HopKind,
};

/// The relay's address.
pub(crate) const RELAY: &str = "45.77.24.250";

/// A message that arrived then, from nobody, by no way.
pub(crate) fn stored(time: i64) -> Stored {
    Stored {
        id: time,
        time,
        dated: None,
        source: "milter".to_owned(),
        offset: None,
        queue_id: Some("Q1".to_owned()),
        message_id: Some("1@sender.example".to_owned()),
        subject: None,
        sender: None,
        header_from: None,
        recipients: Vec::new(),
        hops: Arc::default(),
        times: Vec::new(),
        place: "peer".to_owned(),
        border_hop: Some(0),
        verdict: Level::Clean,
        action: None,
    }
}

/// A message from somebody to somebody, by a peer.
pub(crate) fn mail(time: i64, from: &str, to: &str, peer: &str) -> Stored {
    let party = |address: &str| Party {
        id: i64::from(address.bytes().map(u32::from).sum::<u32>()),
        address: Some(address.to_owned()),
    };
    Stored {
        sender: Some(party(from)),
        header_from: Some(party(from)),
        recipients: vec![party(to)],
        hops: Arc::new(vec![hop(peer, "mail.coincheck.com", "gw.coincheck.com")]),
        times: vec![Some(time)],
        ..stored(time)
    }
}

/// A hop.
pub(crate) fn hop(ip: &str, helo: &str, by: &str) -> HopFacts {
    HopFacts {
        kind: HopKind::default(),
        ip: ip.parse().ok(),
        helo: Some(helo.to_owned()),
        rdns: None,
        by: Some(by.to_owned()),
        by_ip: None,
        protocol: None,
        tls: Some(false),
        tls_version: None,
    }
}
