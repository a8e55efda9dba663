//! No hop is lost by not reading it: what the reader of `Received` finds in any bytes, its needle finds there as well.

use std::{fs, path::Path};

use proptest::prelude::*;

use super::*;
use crate::{
    hunt::{Facts, Wanted},
    names::Domain,
    net::parse_network,
    trace::read_received,
};

/// Each indicator that fits a part of this field.
fn indicators(field: &[u8]) -> Vec<Value> {
    let received = read_received(field);
    let facts = Facts::from(&received);
    let addresses = [facts.address, facts.helo_address, facts.by_address].into_iter().flatten();
    let addresses: Vec<_> = addresses.chain(facts.candidates).map(|ip| Value::Network(ip.into())).collect();
    let names = [facts.helo, facts.name, facts.by].into_iter().flatten().filter_map(|name| Domain::parse(name).ok());
    let mut all: Vec<Value> = addresses;
    for name in names {
        let parent = name.as_str().split_once('.').and_then(|(_, parent)| Domain::parse(parent).ok());
        all.extend(parent.map(Value::Domain));
        all.push(Value::Host(name));
    }
    all
}

/// How many indicators were found both ways; fails where only reading finds one.
fn agreed(field: &[u8]) -> usize {
    let received = read_received(field);
    let section = [b"Received: ", field, b"\r\n\r\n"].concat();
    let mut count = 0;
    for value in indicators(field) {
        let mut wanted = Wanted::new();
        wanted.add("it", value.clone());
        let read = !wanted.sightings([Facts::from(&received)].into_iter()).kept.is_empty();
        let Some(needle) = wanted.needle() else { continue };
        assert!(needle.may_be_in(&section) || !read, "{value:?} of {}", String::from_utf8_lossy(field));
        count += usize::from(read);
    }
    count
}

/// Every line of tests/received.
fn labelled() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/received");
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            for line in fs::read_to_string(path).unwrap().lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                lines.extend(line["received"].as_str().map(str::to_owned));
            }
        }
    }
    lines
}

#[test]
fn every_labelled_field_is_found() {
    let lines = labelled();
    let agreed: usize = lines.iter().map(|line| agreed(line.as_bytes())).sum();
    assert!(lines.len() > 1_000 && agreed > 3 * lines.len(), "{} lines, {agreed} indicators", lines.len());
}

