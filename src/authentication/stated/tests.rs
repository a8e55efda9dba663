//! What is believed of the fields of hosts and providers as they write them, and of forged ones.

use proptest::prelude::*;

use super::*;
use crate::{boundary::Place, message::HeaderSection, policy::BoundaryStrategy, session::Session};

/// The peer of every mail here.
const PEER: &str = "192.0.2.1";

const BORDER: &str = "Received: from out.sender.example (out.sender.example [192.0.2.1]) by mx.example.net with ESMTP id 1; \
                          Mon, 3 Nov 2025 10:00:00 +0000";
const OLDER: &str = "Received: from pc.sender.example ([203.0.113.5]) by out.sender.example with ESMTPA id 2; Mon, 3 Nov \
                         2025 09:59:59 +0000";
const GOOGLE_SPF: &str = "Received-SPF: pass (google.com: domain of alice@sender.example designates 192.0.2.1 as permitted \
                              sender) client-ip=192.0.2.1;";
const GOOGLE: &str = "Authentication-Results: mx.google.com;\r\n       dkim=pass header.i=@sender.example header.s=s1 \
                          header.b=AbC1;\r\n       spf=pass (google.com: domain of alice@sender.example designates 192.0.2.1 \
                          as permitted sender) smtp.mailfrom=alice@sender.example;\r\n       dmarc=pass (p=REJECT sp=REJECT \
                          dis=NONE) header.from=sender.example";
const EXCHANGE: &str = "Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=sender.example; dkim=pass \
                            (signature was verified)\r\n header.d=sender.example;dmarc=pass action=none \
                            header.from=sender.example;compauth=pass reason=100";
const FORGED: &str = "Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=bank.example; dkim=pass \
                          header.d=bank.example";

fn read(fields: &[&str], border: Option<usize>, pinned: &[&str]) -> Stated {
    let text = format!("{}\r\n\r\n", fields.join("\r\n"));
    let session = Session { peer_ip: PEER.parse().ok(), ..Session::default() };
    let message = RawMessage {
        headers: HeaderSection::read(text.as_bytes(), text.len()),
        session: border.is_none().then_some(session),
        ..RawMessage::default()
    };
    let pinned: Vec<String> = pinned.iter().map(|pin| (*pin).to_owned()).collect();
    let place = Place::Peer { hop: border.unwrap_or(0), ip: PEER.parse().unwrap() };
    let boundary = Boundary { strategy: BoundaryStrategy::Networks, place, hosted: None };
    Stated::read(&message, &Trace::read(&message), &boundary, &pinned)
}

/// `spf=pass mailfrom sender.example 192.0.2.1 <who>, dkim=.., arc=.., certain, passed over 1, forged 1`
fn shown(stated: &Stated) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
    let who = |source: &Source| match source {
        Source::Dns => "dns".to_owned(),
        Source::AuthenticationResults(id) => format!("a:{id}"),
        Source::ReceivedSpf(id) => format!("r:{id}"),
    };
    let mut parts: Vec<String> = Vec::new();
    parts.extend(stated.spf.iter().map(|spf| {
        let ip = spf.ip.map_or("-".to_owned(), |ip| ip.to_string());
        let identity = if spf.identity == SpfIdentity::Helo { "helo" } else { "mailfrom" };
        format!("spf={} {identity} {} {ip} {}", spf.result.as_str(), text(&spf.domain), who(&spf.source))
    }));
    parts.extend(stated.dkim.iter().map(|dkim| {
        let DkimFact { result, domain, selector, signature, source } = dkim;
        format!("dkim={} {} {} {} {}", result.as_str(), text(domain), text(selector), text(signature), who(source))
    }));
    parts.extend(stated.arc.iter().map(|arc| format!("arc={}", arc.as_str())));
    parts.extend(stated.certain.then(|| "certain".to_owned()));
    parts.extend((stated.passed_over > 0).then(|| format!("passed over {}", stated.passed_over)));
    parts.extend((stated.forged > 0).then(|| format!("forged {}", stated.forged)));
    parts.join(", ")
}

type Case<'a> = (&'a str, &'a [&'a str], Option<usize>, &'a [&'a str], &'a str);

