//! Reports made by hand, for the tests of the views: they must not depend on how a field is read or a mail judged.

use std::{borrow::Cow, time::Duration};

use crate::{
    authentication::Authentication,
    boundary::{Boundary, Hosted, NotFoundReason, Place},
    clock::Timestamp,
    detect::Outcome,
    envelope::Envelope,
    finding::{Basis, Code, Finding, Severity},
    inspect::Report,
    message::{HeaderSection, RawMessage},
    policy::BoundaryStrategy,
    tls::TlsVersion,
    trace::{Hop, HopKind, Origin, Received, Trace},
    verdict::Verdict,
};

const PEER: &str = "192.0.2.66";

fn mail(text: &str) -> RawMessage {
    RawMessage { headers: HeaderSection::read(text.as_bytes(), 100_000), ..RawMessage::default() }
}

fn hop(index: usize, received: Received<'static>) -> Hop<'static> {
    Hop { origin: Origin::Field { index }, received }
}

fn time(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(1_590_969_600 + second).ok()
}

fn text(value: &str) -> Option<Cow<'static, str>> {
    Some(Cow::Owned(value.to_owned()))
}

fn report(hops: Vec<Hop<'static>>, place: Place, findings: Vec<Finding>) -> Report<'static> {
    let mut outcomes = vec![(Code::Indicator, Outcome::NoData("no indicator list is configured"))];
    outcomes.push((Code::OwnName, findings.clone().into()));
    Report {
        trace: Trace { hops },
        boundary: Boundary { strategy: BoundaryStrategy::Networks, place, hosted: None },
        authentication: Authentication::default(),
        envelope: Envelope { sender: text("alice@sender.example"), recipients: vec!["bob@victim.example".into()] },
        outcomes,
        verdict: Verdict::of(findings),
        took: Duration::ZERO,
    }
}

/// The 2020 pattern, reconstructed: a relay that goes by our name between the sender and us.
pub(crate) fn hijacked() -> (RawMessage, Report<'static>) {
    let message = mail(
        "Received: from mail.victim.example (relay66.hosting.example [192.0.2.66])\r\n\
         \tby gw.victim.example (Postfix) with ESMTP id 4A; Mon, 1 Jun 2020 00:03:17 +0000\r\n\
         Received: from mx1.sender.example (mx1.sender.example [203.0.113.10])\r\n\
         \tby mail.victim.example (Postfix) with ESMTPS id 3B; Mon, 1 Jun 2020 00:00:05 +0000\r\n\
         From: Alice <alice@sender.example>\r\n\
         Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
         Message-ID: <1@sender.example>\r\n\r\n",
    );
    let relay = Received {
        kind: HopKind::Transfer,
        dialect: Some("postfix"),
        helo: text("mail.victim.example"),
        rdns: text("relay66.hosting.example"),
        ip: PEER.parse().ok(),
        by: text("gw.victim.example"),
        with: text("ESMTP"),
        id: text("4A"),
        time: time(197),
        ..Received::default()
    };
    let sender = Received {
        kind: HopKind::Transfer,
        dialect: Some("postfix"),
        helo: text("mx1.sender.example"),
        rdns: text("mx1.sender.example"),
        ip: "203.0.113.10".parse().ok(),
        by: text("mail.victim.example"),
        with: text("ESMTPS"),
        id: text("3B"),
        time: time(5),
        tls: Some(true),
        ..Received::default()
    };
    let finding = Finding {
        code: Code::OwnName,
        severity: Severity::Suspicious,
        basis: Basis::Border,
        hop: Some(0),
        fact: "helo=mail.victim.example ip=192.0.2.66".to_owned(),
        sentence: "192.0.2.66 handed us the mail and calls itself mail.victim.example, a name of yours (victim.example), but it is none of your addresses.".to_owned(),
        evidence: Vec::new(),
    };
    let place = Place::Peer { hop: 0, ip: PEER.parse().unwrap() };
    let report = report(vec![hop(0, relay), hop(1, sender)], place, vec![finding]);
    (message, report)
}

/// A mail at Microsoft 365: three hops within the provider, then the one at which it came in.
pub(crate) fn hosted() -> (RawMessage, Report<'static>) {
    let inner = |by: &str, ip: &str, with: &str, second: i64| Received {
        kind: HopKind::Transfer,
        dialect: Some("exchange"),
        helo: text("AM0PR01CA0001.eurprd01.prod.outlook.com"),
        ip: ip.parse().ok(),
        by: text(by),
        with: text(with),
        time: time(10 + second),
        tls: Some(true),
        ..Received::default()
    };
    let ingress = Received {
        helo: text("mx1.sender.example"),
        ip: PEER.parse().ok(),
        by: text("DB1PEPF00000001.mail.protection.outlook.com"),
        ..inner("", "", "Microsoft SMTP Server", 2)
    };
    let below = hijacked().1.trace.hops.remove(1);
    let hops = vec![
        hop(0, inner("DB9PR01MB0001.eurprd01.prod.outlook.com", "2603:10a6:10:1::1", "HTTPS", 5)),
        hop(0, inner("DB9PR01MB0002.eurprd01.prod.outlook.com", "2603:10a6:10:2::1", "Microsoft SMTP Server", 4)),
        hop(0, inner("AM0PR01CA0001.outlook.office365.com", "2603:10a6:10:3::1", "Microsoft SMTP Server", 3)),
        hop(0, ingress),
        below,
    ];
    let place = Place::Peer { hop: 3, ip: PEER.parse().unwrap() };
    let mut report = report(hops, place, vec![]);
    let hosted = Hosted { provider: "microsoft-365".into(), name: "Microsoft 365".into(), internal_hops: 3 };
    report.boundary = Boundary { strategy: BoundaryStrategy::Hosted, place, hosted: Some(hosted) };
    (mail("From: alice@sender.example\r\nSubject: An inquiry\r\nMessage-ID: <1@sender.example>\r\n\r\n"), report)
}

/// What a hostile sender can put where: escapes, overrides, wide and combining characters, a field nobody can read.
pub(crate) fn hostile() -> (RawMessage, Report<'static>) {
    let message = mail(
        "Received: \u{1b}]0;owned\u{7} by \u{202e}nowhere \u{9b}2J and then a very long text that goes on and on without any meaning whatsoever\r\n\
         Rec\u{1b}[31meived: broken\r\n\r\n",
    );
    let odd = Received {
        kind: HopKind::Transfer,
        helo: text(&format!("\u{1b}[2Jevil{}", "\u{301}".repeat(4000))),
        rdns: text("日本語.very-long-label.very-long-label.very-long-label.very-long-label.example"),
        ip: "2001:db8:1234:5678:9abc:def0:1234:5678".parse().ok(),
        by: text("a\r\nb.example"),
        with: text("ESMTP with a story that somebody wrote into it"),
        time: time(0),
        tls: Some(true),
        tls_version: Some(TlsVersion::Ssl3),
        ..Received::default()
    };
    let late = Received { time: time(2), tls: Some(false), ..odd.clone() };
    let local = Received { kind: HopKind::Local, by: text("mx.example"), time: time(-200_000), ..Received::default() };
    let unread = Received::default();
    let mut finding = hijacked().1.verdict.findings.remove(0);
    finding.severity = Severity::Malicious;
    finding.hop = None;
    finding.sentence = format!("A sentence with an escape \u{1b}[2J and a long word {}.", "x".repeat(150));
    let hops = vec![hop(0, unread), hop(1, odd), hop(1, late), hop(1, local)];
    let mut report = report(hops, Place::NotFound(NotFoundReason::Unparsed), vec![finding]);
    report.envelope.recipients = (0..5).map(|n| format!("user{n}\u{7}@victim.example").into()).collect();
    (message, report)
}

/// A mail without any hop.
pub(crate) fn empty() -> (RawMessage, Report<'static>) {
    let mut report = report(vec![], Place::NotFound(NotFoundReason::NoHops), vec![]);
    report.envelope = Envelope::default();
    (mail("Subject: x\n\n"), report)
}
