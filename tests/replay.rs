//! The hijack of 2020 with real DNS and mail servers in network namespaces (tests/e2e/replay.sh), with the daemon as the
//! gateway's milter: the same verdicts as over XCLIENT, on mail that really took these ways.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

use support::{
    daemon::{Daemon, NO_LIST, PROGRAM, TOPOLOGY},
    delivered::Delivered,
    mails::{ATTACKER, Mail, REPLAY},
    process,
    samples::Samples,
    scratch,
};

/// Runs a scenario of replay.sh; what that takes for its milter is said there.
fn play(scenario: &str, work: &Path, milter: &str) {
    assert!(process::is_root(), "the replay makes network namespaces, which needs root; run: sudo make test");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/replay.sh");
    let limit = ["--kill-after=5", "150"];
    process::run(Command::new("timeout").args(limit).arg(script).arg(scenario).arg(work).arg(milter));
}

fn delivered(work: &Path, subject: &str) -> Delivered {
    Delivered::read(&work.join("out").join(subject).with_extension("eml"))
}

/// Both fields of ours: what is said of a mail, and of which peer.
fn assert_said(subject: &str, delivered: &Delivered, verdict: &str, peer: &str, word: &str) {
    let hops = delivered.all("Received").len();
    let said = delivered.one("X-Relaywatch").unwrap_or_else(|| panic!("{subject} has no X-Relaywatch"));
    assert_eq!(said, format!("{verdict}; peer={peer}; hops={hops}"), "{subject}: {delivered:#?}");
    let result = delivered.one("Authentication-Results").expect("Authentication-Results is there");
    assert!(result.starts_with(&format!("gw.coincheck.com;\tx-relay-path={word}")), "{subject}: {result:?}");
}

