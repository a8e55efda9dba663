//! The evidence store cannot be written to (a full disk, a lock, no rights, no folder): mail goes on, it is said and counted, and what
//! waited is stored when it can be. tests/evidence_files.rs has what is wrong with the file itself.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]
#![allow(clippy::print_stdout, clippy::disallowed_macros, reason = "seeds and figures are for whoever runs it by hand")]

mod support;

use std::{
    fs::{self, File, Permissions},
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use relaywatch::{
    clock::{Clock as _, Stopwatch, SystemClock},
    evidence::{Durability, Pruner, Retention, Store},
    message::HeaderSection,
};
use rusqlite::Connection;
use support::{
    gateway::Gateway,
    mta::Letter,
    process, scratch,
    stored::{self, Look},
    wait,
};

/// So long may an answer take while the store fails: the wait for a lock, and what a busy machine adds.
const BOUND: Duration = Duration::from_millis(1500);

/// A small disk.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, size: &str) -> Self {
        fs::create_dir(at).expect("a folder can be made");
        process::run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at));
        Self(at.to_owned())
    }

    /// Takes all the space that is left.
    fn fill(&self) {
        let mut ballast = File::create(self.0.join("ballast")).expect("a file can be made");
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_space(&self) {
        fs::remove_file(self.0.join("ballast")).expect("the file can be removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still has files there does not keep the test from cleaning up.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A gateway whose store lies on a small disk; the disk goes first.
fn on_small_disk(evidence: &str) -> (Disk, Gateway) {
    let folder = scratch::folder("state");
    let disk = Disk::mount(&folder.path().join("disk"), "3m");
    let gateway = Gateway::start_in(folder, |folder| folder.join("disk"), evidence);
    (disk, gateway)
}

#[test]
fn a_full_disk_has_records_wait_until_there_is_space() {
    let (disk, gateway) = on_small_disk("");
    gateway.send(5, &Letter::ordinary());
    disk.fill();
    gateway.send_until_failing("full");
    gateway.send(50, &Letter::ordinary());
    let [_, lost, waiting] = gateway.counted();
    assert_eq!(lost, 0);
    assert!(waiting > 50, "{waiting} wait");
    assert!(gateway.worst() < BOUND, "an answer took {:?}", gateway.worst());
    println!("disk full: {} messages, the slowest answer took {:?}", gateway.sent().len(), gateway.worst());

    disk.make_space();
    gateway.wait_stored_again();
    gateway.send(5, &Letter::ordinary());
    assert_eq!(gateway.counted(), [gateway.sent().len(), 0, 0]);
    gateway.assert_all_stored(&disk.0);
    gateway.assert_complained_once("full");
    let again = gateway.said("evidence is stored again");
    assert_eq!((again.len(), again[0]["waited"].as_u64().unwrap() >= waiting as u64), (1, true), "{again:?}");
    assert_eq!(Look::at(&disk.0).number("SELECT count(*) FROM run"), 1, "a run goes on");
}

#[test]
fn a_disk_that_stays_full_has_no_more_wait_than_may_and_the_loss_stands_in_the_store() {
    let (disk, gateway) = on_small_disk("buffer = \"64KiB\"");
    gateway.send(1, &Letter::of_size(60));
    disk.fill();
    gateway.send_until_failing("full");
    gateway.send(30, &Letter::of_size(60));
    let [stored, lost, waiting] = gateway.counted();
    assert_eq!(stored + lost + waiting, gateway.sent().len(), "all are counted");
    assert!(waiting > 0 && lost > 10, "{waiting} wait, {lost} are lost");
    let said = gateway.said("evidence is lost");
    assert_eq!((said.len(), said[0]["reason"].as_str()), (1, Some("full")), "{said:?}");
    assert!(gateway.worst() < BOUND, "an answer took {:?}", gateway.worst());

    disk.make_space();
    gateway.wait_stored_again();
    let again = gateway.said("evidence is stored again");
    assert_eq!(again[0]["lost"].as_u64(), Some(lost as u64), "{again:?}");
    let look = Look::at(&disk.0);
    assert_eq!(look.gaps(), (lost as i64, vec!["full".to_owned()]));
    assert_eq!(look.queue_ids().len() + lost, gateway.sent().len());
    assert_eq!(gateway.counted(), [stored + waiting, lost, 0]);
    gateway.daemon.assert_sound();
}

#[test]
fn what_waits_takes_no_more_memory_than_may() {
    let (disk, gateway) = on_small_disk("buffer = \"8MiB\"");
    gateway.send(20, &Letter::of_size(100));
    disk.fill();
    gateway.send_until_failing("full");
    let before = process::memory(gateway.daemon.pid(), "VmRSS");
    let lost = || gateway.counted()[1];
    wait::until("a full buffer", || {
        gateway.send(25, &Letter::of_size(100));
        (lost() > 0).then_some(())
    });
    gateway.send(100, &Letter::of_size(100));
    let grown = process::memory(gateway.daemon.pid(), "VmRSS").saturating_sub(before);
    println!("8 MiB of records took {} KiB of memory; {} waited", grown >> 10, gateway.counted()[2]);
    assert!(grown < 20 << 20, "{grown} bytes");
}

#[test]
fn a_lock_delays_no_answer_for_long_and_loses_nothing() {
    let gateway = Gateway::start("");
    gateway.send(5, &Letter::ordinary());
    let other = Connection::open(stored::file(gateway.state())).expect("the store can be opened");
    // Comes and goes: the log is not to fill up with it.
    for round in 1..=3 {
        let before = gateway.errors("locked");
        other.execute_batch("BEGIN IMMEDIATE; CREATE TABLE theirs (x)").expect("a lock");
        wait::until("several attempts", || {
            gateway.send(20, &Letter::ordinary());
            (gateway.errors("locked") >= before + 3.0).then_some(())
        });
        other.execute_batch("DROP TABLE theirs; COMMIT").expect("the end of the lock");
        wait::until("what waited to be stored", || {
            gateway.send(1, &Letter::ordinary());
            (gateway.counted()[2] == 0).then_some(())
        });
        println!(
            "lock {round}: {} messages so far, the slowest answer took {:?}",
            gateway.sent().len(),
            gateway.worst()
        );
    }
    assert!(gateway.worst() < BOUND, "an answer took {:?}", gateway.worst());
    assert_eq!(gateway.counted(), [gateway.sent().len(), 0, 0]);
    gateway.assert_all_stored(gateway.state());
    gateway.assert_complained_once("locked");
    assert_eq!(gateway.said("evidence is stored again").len(), 1, "what was not said to begin needs no end");
}

const NOBODY: u32 = 65534;

#[test]
fn a_folder_of_somebody_else_is_complained_of_until_it_is_given_back() {
    let folder = scratch::folder("state");
    let gateway = Gateway::start_as_nobody(folder, Path::to_owned);
    gateway.send_until_failing("denied");
    gateway.send(20, &Letter::ordinary());
    assert_eq!(gateway.counted(), [0, 0, gateway.sent().len()]);
    chown(gateway.state(), Some(NOBODY), None).expect("root can give it away");
    gateway.wait_stored_again();
    gateway.assert_all_stored(gateway.state());
    gateway.assert_complained_once("denied");
    assert!(gateway.worst() < BOUND, "an answer took {:?}", gateway.worst());
}

#[test]
fn a_read_only_folder_is_complained_of_until_it_can_be_written_to() {
    let folder = scratch::folder("state");
    let file = stored::file(folder.path());
    drop(Store::open(&file, Durability::Normal, Duration::from_secs(1)).expect("a store can be made"));
    chown(&file, Some(NOBODY), None).expect("root can give it away");
    chown(folder.path(), Some(NOBODY), None).expect("root can give it away");
    // SQLite cannot make its files beside the store.
    let mode =
        |folder: &Path, mode| fs::set_permissions(folder, Permissions::from_mode(mode)).expect("a mode can be set");
    mode(folder.path(), 0o555);
    let gateway = Gateway::start_as_nobody(folder, Path::to_owned);
    gateway.send_until_failing("denied");
    gateway.send(20, &Letter::ordinary());
    assert_eq!(gateway.counted(), [0, 0, gateway.sent().len()]);
    mode(gateway.state(), 0o755);
    gateway.wait_stored_again();
    gateway.assert_all_stored(gateway.state());
    gateway.assert_complained_once("denied");
}

#[test]
fn a_disk_that_became_read_only_is_complained_of_until_it_is_not() {
    let (disk, gateway) = on_small_disk("");
    gateway.send(5, &Letter::ordinary());
    let remount = |how: &str| {
        process::run(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&disk.0));
    };
    // Not while a file is open for writing; a dying disk does not ask.
    let mut gateway = gateway;
    gateway.stop();
    remount("ro");
    gateway.restart();
    gateway.send_until_failing("denied");
    gateway.send(5, &Letter::ordinary());
    remount("rw");
    gateway.wait_stored_again();
    gateway.assert_all_stored(&disk.0);
}

#[test]
fn a_missing_folder_is_complained_of_until_it_is_there() {
    let gateway = Gateway::start_in(scratch::folder("state"), |folder| folder.join("none"), "");
    gateway.send_until_failing("missing");
    gateway.send(20, &Letter::ordinary());
    assert_eq!(gateway.counted(), [0, 0, gateway.sent().len()]);
    fs::create_dir(gateway.state().join("none")).expect("a folder can be made");
    gateway.wait_stored_again();
    gateway.assert_all_stored(&gateway.state().join("none"));
    gateway.assert_complained_once("missing");
}

#[test]
fn a_stop_while_the_store_fails_is_soon_over_and_says_what_is_lost_or_waits() {
    let mut missing = Gateway::start_in(scratch::folder("state"), |folder| folder.join("none"), "");
    missing.send_until_failing("missing");
    missing.send(7, &Letter::ordinary());
    assert_soon_stopped(&mut missing);
    assert_told(&missing, "and are lost with this process", "lost");

    let mut locked = Gateway::start("");
    let other = Connection::open(stored::file(locked.state())).expect("the store can be opened");
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    locked.send_until_failing("locked");
    locked.send(7, &Letter::ordinary());
    assert_soon_stopped(&mut locked);
    assert_told(&locked, "they stand in the spool", "spooled");
    other.execute_batch("ROLLBACK").expect("the end of the lock");
    locked.restart();
    locked.assert_all_stored(locked.state());
    assert_eq!(locked.said("what an earlier run left").len(), 1);
}

fn assert_soon_stopped(gateway: &mut Gateway) {
    let watch = Stopwatch::start();
    gateway.stop();
    assert!(watch.elapsed() < Duration::from_secs(10), "it took {:?} to end", watch.elapsed());
}

/// The log says what becomes of all that was sent.
fn assert_told(gateway: &Gateway, words: &str, count: &str) {
    let said = gateway.said("records of messages could not be stored");
    assert_eq!(said.len(), 1, "{}", gateway.daemon.log_text());
    assert!(said[0]["message"].as_str().is_some_and(|text| text.contains(words)), "{said:?}");
    assert_eq!(said[0][count].as_u64(), Some(gateway.sent().len() as u64), "{said:?}");
}

#[test]
fn an_idle_daemon_with_a_failing_store_rests() {
    let gateway = Gateway::start_in(scratch::folder("state"), |folder| folder.join("none"), "");
    gateway.send_until_failing("missing");
    // Past the first attempts, which follow each other sooner.
    wait::until("four attempts", || (gateway.errors("missing") >= 4.0).then_some(()));
    let (before, attempts) = (process::cpu(gateway.daemon.pid()), gateway.errors("missing"));
    thread::sleep(Duration::from_secs(4));
    let (used, attempts) = (process::cpu(gateway.daemon.pid()) - before, gateway.errors("missing") - attempts);
    println!("idle with a failing store: {used:?} of CPU in 4 s, {attempts} attempts");
    assert!(used < Duration::from_millis(200), "{used:?}");
    assert!(attempts <= 3.0, "{attempts} attempts");
}

/// What a daemon that was away finds too old goes while it takes mail, and what is young stays.
#[test]
fn the_daemon_clears_away_what_is_too_old() {
    let mut gateway = Gateway::start("retention = \"180d\"");
    gateway.send(20, &Letter::ordinary());
    gateway.stop();
    let connection = Connection::open(stored::file(gateway.state())).expect("the store opens");
    connection.execute("UPDATE message SET time = time - 200 * 86400 WHERE id <= 15", []).expect("it can be made old");
    drop(connection);
    gateway.restart();
    gateway.send(1, &Letter::ordinary());
    gateway.daemon.wait_metric("relaywatch_evidence_pruned_messages_total", 15.0);
    let look = Look::at(gateway.state());
    assert_eq!(look.number("SELECT count(*) FROM message"), 6);
    look.assert_whole();
}

/// Mail that lay at our backup MX for a year is new here: it is as old as its record.
#[test]
fn mail_that_came_late_is_no_old_mail() {
    let gateway = Gateway::start("retention = \"1h\"");
    let text = b"Received: from mx1.sender.example (mx1.sender.example [203.0.113.10])\r\n\
        \tby mx2.coincheck.com (Postfix) with ESMTPS id 7; Sun, 31 May 2020 12:00:00 +0900\r\n\
        From: alice@sender.example\r\n\r\n";
    let headers = HeaderSection::read(text, text.len());
    let peer = "198.51.100.7".parse().ok();
    gateway.send(3, &Letter { peer, helo: "mx2.coincheck.com".to_owned(), headers, ..Letter::ordinary() });
    let look = Look::at(gateway.state());
    assert_eq!(look.number("SELECT count(*) FROM message WHERE time = 1590894000"), 3, "the border's time");
    // A step of the pruner as the daemon takes it.
    let mut pruner = Pruner::open(&stored::file(gateway.state()), Duration::from_secs(5)).expect("the store opens");
    let retention = Retention { age: Duration::from_secs(3600), size: u64::MAX };
    while pruner.step(retention, SystemClock.now()).expect("a step").more {}
    assert_eq!(look.number("SELECT count(*) FROM message"), 3);
}