/// An IPv4 address as somebody may write it.
fn written() -> impl Strategy<Value = String> {
    let octet = prop_oneof![0_u8..10, 0_u8..=99, any::<u8>()];
    ([octet.clone(), octet.clone(), octet.clone(), octet], any::<[u8; 4]>(), 0_u8..8).prop_map(
        |(octets, zeros, form)| {
            let [a, b, c, d] = octets;
            let usual = Ipv4Addr::from(octets).to_string();
            match form {
                0 | 1 => usual,
                2 => format!("::ffff:{:x}:{:x}", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
                3 => format!("IPv6:0:0::FfFF:{:04X}:{:04x}", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
                4 => format!("::ffff:{usual}"),
                5 => format!("{usual}:2525"),
                _ => {
                    let number = |octet: u8, zeros: u8| format!("{}{octet}", "0".repeat(usize::from(zeros % 3)));
                    let numbers = octets.iter().zip(zeros).map(|(octet, zeros)| number(*octet, zeros));
                    numbers.collect::<Vec<_>>().join(".")
                }
            }
        },
    )
}

fn name() -> impl Strategy<Value = String> {
    let names = [
        "mx.sender.example",
        "MX.Sender.EXAMPLE.",
        "a_b.x",
        "bücher.example",
        "ｅvil.example",
        "unknown",
        "localhost",
        "x\r\n y.example",
        "\"q\\.example\"",
        "xn--bcher-kva.example",
        "..",
    ];
    proptest::sample::select(names.to_vec()).prop_map(str::to_owned)
}

/// A field in one of the forms that MTAs write.
fn field() -> impl Strategy<Value = String> {
    (0_usize..10, name(), name(), name(), written(), written()).prop_map(|(form, helo, name, by, ip, other)| {
        let date = "; Mon, 1 Jun 2020 09:00:00 +0900";
        match form {
            0 => format!("from {helo} ({name} [{ip}]) by {by} (Postfix) with ESMTP id 1{date}"),
            1 => format!("from {helo} (HELO {name}) ({ip}) by {by} with SMTP{date}"),
            2 => {
                format!("from [{ip}] (helo={helo})\r\n\tby {by} with esmtp (Exim 4.93)\r\n\tid 1jfXyz-0002Ab-CD{date}")
            }
            3 => format!("from {helo} ({ip}) by {by} ({other}) with Microsoft SMTP Server id 15.20{date}"),
            4 => format!("from {helo} ({name} [{ip}] [{other}]) by {by} with ESMTP{date}"),
            5 => format!("from [{ip}] by {by} via HTTP{date}"),
            6 => format!("from {helo} (user@{name} [{ip}]) by {by} ([{other}]) with ESMTP{date}"),
            7 => format!("from unknown ({ip}, HELO {helo}) by {by}{date}"),
            8 => format!("from {helo} by [{ip}] (x [{other}]){date}"),
            _ => format!("(from {helo} [{ip}]) by {by} id 1{date}"),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_reading_finds_in_a_made_up_field_the_needle_finds(field in field()) {
        agreed(field.as_bytes());
    }

    #[test]
    fn what_reading_finds_in_a_spoilt_field_the_needle_finds(
        at in any::<proptest::sample::Index>(),
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..4, proptest::sample::select(b"0 .[]()\"\\\r\n\t:;?\xff\xc3@".to_vec())), 0..6),
        written in written(),
    ) {
        thread_local!(static LINES: Vec<String> = labelled());
        let mut field = LINES.with(|lines| at.get(lines).clone()).into_bytes();
        for (place, length, byte) in cuts {
            let place = place.index(field.len() + 1);
            let end = (place + length).min(field.len());
            let new = if length == 3 { written.clone().into_bytes() } else { vec![byte] };
            field.splice(place..end, new);
        }
        agreed(&field);
    }

    #[test]
    fn a_name_is_found_in_any_case_and_nothing_else_is(text in "[a-z0-9._-]{1,12}", around in "[A-Za-z0-9._ -]{0,60}", at in any::<proptest::sample::Index>()) {
        let section = [around.as_str(), &text.to_ascii_uppercase()].concat();
        prop_assert!(AnyCase::of(&text).is_in(section.as_bytes()));
        let cut = at.index(around.len() + 1);
        let there = around.as_bytes()[cut..].to_ascii_lowercase();
        prop_assert_eq!(
            AnyCase::of(&text).is_in(&around.as_bytes()[cut..]),
            there.windows(text.len()).any(|window| window == text.as_bytes())
        );
    }
}

#[test]
fn the_needle_is_made_of_single_ipv4_addresses_and_names_only() {
    let network = |text: &str| Value::Network(parse_network(text).unwrap());
    let name = |text: &str| Value::Domain(Domain::parse(text).unwrap());
    assert!(Needle::of(&[network("45.77.24.250"), name("bad.example"), name("bücher.example")]).is_some());
    for other in [network("45.77.24.0/24"), network("2001:db8::1")] {
        assert!(Needle::of(&[name("bad.example"), other]).is_none());
    }
    assert!(Needle::of(&[]).is_none());
    assert!(Needle::of(&vec![name("bad.example"); Needle::MOST + 1]).is_none());
}

#[test]
fn what_is_not_there_need_not_be_read() {
    let value = |text: &str| match parse_network(text) {
        Ok(network) => Value::Network(network),
        Err(_) => Value::Domain(Domain::parse(text).unwrap()),
    };
    let may = |wanted: &str, section: &str| Needle::of(&[value(wanted)]).unwrap().may_be_in(section.as_bytes());
    let section =
        "Received: from a (b [45.77.24.25]) by c.example; 192.0.2.10 192.0.02 X 7.2.3\r\nSubject: ffff x:\r\n\r\n";
    for wanted in ["45.77.24.250", "192.0.2.2", "2.3.4.5", "bad.example"] {
        assert!(!may(wanted, section), "{wanted}");
    }
    assert!(may("192.0.2.1", "x 0192.000.02.1y"), "digits around it are no reason to be sure");
    assert!(may("bad.example", "Subject: ü\r\n"), "a name in another script");
    assert!(may("45.77.24.250", "X: [::FFFF:1.2.3.4]"), "an address within an IPv6 address");
}
