//! Something is wrong with the evidence store's file, or it goes away, or another one is named: mail goes on, nothing foreign is touched,
//! and what waited is stored in the next store that can be written to.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{
    cell::Cell,
    fs,
    ops::ControlFlow,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use relaywatch::evidence::{Reader, Span, Trouble};
use rusqlite::Connection;
use support::{
    daemon::{NO_LIST, PROGRAM},
    gateway::{Gateway, configuration},
    mta::{Letter, Mta},
    scratch,
    stored::{self, Look},
    wait,
};

/// Overwrites all of a store but its first page, in place.
fn damage(file: &Path) {
    use std::os::unix::fs::FileExt as _;
    let length = fs::metadata(file).expect("a store").len();
    let bytes = vec![0x5a; usize::try_from(length).unwrap() - 4096];
    assert!(!bytes.is_empty(), "the store is larger than a page");
    let file = fs::File::options().write(true).open(file).expect("the store is writable");
    file.write_all_at(&bytes, 4096).expect("the store is writable");
}

/// As the runbook says: the store and the files beside it.
fn move_aside(folder: &Path) {
    for name in ["evidence.db", "evidence.db-wal", "evidence.db-shm"] {
        let _ = fs::rename(folder.join(name), folder.join(format!("damaged-{name}"))); // the last two may not be there
    }
    assert!(!stored::file(folder).exists());
}

/// A gateway whose store holds some messages, all of them in the file itself.
fn with_messages() -> Gateway {
    let mut gateway = Gateway::start("");
    gateway.send(20, &Letter::of_size(5));
    gateway.stop();
    assert!(!gateway.state().join("evidence.db-wal").exists(), "a stop leaves one file");
    gateway
}

/// The admin moves it away; the daemon makes a new one, and what came since it knew of the damage is in it.
fn assert_mended_by_moving_aside(gateway: &Gateway) {
    let [_, lost, waiting] = gateway.counted();
    assert!(lost == 0 && waiting > 0, "{lost} are lost, {waiting} wait");
    move_aside(gateway.state());
    gateway.wait_stored_again();
    gateway.send(5, &Letter::ordinary());
    let look = Look::at(gateway.state());
    look.assert_whole();
    let sent = gateway.sent();
    look.assert_holds(&sent[sent.len() - waiting - 5..]);
    gateway.assert_complained_once("damaged");
    gateway.daemon.assert_sound();
}

#[test]
fn a_store_that_was_damaged_before_the_start_is_told_and_replaced_once_it_is_moved_away() {
    let mut gateway = with_messages();
    damage(&stored::file(gateway.state()));
    gateway.restart();
    gateway.send_until_failing("damaged");
    gateway.send(20, &Letter::ordinary());
    assert_eq!(
        gateway.said("evidence is not stored")[0]["error"]
            .as_str()
            .unwrap()
            .matches("RelaywatchEvidenceNotStored.md")
            .count(),
        1
    );
    assert_readers_and_scan_refuse(&gateway);
    assert_mended_by_moving_aside(&gateway);
}

/// Whoever asks it, or adds to it, is told.
fn assert_readers_and_scan_refuse(gateway: &Gateway) {
    let file = stored::file(gateway.state());
    let read = Reader::open(&file).and_then(|reader| {
        reader.hops_named(|name| name.ends_with(".example"))?;
        reader.messages(None, Span::ALWAYS, |_| ControlFlow::Continue(()))
    });
    let error = read.expect_err("a damaged store cannot be read");
    assert_eq!(error.trouble, Trouble::Damaged, "{error}");

    let mail = gateway.state().join("mail.eml");
    fs::write(
        &mail,
        "Received: from a.example ([192.0.2.1]) by b.example; Sun, 22 Nov 2026 12:03:15 +0000\nFrom: a@a.example\n\n",
    )
    .expect("a file can be written");
    let mut scan = Command::new(PROGRAM);
    scan.args(["scan", "--record", "--format", "jsonl", "--store"]).arg(&file).arg(&mail);
    let output = scan.output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the evidence store") && said.contains("it is damaged"), "{said}");
    assert!(output.stdout.is_empty(), "a line of a message that is not stored was shown");
}

