//! The Received reader against the labelled lines of `tests/received/`, and properties that hold on any bytes.
//!
//! The labels were decided by hand and are not to be blessed: tests/received/README.md says how.

#![allow(clippy::unwrap_used, reason = "a helper of a test panics as the test does")]

#[path = "support/addresses.rs"]
mod addresses;

use std::{collections::HashSet, fs, net::IpAddr, path::Path, path::PathBuf};

use addresses::addresses_in;
use proptest::prelude::*;
use relaywatch::trace::{DetailsJson, FieldsLine, HopKind, Received, Written, read_received};
use serde_json::{Map, Value};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/received")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files
}

/// The keys of a label, in the order in which they stand in a line.
const KEYS: [&str; 23] = [
    "kind",
    "dialect",
    "helo",
    "rdns",
    "ip",
    "helo_ip",
    "port",
    "ident",
    "by",
    "by_ip",
    "via",
    "with",
    "id",
    "for",
    "envelope_from",
    "tls",
    "tls_version",
    "cipher",
    "verified",
    "software",
    "time",
    "zone",
    "ambiguous",
];

/// What the reader says of a line: every key that is not null.
fn labels(line: &str) -> Map<String, Value> {
    let received = read_received(line.as_bytes());
    let mut labels = Map::new();
    for part in [serde_json::to_value(FieldsLine::from(&received)), serde_json::to_value(DetailsJson::from(&received))]
    {
        let Value::Object(part) = part.unwrap() else { unreachable!() };
        labels.extend(part);
    }
    labels.insert("dialect".to_owned(), received.dialect.into());
    labels.insert("time".to_owned(), received.time.map(|time| time.to_string()).into());
    let mut open: Vec<Value> =
        received.ambiguities.iter().map(|open| serde_json::to_value(open.field).unwrap()).collect();
    open.sort_by_key(Value::to_string);
    labels.insert("ambiguous".to_owned(), if open.is_empty() { Value::Null } else { open.into() });
    labels.retain(|key, value| KEYS.contains(&key.as_str()) && !value.is_null());
    labels
}

#[test]
fn every_labelled_line_is_read_as_labelled() {
    let (mut lines, mut wrong, mut dialects) = (0, String::new(), HashSet::new());
    for path in files() {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Value::Object(mut expected) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
            let Some(Value::String(received)) = expected.remove("received") else { panic!("{line}") };
            let unknown = expected.keys().find(|key| !KEYS.contains(&key.as_str()));
            assert_eq!(unknown, None, "{line}");
            dialects.extend(expected.get("dialect").and_then(Value::as_str).map(str::to_owned));
            lines += 1;
            let read = labels(&received);
            for key in KEYS {
                if read.get(key) != expected.get(key) {
                    let (label, read) = (expected.get(key), read.get(key));
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    wrong += &format!("{name}: {received}\n  {key}: labelled {label:?}, read {read:?}\n");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(lines >= 700, "only {lines} lines");
    let unlabelled: Vec<_> = dialects_of_the_reader().filter(|name| !dialects.contains(*name)).collect();
    assert!(unlabelled.is_empty(), "no labelled line of {unlabelled:?}");
}

fn dialects_of_the_reader() -> impl Iterator<Item = &'static str> {
    relaywatch::trace::dialects().map(|(name, _)| name)
}

#[test]
fn no_attack_leads_to_a_false_address() {
    let text = fs::read_to_string(folder().join("attacks.jsonl")).unwrap();
    let honest: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let received = read_received(value["received"].as_str().unwrap().as_bytes());
        assert!(received.ip.is_none_or(|ip| honest.contains(&ip)), "{line}");
        assert!(received.by.is_none_or(|by| by.ends_with("example.org")), "{line}");
    }
}

#[test]
fn folds_and_case_of_keywords_do_not_matter() {
    for path in files() {
        for line in fs::read_to_string(path).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            let text = value["received"].as_str().unwrap();
            let folded = text.replace(" by ", "\r\n\tby ").replace(" with ", "\r\n\twith ").replace("; ", ";\r\n\t");
            let (plain, folded) = (read_received(text.as_bytes()), read_received(folded.as_bytes()));
            assert_eq!((plain.ip, plain.by, plain.time), (folded.ip, folded.by, folded.time), "{text}");
            let shouted = text.replace(" by ", " BY ").replace(" with ", " WITH ").replace(" id ", " ID ");
            let (plain, shouted) = (read_received(text.as_bytes()), read_received(shouted.as_bytes()));
            // qmail-scanner's `by uid` is told by its case.
            if plain.kind != HopKind::Local {
                assert_eq!((plain.ip, plain.by, plain.with), (shouted.ip, shouted.by, shouted.with), "{text}");
            }
        }
    }
}

