//! What must hold of inspection whatever a peer sends: the properties on which the ground rule stands.
#![allow(clippy::unwrap_used, reason = "a helper of a test panics as the test does")]
#![allow(clippy::print_stdout, clippy::disallowed_macros, reason = "figures, to be read with --nocapture")]

use proptest::prelude::*;
use relaywatch::{
    clock::Stopwatch,
    config,
    finding::{Basis, Code},
    inspect::{Report, inspect_offline},
    message::{HeaderSection, RawMessage},
    policy::{BoundaryStrategy, Policy},
    session::Session,
    stamp::stamp,
    view,
};

/// Every detector has something to go by: names, networks, a way in, a list.
fn policy(strategy: BoundaryStrategy) -> Policy {
    let text = r#"
        [topology]
        domains = ["victim.example"]
        networks = ["private", "198.51.100.0/24"]
        hosts = ["gw.victim.example"]
        [boundary]
        provider = "own"
        [[provider]]
        id = "own"
        ingress_by = ["gw.victim.example"]
        internal_by = ["store.victim.example"]
        internal_networks = ["10.0.0.0/8"]
        [[ingress]]
        recipients = ["victim.example"]
        must_pass = ["203.0.113.128/25"]
    "#;
    let nothing = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let policy = config::from_text("properties", text.as_bytes(), &nothing).unwrap().policy;
    Policy { boundary: strategy, ..policy }
}

/// What our border recorded of a peer that is none of ours.
fn session(helo: &str) -> Session {
    Session {
        peer_ip: "192.0.2.66".parse().ok(),
        helo: Some(helo.to_owned()),
        border: Some("gw.victim.example".to_owned()),
        mail_from: Some("alice@sender.example".to_owned()),
        recipients: vec!["bob@victim.example".to_owned()],
        ..Session::default()
    }
}

/// The line that our border wrote of such a peer.
fn border_line(helo: &str) -> String {
    format!(
        "Received: from {helo} (relay.example [192.0.2.66])\r\n\tby gw.victim.example (Postfix) with ESMTP id 1\r\n\t\
         for <bob@victim.example>; Mon, 1 Jun 2020 09:00:04 +0900\r\n"
    )
}

/// A `Received` line that somebody made up, out of the pieces of real ones.
fn line() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "from ",
        "by ",
        "with ",
        "id 1 ",
        "for <bob@victim.example>",
        "(",
        ")",
        "[",
        "]",
        "; Mon, 1 Jun 2020 09:00:00 +0900",
        "localhost ",
        "gw.victim.example ",
        "mx.sender.example ",
        "127.0.0.1",
        "198.51.100.7",
        "203.0.113.200",
        "45.77.24.250",
        "192.0.2.66",
        "(Postfix) ",
        "(Postfix, from userid 0) ",
        "(8.18.1/8.18.1/Submit) ",
        "LMTP ",
        "ESMTPA ",
        "local ",
        "uid 71 ",
        "HELO ",
        "qmail 1 invoked by uid 0",
        "\"",
        "\\",
        "@",
        " ",
        "\r\n\t",
    ]);
    let made_up = prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat());
    let whole = prop::sample::select(vec![
        "from mx2.victim.example (mx2.victim.example [198.51.100.7]) by gw.victim.example (Postfix) with ESMTPS id F"
            .to_owned(),
        "by gw.victim.example (Postfix, from userid 0) id F".to_owned(),
        "from localhost (localhost [127.0.0.1]) by gw.victim.example (Postfix) with ESMTP id F".to_owned(),
        "from x (x [45.77.24.250]) by mail.victim.example (Postfix) with ESMTPSA id F".to_owned(),
    ]);
    prop_oneof![made_up, whole].prop_map(|value| format!("Received: {value}\r\n"))
}

/// Header fields that are no trace and no delivery note.
fn other_field() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "Subject",
        "From",
        "To",
        "X-Relaywatch",
        "Authentication-Results",
        "Received-SPF",
        "X-Received",
        "List-Id",
        "DKIM-Signature",
        "X-Forwarded-For",
    ]);
    (name, "[ -~]{0,80}").prop_map(|(name, value)| format!("{name}: {value}\r\n"))
}

