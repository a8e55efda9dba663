//! The evidence spool: what was acknowledged and not stored yet when the process was killed is stored by whoever opens the store next, once.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use relaywatch::{
    clock::{Clock as _, SystemClock},
    config,
    evidence::{
        Circumstances, Origin, Record, TakenIn,
        privacy::{Privacy, Show},
    },
    inspect::inspect_offline,
    message::{HeaderSection, RawMessage},
    policy::Action,
};
use support::{
    daemon::{Launch, PROGRAM},
    gateway::{Gateway, configuration},
    mta::{Letter, Mta},
    stored::{self, Look},
    wait,
};

fn spool(folder: &Path) -> PathBuf {
    folder.join("evidence.spool")
}

/// The lines of a spool behind its first.
fn lines(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(spool(folder)).unwrap_or_default();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// A gateway that was killed while some messages stood in the spool only.
fn killed(evidence: &str) -> Gateway {
    let mut gateway = Gateway::start(evidence);
    wait::until("records in the spool at the kill", || {
        gateway.send(5, &Letter::ordinary());
        gateway.daemon.kill();
        let found = !lines(gateway.state()).is_empty();
        if !found {
            gateway.restart();
        }
        found.then_some(())
    });
    gateway
}

/// How many messages came through the client of every letter, as an admin asks.
fn hunt(folder: &Path) -> usize {
    let mut hunt = Command::new(PROGRAM);
    hunt.args(["hunt", "--format", "jsonl", "203.0.113.10", "--store"]).arg(stored::file(folder));
    let output = hunt.output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    String::from_utf8_lossy(&output.stdout).lines().count()
}

#[test]
fn a_hunt_after_a_kill_finds_what_was_acknowledged() {
    let gateway = killed("");
    assert_eq!(hunt(gateway.state()), gateway.sent().len());
    assert!(!spool(gateway.state()).exists(), "it was taken in");
    Look::at(gateway.state()).assert_holds(&gateway.sent());
}

#[test]
fn a_hunt_finds_the_message_that_the_running_daemon_took_last() {
    let gateway = Gateway::start("");
    for sent in 1..=5 {
        gateway.send(1, &Letter::ordinary());
        assert_eq!(hunt(gateway.state()), sent);
    }
    gateway.daemon.assert_sound();
}

#[test]
fn the_next_start_takes_in_what_was_left_and_says_so() {
    let mut gateway = killed("");
    let left = lines(gateway.state()).len();
    gateway.restart();
    let said = wait::until("what was left to be stored", || {
        gateway.said("what an earlier run left in the spool is stored").pop()
    });
    assert_eq!(said["stored"].as_u64(), Some(left as u64), "{said:?}");
    gateway.assert_all_stored(gateway.state());
    gateway.stop();
    let left: Vec<_> = fs::read_dir(gateway.state()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["evidence.db"], "a stop leaves one file");
}

/// A kill between the commit and the emptying of the spool leaves records in both.
#[test]
fn what_stands_in_both_is_stored_once() {
    let gateway = killed("");
    let (folder, copy) = (gateway.state(), fs::read(spool(gateway.state())).expect("a spool"));
    assert_eq!(stored::take_in(folder).stored, lines_of(&copy));
    fs::write(spool(folder), &copy).expect("it can be put back");
    assert_eq!(stored::take_in(folder), TakenIn::default());
    Look::at(folder).assert_holds(&gateway.sent());

    // Another store knows nothing of it.
    fs::write(spool(folder), &copy).expect("it can be put back");
    fs::remove_file(stored::file(folder)).expect("the store can be removed");
    assert_eq!(stored::take_in(folder).stored, lines_of(&copy));
}

fn lines_of(spool: &[u8]) -> usize {
    String::from_utf8_lossy(spool).lines().count() - 1
}

#[test]
fn a_damaged_line_is_a_gap_and_half_a_line_was_never_acknowledged() {
    let mut gateway = killed("");
    let folder = gateway.state().to_owned();
    let sent = lines(&folder).len();
    let mut bytes = fs::read(spool(&folder)).expect("a spool");
    // The power failed: a page of zeros in the second line, and the last line was not written to its end.
    let second = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).expect("a line").0 + 10;
    bytes[second..second + 50].fill(0);
    bytes.truncate(bytes.len() - 20);
    fs::write(spool(&folder), &bytes).expect("it can be damaged");
    gateway.restart();
    let look = Look::at(&folder);
    look.assert_whole();
    assert_eq!(look.gaps(), (1, vec!["damaged".to_owned()]));
    assert_eq!(look.queue_ids().len(), gateway.sent().len() - 2, "{sent} lines");
    assert_eq!(gateway.counted()[1], 1, "lost");
    gateway.daemon.assert_sound();

    // Nothing of it can be told from noise.
    gateway.stop();
    fs::write(spool(&folder), [0xff; 5000]).expect("it can be damaged");
    assert_eq!(stored::take_in(&folder), TakenIn::default(), "there is no whole line");
    fs::write(spool(&folder), "a first line of something else than a spool\n\n\0\n1 {}\n").expect("it can be damaged");
    assert_eq!(stored::take_in(&folder).damaged, 3, "behind the first line");
}

