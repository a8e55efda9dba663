//! The incident, told by the exposure report: ten days of mail in a store, and the program that says who was exposed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/stream/mod.rs"]
mod stream;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    sync::LazyLock,
    time::Duration,
};

use relaywatch::{
    clock::Timestamp,
    config,
    evidence::{Circumstances, Durability, FILE, Ledger, Origin, Record, Store, privacy::Privacy},
    inspect::inspect_offline,
    names::Domain,
    net::parse_network,
    policy::{Action, Policy},
    trace::Trace,
};
use serde_json::Value;
use stream::{Config, Stream, StreamMail, Truth, Way, jst};
use tempfile::TempDir;

/// The incident, made once.
static MAILS: LazyLock<Vec<StreamMail>> = LazyLock::new(|| Stream::new(Config::incident()).collect());
static TRUTH: LazyLock<Truth> = LazyLock::new(|| Truth::of(&Config::incident(), &*MAILS));
/// A store with all of it.
static STORE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path());
    let policy = policy();
    // The daemon ran from the first day on, but for the last night.
    let run = ledger.begin_run("serve", jst(2020, 5, 27, 0, 0)).unwrap();
    ledger.end_run(&run, jst(2020, 6, 6, 12, 0)).unwrap();
    for thousand in MAILS.chunks(5000) {
        let records: Vec<Record> = thousand.iter().map(|mail| record(mail, &policy)).collect();
        assert_eq!(ledger.write(&records, None).unwrap().stored, thousand.len());
    }
    folder
});

const THE_INCIDENT: [&str; 12] = [
    "--indicator",
    "45.77.24.250",
    "--time-zone",
    "Asia/Tokyo",
    "--changed-at",
    "2020-05-31T00:05",
    "--fixed-at",
    "2020-06-01T20:52",
    "--ns-ttl",
    "360000",
    "--pre-window",
    "6h",
];

fn open(folder: &Path) -> Ledger {
    Ledger::new(Store::open(&folder.join(FILE), Durability::Normal, Duration::from_secs(1)).unwrap()).unwrap()
}

fn policy() -> Policy {
    let mut policy = config::defaults().policy;
    policy.topology.networks.extend(["198.51.100.5", "198.51.100.7"].map(|host| parse_network(host).unwrap()));
    policy.topology.domains.extend([Domain::parse("coincheck.com").unwrap()]);
    policy
}

fn record(mail: &StreamMail, policy: &Policy) -> Record {
    let message = mail.to_message();
    let report = inspect_offline(&message, policy);
    let now = Timestamp::from_second(mail.arrival).unwrap();
    let about = Circumstances { origin: Origin::Milter, now, action: Some(Action::Accept) };
    Record::of(&message, &report, &about, &Privacy::default())
}

fn report(store: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_relaywatch"));
    program.env_clear().env("COLUMNS", "120").arg("report").args(arguments);
    program.arg("--store").arg(store.join(FILE)).output().unwrap()
}

