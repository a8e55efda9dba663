//! A real Postfix with the daemon as its milter: what is delivered, counted and logged, and what the SMTP client is told.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use support::{
    daemon::{Daemon, NO_LIST, TOPOLOGY, without_list},
    delivered::Delivered,
    mails::{self, ALICE, ATTACKER, BOB, Mail, REPLAY},
    postfix::Postfix,
    process,
    smtp::{Client, Reply},
};

/// Sends a mail in a session of its own.
fn send(postfix: &Postfix, mail: &Mail, message: &[u8]) -> Reply {
    let mut session = postfix.session(mail.client);
    let reply = session.send(mail.sender, &[BOB], message);
    session.quit();
    reply
}

/// The value of the one `Authentication-Results` field of ours.
fn path_result(mail: &Delivered) -> &str {
    let ours: Vec<&str> =
        mail.all("Authentication-Results").into_iter().filter(|value| value.contains("x-relay-path")).collect();
    assert_eq!(ours.len(), 1, "one field of ours: {ours:?}");
    ours[0]
}

/// Our two fields stand side by side, above everything that the sender wrote.
fn assert_on_top(mail: &Delivered) {
    let place = mail.place("X-Relaywatch").expect("X-Relaywatch is there");
    let names = mail.names();
    assert_eq!(names[place + 1], "Authentication-Results", "{names:?}");
    let border = ["Return-Path", "X-Original-To", "Delivered-To", "Received"];
    assert!(names[..place].iter().all(|name| border.contains(name)), "only the border writes above: {names:?}");
    assert!(names[..place].iter().filter(|name| **name == "Received").count() <= 1, "{names:?}");
}

/// Sends the eight mails and holds header, /metrics and log to what must be said of them.
fn replay(milter: impl Fn(&Daemon) -> String, with_list: bool) {
    let daemon = Daemon::start(&format!("{TOPOLOGY}{}", if with_list { "" } else { NO_LIST }));
    let postfix = Postfix::start(&milter(&daemon), &[]);
    let (level, codes) = if with_list { ("malicious", "indicator,own-name") } else { ("suspicious", "own-name") };
    let before = daemon.metrics();
    let mut queue_ids = Vec::new();

    for mail in &REPLAY {
        let (id, message) = mail.message();
        let reply = send(&postfix, mail, &message);
        assert_eq!(reply.code, 250, "{}: {reply:?}", mail.case);
        let delivered = postfix.mail(&id);
        let verdict = delivered.one("X-Relaywatch").unwrap_or_else(|| panic!("{} has no X-Relaywatch", mail.case));
        let hops = delivered.all("Received").len();
        let peer = mail.peer;
        if mail.hijacked {
            queue_ids.push(reply.queue_id().to_owned());
            assert_eq!(verdict, format!("{level}; codes={codes}; peer={peer}; hops={hops}"), "{}", mail.case);
        } else {
            assert_eq!(verdict, format!("clean; peer={peer}; hops={hops}"), "{}", mail.case);
        }
        let result = path_result(&delivered);
        if mail.hijacked {
            let codes = codes.replace(',', "+");
            assert!(result.starts_with("gw.coincheck.com;\tx-relay-path=fail\treason=\""), "{result:?}");
            assert!(
                result.contains(peer) && result.ends_with(&format!("\tpolicy.codes={codes}\tsmtp.remote-ip={peer}")),
                "{result:?}"
            );
        } else {
            assert_eq!(result, format!("gw.coincheck.com;\tx-relay-path=pass\tsmtp.remote-ip={peer}"), "{}", mail.case);
        }
        assert_on_top(&delivered);
    }

    let after = daemon.metrics();
    let moved = after.since(&before);
    let change = |sample: &str| moved.get(sample).copied().unwrap_or(0.0);
    assert_eq!(change("relaywatch_messages_total{verdict=\"clean\"}"), 5.0, "{moved:#?}");
    assert_eq!(change(&format!("relaywatch_messages_total{{verdict=\"{level}\"}}")), 3.0, "{moved:#?}");
    assert_eq!(change("relaywatch_actions_total{action=\"accept\"}"), 8.0, "{moved:#?}");
    assert_eq!(change("relaywatch_detector_outcomes_total{code=\"own-name\",outcome=\"finding\"}"), 3.0, "{moved:#?}");
    let indicator = if with_list { 3.0 } else { 0.0 };
    assert_eq!(
        change("relaywatch_detector_outcomes_total{code=\"indicator\",outcome=\"finding\"}"),
        indicator,
        "{moved:#?}"
    );
    assert_eq!(change("relaywatch_boundary_total{result=\"peer\",strategy=\"session\"}"), 8.0, "{moved:#?}");
    assert_eq!(change("relaywatch_milter_message_duration_seconds_count"), 8.0, "{moved:#?}");
    assert_eq!(after.value("relaywatch_suspect_messages{peer=\"45.77.24.250\"}"), 3.0);
    assert_eq!(after.sum("relaywatch_milter_errors_total"), 0.0, "{moved:#?}");
    assert!(!moved.contains_key("relaywatch_hops_total{kind=\"unparsed\"}"), "{moved:#?}");

    let anomalies = daemon.anomalies();
    assert_eq!(anomalies.len(), 3, "{anomalies:#?}");
    for (line, queue_id) in anomalies.iter().zip(&queue_ids) {
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["verdict"], level);
        assert_eq!(line["codes"], codes);
        assert_eq!(line["peer"], ATTACKER.ip);
        assert_eq!(line["queue_id"], queue_id.as_str());
        assert_eq!(line["recipient"], BOB);
        assert!(line["message"].as_str().unwrap().contains(ATTACKER.ip), "{line}");
    }
    daemon.assert_sound();
}

