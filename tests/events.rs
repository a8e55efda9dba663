//! Events of the running daemon: what a hijacked mail makes, what a hostile one cannot break, and outputs that fail.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use relaywatch::{
    clock::{Clock as _, Stopwatch, SystemClock, Timestamp},
    events::MOST_BYTES,
    ingest::milter::client::Transaction,
    message::HeaderSection,
    text::is_unsafe,
};
use serde_json::{Value, json};
use support::{
    daemon::{Daemon, Launch, TOPOLOGY, without_list},
    handover::{self, QUEUE_ID, hand_over, hijacker},
    mails, process, scratch, wait,
};

const WRITTEN: &str = "relaywatch_events_total{output=\"file\",result=\"written\"}";
const RELOADED: &str = "relaywatch_config_last_reload_successful";

fn into(file: &Path) -> String {
    format!("[events]\nfile = \"{}\"\n", file.display())
}

/// A folder, the file of events in it, and a daemon that writes there.
fn start(config: &str) -> (tempfile::TempDir, PathBuf, Daemon) {
    let folder = scratch::folder("events");
    let file = folder.path().join("events.jsonl");
    let daemon = Daemon::start(&format!("{config}{}", into(&file)));
    (folder, file, daemon)
}

fn read(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "a half line: {text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Waits until the file has so many lines.
fn lines(file: &Path, count: usize) -> Vec<Value> {
    let there = || fs::read_to_string(file).is_ok_and(|text| text.matches('\n').count() >= count);
    wait::until(&format!("{count} events in {}", file.display()), || there().then_some(()));
    let events = read(file);
    assert_eq!(events.len(), count, "{events:#?}");
    events
}

/// Waits until every event of the first message is in the file.
fn first(file: &Path) -> Vec<Value> {
    wait::until("the events of one message", || {
        let text = fs::read_to_string(file).ok()?;
        let event: Value = serde_json::from_str(text.lines().next()?).ok()?;
        let total = usize::try_from(event["findings"].as_u64()?).ok()?;
        (text.matches('\n').count() == total).then_some(())
    });
    read(file)
}

#[test]
fn a_hijacked_mail_makes_an_event_a_finding_and_a_clean_one_none() {
    let (_folder, file, daemon) = start(TOPOLOGY);
    let before = SystemClock.now();
    handover::replay(&daemon, &mails::ordinary());
    handover::replay(&daemon, &mails::hijacked());
    let anomaly = wait::until("the log to say it", || daemon.anomalies().into_iter().next());
    let codes: Vec<&str> = anomaly["codes"].as_str().unwrap().split(',').collect();
    assert!(codes.contains(&"indicator") && codes.contains(&"own-name"), "{codes:?}");
    let events = first(&file);
    let total = events.len();
    daemon.wait_metric(WRITTEN, total as f64);

    let found: Vec<&str> = events.iter().map(|event| event["code"].as_str().unwrap()).collect();
    assert_eq!(found.iter().collect::<BTreeSet<_>>(), codes.iter().collect::<BTreeSet<_>>());
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["finding"], at + 1);
        for (key, value) in [
            ("schema", json!("relaywatch.event/1")),
            ("id", events[0]["id"].clone()),
            ("verdict", json!("malicious")),
            ("action", json!("accept")),
            ("peer", json!("45.77.24.250")),
            ("sender", json!("alice@sender.example")),
            ("recipients", json!(["bob@coincheck.com"])),
            ("from", json!("alice@sender.example")),
            ("queue_id", json!(QUEUE_ID)),
            ("border", json!("gw.coincheck.com")),
            ("source", json!("milter")),
        ] {
            assert_eq!(event[key], value, "{key} of {event:#}");
        }
        let time: Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        assert!(time >= before - Duration::from_secs(1) && time <= SystemClock.now(), "{time}");
    }
    let relay = events.iter().find(|event| event["code"] == "indicator" && event["basis"] == "border").unwrap();
    assert_eq!(
        [&relay["severity"], &relay["hop"], &relay["hop_ip"], &relay["hop_helo"], &relay["hop_by"]],
        [
            &json!("malicious"),
            &json!(0),
            &json!("45.77.24.250"),
            &json!("mail.coincheck.com"),
            &json!("gw.coincheck.com")
        ]
    );

    // The same queue id once more is another message.
    handover::replay(&daemon, &mails::hijacked());
    assert_ne!(lines(&file, 2 * total)[total]["id"], events[0]["id"]);
    daemon.assert_sound();
}