fn check(bytes: &[u8]) -> Result<Received<'_>, TestCaseError> {
    let received = read_received(bytes);
    let stated = addresses_in(bytes);
    for ip in [received.ip, received.by_ip].into_iter().flatten() {
        prop_assert!(stated.contains(&ip), "{ip} does not stand in the text");
    }
    Ok(received)
}

/// Text made of the pieces that the grammar is made of, so that random text gets deep into the reader.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "from ",
        "by ",
        "with ",
        "id ",
        "for ",
        "via ",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        ";",
        "\"",
        "\\",
        " ",
        "\r\n\t",
        ":",
        "192.0.2.1",
        "2001:db8::1",
        "IPv6:",
        "helo=",
        "HELO ",
        "EHLO ",
        "mx.example.org",
        "unknown",
        "ESMTPS",
        "Postfix",
        "Exim 4.98",
        "8.17.1/8.17.1",
        "Mon, 3 Nov 2025 10:00:00 +0100",
        "2025-01-02 15:04:05.1 +0000 UTC",
        "@",
        "port=25",
        "using TLSv1.3",
        "\u{fc}",
        "\0",
        "15.1.225.42",
        "uid ",
        "Microsoft SMTP Server",
        "127.0.0.1",
        " - ",
        "192.0.02.07",
        "crosscheck: mx [192.0.2.3]",
        "(qfscan remoteip=192.0.2.4): ",
        "<a@b>",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check(&bytes)?;
    }

    #[test]
    fn any_pieces_are_read(bytes in pieces()) {
        check(&bytes)?;
    }

    #[test]
    fn a_helo_never_moves_the_address(helo in "[ -~]{0,60}") {
        let line = format!("from {helo} (host.example.com [192.0.2.1]) by mx.example.org (Postfix) with ESMTP id 1; \
                            Mon, 3 Nov 2025 10:00:00 +0100");
        let received = check(line.as_bytes())?;
        prop_assert!(received.ip.is_none_or(|ip| ip.to_string() == "192.0.2.1"), "{line}: {received:?}");
    }

    #[test]
    fn a_hostile_helo_never_moves_the_address(helo in pieces()) {
        let helo = String::from_utf8_lossy(&helo).replace("192.0.2.1", "9.9.9.9").replace("127.0.0.1", "9.9.9.8");
        let line = format!("from x{helo} (host.example.com [192.0.2.1]) by mx.example.org (Postfix) with ESMTP id 1; \
                            Mon, 3 Nov 2025 10:00:00 +0100");
        let received = check(line.as_bytes())?;
        prop_assert!(received.ip.is_none_or(|ip| ip.to_string() == "192.0.2.1"), "{line}: {received:?}");
    }

    #[test]
    fn text_inside_a_comment_of_less_trust_changes_nothing(
        text in "[a-zA-Z0-9 .@<>=:;,\\[\\]\"/_-]{0,60}",
        place in prop::sample::select(LESS_TRUSTED.to_vec()),
    ) {
        let (with, without) = (place.replace("{}", &text), place.replace("{}", ""));
        let (with, without) = (read_received(with.as_bytes()), read_received(without.as_bytes()));
        prop_assert_eq!((with.ip, with.by, with.rdns, with.helo), (without.ip, without.by, without.rdns, without.helo));
        prop_assert_eq!((with.kind, with.time, with.id), (without.kind, without.time, without.id));
    }

    #[test]
    fn nothing_comes_out_that_does_not_stand_in_the_text(bytes in pieces()) {
        every_text_stands_in(&bytes)?;
    }

    #[test]
    fn nor_out_of_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        every_text_stands_in(&bytes)?;
    }
}