fn of_the_incident(more: &[&str]) -> Output {
    let output = report(STORE.path(), &[&THE_INCIDENT[..], more].concat());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// `local@domain` behind the generator's `SRS0=HASH=DAY=domain=local@forwarder`.
fn unwrapped(sender: &str) -> String {
    let Some(rest) = sender.strip_prefix("SRS0=") else { return sender.to_owned() };
    let mut parts = rest.rsplit_once('@').unwrap().0.splitn(4, '=').skip(2);
    let (domain, local) = (parts.next().unwrap(), parts.next().unwrap());
    format!("{local}@{domain}")
}

#[test]
fn the_incident_gives_exactly_what_was_planted() {
    let report = json(&of_the_incident(&["--format", "json"]));
    let truth = &*TRUTH;
    let exposure = |part: &Value| (part["messages"].as_u64().unwrap(), part["senders"].as_u64().unwrap());
    let share = |share: &stream::Share| (share.messages, share.senders.len() as u64);
    for (part, planted) in
        report["parts"].as_array().unwrap().iter().zip([&truth.pre_window, &truth.window, &truth.tail])
    {
        assert_eq!(exposure(&part["recorded"]), share(planted), "{part:#}");
    }
    let all = &report["recorded"];
    assert_eq!(exposure(all), (300, 283));
    assert_eq!(exposure(all), (truth.relay.messages, truth.relay.senders.len() as u64));
    assert_eq!(all["recipients"], truth.relay.recipients.len());
    assert_eq!(all["first"], iso(truth.relay.first));
    assert_eq!(all["last"], iso(truth.relay.last));
    assert_eq!(all["last"], "2020-06-06T00:52:00+09:00", "the last second of the tail");
    let added: Vec<_> =
        report["parts"].as_array().unwrap().iter().map(|part| part["added_senders"].as_u64().unwrap()).collect();
    let (pre, window, tail) = (&truth.pre_window.senders, &truth.window.senders, &truth.tail.senders);
    let tail_alone = tail.iter().filter(|sender| !window.contains(*sender) && !pre.contains(*sender)).count();
    assert_eq!(added, [pre.difference(window).count() as u64, window.len() as u64, tail_alone as u64]);
    assert_eq!(added.iter().sum::<u64>(), 283);

    // What came long after, and what only forged lines say.
    assert_eq!(exposure(&report["outside"]["later"]), share(&truth.outside));
    assert_eq!(report["outside"]["earlier"]["messages"], 0);
    let claimed =
        report["claimed"]["messages"].as_u64().unwrap() + report["outside"]["claimed"]["messages"].as_u64().unwrap();
    assert_eq!((claimed, report["claimed"]["messages"].as_u64().unwrap()), (truth.decoys, truth.decoys_within));

    // Every hour of Japan, those without mail as well.
    let hours = report["hours"].as_array().unwrap();
    let relayed =
        |hour: &Value| ["pre_window", "window", "tail"].iter().map(|part| hour[part].as_u64().unwrap()).sum::<u64>();
    let by_hour: BTreeMap<String, u64> = hours
        .iter()
        .filter(|hour| relayed(hour) > 0)
        .map(|hour| (hour["begins"].as_str().unwrap()[..16].replace('T', " "), relayed(hour)))
        .collect();
    assert_eq!(by_hour, truth.relay.by_hour);
    assert_eq!(hours[0]["begins"], "2020-05-30T18:00:00+09:00");
    assert_eq!(hours.len(), 6 + 24 * 6 + 1);
}

#[test]
fn mail_by_other_ways_is_counted_apart() {
    let report = json(&of_the_incident(&["--format", "json"]));
    let normal = &report["normal"];
    // The truth has envelope senders as they came, and when the border had the mail; the report undoes SRS, takes a bounce's author, and
    // counts what our backup MX held from when that took it.
    let config = Config::incident();
    let taken = |mail: &StreamMail| {
        let message = mail.to_message();
        let hops = Trace::read(&message).hops;
        hops[usize::from(mail.way == Way::BackupMx)].received.time.unwrap().as_second()
    };
    let others = |mail: &&StreamMail| !matches!(mail.way, Way::Relay | Way::Internal);
    let within = |second: i64| (config.changed..=config.tail_end()).contains(&second);
    let mails: Vec<&StreamMail> = MAILS.iter().filter(others).filter(|mail| within(taken(mail))).collect();
    let at_the_border = MAILS.iter().filter(others).filter(|mail| within(mail.arrival));
    let truth = &TRUTH.normal;
    assert_eq!(at_the_border.clone().count() as u64, truth.messages);
    let moved = at_the_border.filter(|mail| !within(taken(mail))).count();
    assert!(moved <= 3 && mails.len().abs_diff(usize::try_from(truth.messages).unwrap()) <= 3, "{moved}");
    assert_eq!(normal["messages"], mails.len());
    assert_eq!(normal["bounces"], truth.bounces);
    let authors: BTreeSet<String> = mails.iter().map(|mail| mail.author.to_lowercase()).collect();
    assert_eq!(normal["authors"], authors.len());
    assert_eq!(normal["authors_not_relayed"], authors.difference(&TRUTH.relay.senders).count());
    let sender = |mail: &&StreamMail| {
        if mail.mail_from.is_empty() { mail.author.to_lowercase() } else { unwrapped(&mail.mail_from).to_lowercase() }
    };
    let senders: BTreeSet<String> = mails.iter().map(sender).collect();
    assert_eq!(normal["senders"], senders.len());
    assert_eq!(normal["senders_not_relayed"], senders.difference(&TRUTH.relay.senders).count());
    let also = report["senders"].as_array().unwrap().iter().filter(|sender| sender["normal"].as_u64().unwrap() > 0);
    let also: BTreeSet<_> = also.map(|sender| sender["address"].as_str().unwrap().to_owned()).collect();
    // Of those who wrote through the relay later, or are only said to have done so, some are there as well.
    let expected: BTreeSet<_> = senders.intersection(&TRUTH.relay.senders).cloned().collect();
    assert!(expected.is_subset(&also));
    let rest: Vec<_> = also.difference(&expected).filter(|address| !address.starts_with("info")).collect();
    let outside: BTreeSet<_> = TRUTH.outside.senders.iter().collect();
    assert!(rest.iter().all(|address| outside.contains(address)), "{rest:?}");
}

/// Every key of the JSON, and every column of the tables, has its row in the page.
#[test]
fn the_page_of_the_documentation_has_every_key_and_column() {
    fn keys(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => object.iter().for_each(|(key, value)| {
                found.insert(key.clone());
                keys(value, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exposure-report.md")).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("report");
    of_the_incident(&["--output", folder.to_str().unwrap()]);
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let mut words = BTreeSet::new();
    for name in ["report.json", "manifest.json"] {
        keys(&serde_json::from_slice(&read(name)).unwrap(), &mut words);
    }
    for name in ["affected.csv", "messages.csv"] {
        let header = csv::Reader::from_reader(read(name).as_slice()).headers().unwrap().clone();
        words.extend(header.iter().map(str::to_owned));
    }
    words.extend(fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()));
    assert!(words.len() > 80, "{words:?}");
    let missing: Vec<_> = words.iter().filter(|word| !page.contains(&format!("`{word}`"))).collect();
    assert!(missing.is_empty(), "docs/exposure-report.md does not name {missing:?}");
    for sentence in serde_json::from_slice::<Value>(&read("report.json")).unwrap()["not_known"].as_array().unwrap() {
        assert!(page.contains(sentence.as_str().unwrap()), "docs/exposure-report.md does not say: {sentence}");
    }
}

fn iso(second: i64) -> String {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(9));
    Timestamp::from_second(second).unwrap().to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Rows of a CSV by the names of its columns.
fn rows(text: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text).deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn the_people_and_the_messages_are_those_who_were_planted() {
    let people = rows(&of_the_incident(&["--format", "csv"]).stdout);
    let number = |row: &BTreeMap<String, String>, column: &str| row[column].parse::<u64>().unwrap();
    let of = |role: &str, column: &str| -> BTreeSet<String> {
        let with = |row: &&BTreeMap<String, String>| row["role"] == role && number(row, column) > 0;
        people.iter().filter(with).map(|row| row["address"].clone()).collect()
    };
    assert_eq!(of("sender", "before_the_change"), TRUTH.pre_window.senders);
    assert_eq!(of("sender", "window"), TRUTH.window.senders);
    assert_eq!(of("sender", "tail"), TRUTH.tail.senders);
    assert_eq!(of("sender", "outside"), TRUTH.outside.senders);
    let inside = ["before_the_change", "window", "tail"];
    let recipients: BTreeSet<String> = inside.iter().flat_map(|part| of("recipient", part)).collect();
    assert_eq!(recipients, TRUTH.relay.recipients);
    let claimed = people.iter().filter(|row| row["role"] == "sender" && row["proof"] == "claimed").count();
    assert!((1..=7).contains(&claimed), "{claimed}");
}

#[test]
fn the_folder_stands_as_evidence() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("exposure");
    let shown = folder.to_str().unwrap();
    let output = of_the_incident(&["--output", shown]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("300 messages from 283 senders"), "{said}");

    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected =
        ["SHA256SUMS", "affected.csv", "manifest.json", "messages.csv", "report.html", "report.json", "report.txt"];
    assert_eq!(names, expected);
    for name in &names {
        let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing is left beside it");

    let check =
        || Command::new("sha256sum").args(["--strict", "-c", "SHA256SUMS"]).current_dir(&folder).output().unwrap();
    let checked = check();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(checked.stdout.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b": OK")).count(), 6);

    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["schema"], "relaywatch.manifest/1");
    assert_eq!(manifest["tool"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["query"]["changed_at"]["utc"], "2020-05-30T15:05:00Z");
    assert_eq!(manifest["query"]["ends"]["local"], "2020-06-06T00:52:00+09:00");
    assert!(manifest["query"]["arguments"].as_array().unwrap().contains(&"--ns-ttl=360000".into()));
    assert_eq!(manifest["store"]["messages"], 40_000);
    assert_eq!(manifest["files"].as_array().unwrap().len(), 5);
    for file in manifest["files"].as_array().unwrap() {
        let bytes = fs::read(folder.join(file["name"].as_str().unwrap())).unwrap();
        assert_eq!(file["bytes"], bytes.len());
        let hash = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(file["sha256"], hash);
    }
    let messages = rows(&fs::read(folder.join("messages.csv")).unwrap());
    let recorded = messages.iter().filter(|row| row["proof"] == "recorded" && row["segment"] != "later");
    assert_eq!((messages.len() as u64, recorded.count()), (303 + TRUTH.decoys, 300));

    // What can be published names nobody, but for the list that was asked for.
    for name in ["report.txt", "report.html"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert!(!TRUTH.relay.senders.iter().any(|sender| text.contains(sender.as_str())), "{name}");
    }
    let named = String::from_utf8(of_the_incident(&["--list-people", "--format", "html"]).stdout).unwrap();
    assert!(TRUTH.relay.senders.iter().all(|sender| named.contains(sender.as_str())));

    // Whoever changes a number is found out.
    let page = folder.join("report.html");
    fs::write(&page, fs::read_to_string(&page).unwrap().replacen("300", "200", 1)).unwrap();
    assert!(!check().status.success());

    // Evidence is not written over.
    let again = report(STORE.path(), &[&THE_INCIDENT[..], &["--output", shown]].concat());
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("it is not empty"));
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    let empty = parent.path().join("empty");
    fs::create_dir(&empty).unwrap();
    of_the_incident(&["--output", empty.to_str().unwrap()]);
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 7);
    // The same question gives the same bytes, but for the time at which it was asked.
    for name in ["affected.csv", "messages.csv"] {
        assert_eq!(fs::read(empty.join(name)).unwrap(), fs::read(folder.join(name)).unwrap(), "{name}");
    }
    let without_time = |folder: &Path| {
        let mut report: Value = serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap();
        report.as_object_mut().unwrap().remove("made_at").unwrap();
        report.to_string()
    };
    assert_eq!(without_time(&folder), without_time(&empty));
}