#[test]
fn no_hostile_text_breaks_a_line_or_reaches_who_reads_it() {
    let (_folder, file, daemon) = start(TOPOLOGY);
    let nasty = "\"}\n{\"schema\":\"relaywatch.event/1\",\"code\":\"forged\"}\r\n\u{1b}[2J\u{202e}\u{2028}\u{feff}\\u0000\u{9b}";
    let helo = format!("{nasty}{}", "x".repeat(100_000));
    let recipients: Vec<String> = (0..400).map(|n| format!("{n}{nasty}@coincheck.com")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut headers = HeaderSection::default();
    for (name, value) in
        [("From", format!(" \"{nasty}\" <a{nasty}@sender.example>")), ("Message-ID", format!(" <{nasty}>"))]
    {
        headers.push(name.as_bytes(), value.replace(['\r', '\n'], " ").as_bytes());
    }
    headers.push(b"Received", format!(" from {nasty} ([192.0.2.1]) by {nasty}").replace(['\r', '\n'], " ").as_bytes());
    let mail = Transaction {
        helo: &helo,
        mail_from: &format!("<{nasty}@sender.example"),
        recipients: &recipients,
        queue_id: nasty,
        border: nasty,
        ..hijacker(&headers)
    };
    hand_over(&daemon, &mail);
    // Each field once more by itself: a client that says too much in one place is not heard in the others.
    let hidden = Transaction { helo: nasty, mail_from: nasty, ..hijacker(&headers) };
    hand_over(&daemon, &hidden);
    let total = wait::until("all events of both", || {
        let whole = fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'));
        let events = if whole { read(&file) } else { Vec::new() };
        let each: BTreeMap<_, _> =
            events.iter().map(|event| (event["id"].to_string(), event["findings"].as_u64().unwrap())).collect();
        let findings = each.values().sum::<u64>();
        (each.len() == 2 && events.len() as u64 == findings).then_some(findings)
    });
    daemon.wait_metric(WRITTEN, total as f64);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count() as u64, total);
    for line in text.lines() {
        assert!(line.len() <= MOST_BYTES, "{} bytes", line.len());
        assert!(!line.contains(is_unsafe), "{line}");
        let event: Value = serde_json::from_str(line).unwrap();
        assert_harmless(&event);
        assert_ne!(event["code"], "forged");
        assert_eq!(event["schema"], "relaywatch.event/1");
    }
    assert!(text.contains("xxxxxx…\""), "the long HELO is cut: {text}");
    daemon.assert_sound();
}

/// After parsing, where JSON's own escapes are gone.
fn assert_harmless(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.contains(is_unsafe), "{text:?}"),
        Value::Array(items) => items.iter().for_each(assert_harmless),
        Value::Object(entries) => entries.values().for_each(assert_harmless),
        _ => {}
    }
}

#[test]
fn kill_9_leaves_whole_lines_and_a_half_one_spoils_no_other() {
    let (_folder, file, mut daemon) = start(&without_list());
    std::thread::scope(|scope| {
        let senders = &daemon;
        for _ in 0..2 {
            scope.spawn(|| while handover::try_replay(senders, &mails::hijacked()).is_ok() {});
        }
        let many = || fs::read_to_string(&file).is_ok_and(|text| text.lines().count() >= 100);
        wait::until("a storm of events", || many().then_some(()));
        process::signal(daemon.pid(), "KILL");
    });
    daemon.wait_end();
    let text = fs::read_to_string(&file).unwrap();
    let whole = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count();
    // The kernel may end even a single write between two pages when the process is killed in it; no test has seen it so far.
    assert!(text.lines().count() - whole <= usize::from(!text.ends_with('\n')), "{text}");
    // What a crash of the host can leave.
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"schema\":\"relaywatch.ev").unwrap();
    daemon.restart();
    handover::replay(&daemon, &mails::hijacked());
    daemon.wait_metric("relaywatch_messages_total{verdict=\"suspicious\"}", 1.0);
    let text = wait::until("the next event", || {
        fs::read_to_string(&file).ok().filter(|text| text.ends_with("}\n") && text.lines().count() > whole + 1)
    });
    let broken: Vec<&str> = text.lines().filter(|line| serde_json::from_str::<Value>(line).is_err()).collect();
    assert_eq!(broken.len(), 1, "{broken:#?}");
    assert!(broken[0].ends_with("{\"schema\":\"relaywatch.ev"), "{broken:#?}");
}

#[test]
fn a_reload_takes_a_new_file_and_refuses_one_that_cannot_be_opened() {
    let (folder, file, mut daemon) = start(&without_list());
    let configure = |events: &str| {
        scratch::replace(&daemon.config_file(), &daemon.config_text(&format!("{}{events}", without_list())));
        daemon.signal("HUP");
    };
    handover::replay(&daemon, &mails::hijacked());
    let each = first(&file).len();

    configure(&into(&folder.path().join("missing/events.jsonl")));
    daemon.wait_metric(RELOADED, 0.0);
    assert!(daemon.log_text().contains("missing/events.jsonl"), "{}", daemon.log_text());
    handover::replay(&daemon, &mails::hijacked());
    lines(&file, 2 * each);

    let other = folder.path().join("other.jsonl");
    configure(&into(&other));
    daemon.wait_metric(RELOADED, 1.0);
    handover::replay(&daemon, &mails::hijacked());
    lines(&other, each);
    lines(&file, 2 * each);

    // As logrotate does it, without a word to us.
    let moved = folder.path().join("other.jsonl-20261127");
    fs::rename(&other, &moved).unwrap();
    handover::replay(&daemon, &mails::hijacked());
    lines(&other, each);
    lines(&moved, each);

    let loaded = || daemon.metrics().value("relaywatch_config_last_reload_success_timestamp_seconds");
    let before = loaded();
    configure(&format!("{}level = \"malicious\"\n", into(&other)));
    wait::until("the new level", || (loaded() > before).then_some(()));
    handover::replay(&daemon, &mails::hijacked());
    daemon.assert_sound();
    daemon.signal("TERM");
    assert_eq!(daemon.wait_end().code(), Some(0));
    // At the end all is written that ever will be.
    lines(&other, each);
}

