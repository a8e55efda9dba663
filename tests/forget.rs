//! Erasure requests: nothing of the address is left, and people are counted as before; by the library and by the built program.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

#[allow(dead_code, reason = "not every test uses all of it")]
#[path = "support/evidence.rs"]
mod support;

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    path::Path,
    process::{Command, Output},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use relaywatch::{
    evidence::{
        FILE, Forgotten, Origin, Pruner, Reader, Record, Retention, Span, Stored, Wanted, forget,
        privacy::{HashKey, Privacy, Show},
    },
    finding::Severity,
};
use rusqlite::Connection;
use support::{DAY, NOW, at, dangling, holds, open, record};

const PATIENCE: Duration = Duration::from_millis(200);
const ANN: &str = "ann@sender.example";

fn all(folder: &Path) -> Vec<Stored> {
    let mut stored = Vec::new();
    let each = |message| {
        stored.push(message);
        ControlFlow::Continue(())
    };
    Reader::open(&folder.join(FILE)).unwrap().messages(None, Span::ALWAYS, each).unwrap();
    stored.sort_by_key(|message| message.id);
    stored
}

fn senders(folder: &Path) -> BTreeSet<i64> {
    all(folder).into_iter().filter_map(|message| message.sender).map(|party| party.id).collect()
}

fn run(folder: &Path, address: &str, key: Option<&HashKey>) -> Forgotten {
    forget(&folder.join(FILE), &Wanted::new(address, key).unwrap(), false, &mut std::thread::sleep).unwrap()
}

/// One recipient stands with the message, the others in a table of their own; which one is by chance.
#[test]
fn a_recipient_is_forgotten_among_others_and_they_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), PATIENCE);
    let others: Vec<String> = (0..40).map(|number| format!("r{number}@coincheck.com")).collect();
    let privacy = Privacy::default();
    let mut records: Vec<_> = others
        .iter()
        .map(|other| record("bob@sender.example", &[ANN, other, "SRS0=H=T=sender.example=ann@fwd.example"], &privacy))
        .collect();
    records.push(record("bob@sender.example", &[ANN], &privacy));
    records.push(record("bob@sender.example", &["carol@coincheck.com"], &privacy));
    ledger.write(&records, None).unwrap();
    let forgotten = run(folder.path(), ANN, None);
    assert_eq!((forgotten.addresses, forgotten.rewritten, forgotten.messages_received), (1, 1, 41));
    assert!(!holds(folder.path(), "ann@"));
    let stored = all(folder.path());
    let names = |number: usize| {
        stored[number].recipients.iter().filter_map(|party| party.address.as_deref()).collect::<Vec<_>>()
    };
    for (number, other) in others.iter().enumerate() {
        assert_eq!((stored[number].recipients.len(), names(number)), (3, vec![other.as_str()]));
    }
    assert_eq!((stored[40].recipients.len(), names(40)), (1, vec![]));
    assert_eq!(names(41), ["carol@coincheck.com"]);
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    assert!(dangling(&connection).is_empty());
}

#[test]
fn nothing_of_an_address_is_left_and_people_are_counted_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), PATIENCE);
    let privacy = Privacy { subject: Show::Clear, ..Privacy::default() };
    let from = |sender: &str, to: &str| record(sender, &[to], &privacy);
    let mut records = vec![
        from("Ann@SENDER.example", "support@coincheck.com"),
        from("bob@sender.example", "support@coincheck.com"),
        from("mary-ann@sender.example", "Ann@sender.example"),
        from("SRS0=HHH=TT=sender.example=ann@fwd.example", "support@coincheck.com"),
        from("prvs=04384a72e4=ann@sender.example", "support@coincheck.com"),
        from("list-bounces+ann=sender.example@lists.example", "support@coincheck.com"),
        from("bob@sender.example", "support@coincheck.com"),
        from("ann+shop@sender.example", "support@coincheck.com"),
    ];
    // The author is another one in a rewritten envelope; here it is the sender's.
    records[5].header_from = Some("list@lists.example".to_owned());
    records[6].subject = Some("Re: what ann@sender.example wrote".to_owned());
    records[6].hops[0].facts.helo = Some("ann@sender.example".to_owned());
    records[6].origin = Origin::File { path: "/mail/ann@sender.example/cur/1".to_owned(), offset: 0 };
    records[6].identity = Some(b"7".to_vec());
    let finding = &mut records[0].findings[0];
    finding.severity = Some(Severity::Suspicious);
    finding.fact = "sender=ann@sender.example".to_owned();
    finding.sentence = "Ann@sender.example forwards (Resent-From: Ann Lee <ann@sender.example>).".to_owned();
    finding.evidence = vec!["ann._spf.sender.example. 300 IN A 127.0.0.2".to_owned()];
    ledger.write(&records, None).unwrap();
    let before = senders(folder.path());

    let found = run(folder.path(), "Ann@sender.example", None);
    let expected = Forgotten {
        addresses: 1,
        rewritten: 3,
        messages_sent: 3,
        messages_received: 1,
        headings: 5, // also that of a list, whose Message-ID held it, and a subject
        findings: found.findings,
        texts: 2,
        tagged: vec!["ann+shop@sender.example".to_owned()],
        hashed: 0,
        wiped: true,
    };
    assert_eq!(found, expected);
    assert!(found.findings > 0);

    let stored = all(folder.path());
    assert_eq!(senders(folder.path()).len(), before.len(), "as many people as before");
    let anonymous: Vec<_> =
        stored.iter().filter(|message| message.sender.as_ref().unwrap().address.is_none()).collect();
    assert_eq!(anonymous.len(), 4);
    assert!(anonymous.iter().all(|message| message.message_id.is_none() && message.subject.is_none()));
    assert!(
        anonymous.iter().all(|message| !before.contains(&message.sender.as_ref().unwrap().id)),
        "no hash of it stays"
    );
    assert_eq!(stored[2].recipients[0].address, None);
    assert_eq!(stored[1].message_id.as_deref(), Some("bob@sender.example"));
    assert_eq!(stored[1].sender, stored[6].sender);
    assert_eq!(stored[2].sender.as_ref().unwrap().address.as_deref(), Some("mary-ann@sender.example"));
    assert_eq!(stored[7].sender.as_ref().unwrap().address.as_deref(), Some("ann+shop@sender.example"));
    assert!(stored[6].source.starts_with("/mail/(forgotten)/cur/1"));
    for text in
        ["\"ann@sender", "<ann@", "ann lee", "=ann@fwd", "+ann=", "ann._spf", "/ann@", "what ann@", "=ann@sender"]
    {
        assert!(!holds(folder.path(), text), "{text}");
    }
    assert!(holds(folder.path(), "mary-ann@sender.example"), "the test looks where texts are");
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    assert_eq!(dangling(&connection), [""; 0]);
    assert!(run(folder.path(), ANN, None).is_nothing());
}