#[test]
fn what_the_store_does_not_hold_is_said_first() {
    let said = |arguments: &[&str]| {
        let output = report(STORE.path(), &[&["--indicator", "45.77.24.250"], arguments].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let early =
        said(&["--changed-at", "2020-05-26T00:00+09:00", "--fixed-at", "2020-05-31T01:00+09:00", "--ns-ttl", "1h"]);
    assert!(early.starts_with("! The store begins after the time asked for"), "{early}");
    assert!(
        early.contains("Nobody was writing into the store from 2020-05-25 00:00:00 +00:00")
            || early.contains("Nobody was writing"),
        "{early}"
    );
    let late = said(&["--changed-at", "2020-06-01T00:00Z", "--fixed-at", "2020-06-07T00:00Z"]);
    assert!(late.contains("! The store ends before the time asked for"), "{late}");
    let inside = said(&["--changed-at", "2020-05-30T15:05Z", "--fixed-at", "2020-06-01T11:52Z", "--ns-ttl", "360000"]);
    assert!(!inside.contains("The store begins") && !inside.contains("Nobody was writing"), "{inside}");
    assert!(inside.contains("3 messages through the relay were written after the time asked for"), "{inside}");
}

#[test]
fn questions_without_sense_say_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str]| {
        let output = report(folder.path(), arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let with = |changed: &str, fixed: &str, more: &[&str]| {
        refused(&[&["--indicator", "45.77.24.250", "--changed-at", changed, "--fixed-at", fixed], more].concat())
    };
    let (changed, fixed) = ("2020-05-31T00:05+09:00", "2020-06-01T20:52+09:00");
    assert!(with("2020-05-31T00:05", fixed, &[]).contains("give `--time-zone Asia/Tokyo` beside it"));
    assert!(with(changed, fixed, &["--time-zone", "Asia/Tokio"]).contains("did you mean `Asia/Tokyo`?"));
    assert!(with(fixed, changed, &[]).contains("lies before --changed-at"));
    assert!(with(changed, "2999-01-01T00:00Z", &[]).contains("lies in the future"));
    assert!(with(changed, fixed, &["--ns-ttl", "400d"]).contains("more than 30d is not believable"));
    assert!(with(changed, fixed, &["--pre-window", "-1h"]).contains("expected seconds"));
    assert!(with(changed, fixed, &["--indicator", "0.0.0.0/0"]).contains("every address"));
    assert!(with(changed, fixed, &["--indicator", "./none.netset"]).contains("none.netset: No such file"));
    assert!(with(changed, fixed, &[]).contains("there is none"), "no store");
    drop(open(folder.path()));
    let empty = report(folder.path(), &["--indicator", "192.0.2.1", "--changed-at", changed, "--fixed-at", fixed]);
    assert_eq!(empty.status.code(), Some(0));
    let said = String::from_utf8(empty.stdout).unwrap();
    assert!(said.starts_with("! The store is empty"), "{said}");
}