fn message(text: &str, session: Option<Session>) -> RawMessage {
    let text = format!("{text}\r\n");
    RawMessage { headers: HeaderSection::read(text.as_bytes(), text.len()), session, ..RawMessage::default() }
}

/// What is said of the hops down to the border on facts that a peer cannot forge. `ingress` says in its words whether the
/// filter stands below, which is a line that can be forged: it must stay, in whatever words.
fn of_the_border(report: &Report<'_>) -> Vec<String> {
    let border = report.boundary.peer().map(|(hop, _)| hop);
    let hard = report.verdict.findings.iter().filter(|finding| finding.basis == Basis::Border && finding.hop <= border);
    hard.map(|finding| match finding.code {
        Code::Ingress => format!("{:?} {:?} {:?}", finding.code, finding.severity, finding.hop),
        _ => format!("{finding:?}"),
    })
    .collect()
}

/// Everything that a report says, but for how long it took.
fn whole(report: &Report<'_>) -> String {
    format!("{:?} {:?} {:?} {:?}", report.boundary, report.envelope, report.outcomes, report.verdict)
}

/// A mail with our border's record of the peer, by session or by line, and what the peer sent below it.
fn cases(helo: &str, below: &str) -> [(RawMessage, BoundaryStrategy); 4] {
    let stored = || message(&format!("{}{below}", border_line(helo)), None);
    [
        (message(below, Some(session(helo))), BoundaryStrategy::Session),
        (stored(), BoundaryStrategy::Networks),
        (stored(), BoundaryStrategy::Hosts),
        (stored(), BoundaryStrategy::Hosted),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_below_the_boundary_change_nothing_above_it(
        helo in prop::sample::select(vec!["mail.victim.example", "neutral.example", "localhost", "[127.0.0.1]", "[198.51.100.7]"]),
        honest in prop::collection::vec(line(), 0..3),
        added in prop::collection::vec(line(), 1..6),
    ) {
        let before = cases(helo, &honest.concat());
        let after = cases(helo, &(added.concat() + &honest.concat()));
        for ((before, strategy), (after, _)) in before.into_iter().zip(after) {
            let policy = policy(strategy);
            let (before, after) = (inspect_offline(&before, &policy), inspect_offline(&after, &policy));
            prop_assert_eq!(&before.boundary, &after.boundary);
            prop_assert_eq!(before.boundary.peer(), Some((0, "192.0.2.66".parse().unwrap())));
            prop_assert_eq!(of_the_border(&before), of_the_border(&after));
        }
        // Less than with nothing below is never said.
        for ((bare, strategy), (after, _)) in cases(helo, "").into_iter().zip(cases(helo, &added.concat())) {
            let policy = policy(strategy);
            prop_assert!(inspect_offline(&after, &policy).verdict.level >= inspect_offline(&bare, &policy).verdict.level);
        }
    }

    #[test]
    fn lines_at_the_bottom_never_lower_the_level(
        helo in prop::sample::select(vec!["mail.victim.example", "neutral.example"]),
        honest in prop::collection::vec(line(), 0..4),
        added in prop::collection::vec(line(), 1..4),
    ) {
        let before = cases(helo, &honest.concat());
        let after = cases(helo, &(honest.concat() + &added.concat()));
        for ((before, strategy), (after, _)) in before.into_iter().zip(after) {
            let policy = policy(strategy);
            let (before, after) = (inspect_offline(&before, &policy), inspect_offline(&after, &policy));
            prop_assert!(after.verdict.level >= before.verdict.level, "{:?}\n{:?}", before.verdict, after.verdict);
        }
    }

    #[test]
    fn fields_that_are_no_trace_do_not_matter(
        helo in prop::sample::select(vec!["mail.victim.example", "neutral.example"]),
        trace in prop::collection::vec(line(), 0..4),
        fields in prop::collection::vec(other_field(), 0..6),
    ) {
        let plain = cases(helo, &trace.concat());
        let full = cases(helo, &(trace.concat() + &fields.concat()));
        for ((plain, strategy), (full, _)) in plain.into_iter().zip(full) {
            let policy = policy(strategy);
            prop_assert_eq!(whole(&inspect_offline(&plain, &policy)), whole(&inspect_offline(&full, &policy)));
        }
    }

    #[test]
    fn any_bytes_go_through_every_output(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        lines in prop::collection::vec(line(), 0..4),
        width in 20usize..200,
        with_session in any::<bool>(),
    ) {
        let mut text = lines.concat().into_bytes();
        text.extend_from_slice(b"Received: ");
        text.extend_from_slice(&bytes);
        text.extend_from_slice(b"\r\nSubject: ");
        text.extend_from_slice(&bytes);
        let helo = String::from_utf8_lossy(&bytes).into_owned();
        let message = RawMessage {
            headers: HeaderSection::read(&text, text.len()),
            session: with_session.then(|| session(&helo)),
            ..RawMessage::default()
        };
        for strategy in BoundaryStrategy::ALL {
            let policy = policy(strategy);
            let report = inspect_offline(&message, &policy);
            prop_assert_eq!(whole(&report), whole(&inspect_offline(&message, &policy)));
            stamp(&message, &report, &policy.stamp);
            let json = view::json::pretty(&view::json::report(&report, &message)).unwrap();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
            let mut table = Vec::new();
            view::table::write(&mut table, &report, &message, &view::Style { width, ..view::Style::default() }).unwrap();
            let table = String::from_utf8(table).unwrap();
            prop_assert!(!table.contains(|c: char| c != '\n' && relaywatch::text::is_unsafe(c)), "{:?}", table);
        }
    }
}

/// No message takes long, and none takes quadratically long: an MTA waits for the answer.
#[test]
fn hostile_messages_take_linear_time() {
    let policy = policy(BoundaryStrategy::Session);
    let listed =
        "Received: from x (x [45.77.24.250]) by mail.coincheck.com with SMTP; Mon, 1 Jun 2020 09:00:00 +0900\r\n";
    let local = "Received: by mail.victim.example (Postfix, from userid 0) id F; Mon, 1 Jun 2020 09:00:00 +0900\r\n";
    let ours = "Received: from x (x [198.51.100.7]) by gw.victim.example with SMTP; Mon, 1 Jun 2020 09:00:00 +0900\r\n";
    let long = format!("Received: from x by {}\r\n", "(a [192.0.2.1]) ".repeat(6_000));
    let deep = format!("Received: from x {} by y{}\r\n", "(".repeat(50_000), ")".repeat(50_000));
    let shapes: [(&str, &str); 10] = [
        ("listed hops", listed),
        ("local hops", local),
        ("hops of ours", ours),
        ("tiny hops", "Received:\r\n"),
        ("one long field", &long),
        ("deep comments", &deep),
        ("forged results", "Authentication-Results: x; x-relay-path=pass\r\n"),
        ("forged fields", "X-Relaywatch: clean\r\n"),
        ("other fields", "A: b\r\n"),
        (
            "many names",
            "Received: from a.b.c.d.e.f.g.h.i.j (a.b.c.d.e.f.g.h.example [192.0.2.1]) by a.b.c.d.e.f.g.h.example; x\r\n",
        ),
    ];
    for (name, shape) in shapes {
        let time = |bytes: usize| {
            let message = message(&shape.repeat((bytes / shape.len()).max(1)), Some(session("x")));
            let runs = (0..3).map(|_| {
                let watch = Stopwatch::start();
                let report = inspect_offline(&message, &policy);
                std::hint::black_box(stamp(&message, &report, &policy.stamp));
                watch.elapsed()
            });
            runs.min().unwrap_or_default().as_secs_f64()
        };
        let (small, large) = (time(128 * 1024), time(1024 * 1024));
        println!("{name}: {:.2} ms for 128 KiB, {:.2} ms for 1 MiB", small * 1e3, large * 1e3);
        assert!(large < small * 40.0 + 0.01, "{name}: {small} s, then {large} s");
    }
    let hops = 2_000;
    let message = message(&listed.repeat(hops), Some(session("x")));
    let watch = Stopwatch::start();
    std::hint::black_box(inspect_offline(&message, &policy));
    println!("{hops} listed hops: {:.2} ms", watch.elapsed().as_secs_f64() * 1e3);
}