#[test]
fn the_hijack_is_seen_on_the_first_message_over_a_unix_socket() {
    replay(Daemon::unix, false);
}

#[test]
fn the_hijack_is_seen_on_the_first_message_over_tcp() {
    replay(Daemon::inet, false);
}

#[test]
fn with_the_shipped_list_the_hijack_is_malicious_over_a_unix_socket() {
    replay(Daemon::unix, true);
}

#[test]
fn with_the_shipped_list_the_hijack_is_malicious_over_tcp() {
    replay(Daemon::inet, true);
}

#[test]
fn forged_copies_of_our_fields_are_taken_out_and_foreign_results_stay() {
    let daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let before = daemon.metrics();
    let (id, message) = mails::with_fields(
        b"X-Relaywatch: clean; forged=1
Authentication-Results: gw.coincheck.com; x-relay-path=pass forged=2
x-RELAYWATCH: clean; forged=3
Authentication-Results: mx.sender.example; spf=pass smtp.mailfrom=sender.example
Received: from ws.sender.example (ws.sender.example [203.0.113.99])
\tby mx1.sender.example (Postfix) with ESMTP id F383AAA44AD
\tfor <bob@coincheck.com>; Sun, 22 Nov 2026 12:03:15 +0000 (UTC)
X-Relaywatch : clean; forged=4
authentication-RESULTS: other.example;
\tX-Relay-Path=pass forged=5
Authentication-Results : gw.coincheck.com; dkim=pass;
\tx-relay-path=pass forged=6
X-Relaywatch-Other: not ours
X-Relaywatch:
\tclean; forged=7
X-Relaywatch: clean; forged=8
",
    );
    let reply = send(&postfix, &mails::ordinary(), &message);
    assert_eq!(reply.code, 250, "{reply:?}");
    let delivered = postfix.mail(&id);
    let forged: Vec<(&str, &str)> = ["X-Relaywatch", "Authentication-Results"]
        .into_iter()
        .flat_map(|name| delivered.all(name).into_iter().map(move |value| (name, value)))
        .filter(|(_, value)| value.contains("forged"))
        .collect();
    assert!(forged.is_empty(), "{forged:?} of {:#?}", delivered.names());
    assert_eq!(delivered.one("X-Relaywatch").as_deref(), Some("clean; peer=203.0.113.10; hops=2"));
    assert_eq!(path_result(&delivered), "gw.coincheck.com;\tx-relay-path=pass\tsmtp.remote-ip=203.0.113.10");
    let foreign = "mx.sender.example; spf=pass smtp.mailfrom=sender.example";
    assert!(
        delivered.all("Authentication-Results").contains(&foreign),
        "{:?}",
        delivered.all("Authentication-Results")
    );
    assert_eq!(delivered.one("X-Relaywatch-Other").as_deref(), Some("not ours"));
    assert_on_top(&delivered);
    assert_eq!(daemon.metrics().since(&before).get("relaywatch_forged_headers_stripped_total"), Some(&8.0));
    daemon.assert_sound();
}