#[test]
fn hashes_are_found_with_their_key_and_with_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let key = |byte: u8| HashKey::new(&[byte; 32]);
    let hashed = Privacy {
        sender: Show::KeyedHash,
        recipients: Show::KeyedHash,
        header_from: Show::KeyedHash,
        message_id: Show::KeyedHash,
        key: key(7),
        ..Privacy::default()
    };
    let mail = [
        record("Ann@Sender.example", &["support@coincheck.com"], &hashed),
        record("bob@sender.example", &["ANN@sender.example"], &hashed),
        record(ANN, &["support@coincheck.com"], &Privacy::default()),
    ];
    open(folder.path(), PATIENCE).write(&mail, None).unwrap();
    assert_eq!(run(folder.path(), ANN, key(8).as_ref()).addresses, 1, "the one in clear");
    let without = run(folder.path(), ANN, None);
    assert!(without.is_nothing() && without.hashed > 0, "{without:?}");
    let found = run(folder.path(), ANN, key(7).as_ref());
    assert_eq!((found.addresses, found.messages_sent, found.messages_received), (1, 1, 1));
    assert_eq!(
        all(folder.path()).iter().filter(|message| message.sender.as_ref().unwrap().address.is_none()).count(),
        2
    );
    assert!(run(folder.path(), ANN, key(7).as_ref()).is_nothing());
}

/// Rows of thousands of people, in pages that were split and filled in any order.
#[test]
fn no_page_of_a_grown_store_keeps_what_was_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), PATIENCE);
    let one = record(ANN, &["support@coincheck.com"], &Privacy::default());
    let person = |number: u32| format!("p{:08x}.{number}@people.example", number.wrapping_mul(0x9e37_79b1));
    for block in 0..15 {
        let records = (block * 400..block * 400 + 400).map(|number| Record {
            sender: Some(person(number)),
            header_from: Some(person(number)),
            message_id: Some(format!("{number}.{}", person(number))),
            recipients: vec![format!("{}@coincheck.com", number % 7), person(number / 2)],
            ..one.clone()
        });
        ledger.write(&records.collect::<Vec<_>>(), None).unwrap();
    }
    let mut pruner = Pruner::open(&folder.path().join(FILE), PATIENCE).unwrap();
    let retention = Retention { age: Duration::from_secs(10), size: u64::MAX };
    while pruner.step(retention, at(NOW)).unwrap().more {}
    for number in (0..6000).step_by(500) {
        assert!(holds(folder.path(), &person(number)));
        let found = run(folder.path(), &person(number), None);
        assert!(found.wiped && found.messages_sent == 1, "{found:?}");
        assert!(!holds(folder.path(), &person(number)), "{}", person(number));
    }
}

