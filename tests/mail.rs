//! Golden cases: every folder of tests/mail is a mail, what the border recorded of it, a configuration, and what must come
//! out. tests/mail/README.md says how to add one. `RELAYWATCH_BLESS=1` rewrites what is expected.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken expectation fails the test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use relaywatch::{
    boundary::Place,
    config,
    detect::Outcome,
    dns::{Dns, Offline, Zone, at_once},
    finding::Code,
    inspect::{Report, inspect},
    message::{HeaderSection, RawMessage},
    session::Session,
    tls::TlsVersion,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the border recorded, as a case writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionFile {
    peer_ip: Option<String>,
    #[serde(default)]
    local: bool,
    peer_name: Option<String>,
    helo: Option<String>,
    border: Option<String>,
    mail_from: Option<String>,
    #[serde(default)]
    recipients: Vec<String>,
    time: Option<String>,
    tls: Option<String>,
    authenticated: Option<String>,
}

impl SessionFile {
    fn session(self) -> Session {
        Session {
            peer_ip: self.peer_ip.map(|ip| ip.parse().expect("peer_ip is an address")),
            local: self.local,
            peer_name: self.peer_name,
            helo: self.helo,
            extended: true,
            tls: self
                .tls
                .map(|version| TlsVersion::parse(&format!("TLSv{version}")).expect("tls is a version such as 1.3")),
            tls_known: true,
            authenticated: self.authenticated,
            border: self.border,
            queue_id: None,
            mail_from: self.mail_from,
            recipients: self.recipients,
            time: self.time.map(|time| time.parse().expect("time is an RFC 3339 time")),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail")
}

/// The case folders, in order; `private/` is for mail that must not be committed.
fn cases() -> Vec<PathBuf> {
    let folders = |root: &Path| -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
        entries
            .map(|entry| entry.expect("a readable entry").path())
            .filter(|path| path.join("message.eml").is_file())
            .collect()
    };
    let mut cases = folders(&root());
    cases.extend(folders(&root().join("private")));
    cases.sort();
    assert!(cases.len() >= 40, "only {} cases found under {}", cases.len(), root().display());
    cases
}

fn run(case: &Path) -> Report<'static> {
    let own = case.join("config.toml");
    let file = if own.is_file() { own } else { root().join("config.toml") };
    let text = fs::read(&file).expect("config.toml is readable");
    // A list at `/case/x` is the file `x` of the case.
    let list = |path: &Path| fs::read(case.join(path.strip_prefix("/case").unwrap_or(path)));
    let config = config::from_text(&file.display().to_string(), &text, &list).unwrap_or_else(|error| panic!("{error}"));
    let mail = fs::read(case.join("message.eml")).expect("message.eml is readable");
    let session = fs::read_to_string(case.join("session.toml")).ok();
    let session = session.map(|text| {
        let read: Result<SessionFile, _> = toml::from_str(&text);
        read.unwrap_or_else(|error| panic!("{}: {error}", case.join("session.toml").display())).session()
    });
    let headers = HeaderSection::read(&mail, mail.len());
    let body = mail.windows(2).position(|at| at == b"\n\n").map(|at| mail[at + 2..].to_vec());
    let message = RawMessage { headers, session, body };
    // Without a zone there is no DNS, as for a stored mail.
    let zone = fs::read_to_string(case.join("zone")).ok();
    let zone = zone.map(|text| Zone::read(&text).unwrap_or_else(|error| panic!("{}: {error}", case.display())));
    let dns: &dyn Dns = zone.as_ref().map_or(&Offline, |zone| zone);
    at_once(inspect(&message, &config.policy, dns)).into_owned()
}

fn summary(report: &Report<'_>) -> Value {
    let place = match report.boundary.place {
        Place::Peer { hop, ip } => json!({ "hop": hop, "peer": ip }),
        other => json!({ other.kind().as_str(): other.reason() }),
    };
    let mut boundary = json!({ "strategy": report.boundary.strategy.as_str(), "place": place });
    if let Some(hosted) = &report.boundary.hosted {
        boundary["internal_hops"] = json!(hosted.internal_hops);
    }
    let answer = |outcome: &Outcome| match outcome {
        Outcome::NoData(why) => format!("no_data: {why}"),
        other => other.kind().as_str().to_owned(),
    };
    let outcomes: Value =
        report.outcomes.iter().map(|(code, outcome)| (code.as_str().to_owned(), json!(answer(outcome)))).collect();
    json!({
        "verdict": report.verdict.level,
        "boundary": boundary,
        "recipients": report.envelope.recipients,
        "hops": report.trace.hops.len(),
        "detectors": outcomes,
        "findings": report.verdict.findings,
        "explained": report.explained().collect::<Vec<_>>(),
        "sender": report.authentication.sender,
        "spf": report.authentication.peer,
    })
}

#[test]
fn every_case_comes_out_as_expected() {
    let bless = std::env::var_os("RELAYWATCH_BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let found = format!("{:#}\n", summary(&run(&case)));
        let file = case.join("expected.json");
        if bless {
            fs::write(&file, &found).expect("expected.json is writable");
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{}\n--- expected\n{expected}+++ found\n{found}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ (RELAYWATCH_BLESS=1 rewrites them):\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_case_says_what_it_is_for() {
    for case in cases() {
        assert!(case.join("README").is_file(), "{} has no README", case.display());
    }
}

#[test]
fn every_detector_has_a_case_that_fires_and_one_that_stays_silent() {
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for case in cases() {
        for (code, outcome) in run(&case).outcomes {
            match outcome {
                Outcome::Findings(_) => fires.insert(code),
                Outcome::Clean | Outcome::Explained(_) => silent.insert(code),
                Outcome::NoData(_) => false,
                Outcome::Error(error) => panic!("{}: {} failed: {error}", case.display(), code.as_str()),
            };
        }
    }
    let all = BTreeSet::from(Code::ALL);
    assert_eq!(fires, all, "detectors without a case that fires");
    assert_eq!(silent, all, "detectors without a case that stays silent");
}
