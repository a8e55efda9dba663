//! Strategy `hosted`: the mailboxes are at a provider, which writes the newest lines.
//!
//! Takes the trace and the provider, goes inward over the hops within the provider to the one at which it took the mail in:
//! the first whose `by` is an ingress host, and whose client is none of its own hosts. What the ingress recorded of that
//! client is the peer. Only recorded addresses decide: a HELO costs nothing, so `outlook.com` in one says nothing, and another
//! customer of the provider, whose mail comes from its public networks, is a peer like any other. Where the peer is a filter
//! of ours (Proofpoint or Mimecast in front of Microsoft 365), the walk goes on by our networks.
//!
//! A hop that fits neither is a line that the provider does not write, or a provider that changed: the boundary is not found.

use super::{
    Boundary, Hosted, InternalReason, NotFoundReason, Place, in_networks, is_authenticated, is_local_delivery, walk,
};
use crate::{
    policy::{BoundaryStrategy, Topology},
    rules::providers::Provider,
    trace::{AmbiguousField, Hop, HopKind, Trace},
};

pub(super) fn find(trace: &Trace<'_>, topology: &Topology) -> Boundary {
    let strategy = BoundaryStrategy::Hosted;
    let Some(provider) = &topology.provider else {
        let place = Place::NotFound(NotFoundReason::NoProviderHop);
        return Boundary { strategy, place, hosted: None };
    };
    let (place, above) = within(trace, topology, provider);
    let internal_hops = if matches!(place, Place::NotFound(_)) { 0 } else { above };
    let hosted = Hosted { provider: provider.id.clone(), name: provider.name.clone(), internal_hops };
    Boundary { strategy, place, hosted: Some(hosted) }
}

/// The place, and how many hops lie above the one that decides.
fn within(trace: &Trace<'_>, topology: &Topology, provider: &Provider) -> (Place, usize) {
    let inside = trace.hops.iter().take_while(|hop| is_internal(hop, provider)).count();
    let Some(hop) = trace.hops.get(inside) else {
        let through_the_door = || trace.hops.iter().any(|hop| takes_in(hop, provider));
        let place = match trace.hops.last() {
            None => Place::NotFound(NotFoundReason::NoHops),
            Some(oldest) if !is_origin(oldest) => Place::NotFound(NotFoundReason::NoIngress),
            Some(_) if through_the_door() => Place::NotFound(NotFoundReason::SomeCustomer),
            Some(_) => Place::Internal(InternalReason::Provider),
        };
        return (place, inside.saturating_sub(1));
    };
    let by = hop.received.by.as_deref().unwrap_or_default();
    let place = match hop.received.ip {
        _ if hop.received.kind == HopKind::Unparsed => Place::NotFound(NotFoundReason::Unparsed),
        _ if !provider.ingress_by.hold(by) && inside == 0 => Place::NotFound(NotFoundReason::NoProviderHop),
        _ if !provider.ingress_by.hold(by) => Place::NotFound(NotFoundReason::NoIngress),
        // To the provider, and so anyone who has a mailbox there.
        _ if is_authenticated(hop) => Place::NotFound(NotFoundReason::SomeCustomer),
        Some(_) if is_open(hop) => Place::NotFound(NotFoundReason::NoAddress),
        None => Place::NotFound(NotFoundReason::NoAddress),
        Some(ip) if in_networks(topology, ip) => walk(trace, inside + 1, |_| true, |_, ip| in_networks(topology, ip)),
        Some(ip) => Place::Peer { hop: inside, ip },
    };
    (place, inside)
}

/// Whether a hop lies within the provider: one of its hosts wrote it, of another of its hosts or of itself.
fn is_internal(hop: &Hop<'_>, provider: &Provider) -> bool {
    let received = &hop.received;
    let by = received.by.as_deref().unwrap_or_default();
    if received.kind == HopKind::Unparsed || is_open(hop) {
        return false;
    }
    match received.ip {
        // An ingress host writes so of its own checks. Fastmail's stores go by bare names, and take mail by LMTP only.
        Some(ip) => {
            let ours = provider.internal_by.hold(by) || provider.ingress_by.hold(by) || is_local_delivery(hop);
            ours && provider.sends_from(ip)
        }
        // `by 10.1.2.3 with SMTP`: of a client nothing at all is said, or else one could have said it.
        None => {
            let says_client = received.helo.is_some() || received.rdns.is_some() || received.hearsay;
            !says_client && provider.internal_by.hold(by)
        }
    }
}

/// Whether the field leaves open who the client or the host was, because the client may have written a part of it.
fn is_open(hop: &Hop<'_>) -> bool {
    hop.received.ambiguities.iter().any(|open| open.field != AmbiguousField::Time)
}

/// Whether the mail was made in a mailbox where this hop was written: Exchange's submission, or a web page without a client.
fn is_origin(hop: &Hop<'_>) -> bool {
    let with = hop.received.with.as_deref().unwrap_or_default().to_ascii_uppercase();
    with.starts_with("MAPI") || (hop.received.ip.is_none() && with.starts_with("HTTP"))
}