#[test]
fn a_store_that_is_damaged_while_it_is_written_to_is_told_and_replaced_once_it_is_moved_away() {
    let mut gateway = with_messages();
    gateway.restart();
    gateway.send(5, &Letter::ordinary());
    damage(&stored::file(gateway.state()));
    // What SQLite holds in memory may do for a while; what it has to read again does not.
    wait::until("the damage to be seen", || {
        gateway.send(10, &Letter::of_size(20));
        (gateway.errors("damaged") >= 1.0).then_some(())
    });
    gateway.send(20, &Letter::ordinary());
    assert_mended_by_moving_aside(&gateway);
}

#[test]
fn a_store_that_is_moved_away_in_ordinary_service_is_followed_by_a_new_one() {
    let gateway = Gateway::start("");
    gateway.send(20, &Letter::ordinary());
    assert_eq!(gateway.counted(), [20, 0, 0], "nothing is on its way");
    // Without the files beside it: what stands in them is acknowledged.
    let (file, aside) = (stored::file(gateway.state()), gateway.state().join("aside"));
    fs::create_dir(&aside).expect("a folder can be made");
    fs::rename(&file, stored::file(&aside)).expect("the store can be moved");
    gateway.send(20, &Letter::ordinary());
    assert_eq!(gateway.counted(), [40, 0, 0]);
    let sent = gateway.sent();
    let (old, new) = (Look::at_copy(&aside), Look::at(gateway.state()));
    old.assert_whole();
    old.assert_holds(&sent[..20]);
    assert_eq!(old.number("SELECT count(*) FROM run WHERE ended IS NOT NULL"), 1);
    new.assert_whole();
    new.assert_holds(&sent[20..]);
    assert_eq!(gateway.said("the evidence store was moved away").len(), 1);

    fs::remove_file(&file).expect("the store can be removed");
    gateway.send(5, &Letter::ordinary());
    Look::at(gateway.state()).assert_holds(&gateway.sent()[40..]);
    gateway.daemon.assert_sound();
}

#[test]
fn what_is_no_store_of_ours_stays_as_it_is() {
    let future = {
        let gateway = with_messages();
        let file = stored::file(gateway.state());
        let connection = Connection::open(&file).expect("the store can be opened");
        connection.pragma_update(None, "user_version", 99).expect("its version can be set");
        drop(connection);
        fs::read(file).expect("the store is readable")
    };
    let foreign = |sql: &str| {
        let folder = scratch::folder("foreign");
        let file = folder.path().join("foreign.db");
        Connection::open(&file).and_then(|connection| connection.execute_batch(sql)).expect("a database can be made");
        fs::read(file).expect("it is readable")
    };
    let text = "no database at all, but long enough to be looked at\n".repeat(50).into_bytes();
    for (what, bytes, trouble) in [
        ("a store of the future", future, "future"),
        ("a foreign database", foreign("CREATE TABLE t (x); INSERT INTO t VALUES (1)"), "damaged"),
        ("a foreign database in WAL mode", foreign("PRAGMA journal_mode = WAL; CREATE TABLE t (x)"), "damaged"),
        ("a foreign database without tables", foreign("PRAGMA application_id = 7"), "damaged"),
        ("a text", text, "damaged"),
    ] {
        let folder = scratch::folder("state");
        fs::write(stored::file(folder.path()), &bytes).expect("a file can be written");
        let mut gateway = Gateway::start_in(folder, Path::to_owned, "");
        gateway.send_until_failing(trouble);
        gateway.send(5, &Letter::ordinary());
        assert_eq!(gateway.counted(), [0, 0, gateway.sent().len()], "{what}");
        gateway.assert_complained_once(trouble);
        gateway.stop();
        assert!(fs::read(stored::file(gateway.state())).unwrap() == bytes, "{what} was changed");
        let left: Vec<_> = fs::read_dir(gateway.state()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["evidence.db"], "{what}");
    }
}