#[test]
fn it_is_for_its_owner_only_and_as_private_as_the_store() {
    let key = support::scratch::folder("key");
    let file = key.path().join("evidence.key");
    fs::write(&file, "0123456789abcdef0123456789abcdef").expect("a key can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode can be set");
    let gateway = killed(&format!(
        "key_file = {file:?}\nsender = \"keyed-hash\"\nrecipients = \"omit\"\nheader_from = \"omit\"\n"
    ));
    let text = lines(gateway.state()).concat();
    let letter = Letter::ordinary();
    for address in letter.recipients.iter().chain([&letter.sender]) {
        assert!(!text.contains(address.as_str()), "{address} in {text}");
    }
    let mode = fs::metadata(spool(gateway.state())).expect("a spool").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn full_durability_has_no_use_for_it() {
    let gateway = Gateway::start("durability = \"full\"");
    gateway.send(3, &Letter::ordinary());
    assert!(!spool(gateway.state()).exists());
    gateway.assert_all_stored(gateway.state());
}

/// Two daemons on one store: the spool is one's; the other one commits each message.
#[test]
fn a_second_daemon_goes_without() {
    let gateway = Gateway::start("");
    let mut second = Launch::new(&configuration(gateway.state(), "")).spawn();
    second.wait_ready();
    let mut mta = Mta::connect(&second.addresses()[0]).expect("the daemon accepts");
    for number in 0..5 {
        gateway.send(1, &Letter::ordinary());
        mta.accepted(&format!("second-{number}"), &Letter::ordinary());
    }
    second.kill();
    let look = Look::at(gateway.state());
    look.assert_holds(&gateway.sent());
    assert_eq!(look.queue_ids().len(), 10);
    let said = second.log_text();
    assert!(said.contains("there is no spool") && said.contains("another process has it"), "{said}");
}

/// Of all mail that the tests know, odd as some of it is.
#[test]
fn a_record_comes_out_of_its_line_as_it_went_in() {
    let policy = config::defaults().policy;
    let privacy = Privacy { subject: Show::Clear, ..Privacy::default() };
    let cases = fs::read_dir("tests/mail").expect("the cases").map(|case| case.expect("a case").path());
    let mails: Vec<_> = cases.map(|case| case.join("message.eml")).filter(|mail| mail.exists()).collect();
    assert!(mails.len() > 150, "{} mails", mails.len());
    for path in mails {
        let bytes = fs::read(&path).expect("a mail");
        let message = RawMessage { headers: HeaderSection::read(&bytes, bytes.len()), ..RawMessage::default() };
        let report = inspect_offline(&message, &policy);
        let about = Circumstances { origin: Origin::Milter, now: SystemClock.now(), action: Some(Action::Accept) };
        let record = Record::of(&message, &report, &about, &privacy);
        let line = serde_json::to_string(&record).expect("a record can be written");
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Record>(&line).expect("a line can be read"), record, "{}", path.display());
    }
}