/// Whether a hop within the provider may have taken the mail from another customer's: all of them come in at the ingress, and
/// who hands over by SMTP to a hop that names no client is not known.
fn takes_in(hop: &Hop<'_>, provider: &Provider) -> bool {
    let (by, with) = (hop.received.by.as_deref(), hop.received.with.as_deref());
    let unnamed = hop.received.ip.is_none() && with.is_some_and(|with| with.to_ascii_uppercase().contains("SMTP"));
    unnamed || by.is_some_and(|by| provider.ingress_by.hold(by))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        net::parse_network,
        rules::providers,
        trace::{Origin, read_received},
    };

    const INNER: &str =
        "by 2002:a05:6a10:1f2e:b0:5aa:11:2233 with SMTP id kq46csp1234567pxb; Mon, 3 Nov 2025 02:00:05 -0800";
    const INNOCENT: &str = "from mx1.sender.example (mx1.sender.example. [203.0.113.10]) by mx.google.com with ESMTPS id 1; \
                            Mon, 3 Nov 2025 02:00:02 -0800 (PST)";
    const EXCHANGE: &str = "with Microsoft SMTP Server (version=TLS1_3, cipher=TLS_AES_256_GCM_SHA384) id 15.20.9275.10; Mon, 3 Nov \
                            2025 10:00:01 +0000";

    fn find(provider: &str, lines: &[&str]) -> (Place, usize) {
        let provider = providers::shipped(&mut Vec::new()).into_iter().find(|known| *known.id == *provider);
        let topology = Topology {
            networks: [parse_network("198.51.100.0/24").unwrap()].into_iter().collect(),
            provider: provider.map(Arc::new),
            ..Topology::default()
        };
        let hops = lines
            .iter()
            .enumerate()
            .map(|(index, line)| Hop { origin: Origin::Field { index }, received: read_received(line.as_bytes()) });
        let boundary = super::find(&Trace { hops: hops.collect() }, &topology);
        (boundary.place, boundary.hosted.map_or(0, |hosted| hosted.internal_hops))
    }

    fn peer(hop: usize, ip: &str) -> (Place, usize) {
        (Place::Peer { hop, ip: ip.parse().unwrap() }, hop)
    }

    fn not_found(reason: NotFoundReason) -> (Place, usize) {
        (Place::NotFound(reason), 0)
    }

    /// Whatever a client says as its HELO, the ingress hop is no hop within, and lines below it stay out of sight.
    #[test]
    fn no_client_can_say_that_it_is_a_host_of_the_provider() {
        let helos = [
            "mx.google.com",
            "mail-sor-f41.google.com",
            "[10.1.2.3]",
            "[IPv6:2002:a05::1]",
            "10.1.2.3",
            "localhost",
            "x (10.1.2.3)",
            "x (y [10.1.2.3])",
            "x (HELO y) (10.1.2.3)",
            "[10.1.2.3] (helo=x)",
            "by 10.1.2.3 with SMTP id 1",
            "x by 2002:a05::1 with SMTP id ab1234567cde",
            "x by 2002:a05::1 with SMTP id 1; Mon, 3 Nov 2025 02:00:02 -0800",
            "x with LMTP id 1 by 10.1.2.3",
            "(x) by 10.1.2.3",
            "",
        ];
        for helo in helos {
            for client in ["relay.example. [192.0.2.66]", "[192.0.2.66]"] {
                let line = format!(
                    "from {helo} ({client}) by mx.google.com with ESMTPS id 1; Mon, 3 Nov 2025 02:00:04 -0800 (PST)"
                );
                let found = find("google-workspace", &[INNER, &line, INNER, INNOCENT]);
                let silent =
                    [NotFoundReason::NoAddress, NotFoundReason::NoIngress, NotFoundReason::Unparsed].map(not_found);
                assert!(found == peer(1, "192.0.2.66") || silent.contains(&found), "{line}: {found:?}");
            }
        }
        for helo in [
            "AM4PEPF00000AB1.eurprd04.prod.outlook.com",
            "[10.1.2.3]",
            "x (10.1.2.3)",
            "x (2603:10a6::1) by y.prod.outlook.com",
        ] {
            let line = format!(
                "from {helo} (192.0.2.66) by AM4PEPF00000AB1.mail.protection.outlook.com (10.167.16.101) {EXCHANGE}"
            );
            let inner =
                format!("from x (2603:10a6::1) by AS4P190CA0012.outlook.office365.com (2603:10a6::2) {EXCHANGE}");
            let found = find("microsoft-365", &[&inner, &line, &inner, INNOCENT]);
            let silent = [NotFoundReason::NoAddress, NotFoundReason::NoIngress].map(not_found);
            assert!(found == peer(1, "192.0.2.66") || silent.contains(&found), "{line}: {found:?}");
        }
    }

    #[test]
    fn a_client_that_an_inner_host_took_in_is_not_guessed_to_be_ours() {
        // A user's program that logged in, of which Microsoft's line says nothing.
        let line = format!(
            "from laptop (192.0.2.55) by LO2P123CA0002.GBRP123.PROD.OUTLOOK.COM (2603:10a6:910::15) {EXCHANGE}"
        );
        assert_eq!(find("microsoft-365", &[&line]), not_found(NotFoundReason::NoProviderHop));
        // A rented host of Microsoft's, by IPv6.
        let line = format!(
            "from vm (2603:1020:201::1) by AM4PEPF00000AB1.mail.protection.outlook.com (10.167.16.101) {EXCHANGE}"
        );
        assert_eq!(find("microsoft-365", &[&line, INNOCENT]), peer(0, "2603:1020:201::1"));
    }

    /// A mail that another customer made is not ours, even where the provider hands it over within.
    #[test]
    fn mail_of_any_customer_is_not_taken_for_ours() {
        let some_customer = not_found(NotFoundReason::SomeCustomer);
        let page = "by 10.1.2.3 with HTTP; Mon, 3 Nov 2025 02:00:02 -0800 (PST)";
        assert_eq!(find("google-workspace", &[page]).0, Place::Internal(InternalReason::Provider));
        assert_eq!(find("google-workspace", &[INNER, page]), some_customer);
        let mapi = "from A.eurprd01.prod.outlook.com ([fe80::1]) by A.eurprd01.prod.outlook.com ([fe80::1%4]) with mapi id 15.20.1.1; \
                    Mon, 3 Nov 2025 10:00:00 +0000";
        let transfer = format!(
            "from A.eurprd01.prod.outlook.com (2603:10a6::1) by B.eurprd01.prod.outlook.com (2603:10a6::2) {EXCHANGE}"
        );
        let door = format!(
            "from A.PROD.OUTLOOK.COM (10.152.250.53) by B.mail.protection.outlook.com (10.152.250.190) {EXCHANGE}"
        );
        assert_eq!(find("microsoft-365", &[&transfer, mapi]).0, Place::Internal(InternalReason::Provider));
        assert_eq!(find("microsoft-365", &[&transfer, &door, mapi]), some_customer);
        let login = "by mail.messagingengine.com (Postfix) with ESMTPA; Mon, 3 Nov 2025 05:00:00 -0500";
        let within = "from mailout.phl.internal (mailout.phl.internal [10.202.2.221]) by mailmx.phl.internal (Postfix) with ESMTPS id 1; \
                      Mon, 3 Nov 2025 05:00:00 -0500";
        assert_eq!(find("fastmail", &[within, login]), some_customer);
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_not_found() {
        let google = |lines: &[&str]| find("google-workspace", lines);
        assert_eq!(google(&[]), not_found(NotFoundReason::NoHops));
        assert_eq!(google(&[INNER]), not_found(NotFoundReason::NoIngress));
        assert_eq!(google(&["\u{1}"]), not_found(NotFoundReason::Unparsed));
        let bare = "from mx1.sender.example by mx.google.com with ESMTP id 1; Mon, 3 Nov 2025 02:00:02 -0800 (PST)";
        assert_eq!(google(&[INNER, bare, INNOCENT]), not_found(NotFoundReason::NoAddress));
        let no_client = "by mx.google.com with SMTP id 1; Mon, 3 Nov 2025 02:00:02 -0800 (PST)";
        assert_eq!(google(&[no_client, INNOCENT]), not_found(NotFoundReason::NoAddress));
        assert_eq!(find("nobody", &[INNER, INNOCENT]), not_found(NotFoundReason::NoProviderHop));
        // A provider's name as part of another's.
        let alike = INNOCENT.replace("mx.google.com", "mx.google.com.relay.example");
        assert_eq!(google(&[&alike]), not_found(NotFoundReason::NoProviderHop));
        let alike = INNOCENT.replace("mx.google.com", "xmx.google.com");
        assert_eq!(google(&[INNER, &alike]), not_found(NotFoundReason::NoIngress));
    }

    #[test]
    fn a_filter_of_ours_in_front_of_the_provider_is_looked_through() {
        let filter = INNOCENT.replace("203.0.113.10", "198.51.100.20");
        let taken = "from x (relay.example [192.0.2.66]) by mx0a-00000001.pphosted.com (PPS) with ESMTPS id 1; Mon, 3 Nov 2025 10:00:00 +0000";
        let (place, internal_hops) = find("google-workspace", &[INNER, &filter, taken, INNOCENT]);
        assert_eq!((place, internal_hops), (peer(2, "192.0.2.66").0, 1));
        let silent = "from x by mx0a-00000001.pphosted.com (PPS) with ESMTPS id 1; Mon, 3 Nov 2025 10:00:00 +0000";
        assert_eq!(find("google-workspace", &[INNER, &filter, silent, INNOCENT]), not_found(NotFoundReason::NoAddress));
    }
}