/// Lines with a comment that holds what a client, its certificate, its login or its sender says, at `{}`.
const LESS_TRUSTED: [&str; 6] = [
    "from x (host.example.com [192.0.2.1]) (Authenticated sender: {}) by mx.example.org (Postfix) with ESMTP id 1; Mon, 3 Nov \
     2025 10:00:00 +0100",
    "from x (host.example.com [192.0.2.1]) (using TLSv1.3 with cipher X (256/256 bits)) (Client CN \"{}\", Issuer \"y\" (not \
     verified)) by mx.example.org (Postfix) with ESMTPS id 1; Mon, 3 Nov 2025 10:00:00 +0100",
    "from host.example.com ([192.0.2.1] helo=x) by mx.example.org with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.98) \
     (envelope-from <a{}>) id 1tE6ty-0000000ERvE-1o26; Mon, 3 Nov 2025 10:00:00 +0100",
    "from x (host.example.com [192.0.2.1]) by mx.example.org (8.18.1/8.18.1) with ESMTP id 5A3 (user=a{} mech=PLAIN) for \
     <b@example.org>; Mon, 3 Nov 2025 10:00:00 +0100",
    "from x ([192.0.2.1]) (AUTH: LOGIN a{}, TLS: TLSv1.2,256bits,AES256-SHA) by mx.example.org with ESMTPSA; Mon, 3 Nov 2025 \
     10:00:00 +0100 id 030003E7.4620A94B.000018D6",
    "from x (host.example.com [192.0.2.1]) by mx.example.org with ESMTP id S1 (ORCPT <rfc822;a{}>); Mon, 3 Nov 2025 10:00:00 \
     +0100",
];

/// Every text that comes out, without its white space, stands in what went in, without its white space.
fn every_text_stands_in(bytes: &[u8]) -> Result<(), TestCaseError> {
    let dense = |text: &str| text.split_ascii_whitespace().collect::<String>();
    let input = dense(&String::from_utf8_lossy(bytes));
    let received = read_received(bytes);
    let texts = [
        &received.helo,
        &received.rdns,
        &received.ident,
        &received.by,
        &received.via,
        &received.with,
        &received.id,
        &received.recipient,
        &received.envelope_from,
        &received.zone,
        &received.cipher,
        &received.software,
    ];
    for text in texts.into_iter().flatten() {
        prop_assert!(input.contains(&dense(text)), "{text:?} does not stand in {input:?}");
    }
    let written = Written::read(bytes);
    for text in written.comments.iter().chain(&written.date) {
        prop_assert!(input.contains(&dense(text)), "{text:?} does not stand in {input:?}");
    }
    Ok(())
}

/// Linear in time: sixteen times the text may take a good deal more than sixteen times as long on a busy machine, but not
/// the 256 times of a quadratic reader.
#[test]
fn hostile_text_takes_linear_time() {
    let shapes: [&[u8]; 9] =
        [b"(", b")", b"()", b"\\(", b"\"", b"[", b"by ", b"for <", b"from x (y [192.0.2.1]) by z; "];
    for shape in shapes {
        let time = |size: usize| {
            let text = shape.repeat(size / shape.len());
            let runs = (0..5).map(|_| {
                let watch = relaywatch::clock::Stopwatch::start();
                std::hint::black_box(read_received(&text));
                watch.elapsed()
            });
            runs.min().unwrap_or_default().as_secs_f64()
        };
        let (small, large) = (time(16 * 1024), time(256 * 1024));
        assert!(large < small * 100.0 + 0.005, "{}: {small} s, then {large} s", String::from_utf8_lossy(shape));
    }
}