#[test]
fn reject_tempfail_and_quarantine_are_what_postfix_answers() {
    let suspicious =
        |action: &str| Daemon::start(&format!("{TOPOLOGY}{NO_LIST}[actions]\nsuspicious = \"{action}\"\n"));
    for (action, code, text) in [("reject", 550, "5.7.1"), ("tempfail", 451, "4.7.1")] {
        let daemon = suspicious(action);
        let postfix = Postfix::start(&daemon.unix(), &[]);
        let (bad_id, bad) = mails::hijacked().message();
        let (good_id, good) = mails::ordinary().message();
        let reply = send(&postfix, &mails::hijacked(), &bad);
        assert_eq!(reply.code, code, "{action}: {reply:?}");
        assert!(reply.text.starts_with(text), "{action}: {reply:?}");
        assert!(
            !reply.text.contains(ATTACKER.ip) && !reply.text.contains("own-name"),
            "the peer learns nothing: {reply:?}"
        );
        assert_eq!(send(&postfix, &mails::ordinary(), &good).code, 250);
        postfix.mail(&good_id);
        postfix.settle();
        assert!(postfix.mails(&bad_id).is_empty(), "a refused mail was delivered");
        assert_eq!(daemon.metrics().value(&format!("relaywatch_actions_total{{action=\"{action}\"}}")), 1.0);
        assert_eq!(daemon.anomalies()[0]["action"], action);
        daemon.assert_sound();
    }

    let daemon = suspicious("quarantine");
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let (bad_id, bad) = mails::hijacked().message();
    let (good_id, good) = mails::ordinary().message();
    let reply = send(&postfix, &mails::hijacked(), &bad);
    assert_eq!(reply.code, 250, "{reply:?}");
    assert_eq!(send(&postfix, &mails::ordinary(), &good).code, 250);
    postfix.mail(&good_id);
    postfix.settle();
    assert!(postfix.mails(&bad_id).is_empty(), "a held mail was delivered");
    assert_eq!(postfix.queued("hold"), [reply.queue_id()]);
    let held = postfix.show_queued(reply.queue_id());
    assert!(held.contains("X-Relaywatch: suspicious; codes=own-name;"), "{held}");
    daemon.assert_sound();
}

#[test]
fn each_level_has_an_action_of_its_own() {
    let daemon = Daemon::start(&format!("{TOPOLOGY}[actions]\nsuspicious = \"tempfail\"\nmalicious = \"reject\"\n"));
    let postfix = Postfix::start(&daemon.unix(), &[]);
    // Known bad by the shipped list.
    let (_, bad) = mails::hijacked().message();
    assert_eq!(send(&postfix, &mails::hijacked(), &bad).code, 550);
    // Not on the list, and calls itself by a name of ours.
    let unknown = Mail { client: Client { ip: "203.0.113.66", ..ATTACKER }, ..mails::hijacked() };
    let (_, odd) = unknown.message();
    assert_eq!(send(&postfix, &unknown, &odd).code, 451);
    daemon.assert_sound();
}