#[test]
fn a_reader_that_keeps_old_pages_is_waited_for_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let mail = [record(ANN, &["support@coincheck.com"], &Privacy::default())];
    let mut ledger = open(folder.path(), PATIENCE);
    ledger.write(&mail, None).unwrap();
    let file = folder.path().join(FILE);
    let reader = Connection::open(&file).unwrap();
    let read = || {
        reader.execute_batch("BEGIN").unwrap();
        reader.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, i64>(0)).unwrap();
    };
    read();
    let wanted = Wanted::new(ANN, None).unwrap();
    let found = forget(&file, &wanted, false, &mut |_| ()).unwrap();
    assert!(!found.wiped && found.addresses == 1, "{found:?}");
    assert!(holds(folder.path(), ANN));
    // It ends while it is waited for.
    reader.execute_batch("COMMIT").unwrap();
    ledger.write(&mail, None).unwrap();
    read();
    let mut rests = 0;
    let found = forget(&file, &wanted, false, &mut |_| {
        rests += 1;
        if rests == 5 {
            reader.execute_batch("COMMIT").unwrap();
        }
    });
    assert!(found.unwrap().wiped && !holds(folder.path(), ANN));
}

/// Ends the other threads of a test, also where an assertion fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn people_are_forgotten_while_mail_comes_and_old_mail_goes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let mut ledger = open(folder.path(), PATIENCE);
    let one = record(ANN, &["support@coincheck.com"], &Privacy::default());
    let person = |number: usize| format!("p{number}@people.example");
    let pool: Vec<Record> = (0..50)
        .map(|number| Record {
            sender: Some(person(number)),
            header_from: Some(person(number)),
            recipients: vec![person((number + 1) % 50)],
            ..one.clone()
        })
        .collect();
    let (done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let number = sent.fetch_add(1, Ordering::Relaxed);
                ledger.write([&pool[number * 7 % 50]], None).unwrap();
                std::thread::sleep(Duration::from_millis(2)); // some hundred commits a second
            }
        });
        scope.spawn(|| {
            let mut pruner = Pruner::open(&file, Duration::from_secs(10)).unwrap();
            let retention = Retention { age: Duration::from_secs(86_400 * 9000), size: u64::MAX };
            let mut now = NOW;
            while !done.load(Ordering::Relaxed) {
                let step = pruner.step(retention, at(now)).unwrap();
                now += if step.more { 0 } else { DAY };
                std::thread::sleep(step.rest());
            }
        });
        let _end = End(&done);
        for number in 0..6 {
            while sent.load(Ordering::Relaxed) < number * 100 {
                std::thread::yield_now();
            }
            let wanted = Wanted::new(&person(number), None).unwrap();
            let found = forget(&file, &wanted, false, &mut std::thread::sleep).unwrap();
            assert!(found.messages_sent > 0 || number == 0, "{found:?}");
        }
    });
    let connection = Connection::open(&file).unwrap();
    assert_eq!(dangling(&connection), [""; 0]);
    assert_eq!(all(folder.path()).len(), sent.into_inner());
    for number in 0..50 {
        run(folder.path(), &person(number), None);
    }
    assert!(all(folder.path()).iter().all(|message| message.sender.as_ref().unwrap().address.is_none()));
    assert!(!holds(folder.path(), "@people.example"));
    assert_eq!(dangling(&connection), [""; 0]);
}

fn program(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relaywatch"));
    command.env_clear().arg("forget").args(arguments).arg("--store").arg(folder.join(FILE));
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn the_command_says_what_it_did_and_what_it_did_not() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = program(folder.path(), &[ANN]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("there is none"), "{err}");
    assert!(!folder.path().join(FILE).exists(), "it makes no store");

    std::fs::write(folder.path().join("key"), [7; 32]).unwrap();
    let privacy = Privacy { sender: Show::KeyedHash, key: HashKey::new(&[7; 32]), ..Privacy::default() };
    let mail = [record(ANN, &["support@coincheck.com"], &privacy), record("bob@b.example", &[ANN], &privacy)];
    open(folder.path(), PATIENCE).write(&mail, None).unwrap();
    let key = folder.path().join("key");
    let key = key.to_str().unwrap();

    let (code, out, _) = program(folder.path(), &["--dry-run", "--key-file", key, "Ann@sender.example"]);
    assert_eq!(code, 0);
    assert!(out.contains("ann@sender.example: would be forgotten in ") && out.contains("1 messages from it"), "{out}");
    assert!(holds(folder.path(), ANN), "nothing was done");

    let (code, out, err) = program(folder.path(), &[ANN, "--key-file", key, "nobody@x.example"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for part in [
        "ann@sender.example: forgotten in",
        "2 its own rows",
        "1 messages to it",
        "nobody@x.example: nothing of it",
        "backups",
    ] {
        assert!(out.contains(part), "{part} in {out}");
    }
    assert!(!holds(folder.path(), ANN));

    let (code, out, _) = program(folder.path(), &[ANN]);
    assert!(code == 0 && out.contains("nothing of it") && out.contains("--key-file"), "{out}");
    for bad in [&["no-address"][..], &["--key-file", "/nowhere", ANN], &["a\u{1b}[31m"], &[]] {
        let (code, out, err) = program(folder.path(), bad);
        assert!(code == 2 && out.is_empty() && !err.contains('\u{1b}'), "{bad:?}: {out}{err}");
    }
    std::fs::write(folder.path().join("key"), "secret").unwrap();
    let (code, _, err) = program(folder.path(), &["--key-file", key, ANN]);
    assert!(code == 2 && err.contains("6 bytes") && !err.contains("secret"), "{err}");
}