#[test]
fn a_file_that_cannot_be_opened_ends_the_start_with_the_reason() {
    let launch = Launch::new(&format!("{}{}", without_list(), into(Path::new("/dev/full"))));
    let mut daemon = launch.spawn();
    assert_eq!(daemon.wait_end().code(), Some(2));
    let log = daemon.log_text();
    assert!(log.contains("`events.file` cannot be opened: /dev/full: it is no regular file"), "{log}");
}

/// A file system of a few pages; away with its folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Self {
        fs::create_dir(&at).unwrap();
        process::run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(&at));
        Self(at)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        process::run(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

#[test]
fn a_full_disk_holds_up_no_mail_and_its_events_come_when_there_is_room() {
    let folder = scratch::folder("events");
    let disk = SmallDisk::mount(folder.path().join("disk"));
    let file = disk.0.join("events.jsonl");
    let daemon = Daemon::start(&format!("{}{}", without_list(), into(&file)));
    handover::replay(&daemon, &mails::hijacked());
    let each = first(&file).len();
    let ballast = disk.0.join("ballast");
    let full = fs::write(&ballast, vec![0; 100_000]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);

    // More than the page that the file has already.
    let mails = 10;
    let watch = Stopwatch::start();
    (0..mails).for_each(|_| drop(handover::replay(&daemon, &mails::hijacked())));
    assert!(watch.elapsed() < Duration::from_secs(10), "{:?} for {mails} mails", watch.elapsed());
    wait::until("the log to say it", || daemon.log_text().contains("events cannot be written").then_some(()));
    assert!(read(&file).len() < each * (mails + 1), "the disk was full, and no half line is in the file");
    fs::remove_file(&ballast).unwrap();
    lines(&file, each * (mails + 1));
    assert_eq!(daemon.metrics().value("relaywatch_events_total{output=\"file\",result=\"lost\"}"), 0.0);
    daemon.assert_sound();
}

#[test]
fn a_receiver_that_hangs_holds_up_neither_the_mail_nor_the_file_nor_the_end() {
    let folder = scratch::folder("events");
    let (file, socket) = (folder.path().join("events.jsonl"), folder.path().join("log"));
    // It never reads. The kernel holds datagrams for it, as many as its queue and our buffer have room for.
    let hanging = UnixDatagram::bind(&socket).unwrap();
    let events = format!("{}syslog = \"unix:{}\"\n", into(&file), socket.display());
    let mut daemon = Daemon::start(&format!("{}{events}", without_list()));
    let mails = 150;
    let watch = Stopwatch::start();
    (0..mails).for_each(|_| drop(handover::replay(&daemon, &mails::hijacked())));
    assert!(watch.elapsed() < Duration::from_secs(20), "{:?} for {mails} mails", watch.elapsed());
    let each = daemon.metrics().sum("relaywatch_findings_total");
    daemon.wait_metric(WRITTEN, each);
    assert_eq!(read(&file).len() as f64, each);
    let written = daemon.metrics().value("relaywatch_events_total{output=\"syslog\",result=\"written\"}");
    assert!(written < each, "{written} datagrams were taken by who does not read");
    daemon.assert_sound();
    daemon.signal("TERM");
    assert_eq!(daemon.wait_end().code(), Some(0), "{}", daemon.log_text());
    assert!(daemon.log_text().contains("events are lost") || daemon.log_text().contains("events were lost"));
    drop(hanging);
}

#[test]
fn what_waits_at_the_end_is_written_when_the_receiver_comes_back() {
    let folder = scratch::folder("events");
    let socket = folder.path().join("log");
    let mut daemon = Daemon::start(&format!("{}[events]\nsyslog = \"unix:{}\"\n", without_list(), socket.display()));
    handover::replay(&daemon, &mails::hijacked());
    wait::until("the log to say it", || daemon.log_text().contains("events cannot be written").then_some(()));
    let receiver = UnixDatagram::bind(&socket).unwrap();
    receiver.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    daemon.signal("TERM");
    let mut buffer = [0; 10_000];
    let length = receiver.recv(&mut buffer).unwrap();
    let message = std::str::from_utf8(&buffer[..length]).unwrap();
    let (head, event) = message.split_at(message.find('{').unwrap());
    assert_eq!(head, format!("<20>relaywatch[{}]: ", daemon.pid()));
    assert_eq!(serde_json::from_str::<Value>(event).unwrap()["code"], "own-name");
    assert_eq!(daemon.wait_end().code(), Some(0), "{}", daemon.log_text());
}