#[test]
fn a_stop_is_noted_in_the_store_and_a_kill_is_not() {
    let mut gateway = Gateway::start("");
    gateway.send(1, &Letter::ordinary());
    gateway.stop();
    gateway.restart();
    gateway.send(1, &Letter::ordinary());
    gateway.daemon.kill();
    gateway.restart();
    gateway.stop();
    let look = Look::at(gateway.state());
    let ended = look.texts("SELECT writer || ' ' || iif(ended >= started, 'ended', 'open') FROM run ORDER BY id");
    assert_eq!(ended, ["serve ended", "serve open", "serve ended"]);
    look.assert_holds(&gateway.sent());
}

#[test]
fn reloads_that_name_another_folder_or_switch_evidence_off_and_on_lose_nothing() {
    let gateway = Gateway::start("");
    let daemon = &gateway.daemon;
    let folders = [scratch::folder("state"), scratch::folder("state")];
    let over = AtomicBool::new(false);
    // Each configuration names a list of another length, so that it can be told when it is in use.
    let lists = scratch::folder("lists");
    let number = Cell::new(0_u8);
    let reload = |state: &Path, evidence: &str| {
        number.set(number.get() + 1);
        let list = lists.path().join(number.get().to_string());
        let networks: Vec<String> = (0..number.get()).map(|network| format!("192.0.2.{network}\n")).collect();
        fs::write(&list, networks.concat()).expect("a list is writable");
        let named = format!("{NO_LIST}list = [{{ path = {list:?} }}]\n");
        let text = configuration(state, evidence).replace(NO_LIST, &named);
        scratch::replace(&daemon.config_file(), &daemon.config_text(&text));
        daemon.signal("HUP");
        daemon.wait_metric("relaywatch_indicators_loaded{kind=\"network\"}", f64::from(number.get()));
    };
    let send = |name: &str| {
        let mut mta = Mta::connect(&daemon.addresses()[1]).expect("the daemon accepts");
        let mut ids = Vec::new();
        while ids.is_empty() || !over.load(Ordering::Relaxed) {
            let id = format!("{name}-{}", ids.len());
            mta.accepted(&id, &Letter::ordinary());
            ids.push(id);
        }
        ids
    };
    let stored = |state: &Path| Look::at(state).queue_ids();

    let ids: Vec<String> = thread::scope(|scope| {
        let senders: Vec<_> = ["a", "b", "c"].map(|name| scope.spawn(move || send(name))).into();
        for round in 0..6 {
            reload(folders[round % 2].path(), if round % 3 == 0 { "durability = \"full\"" } else { "" });
        }
        over.store(true, Ordering::Relaxed);
        senders.into_iter().flat_map(|sender| sender.join().expect("a sender ends")).collect()
    });
    let [first, second] = [stored(folders[0].path()), stored(folders[1].path())];
    let initial = stored(gateway.state());
    let missing: Vec<_> =
        ids.iter().filter(|id| ![&initial, &first, &second].iter().any(|store| store.contains_key(*id))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(initial.len() + first.len() + second.len(), ids.len(), "each in one of them");
    assert!(!first.is_empty() && !second.is_empty());

    // Off and on: what is sent before is there, what is sent while it is off is not, what is sent after is again.
    let state = folders[0].path();
    over.store(false, Ordering::Relaxed);
    thread::scope(|scope| {
        let sender = scope.spawn(|| send("d"));
        for _ in 0..4 {
            reload(state, "enabled = false");
            reload(state, "");
        }
        over.store(true, Ordering::Relaxed);
        sender.join().expect("a sender ends")
    });
    reload(state, "enabled = false");
    gateway.send(3, &Letter::ordinary());
    reload(state, "");
    gateway.send(2, &Letter::ordinary());
    let all: usize = [gateway.state(), state, folders[1].path()].map(|state| stored(state).len()).iter().sum();
    assert_eq!(gateway.counted(), [all, 0, 0], "what was taken is stored");
    let stored = stored(state);
    let there = |id: &str| stored.contains_key(id);
    assert_eq!(["0", "1", "2", "3", "4"].map(there), [false, false, false, true, true]);
    Look::at(state).assert_whole();
    daemon.assert_sound();
}
