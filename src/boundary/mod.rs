//! The boundary: the point in a trace between what our side recorded and what others wrote.
//!
//! Takes the trace and what is ours, and names the hop at which the mail came in from outside. That hop's client is
//! the peer: its address is a hard fact, because a host of ours wrote it down. All older hops may be forged.
//!
//! Every strategy goes inward only from a hop that is already trusted, and only while that hop's client is one of
//! ours. A peer can therefore not move the boundary by adding lines that look like ours.
//!
//! A new strategy is one file here, one variant of [`BoundaryStrategy`] and one line in [`Boundary::find`].

mod hosted;
mod hosts;
mod networks;
mod session;

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    policy::{BoundaryStrategy, Topology},
    trace::{Hop, HopKind, Trace},
};

/// Where the boundary is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary {
    /// The strategy that found it; a message without a session falls back from `session` to `networks`.
    pub strategy: BoundaryStrategy,
    /// What was found.
    pub place: Place,
    /// Within which provider the mail was passed on, for the strategy `hosted`.
    pub hosted: Option<Hosted>,
}

/// The provider of our mailboxes, and how much of the trace is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosted {
    /// The provider's id.
    pub provider: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
    /// How many of the newest hops lie within the provider, above the one that decides; none where no boundary was found.
    pub internal_hops: usize,
}

/// What a strategy found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The mail came in from outside at this hop.
    Peer {
        /// The hop's index in the trace; newer ones are ours, older ones are foreign.
        hop: usize,
        /// The peer's address, as recorded by our side.
        ip: IpAddr,
    },
    /// The mail did not come from outside.
    Internal(InternalReason),
    /// It cannot be told; nothing is guessed.
    NotFound(NotFoundReason),
}

/// Why a mail counts as our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InternalReason {
    /// The client authenticated to a host of ours (RFC 4954, RFC 3848).
    Authenticated,
    /// Every hop is within our networks, or the mail was made on this host.
    OwnNetworks,
    /// Every hop is within the provider of our mailboxes, none took it from another customer, and it was made in a mailbox there.
    Provider,
}

/// Why no boundary was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFoundReason {
    /// There is no hop at all.
    NoHops,
    /// The hop that decides could not be read.
    Unparsed,
    /// The hop that decides states no address of its client.
    NoAddress,
    /// No host of ours stands at the top of the trace (strategy `hosts`).
    NoBorderHost,
    /// No hop of the provider stands at the top of the trace (strategy `hosted`).
    NoProviderHop,
    /// The provider's hops end without one that took the mail in (strategy `hosted`).
    NoIngress,
    /// A customer of the provider made the mail, and it may be any of them (strategy `hosted`).
    SomeCustomer,
}

/// What kind of place was found, for output and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundaryKind {
    /// See [`Place::Peer`].
    Peer,
    /// See [`Place::Internal`].
    Internal,
    /// See [`Place::NotFound`].
    NotFound,
}

impl BoundaryKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Peer, Self::Internal, Self::NotFound];

    /// The name used in output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Internal => "internal",
            Self::NotFound => "not_found",
        }
    }
}

impl Place {
    /// What kind of place it is.
    pub fn kind(self) -> BoundaryKind {
        match self {
            Self::Peer { .. } => BoundaryKind::Peer,
            Self::Internal(_) => BoundaryKind::Internal,
            Self::NotFound(_) => BoundaryKind::NotFound,
        }
    }

    /// Why it is that place, in a few words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Peer { .. } => "the client of this hop is none of ours",
            Self::Internal(InternalReason::Authenticated) => "the client authenticated to a host of ours",
            Self::Internal(InternalReason::OwnNetworks) => "every hop is within our own networks",
            Self::Internal(InternalReason::Provider) => {
                "every hop is within the provider, from the mailbox on that it was made in"
            }
            Self::NotFound(NotFoundReason::NoHops) => "there is no Received field",
            Self::NotFound(NotFoundReason::Unparsed) => "the deciding Received field could not be read",
            Self::NotFound(NotFoundReason::NoAddress) => "the deciding Received field states no client address",
            Self::NotFound(NotFoundReason::NoBorderHost) => "no host of ours stands at the top of the trace",
            Self::NotFound(NotFoundReason::NoProviderHop) => "no hop of the provider stands at the top of the trace",
            Self::NotFound(NotFoundReason::NoIngress) => "the provider's hops end without an ingress",
            Self::NotFound(NotFoundReason::SomeCustomer) => {
                "it was made within the provider, by which customer is not told"
            }
        }
    }
}