fn replay(with_list: bool) {
    let daemon = Daemon::start(&format!("{TOPOLOGY}{}", if with_list { "" } else { NO_LIST }));
    let work = scratch::folder("replay");
    play("hijack", work.path(), &daemon.unix());

    let (level, codes) = if with_list { ("malicious", "indicator,own-name") } else { ("suspicious", "own-name") };
    for mail in &REPLAY {
        let (verdict, word) = match mail.hijacked {
            true => (format!("{level}; codes={codes}"), "fail"),
            false => ("clean".to_owned(), "pass"),
        };
        assert_said(mail.subject, &delivered(work.path(), mail.subject), &verdict, mail.peer, word);
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

/// A mail that came through the attacker's host when that had a neutral name.
struct Relayed {
    subject: &'static str,
    codes: &'static str,
    /// `Received` fields of the delivered mail.
    hops: usize,
    /// What the log says of it.
    tells: &'static str,
}

const BELOW: &str = "but allows from 203.0.113.10 (the hop below), DKIM intact (d=sender.example)";
const BEFORE: &str =
    "but allows from 203.0.113.10 (mx1.sender.example, which had it before), DKIM intact (d=sender.example)";

/// DNS says nothing of the attacker.
const LATER: [Relayed; 3] = [
    Relayed { subject: "kept", codes: "interposed-relay", hops: 3, tells: BELOW },
    Relayed { subject: "own_line_stripped", codes: "interposed-relay,broken-chain", hops: 2, tells: BEFORE },
    Relayed {
        subject: "all_stripped",
        codes: "interposed-relay",
        hops: 1,
        tells: "does not allow from it (fail), DKIM intact (d=sender.example); the signature covers your recipient's address",
    },
];

/// DNS names the attacker's host as our exchanger: by a name of ours, and by its own.
const AT_ONCE: [Relayed; 2] = [
    Relayed {
        subject: "victims_name_in_mx",
        codes: "interposed-relay,dns-cross,broken-chain",
        hops: 2,
        tells: "an MX of yours only by your present DNS",
    },
    Relayed {
        subject: "neutral_name_in_mx",
        codes: "interposed-relay,dns-cross,broken-chain",
        hops: 2,
        tells: "an MX of yours only by your present DNS",
    },
];

/// No name, no address and no list gives the relay away; the sender has SPF and DKIM, and the daemon asks the resolver.
fn neutral(pins: bool) {
    let work = scratch::folder("replay");
    let work = work.path();
    let pinned = if pins { "exchangers = [\"gw.coincheck.com\", \"mx2.coincheck.com\"]\n" } else { "" };
    let config = format!(
        "{TOPOLOGY}{pinned}{NO_LIST}
[dns]
servers = [\"192.0.2.54\"]
[authentication]
dkim = \"verify\"
[milter]
listen = [\"unix:{}/milter.sock\"]
socket_mode = \"0666\"
[log]
format = \"json\"
",
        work.display()
    );
    fs::write(work.join("relaywatch.toml"), config).expect("a file is writable");
    play("neutral", work, PROGRAM);

    let is_ordinary = |mail: &&Mail| !mail.hijacked;
    for mail in REPLAY.iter().filter(is_ordinary) {
        let delivered = delivered(work, mail.subject);
        assert_said(mail.subject, &delivered, "clean", mail.peer, "pass");
        assert_eq!(delivered.all("DKIM-Signature").len(), 1, "{}: {delivered:#?}", mail.subject);
    }
    let log = fs::read_to_string(work.join("log")).expect("a log is readable");
    let anomalies = anomalies(&log);
    // What our DNS says of our exchangers is in the attacker's hand, unless somebody said beforehand what it has to say.
    let suspicious = |relayed: &&Relayed| pins || relayed.subject != "neutral_name_in_mx";
    for relayed in LATER.iter().chain(&AT_ONCE) {
        let Relayed { subject, codes, hops, tells } = relayed;
        let delivered = delivered(work, subject);
        let (level, word) = if suspicious(&relayed) { ("suspicious", "fail") } else { ("notice", "neutral") };
        assert_said(subject, &delivered, &format!("{level}; codes={codes}"), ATTACKER.ip, word);
        let received = delivered.all("Received");
        assert_eq!(received.len(), *hops, "{subject}: {received:#?}");
        let border = received[0];
        let neutral = "from edge7.transit.example (edge7.transit.example [45.77.24.250])\t(using TLSv1.3 ";
        assert!(border.starts_with(neutral), "{subject}: {border}");
        assert_eq!(delivered.all("DKIM-Signature").len(), 1, "{subject}: {delivered:#?}");
        let id = border.split(" id ").nth(1).and_then(|rest| rest.split([';', '\t', ' ']).next()).expect("a queue id");
        match anomalies.get(id) {
            Some(line) => {
                assert!(suspicious(&relayed), "{subject}: {line}");
                assert_eq!(
                    (line["peer"].as_str(), line["codes"].as_str()),
                    (Some(ATTACKER.ip), Some(*codes)),
                    "{line}"
                );
                assert!(line["message"].as_str().is_some_and(|text| text.contains(tells)), "{subject}: {line}");
            }
            None => assert!(!suspicious(&relayed), "{subject} is not in the log:\n{log}"),
        }
    }
    let found = LATER.iter().chain(&AT_ONCE).filter(suspicious).count();
    assert_eq!(anomalies.len(), found, "{log}");
    assert!(!log.contains("panicked"), "{log}");
    assert_counted(&Samples::parse(&fs::read_to_string(work.join("out/metrics")).expect("a page is readable")), found);
}

/// The lines of a log that report an anomaly, by queue id.
fn anomalies(log: &str) -> BTreeMap<String, Value> {
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
    let reports =
        lines.filter(|line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with("relay anomaly")));
    reports.map(|line| (line["queue_id"].as_str().expect("a queue id").to_owned(), line)).collect()
}

/// Ten mails, of which so many are suspicious.
fn assert_counted(metrics: &Samples, suspicious: usize) {
    let suspicious = f64::from(u32::try_from(suspicious).expect("a small number"));
    let outcome = |code: &str, outcome: &str| {
        metrics.value(&format!("relaywatch_detector_outcomes_total{{code=\"{code}\",outcome=\"{outcome}\"}}"))
    };
    let expected = [
        ("relaywatch_messages_total{verdict=\"clean\"}", 5.0),
        ("relaywatch_messages_total{verdict=\"notice\"}", 5.0 - suspicious),
        ("relaywatch_messages_total{verdict=\"suspicious\"}", suspicious),
        ("relaywatch_suspect_messages{peer=\"45.77.24.250\"}", suspicious),
        ("relaywatch_findings_total{code=\"interposed-relay\",severity=\"suspicious\"}", suspicious),
        // Of three mails that came later nothing of DNS was wrong.
        ("relaywatch_findings_total{code=\"dns-cross\",severity=\"suspicious\"}", suspicious - 3.0),
        ("relaywatch_findings_total{code=\"dns-cross\",severity=\"notice\"}", 5.0 - suspicious),
        ("relaywatch_spf_results_total{result=\"pass\"}", 3.0),
        ("relaywatch_spf_results_total{result=\"none\"}", 1.0),
        ("relaywatch_spf_results_total{result=\"fail\"}", 6.0),
    ];
    for (sample, value) in expected {
        assert_eq!(metrics.value(sample), value, "{sample}");
    }
    let outcomes = [
        // Direct twice and over the backup MX; forwarded; the list's domain has no SPF record.
        ("interposed-relay", ["clean", "explained", "no_data", "finding"], [3.0, 1.0, 1.0, 5.0]),
        ("dns-cross", ["clean", "explained", "no_data", "finding"], [8.0, 0.0, 0.0, 2.0]),
    ];
    for (code, names, values) in outcomes {
        assert_eq!(names.map(|name| outcome(code, name)), values, "{code}");
    }
    for nothing in ["relaywatch_dns_shortfalls_total", "relaywatch_faults_total", "relaywatch_milter_errors_total"] {
        assert_eq!(metrics.sum(nothing), 0.0, "{nothing}");
    }
    assert_eq!(outcome("indicator", "finding") + outcome("own-name", "finding"), 0.0);
}

#[test]
fn a_neutral_relay_is_suspicious_at_its_first_message() {
    neutral(false);
}

#[test]
fn a_neutral_relay_that_dns_names_as_our_exchanger_is_suspicious_where_exchangers_are_pinned() {
    neutral(true);
}