#[test]
fn every_recipient_gets_one_copy_and_every_message_of_a_session_its_own_verdict() {
    let daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let recipients: Vec<String> = (0..20).map(|number| format!("user{number}@coincheck.com")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();

    let mut session = postfix.session(ATTACKER);
    let (first, message) = mails::hijacked().message();
    session.send(ALICE, &recipients, &message);
    // A message that is begun and given up leaves nothing behind.
    session.say(250, "MAIL FROM:<nobody@other.example>");
    session.say(250, "RCPT TO:<given-up@coincheck.com>");
    session.say(250, "RSET");
    let (second, message) = mails::with_fields(b"");
    session.send("", &[BOB], &message);
    let (third, message) = mails::with_fields(b"X-Relaywatch: clean\n");
    session.send(ALICE, &[BOB], &message);
    session.quit();

    postfix.mail(&first);
    postfix.settle();
    let copies = postfix.mails(&first);
    let mut delivered_to: Vec<String> = copies.iter().filter_map(|copy| copy.one("Delivered-To")).collect();
    delivered_to.sort();
    let mut expected: Vec<&str> = recipients.clone();
    expected.sort_unstable();
    assert_eq!(delivered_to, expected);
    for copy in &copies {
        assert_eq!(copy.one("X-Relaywatch").as_deref(), Some("suspicious; codes=own-name; peer=45.77.24.250; hops=3"));
    }
    for id in [&second, &third] {
        let mails = postfix.mails(id);
        assert_eq!(mails.len(), 1);
        assert_eq!(
            mails[0].one("X-Relaywatch").as_deref(),
            Some("suspicious; codes=own-name; peer=45.77.24.250; hops=1")
        );
    }
    let anomalies = daemon.anomalies();
    let senders: Vec<&str> = anomalies.iter().filter_map(|line| line["sender"].as_str()).collect();
    let counts: Vec<u64> = anomalies.iter().filter_map(|line| line["recipients"].as_u64()).collect();
    assert_eq!(senders, [ALICE, "", ALICE], "{anomalies:#?}");
    assert_eq!(counts, [20, 1, 1], "{anomalies:#?}");
    daemon.assert_sound();
}

#[test]
fn forged_copies_are_taken_out_wherever_they_stand_and_ours_stays_first_among_20_000() {
    let daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    // Behind more header than the daemon keeps.
    let padding = format!("X-Padding: {}\n", "x".repeat(900)).repeat(1300);
    let forged = "X-Relaywatch: clean; forged=1
Authentication-Results: mx.sender.example; spf=pass smtp.mailfrom=sender.example
Authentication-Results: gw.coincheck.com; x-relay-path=pass forged=2
";
    let (id, message) = mails::with_fields(format!("{padding}{forged}").as_bytes());
    assert_eq!(send(&postfix, &mails::hijacked(), &message).code, 250);
    let delivered = postfix.mail(&id);
    let verdict = delivered.one("X-Relaywatch");
    assert_eq!(verdict.as_deref(), Some("suspicious; codes=own-name; peer=45.77.24.250; hops=1"));
    assert!(path_result(&delivered).contains("x-relay-path=fail"));
    assert_eq!(delivered.all("Authentication-Results").len(), 2, "the foreign one stays");
    assert_eq!(daemon.metrics().value("relaywatch_milter_errors_total{kind=\"header_limit\"}"), 1.0);
    assert_eq!(daemon.metrics().value("relaywatch_forged_headers_stripped_total"), 2.0);

    // More than Postfix can take out before it gives up on its milter.
    let (id, message) = mails::with_fields("X-Relaywatch: clean; forged\n".repeat(20_000).as_bytes());
    assert_eq!(send(&postfix, &mails::hijacked(), &message).code, 250);
    let delivered = postfix.mail(&id);
    let first = delivered.all("X-Relaywatch")[0];
    assert_eq!(first, "suspicious; codes=own-name; peer=45.77.24.250; hops=1");
    assert_on_top(&delivered);
    daemon.assert_sound();
}

#[test]
fn peers_of_every_kind_are_named_as_they_are() {
    let daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.inet(), &[("inet_protocols", "all")]);
    let own_name = "suspicious; codes=own-name";
    for (ip, name, helo, verdict, shown) in [
        ("203.0.113.10", "", "mx1.sender.example", "clean", "203.0.113.10"),
        ("203.0.113.10", "", "[203.0.113.10]", "clean", "203.0.113.10"),
        ("203.0.113.66", "", "MAIL.CoinCheck.COM.", own_name, "203.0.113.66"),
        ("203.0.113.66", "mail.coincheck.com", "elsewhere.example", own_name, "203.0.113.66"),
        ("203.0.113.66", "x.example", "[198.51.100.5]", own_name, "203.0.113.66"),
        ("203.0.113.66", "x.example", "notcoincheck.com", "clean", "203.0.113.66"),
        ("2001:db8::25", "mx1.sender.example", "mx1.sender.example", "clean", "\"2001:db8::25\""),
        ("2001:db8::66", "x.example", "gw.coincheck.com", own_name, "\"2001:db8::66\""),
    ] {
        let (id, message) = mails::with_fields(b"");
        let reply = postfix.session(Client { ip, name, helo }).send(ALICE, &[BOB], &message);
        assert_eq!(reply.code, 250, "{helo}: {reply:?}");
        let delivered = postfix.mail(&id);
        assert_eq!(delivered.one("X-Relaywatch"), Some(format!("{verdict}; peer={ip}; hops=1")), "{ip} {name} {helo}");
        assert!(path_result(&delivered).ends_with(&format!("\tsmtp.remote-ip={shown}")), "{}", path_result(&delivered));
    }
    // Mail of the machine itself has no outside peer.
    let (id, message) = mails::with_fields(b"");
    postfix.submit("cron@coincheck.com", BOB, &message);
    let delivered = postfix.mail(&id);
    assert_eq!(delivered.one("X-Relaywatch").as_deref(), Some("clean; boundary=internal; hops=1"));
    daemon.assert_sound();
}

