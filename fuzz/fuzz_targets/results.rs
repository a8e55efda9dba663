//! Any bytes, as a mail with what hosts wrote of its authentication: read with each of its hops as the border. What comes out
//! stands in the mail, and speaks of the peer.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use relaywatch::{
    authentication::Stated,
    boundary::{Boundary, Place},
    message::{HeaderSection, RawMessage},
    policy::BoundaryStrategy,
    session::Session,
    text::is_unsafe,
    trace::Trace,
};

fuzz_target!(|data: &[u8]| {
    let peer = IpAddr::from([192, 0, 2, 1]);
    let pinned = ["mx.example.net", ".google.com", "google.com", "protection.outlook.com"].map(str::to_owned);
    let headers = HeaderSection::read(data, data.len());
    // An escape in a quoted string, and a fold, are the only things that fall away.
    let text = String::from_utf8_lossy(data).replace(['\\', '\r', '\n'], "").to_ascii_lowercase();
    let session = Session { peer_ip: Some(peer), ..Session::default() };
    for session in [None, Some(session)] {
        let message = RawMessage { headers: headers.clone(), session, body: None };
        let trace = Trace::read(&message);
        for hop in 0..trace.hops.len().min(3) {
            let boundary = Boundary { strategy: BoundaryStrategy::Networks, place: Place::Peer { hop, ip: peer }, hosted: None };
            let stated = Stated::read(&message, &trace, &boundary, &pinned);
            assert!(stated.spf.iter().all(|spf| spf.ip.is_none_or(|ip| ip == peer)));
            let spf = stated.spf.iter().filter_map(|spf| spf.domain.as_ref());
            let dkim = stated.dkim.iter().flat_map(|dkim| [&dkim.domain, &dkim.selector, &dkim.signature]).flatten();
            for said in spf.chain(dkim) {
                assert!(text.contains(&said.to_ascii_lowercase()), "{said:?} does not stand in the mail");
                assert!(!said.contains(is_unsafe), "{said:?} is not safe to show");
            }
        }
    }
});
