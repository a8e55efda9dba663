//! The hijack of 2020 with real DNS and mail servers in network namespaces (tests/e2e/replay.sh), with the daemon as the
//! gateway's milter: the same verdicts as over XCLIENT, on mail that really took these ways.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{path::Path, process::Command};

use support::{
    daemon::{Daemon, NO_LIST, TOPOLOGY},
    delivered::Delivered,
    mails::REPLAY,
    process, scratch,
};

fn replay(with_list: bool) {
    assert!(process::is_root(), "the replay makes network namespaces, which needs root; run: sudo make test");
    let daemon = Daemon::start(&format!("{TOPOLOGY}{}", if with_list { "" } else { NO_LIST }));
    let work = scratch::folder("replay");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/replay.sh");
    process::run(
        Command::new("timeout").args(["--kill-after=5", "150"]).arg(script).arg(work.path()).arg(daemon.unix()),
    );

    let (level, codes) = if with_list { ("malicious", "indicator,own-name") } else { ("suspicious", "own-name") };
    for mail in &REPLAY {
        let delivered = Delivered::read(&work.path().join("out").join(mail.subject).with_extension("eml"));
        let hops = delivered.all("Received").len();
        let verdict = delivered.one("X-Relaywatch").unwrap_or_else(|| panic!("{} has no X-Relaywatch", mail.subject));
        let expected = if mail.hijacked {
            format!("{level}; codes={codes}; peer={}; hops={hops}", mail.peer)
        } else {
            format!("clean; peer={}; hops={hops}", mail.peer)
        };
        assert_eq!(verdict, expected, "{}: {delivered:#?}", mail.subject);
        let result = delivered.one("Authentication-Results").expect("Authentication-Results is there");
        let word = if mail.hijacked { "x-relay-path=fail" } else { "x-relay-path=pass" };
        assert!(result.starts_with(&format!("gw.coincheck.com;\t{word}")), "{}: {result:?}", mail.subject);
    }
    let metrics = daemon.metrics();
    assert_eq!(metrics.value("relaywatch_messages_total{verdict=\"clean\"}"), 5.0);
    assert_eq!(metrics.value(&format!("relaywatch_messages_total{{verdict=\"{level}\"}}")), 3.0);
    assert_eq!(metrics.value("relaywatch_suspect_messages{peer=\"45.77.24.250\"}"), 3.0);
    assert_eq!(metrics.value("relaywatch_hops_total{kind=\"unparsed\"}"), 0.0);
    let peers: Vec<_> = daemon.anomalies().into_iter().map(|line| line["peer"].clone()).collect();
    assert_eq!(peers, ["45.77.24.250"; 3]);
    daemon.assert_sound();
}

#[test]
fn the_hijack_is_suspicious_without_a_list() {
    replay(false);
}

#[test]
fn the_hijack_is_malicious_with_the_shipped_list() {
    replay(true);
}