#[test]
fn monstrous_headers_are_delivered_counted_and_bounded() {
    let daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.unix(), &[("hopcount_limit", "5000"), ("header_size_limit", "1000000")]);
    let received = |count: usize| -> Vec<u8> {
        let field = |number: usize| {
            format!(
                "Received: from h{}.sender.example (h{0}.sender.example [203.0.113.10])\n\tby h{number}.sender.example (Postfix) \
                 with ESMTP id {number:X}\n\tfor <bob@coincheck.com>; Sun, 22 Nov 2026 12:03:15 +0000 (UTC)\n",
                number + 1
            )
        };
        (0..count).map(field).collect::<String>().into_bytes()
    };
    let one_field = |size: usize| -> Vec<u8> {
        let folds: String = (0..size / 64).map(|number| format!("\n\t{number:062}")).collect();
        format!("X-Long:{folds}\n").into_bytes()
    };
    let deep_comment = format!("Received: from a.example {}by b.example\n", "(\n\t".repeat(20_000));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "100 KB in 1,000 fields",
            (0..1000).map(|n| format!("X-Many-{n}: {}\n", "x".repeat(90))).collect::<String>().into_bytes(),
        ),
        ("100 KB in one field", one_field(100_000)),
        ("900 KB in one field", one_field(900_000)),
        ("a line of 50 KB", [b"X-Line: ".to_vec(), vec![b'x'; 50_000], b"\n".to_vec()].concat()),
        ("2,000 Received fields", received(2000)),
        ("a comment that never ends", deep_comment.into_bytes()),
        ("NUL bytes", b"Received: from a\0b (c\0d [203.0.113.7]) by e; \0\nX-Nul: \0\0\0\n".to_vec()),
        (
            "8-bit bytes",
            b"Received: from \xff\xfe.example (\xc3\xbc [203.0.113.7]) by \x80; \xff\nX-Eight: \xf0\x9f\x98\x80\xff\n"
                .to_vec(),
        ),
        ("control bytes", b"Received: from \x1b[31m (\x07 [203.0.113.7]) by \x7f; \x01\nX-Cr: a\rb\n".to_vec()),
        ("300,000 tiny fields", b"A:\n".repeat(300_000)),
        ("no field at all", Vec::new()),
    ];
    for (what, fields) in cases {
        let before = daemon.metrics();
        let (id, message) = mails::with_fields(&fields);
        let reply = send(&postfix, &mails::ordinary(), &message);
        assert_eq!(reply.code, 250, "{what}: {reply:?}");
        let delivered = postfix.mail(&id);
        let verdict =
            delivered.one("X-Relaywatch").unwrap_or_else(|| panic!("{what}: no X-Relaywatch\n{}", daemon.log_text()));
        assert!(verdict.contains("peer=203.0.113.10"), "{what}: {verdict}");
        assert_on_top(&delivered);
        let after = daemon.metrics();
        assert_eq!(after.sum("relaywatch_messages_total") - before.sum("relaywatch_messages_total"), 1.0, "{what}");
        if what == "2,000 Received fields" {
            assert!(verdict.ends_with("hops=2001"), "{what}: {verdict}");
            assert_eq!(after.sum("relaywatch_hops_total") - before.sum("relaywatch_hops_total"), 2001.0, "{what}");
        }
    }
    daemon.assert_sound();
    let peak = process::memory(daemon.pid(), "VmHWM");
    assert!(peak < 128 << 20, "the daemon took {peak} bytes");
}