impl Boundary {
    /// Finds the boundary by the configured strategy.
    pub fn find(trace: &Trace<'_>, strategy: BoundaryStrategy, topology: &Topology) -> Self {
        match strategy {
            BoundaryStrategy::Session => session::find(trace, topology),
            BoundaryStrategy::Networks => Self { strategy, place: networks::find(trace, topology), hosted: None },
            BoundaryStrategy::Hosts => Self { strategy, place: hosts::find(trace, topology), hosted: None },
            BoundaryStrategy::Hosted => hosted::find(trace, topology),
        }
    }

    /// The border hop and the peer's address, when the mail came from outside.
    pub fn peer(&self) -> Option<(usize, IpAddr)> {
        match self.place {
            Place::Peer { hop, ip } => Some((hop, ip)),
            Place::Internal(_) | Place::NotFound(_) => None,
        }
    }
}

/// Walks inward from the hop `start`, each recorded by a host of ours, until a client is none of ours.
///
/// `recorded_by_us` says of a hop whether its record may be trusted, `is_ours` of its client. Bookkeeping within a host is
/// passed over, but only where the host itself says that it is: what a client could have said never is.
fn walk(
    trace: &Trace<'_>,
    start: usize,
    recorded_by_us: impl Fn(&Hop<'_>) -> bool,
    is_ours: impl Fn(&Hop<'_>, IpAddr) -> bool,
) -> Place {
    if trace.hops.is_empty() {
        return Place::NotFound(NotFoundReason::NoHops);
    }
    for (index, hop) in trace.hops.iter().enumerate().skip(start) {
        if hop.received.kind == HopKind::Local && !hop.received.hearsay {
            continue;
        }
        if !recorded_by_us(hop) {
            return Place::NotFound(NotFoundReason::NoBorderHost);
        }
        if is_authenticated(hop) {
            return Place::Internal(InternalReason::Authenticated);
        }
        match hop.received.ip {
            Some(ip) if is_ours(hop, ip) => {}
            Some(ip) => return Place::Peer { hop: index, ip },
            // Dovecot behind a UNIX socket has no address to write; LMTP is not spoken to strangers (RFC 2033, 5).
            None if is_local_delivery(hop) => {}
            None if hop.received.kind == HopKind::Unparsed => return Place::NotFound(NotFoundReason::Unparsed),
            None => return Place::NotFound(NotFoundReason::NoAddress),
        }
    }
    Place::Internal(InternalReason::OwnNetworks)
}

/// Whether the hop says that its client logged in: RFC 3848's `A` forms.
fn is_authenticated(hop: &Hop<'_>) -> bool {
    let with = hop.received.with.as_deref().unwrap_or_default();
    ["ESMTPA", "ESMTPSA", "LMTPA", "LMTPSA", "UTF8SMTPA", "UTF8SMTPSA"]
        .iter()
        .any(|name| with.eq_ignore_ascii_case(name))
}

/// Whether the hop says that it is the last step into the mailbox: RFC 3848's `LMTP` forms.
fn is_local_delivery(hop: &Hop<'_>) -> bool {
    let with = hop.received.with.as_deref().unwrap_or_default();
    ["LMTP", "LMTPS", "LMTPA", "LMTPSA"].iter().any(|name| with.eq_ignore_ascii_case(name))
}

fn in_networks(topology: &Topology, ip: IpAddr) -> bool {
    ip.is_loopback() || topology.networks.contains(ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        names::Domain,
        net::parse_network,
        trace::{Origin, Received},
    };

    fn topology() -> Topology {
        Topology {
            networks: ["198.51.100.0/24", "10.0.0.0/8"].iter().map(|net| parse_network(net).unwrap()).collect(),
            domains: [Domain::parse("victim.example").unwrap()].into_iter().collect(),
            hosts: [Domain::parse("gw.victim.example").unwrap()].into_iter().collect(),
            ..Topology::default()
        }
    }

    fn hop(ip: &str, by: &str, with: &str) -> Hop<'static> {
        let received = Received {
            kind: HopKind::Transfer,
            ip: ip.parse().ok(),
            by: Some(by.to_owned().into()),
            with: Some(with.to_owned().into()),
            ..Received::default()
        };
        Hop { origin: Origin::Field { index: 0 }, received }
    }

    fn local() -> Hop<'static> {
        Hop { origin: Origin::Field { index: 0 }, received: Received { kind: HopKind::Local, ..Received::default() } }
    }

    /// A hop as a host of ours wrote it, with what the client put into it.
    fn field(value: &str) -> Hop<'_> {
        Hop { origin: Origin::Field { index: 0 }, received: crate::trace::read_received(value.as_bytes()) }
    }

    fn find(strategy: BoundaryStrategy, hops: Vec<Hop<'_>>) -> Place {
        Boundary::find(&Trace { hops }, strategy, &topology()).place
    }

    #[test]
    fn networks_go_inward_while_the_client_is_ours() {
        let hops = vec![
            local(),
            hop("10.1.1.1", "mbox.victim.example", "LMTP"),
            hop("198.51.100.7", "gw.victim.example", "ESMTPS"),
            hop("203.0.113.10", "mx2.victim.example", "ESMTP"),
            hop("198.51.100.9", "gw.victim.example", "ESMTP"),
        ];
        assert_eq!(find(BoundaryStrategy::Networks, hops), Place::Peer { hop: 3, ip: "203.0.113.10".parse().unwrap() });
    }

    #[test]
    fn hosts_are_not_fooled_by_forged_lines_of_our_name() {
        let hops =
            vec![hop("45.77.24.250", "gw.victim.example", "ESMTP"), hop("203.0.113.10", "gw.victim.example", "ESMTP")];
        assert_eq!(find(BoundaryStrategy::Hosts, hops), Place::Peer { hop: 0, ip: "45.77.24.250".parse().unwrap() });
        let foreign = vec![hop("203.0.113.10", "mx.other.example", "ESMTP")];
        assert_eq!(find(BoundaryStrategy::Hosts, foreign), Place::NotFound(NotFoundReason::NoBorderHost));
    }

    #[test]
    fn no_client_can_say_that_it_is_local_and_be_passed_over() {
        let lines = [
            // qmail writes the ident answer as it came.
            "from unknown (HELO x) (a[127.0.0.1]@203.0.113.66) by gw.victim.example with SMTP; 3 Nov 2025 09:00:00 -0000",
            // A host that writes a HELO with parentheses as it came.
            "from unknown (HELO x)(127.0.0.1)(localhost) (203.0.113.66) by gw.victim.example (qpsmtpd/0.96) with ESMTP; \
             Mon, 3 Nov 2025 10:00:00 +0000",
            "from unknown (EHLO x [127.0.0.1]) [203.0.113.66] by gw.victim.example (mp051) with SMTP; 3 Nov 2025 17:19:36 +0200",
            // A host that writes no addresses.
            "from localhost by gw.victim.example with ESMTP id 1; Mon, 3 Nov 2025 10:00:00 +0000",
            "from x (localhost) by gw.victim.example with ESMTP id 1; Mon, 3 Nov 2025 10:00:00 +0000",
            "from mail pickup service by x by gw.victim.example with ESMTP id 1; Mon, 3 Nov 2025 10:00:00 +0000",
            "from x (a from userid 1) by gw.victim.example with ESMTP id 1; Mon, 3 Nov 2025 10:00:00 +0000",
            "from x (y [local]) by gw.victim.example with ESMTP id 1; Mon, 3 Nov 2025 10:00:00 +0000",
            "from x (y [local]) ([203.0.113.66]) by gw.victim.example with ESMTP id 1; Mon, 3 Nov 2025 10:00:00 +0000",
            "from unknown (HELO x (y [local])) (203.0.113.66) by gw.victim.example with SMTP; 3 Nov 2025 09:00:00 -0000",
            "from x-daemon.gw.victim.example by gw.victim.example with ESMTP id 1; Mon, 3 Nov 2025 10:00:00 +0000",
            "from gw.victim.example by gw.victim.example with ESMTP id 1; Mon, 3 Nov 2025 10:00:00 +0000",
            "from x (uid 5 [127.0.0.1]@h.example [203.0.113.66]) by gw.victim.example (8.18.1/8.18.1) with ESMTP id 1; \
             Mon, 3 Nov 2025 10:00:00 +0000",
        ];
        let peer = Place::Peer { hop: 0, ip: "203.0.113.66".parse().unwrap() };
        for line in lines {
            for strategy in [BoundaryStrategy::Networks, BoundaryStrategy::Hosts] {
                let innocent = hop("203.0.113.10", "gw.victim.example", "ESMTPS");
                let place = find(strategy, vec![field(line), innocent]);
                assert!(place == peer || place == Place::NotFound(NotFoundReason::NoAddress), "{line}: {place:?}");
            }
        }
    }

    #[test]
    fn delivery_into_the_mailbox_is_passed_over() {
        let hops = vec![
            field(
                "from mail.victim.example by mail.victim.example with LMTP id abc (envelope-from <a@b.example>) for \
                   <bob@victim.example>; Mon, 3 Nov 2025 10:00:00 +0000",
            ),
            hop("203.0.113.10", "gw.victim.example", "ESMTP"),
        ];
        let peer = Place::Peer { hop: 1, ip: "203.0.113.10".parse().unwrap() };
        assert_eq!(find(BoundaryStrategy::Networks, hops), peer);
    }

    #[test]
    fn a_name_that_only_the_reverse_zone_states_is_no_host_of_ours() {
        let qmail =
            "from gw.victim.example (HELO x) (203.0.113.66) by gw.victim.example with SMTP; 3 Nov 2025 09:00:00 -0000";
        let innocent = hop("203.0.113.10", "gw.victim.example", "ESMTPS");
        let peer = Place::Peer { hop: 0, ip: "203.0.113.66".parse().unwrap() };
        assert_eq!(find(BoundaryStrategy::Hosts, vec![field(qmail), innocent]), peer);
        let postfix = "from x (gw.victim.example [203.0.113.66]) by gw.victim.example (Postfix) with SMTP id 1; Mon, 3 Nov \
                       2025 09:00:00 +0000";
        let inner = hop("203.0.113.10", "gw.victim.example", "ESMTPS");
        let peer = Place::Peer { hop: 1, ip: "203.0.113.10".parse().unwrap() };
        assert_eq!(find(BoundaryStrategy::Hosts, vec![field(postfix), inner]), peer);
    }

    #[test]
    fn submission_is_ours_wherever_the_user_sits() {
        let hops = vec![hop("203.0.113.77", "gw.victim.example", "ESMTPSA")];
        assert_eq!(find(BoundaryStrategy::Networks, hops), Place::Internal(InternalReason::Authenticated));
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        assert_eq!(find(BoundaryStrategy::Networks, vec![]), Place::NotFound(NotFoundReason::NoHops));
        assert_eq!(
            find(BoundaryStrategy::Networks, vec![hop("", "x", "")]),
            Place::NotFound(NotFoundReason::NoAddress)
        );
        let unread = Hop { origin: Origin::Session, received: Received::default() };
        assert_eq!(find(BoundaryStrategy::Networks, vec![unread]), Place::NotFound(NotFoundReason::Unparsed));
    }
}