fn check(cases: &[Case<'_>]) {
    for (name, fields, border, pinned, expected) in cases {
        assert_eq!(shown(&read(fields, *border, pinned)), *expected, "{name}");
    }
}

#[test]
fn what_providers_and_milters_write() {
    let google =
        "spf=pass mailfrom sender.example 192.0.2.1 r:google.com, dkim=pass sender.example s1 AbC1 a:mx.google.com";
    let arc = "ARC-Authentication-Results: i=1; mx.google.com; dkim=pass header.i=@other.example; arc=pass (i=1)";
    check(&[
        (
            "Google, below its ingress",
            &[
                "Received: by 2001:db8::7 with SMTP id 3; Mon",
                arc,
                BORDER,
                GOOGLE_SPF,
                GOOGLE,
                "DKIM-Signature: x",
                OLDER,
            ],
            Some(1),
            &["mx.google.com", "google.com"],
            google,
        ),
        (
            "Google, nothing older",
            &[BORDER, GOOGLE_SPF, GOOGLE, "From: x"],
            Some(0),
            &[".google.com", "GOOGLE.com"],
            google,
        ),
        (
            "Exchange Online, above its ingress",
            &[
                "Received: from a.prod.outlook.com ([2001:db8::5]) by b.prod.outlook.com with HTTPS; Mon",
                EXCHANGE,
                "Received-SPF: Pass (protection.outlook.com: domain of sender.example designates\r\n 192.0.2.1 as permitted \
                     sender) receiver=protection.outlook.com; client-ip=192.0.2.1;\r\n helo=out.sender.example; pr=C",
                BORDER,
                OLDER,
            ],
            Some(1),
            &["protection.outlook.com"],
            "spf=pass mailfrom sender.example 192.0.2.1 a:protection.outlook.com, dkim=pass sender.example - - \
                 a:protection.outlook.com, certain",
        ),
        (
            "Exchange Online, only its ARC",
            &[
                "ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=pass (sender ip is 192.0.2.1) \
                     smtp.mailfrom=sender.example; dkim=none; arc=none (0)",
                BORDER,
            ],
            Some(0),
            &["mx.microsoft.com"],
            "spf=pass mailfrom sender.example 192.0.2.1 a:mx.microsoft.com, arc=none, certain",
        ),
        (
            "milters, one field a method, on top of a session",
            &[
                "DMARC-Filter: OpenDMARC Filter v1 mx.example.net 1",
                "Authentication-Results: mx.example.net; dmarc=pass (p=none dis=none) header.from=sender.example",
                "Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=sender.example",
                "DKIM-Filter: OpenDKIM Filter v2 mx.example.net 1",
                "Authentication-Results: mx.example.net;\r\n\tdkim=pass (2048-bit key; unprotected) header.d=sender.example \
                     header.i=@news.sender.example header.a=rsa-sha256 header.s=s1 header.b=AbC1;\r\n\tdkim=fail \
                     header.d=list.example",
                OLDER,
            ],
            None,
            &["mx.example.net"],
            "spf=pass mailfrom sender.example - a:mx.example.net, dkim=pass sender.example s1 AbC1 a:mx.example.net, \
                 dkim=fail list.example - - a:mx.example.net",
        ),
        (
            "above the border the envelope's SPF counts before HELO's",
            &[
                "Received-SPF: pass identity=helo; helo=out.sender.example; client-ip=192.0.2.1; receiver=mx.example.net",
                "Received-SPF: fail identity=mailfrom; envelope-from=\"a@sender.example\"; client-ip=::ffff:192.0.2.1; \
                     receiver=mx.example.net",
                BORDER,
            ],
            Some(0),
            &["mx.example.net"],
            "spf=fail mailfrom sender.example 192.0.2.1 r:mx.example.net, certain",
        ),
        (
            "names below a pinned one",
            &["Authentication-Results: MX7.relay.example.jp; spf=none smtp.helo=Out.Sender.Example; dkim=none", BORDER],
            Some(0),
            &[".relay.example.jp"],
            "spf=none helo out.sender.example - a:mx7.relay.example.jp, certain",
        ),
        ("nothing pinned", &[FORGED, BORDER], Some(0), &[], ""),
    ]);
}

#[test]
fn attacks() {
    let own = "Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=sender.example";
    let own_spf = "spf=fail mailfrom sender.example - a:mx.example.net";
    let both = format!("{own_spf}, passed over 1");
    let google = "spf=pass mailfrom sender.example 192.0.2.1 a:mx.google.com, passed over 1";
    let exchange = "Authentication-Results: spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=x.example; dkim=none";
    let received_spf = "Received-SPF: pass client-ip=192.0.2.1; receiver=mx.example.net; envelope-from=a@bank.example";
    let long = format!("{own} ({})", "x".repeat(LONGEST));
    let torn = "Authentication-Results: mx.example.net; spf=fail (domain of x) y) smtp.mailfrom=x";
    check(&[
        (
            "further below",
            &[own, BORDER, OLDER, FORGED],
            Some(0),
            &["mx.example.net"],
            &format!("{own_spf}, certain, forged 1"),
        ),
        (
            "as the sender's first line, where the host writes above",
            &[own, BORDER, "Authentication-Results: mx.example.net; dkim=pass header.d=bank.example"],
            Some(0),
            &["mx.example.net"],
            &format!("{own_spf}, certain, passed over 1"),
        ),
        ("where a field above is torn", &[torn, BORDER, FORGED], Some(0), &["mx.example.net"], "passed over 1"),
        ("where a field is too long", &[BORDER, &long, FORGED], Some(0), &["mx.example.net"], "passed over 1"),
        (
            "under what the sender wrote",
            &[BORDER, "Subject: x", FORGED, OLDER],
            Some(0),
            &["mx.example.net"],
            "forged 1",
        ),
        ("under what the sender wrote, in a session", &["Subject: x", FORGED], None, &["mx.example.net"], "forged 1"),
        ("as the sender's first line", &[BORDER, own, FORGED, OLDER], Some(0), &["mx.example.net"], &both),
        ("as the sender's first line, in a session", &[own, FORGED], None, &["mx.example.net"], &both),
        (
            "methods that the host does not state, behind a field of several",
            &[
                BORDER,
                "Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=sender.example; dmarc=none",
                "Authentication-Results: mx.example.net; dkim=pass header.d=bank.example",
            ],
            Some(0),
            &["mx.example.net"],
            &both,
        ),
        (
            "methods that Google does not state",
            &[
                BORDER,
                "Authentication-Results: mx.google.com; spf=pass (google.com: domain of a@sender.example designates 192.0.2.1 \
                     as permitted sender) smtp.mailfrom=a@sender.example",
                "Authentication-Results: mx.google.com; dkim=pass header.d=bank.example",
            ],
            Some(0),
            &["mx.google.com"],
            google,
        ),
        (
            "a known limit: a host that writes one method a field, and neither DKIM's nor takes forged fields out",
            &[BORDER, own, "Authentication-Results: mx.example.net; dkim=pass header.d=bank.example"],
            Some(0),
            &["mx.example.net"],
            &format!("{own_spf}, dkim=pass bank.example - - a:mx.example.net"),
        ),
        (
            "a known limit: a host that wrote nothing",
            &[BORDER, FORGED],
            Some(0),
            &["mx.example.net"],
            "spf=pass mailfrom bank.example - a:mx.example.net, dkim=pass bank.example - - a:mx.example.net",
        ),
        (
            "the name of another host of ours",
            &[BORDER, "Authentication-Results: mx2.example.net; spf=fail", FORGED],
            Some(0),
            &["mx.example.net", "mx2.example.net"],
            "spf=fail mailfrom - - a:mx2.example.net, passed over 1",
        ),
        (
            "behind a field of a name that is not pinned",
            &[BORDER, "Authentication-Results: mx2.example.net; spf=fail", FORGED],
            Some(0),
            &["mx.example.net"],
            "passed over 1",
        ),
        ("behind a field that is torn", &[BORDER, torn, FORGED], Some(0), &["mx.example.net"], "passed over 1"),
        ("a nameless field below the border", &[BORDER, EXCHANGE, OLDER], Some(0), &["protection.outlook.com"], ""),
        (
            "a nameless field further below",
            &[exchange, BORDER, OLDER, EXCHANGE],
            Some(0),
            &["protection.outlook.com"],
            "spf=fail mailfrom x.example 192.0.2.1 a:protection.outlook.com, certain",
        ),
        ("a nameless field of a session", &[EXCHANGE, OLDER], None, &["protection.outlook.com"], ""),
        (
            "a nameless field, another name pinned",
            &[EXCHANGE, BORDER],
            Some(0),
            &["mx.example.net", ".outlook.com"],
            "",
        ),
        (
            "another client",
            &[
                "Authentication-Results: mx.example.net; spf=pass (sender IP is 198.51.100.9) smtp.mailfrom=bank.example; dkim=pass \
                     header.d=bank.example",
                "Authentication-Results: mx.example.net; iprev=pass policy.iprev=198.51.100.9; spf=pass smtp.mailfrom=bank.example",
                BORDER,
            ],
            Some(0),
            &["mx.example.net"],
            "passed over 2",
        ),
        (
            "behind a field on another client",
            &[
                BORDER,
                "Authentication-Results: mx.example.net; spf=pass (sender IP is 198.51.100.9) smtp.mailfrom=x",
                FORGED,
            ],
            Some(0),
            &["mx.example.net"],
            "passed over 2",
        ),
        (
            "a second Received-SPF, on the envelope",
            &[
                BORDER,
                "Received-SPF: none identity=helo; helo=x.example; client-ip=192.0.2.1; receiver=mx.example.net",
                received_spf,
            ],
            Some(0),
            &["mx.example.net"],
            "spf=none helo x.example 192.0.2.1 r:mx.example.net, passed over 1",
        ),
        (
            "a Received-SPF behind one without a name",
            &[
                BORDER,
                "Received-SPF: fail (domain of x.example does not designate 192.0.2.1 as permitted sender)",
                received_spf,
            ],
            Some(0),
            &["mx.example.net"],
            "passed over 1",
        ),
        (
            "the sender's domain is called as a pinned host",
            &[
                "Received-SPF: pass (google.com: 192.0.2.1 is authorized to use 'a@google.com' in 'mfrom' identity) \
                     receiver=mx.example.net; client-ip=192.0.2.1",
                BORDER,
            ],
            Some(0),
            &["google.com"],
            "",
        ),
        (
            "a sealed chain that came along",
            &[
                BORDER,
                "ARC-Seal: i=1",
                "ARC-Authentication-Results: i=1; mx.example.net; spf=pass smtp.mailfrom=bank.example; arc=pass",
                OLDER,
                "ARC-Authentication-Results: i=1; mx.example.net; spf=pass",
            ],
            Some(0),
            &["mx.example.net"],
            "",
        ),
        (
            "names that only look like a pinned one",
            &[
                "Authentication-Results: evilrelay.example.jp; spf=pass",
                "Authentication-Results: relay.example.jp; spf=pass",
                "Authentication-Results: relay.example.jp.evil.example; spf=pass",
                "Authentication-Results: \"a b.relay.example.jp\"; spf=pass",
                "Authentication-Results: (mx.example.net) evil.example (mx.example.net); spf=pass",
                "Authentication-Results: ; spf=pass",
                BORDER,
            ],
            Some(0),
            &[".relay.example.jp", "mx.example.net", "", "."],
            "",
        ),
    ]);
}

#[test]
fn a_mail_that_did_not_come_from_outside_has_no_place_to_believe_in() {
    let text = format!("{FORGED}\r\n{BORDER}\r\n\r\n");
    let headers = HeaderSection::read(text.as_bytes(), text.len());
    let message = RawMessage { headers, ..RawMessage::default() };
    let trace = Trace::read(&message);
    let nowhere = Place::Peer { hop: 7, ip: PEER.parse().unwrap() };
    for place in [Place::NotFound(crate::boundary::NotFoundReason::NoAddress), nowhere] {
        let boundary = Boundary { strategy: BoundaryStrategy::Networks, place, hosted: None };
        assert_eq!(Stated::read(&message, &trace, &boundary, &["mx.example.net".to_owned()]), Stated::default());
    }
}

#[test]
fn no_more_is_looked_at_than_is_bounded() {
    let foreign = "Authentication-Results: other.example; spf=pass";
    let mut fields = vec![foreign; MOST_FIELDS];
    fields.extend([FORGED, BORDER]);
    assert_eq!(read(&fields, Some(0), &["mx.example.net"]), Stated::default());
    let long = format!("{FORGED} ({})", "x".repeat(LONGEST));
    assert_eq!(read(&[&long, BORDER], Some(0), &["mx.example.net"]), Stated::default());
    let many = format!("Authentication-Results: mx.example.net{}", "; dkim=pass".repeat(1_000));
    assert_eq!(read(&[&many, BORDER], Some(0), &["mx.example.net"]).dkim.len(), MOST_SIGNATURES);
}

/// A field that somebody made up, out of the pieces of real ones.
fn made_up() -> impl Strategy<Value = String> {
    let name =
        prop::sample::select(vec!["Authentication-Results", "Received-SPF", "ARC-Authentication-Results", "X-A", "To"]);
    let piece = prop::sample::select(vec![
        "mx.example.net",
        ";",
        " ",
        "=",
        "spf",
        "=pass",
        "dkim=fail ",
        "arc=pass",
        "dmarc=none",
        "header.d",
        "header.i=@",
        "header.s=",
        "header.b=\"",
        "smtp.mailfrom=",
        "smtp.helo=",
        "\"",
        "\\",
        "(",
        ")",
        "@",
        "<",
        ">",
        "a.example",
        "B.Example",
        "pass ",
        "none ",
        "(google.com: domain of ",
        " designates 192.0.2.1 as permitted sender)",
        "sender IP is ",
        "192.0.2.1",
        "198.51.100.9",
        "client-ip=",
        "receiver=mx.example.net",
        "envelope-from=",
        "identity=helo",
        "helo=",
        "i=1;",
        "/",
        ".",
        "\r\n\t",
        "\u{e9}",
        "\u{202e}",
        "\0",
    ]);
    let value = prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat());
    (name, prop_oneof![value.clone(), value.prop_map(|value| format!("mx.example.net; {value}")), "\\PC{0,60}"])
        .prop_map(|(name, value)| format!("{name}: {value}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_comes_out_that_was_not_in_the_field(
        mut fields in prop::collection::vec(made_up(), 0..6),
        above in 0usize..6,
        stored in any::<bool>(),
    ) {
        if stored {
            fields.insert(above.min(fields.len()), BORDER.to_owned());
        }
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let stated = read(&fields, stored.then_some(0), &["mx.example.net", ".google.com", "google.com", EXCHANGE_ONLINE]);
        // An escape in a quoted string, and a fold, are the only things that fall away.
        let text = fields.join("\n").replace(['\\', '\r', '\n'], "").to_ascii_lowercase();
        let spf = stated.spf.iter().flat_map(|spf| spf.domain.clone());
        let dkim = stated.dkim.iter().flat_map(|dkim| {
            [dkim.domain.clone(), dkim.selector.clone(), dkim.signature.clone()].into_iter().flatten()
        });
        for said in spf.chain(dkim) {
            prop_assert!(text.contains(&said.to_ascii_lowercase()), "{said:?} of {fields:?}");
            prop_assert!(!said.contains(crate::text::is_unsafe), "{said:?}");
        }
        let ip = stated.spf.as_ref().and_then(|spf| spf.ip);
        prop_assert!(ip.is_none_or(|ip| ip == PEER.parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn nothing_added_under_a_field_of_several_methods_changes_what_is_said(
        added in prop::collection::vec(made_up(), 0..6),
    ) {
        let own = "Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=x.example; dkim=none";
        let honest = [BORDER, "Received-SPF: fail receiver=mx.example.net", own];
        let fields: Vec<&str> = honest.into_iter().chain(added.iter().map(String::as_str)).collect();
        let (before, after) = (read(&honest, Some(0), &["mx.example.net"]), read(&fields, Some(0), &["mx.example.net"]));
        prop_assert_eq!((before.spf, before.dkim), (after.spf, after.dkim));
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0usize..3) {
        let name = ["Authentication-Results", "Received-SPF", "ARC-Authentication-Results"][kind];
        let mut headers = HeaderSection::default();
        headers.push(name.as_bytes(), &[b"mx.example.net;".as_slice(), &bytes].concat());
        headers.push(name.as_bytes(), &bytes);
        let session = Session { peer_ip: PEER.parse().ok(), ..Session::default() };
        let message = RawMessage { headers, session: Some(session), ..RawMessage::default() };
        let place = Place::Peer { hop: 0, ip: PEER.parse().unwrap() };
        let boundary = Boundary { strategy: BoundaryStrategy::Session, place, hosted: None };
        Stated::read(&message, &Trace::read(&message), &boundary, &["mx.example.net".to_owned(), String::new()]);
    }
}
