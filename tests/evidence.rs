//! The evidence store: what goes in comes out, and the tables can be asked by hand.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

use std::{collections::BTreeSet, ops::ControlFlow, path::Path, process::Command, time::Duration};

use relaywatch::{
    clock::Timestamp,
    config,
    evidence::{
        Circumstances, Durability, FILE, Ledger, Origin, Reader, Record, Span, Store, Stored, Trouble,
        privacy::{HashKey, Privacy, Show},
    },
    finding::Level,
    inspect::inspect_offline,
    message::{HeaderSection, RawMessage},
    policy::Action,
    session::Session,
    trace::HopKind,
};

fn open(folder: &Path) -> Ledger {
    Ledger::new(Store::open(&folder.join(FILE), Durability::Normal, Duration::from_secs(1)).unwrap()).unwrap()
}

fn hijacked(queue_id: &str) -> RawMessage {
    let headers = "Received: from mx1.sender.example (mx1.sender.example [203.0.113.10])\r\n\tby mail.coincheck.com (Postfix) with ESMTPS \
                   (TLSv1.3) id 5; Sun, 31 May 2020 12:00:00 +0900\r\n\
                   Received: from ws.sender.example (ws.sender.example [203.0.113.99])\r\n\tby mx1.sender.example (Postfix) with ESMTPS id 4; \
                   Sun, 31 May 2020 11:59:57 +0900\r\n\
                   Received: from [IPv6:2001:db8::99] (unknown [IPv6:2001:db8::99])\r\n\tby ws.sender.example (Postfix) with ESMTPSA \
                   id 3; Sun, 31 May 2020 11:59:50 +0900\r\n\
                   From: Ann <ann@Sender.example>\r\nMessage-ID: <1@sender.example>\r\nSubject: my account\r\n\
                   Date: Sun, 31 May 2020 11:59:40 +0900\r\n\r\n";
    RawMessage {
        headers: HeaderSection::read(headers.as_bytes(), 1 << 20),
        session: Some(Session {
            peer_ip: Some("45.77.24.250".parse().unwrap()),
            helo: Some("mail.coincheck.com".to_owned()),
            extended: true,
            tls_known: true,
            border: Some("gw.coincheck.com".to_owned()),
            queue_id: Some(queue_id.to_owned()),
            mail_from: Some("ann@SENDER.example".to_owned()),
            recipients: vec!["support@coincheck.com".to_owned(), "inquiry@coincheck.com".to_owned()],
            time: Some("2020-05-31T03:00:02Z".parse().unwrap()),
            ..Session::default()
        }),
        body: None,
    }
}

fn record(message: &RawMessage, origin: Origin, privacy: &Privacy) -> Record {
    let policy = config::defaults().policy;
    let report = inspect_offline(message, &policy);
    let now: Timestamp = "2020-05-31T03:00:02Z".parse().unwrap();
    Record::of(message, &report, &Circumstances { origin, now, action: Some(Action::Accept) }, privacy)
}

fn all(folder: &Path) -> Vec<Stored> {
    let mut stored = Vec::new();
    let reader = Reader::open(&folder.join(FILE)).unwrap();
    reader
        .messages(None, Span::ALWAYS, |message| {
            stored.push(message);
            ControlFlow::Continue(())
        })
        .unwrap();
    stored
}

#[test]
fn what_goes_in_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path());
    let records = [record(&hijacked("Q1"), Origin::Milter, &Privacy::default())];
    assert_eq!(ledger.write(&records, None).unwrap().stored, 1);

    let stored = all(folder.path());
    let [message] = stored.as_slice() else { panic!("{stored:?}") };
    assert_eq!((message.time, message.dated), (1_590_894_002, Some(1_590_893_980)));
    assert_eq!(message.queue_id.as_deref(), Some("Q1"));
    assert_eq!(message.message_id.as_deref(), Some("1@sender.example"));
    assert_eq!(message.subject, None);
    let sender = message.sender.as_ref().unwrap();
    assert_eq!(sender.address.as_deref(), Some("ann@sender.example"));
    assert_eq!(message.header_from.as_ref(), Some(sender));
    let to: Vec<_> = message.recipients.iter().filter_map(|party| party.address.as_deref()).collect();
    assert_eq!(to, ["inquiry@coincheck.com", "support@coincheck.com"]);
    assert_eq!(message.border_hop, Some(0));
    assert_eq!(message.times, [1_590_894_002, 1_590_894_000, 1_590_893_997, 1_590_893_990].map(Some));
    let hops: Vec<_> = message.hops.iter().map(|hop| (hop.ip.unwrap().to_string(), hop.tls)).collect();
    let expected = [("45.77.24.250", false), ("203.0.113.10", true), ("203.0.113.99", true), ("2001:db8::99", true)];
    assert_eq!(hops, expected.map(|(ip, tls)| (ip.to_owned(), Some(tls))));
    assert_eq!(*message.hops, records[0].hops.iter().map(|hop| hop.facts.clone()).collect::<Vec<_>>());
    assert_eq!((message.verdict, message.action), (records[0].verdict, Some(Action::Accept)));
}

#[test]
fn messages_are_found_by_network_by_name_and_by_time() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).write(&[record(&hijacked("Q1"), Origin::Milter, &Privacy::default())], None).unwrap();
    let reader = Reader::open(&folder.path().join(FILE)).unwrap();
    let count = |hops, span| {
        let mut count = 0;
        let each = |_| {
            count += 1;
            ControlFlow::Continue(())
        };
        reader.messages(Some(&hops), span, each).unwrap();
        count
    };
    let network = |text: &str| reader.hops_in(&[text.parse().unwrap()]).unwrap();
    assert_eq!(count(network("45.77.24.250"), Span::ALWAYS), 1);
    assert_eq!(count(network("203.0.113.96/28"), Span::ALWAYS), 1);
    assert_eq!(count(network("2001:db8::/64"), Span::ALWAYS), 1);
    assert_eq!(count(network("2001:db8::98"), Span::ALWAYS), 0);
    assert_eq!(count(network("45.77.24.251"), Span::ALWAYS), 0);
    assert_eq!(count(network("0.0.0.0/0"), Span::ALWAYS), 1);
    let named = |wanted: &str| reader.hops_named(|name| name == wanted).unwrap();
    assert_eq!(count(named("mail.coincheck.com"), Span::ALWAYS), 1);
    assert_eq!(count(named("coincheck.com"), Span::ALWAYS), 0);
    let at = 1_590_894_002;
    assert_eq!(count(network("45.77.24.250"), Span { since: at, until: at + 1 }), 1);
    assert_eq!(count(network("45.77.24.250"), Span { since: at + 1, until: i64::MAX }), 0);
    assert_eq!(count(network("45.77.24.250"), Span { since: 0, until: at }), 0);
}

/// Messages whose numbers are not in the order of their time: a backup MX, a wrong clock, an archive that is not sorted.
#[test]
fn a_stretch_of_time_is_found_wherever_its_mail_was_stored() {
    const MAILS: i64 = 5000;
    let folder = tempfile::tempdir().unwrap();
    let one = record(&hijacked("Q"), Origin::Milter, &Privacy::default());
    let time = |number: i64| if number % 700 == 3 { -number } else { number * 7919 % MAILS - 2000 };
    let records: Vec<Record> = (0..MAILS).map(|number| Record { time: time(number), ..one.clone() }).collect();
    open(folder.path()).write(&records, None).unwrap();
    let reader = Reader::open(&folder.path().join(FILE)).unwrap();
    let hops = reader.hops_in(&["45.77.24.250".parse().unwrap()]).unwrap();
    let mut times: Vec<i64> = (0..MAILS).map(time).collect();
    times.sort_unstable();
    for (since, until) in [
        (i64::MIN, i64::MAX),
        (-2000, 0),
        (-1, 1),
        (2500, 2510),
        (-5000, -2000),
        (2999, i64::MAX),
        (3000, 9000),
        (5, 5),
    ] {
        let ask = |hops: Option<&BTreeSet<i64>>| {
            let mut found = Vec::new();
            let each = |message: Stored| {
                assert_eq!(message.times[0], Some(1_590_894_002));
                found.push(message.time);
                ControlFlow::Continue(())
            };
            reader.messages(hops, Span { since, until }, each).unwrap();
            found
        };
        let expected: Vec<i64> = times.iter().copied().filter(|time| (since..until).contains(time)).collect();
        assert_eq!(ask(Some(&hops)), expected, "{since} {until}");
        let mut all = ask(None);
        all.sort_unstable();
        assert_eq!(all, expected, "{since} {until}");
    }
    let coverage = reader.coverage().unwrap();
    assert_eq!(
        (coverage.messages, coverage.first, coverage.last),
        (5000, times.first().copied(), times.last().copied())
    );
}

#[test]
fn what_is_held_is_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path());
    let record = [record(&hijacked("Q1"), Origin::Milter, &Privacy::default())];
    ledger.write(&record, None).unwrap();
    let reader = Reader::open(&folder.path().join(FILE)).unwrap();
    reader.hold().unwrap();
    ledger.write(&record, None).unwrap();
    assert_eq!(reader.coverage().unwrap().messages, 1);
    assert_eq!(Reader::open(&folder.path().join(FILE)).unwrap().coverage().unwrap().messages, 2);
}

#[test]
fn a_mail_in_two_files_is_stored_once_and_what_the_mta_hands_over_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path());
    let file = |path: &str| Origin::File { path: path.to_owned(), offset: 7 };
    let privacy = Privacy::default();
    let records =
        [record(&hijacked("Q1"), file("a.mbox"), &privacy), record(&hijacked("Q1"), file("b.mbox"), &privacy)];
    let written = ledger.write(&records, None).unwrap();
    assert_eq!((written.stored, written.known), (1, 1));
    let milter = [record(&hijacked("Q1"), Origin::Milter, &privacy), record(&hijacked("Q1"), Origin::Milter, &privacy)];
    assert_eq!(open(folder.path()).write(&milter, None).unwrap().stored, 2);
    assert_eq!(all(folder.path()).len(), 3);
}

#[test]
fn a_way_is_stored_once_and_another_order_of_its_hops_is_another_way() {
    let folder = tempfile::tempdir().unwrap();
    let one = record(&hijacked("Q1"), Origin::Milter, &Privacy::default());
    let mut turned = one.clone();
    turned.hops.reverse();
    let mut longer = one.clone();
    longer.hops.last_mut().unwrap().facts.helo = Some("new.sender.example".to_owned());
    let none = Record { hops: Vec::new(), ..one.clone() };
    let records = [one, turned, longer, none];
    for _ in 0..3 {
        // Each writer remembers nothing of the one before.
        open(folder.path()).write(records.iter().chain(&records), None).unwrap();
    }
    let stored = all(folder.path());
    for (message, record) in stored.iter().zip(records.iter().cycle()) {
        assert_eq!(*message.hops, record.hops.iter().map(|hop| hop.facts.clone()).collect::<Vec<_>>());
    }
    assert_eq!(stored.len(), 24);
    let connection = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM path WHERE hops <> '[]'"), 3);
    assert_eq!(count("SELECT count(*) FROM hop"), 5);
}

#[test]
fn each_field_is_kept_as_the_admin_says() {
    let folder = tempfile::tempdir().unwrap();
    let privacy = Privacy {
        sender: Show::KeyedHash,
        header_from: Show::KeyedHash,
        recipients: Show::Omit,
        message_id: Show::Omit,
        subject: Show::Clear,
        key: HashKey::new(&[7; 32]),
    };
    // Words of a finding may name anybody.
    let (policy, mail) = (config::defaults().policy, hijacked("Q1"));
    let mut report = inspect_offline(&mail, &policy);
    report.verdict.findings[0].sentence.push_str(" It was sent on (for <ann@sender.example>).");
    let now: Timestamp = "2020-05-31T03:00:02Z".parse().unwrap();
    let about = Circumstances { origin: Origin::Milter, now, action: None };
    open(folder.path()).write(&[Record::of(&mail, &report, &about, &privacy)], None).unwrap();
    let stored = all(folder.path());
    let message = &stored[0];
    let sender = message.sender.as_ref().unwrap();
    assert!(sender.address.as_deref().unwrap().starts_with("hmac-"), "{sender:?}");
    assert_eq!(message.header_from.as_ref(), Some(sender), "equal ones stay equal");
    assert_eq!((message.recipients.len(), message.message_id.as_deref()), (0, None));
    assert_eq!(message.subject.as_deref(), Some("my account"));
    let bytes: Vec<u8> = std::fs::read_dir(folder.path())
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(memchr::memmem::find(&bytes, b"ann@").is_none());
}

#[test]
fn people_can_ask_the_views() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).write(&[record(&hijacked("Q1"), Origin::Milter, &Privacy::default())], None).unwrap();
    let connection = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let row: (String, String, String, String) = connection
        .query_row("SELECT time, sender, peer, verdict FROM mail", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    let words = ["2020-05-31 03:00:02", "ann@sender.example", "45.77.24.250", "malicious"].map(str::to_owned);
    assert_eq!(row, words.into());
    let hop: (i64, String, String, i64) = connection
        .query_row("SELECT position, ip, host, delay FROM mail_hop WHERE position = 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    assert_eq!(hop, (1, "203.0.113.10".to_owned(), "mail.coincheck.com".to_owned(), 3));
    let oldest: (String, String) = connection
        .query_row("SELECT ip, protocol FROM mail_hop WHERE position = 3", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(oldest, ("2001:0db8:0000:0000:0000:0000:0000:0099".to_owned(), "ESMTPSA".to_owned()));
}

/// Hops without a time, clocks that go backwards, and a border that is not the newest hop.
#[test]
fn each_hop_keeps_its_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let one = record(&hijacked("Q1"), Origin::Milter, &Privacy::default());
    let lists = [
        [Some(1005), Some(1000), None, Some(990)],
        [None, Some(990), Some(1200), None],
        [Some(1000), None, None, Some(-70_000_000_000)],
        [None; 4],
    ];
    for (number, times) in (1..).zip(lists) {
        let mut record = Record { time: 1000, queue_id: Some(format!("Q{number}")), ..one.clone() };
        record.hops.iter_mut().zip(times).for_each(|(hop, time)| hop.time = time);
        open(folder.path()).write(&[record], None).unwrap();
    }
    for (message, times) in all(folder.path()).iter().zip(lists) {
        assert_eq!(message.times, times);
    }
    let connection = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let mut ask =
        connection.prepare("SELECT unixepoch(time), delay FROM mail_hop WHERE message = ?1 ORDER BY position").unwrap();
    for (message, times) in (1..).zip(lists) {
        let shown: Vec<(Option<i64>, Option<i64>)> =
            ask.query_map([message], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
        let older = times.iter().skip(1).chain([&None]);
        let delays = times.iter().zip(older).map(|(time, older)| Some((*time)? - (*older)?));
        assert_eq!(shown, times.into_iter().zip(delays).collect::<Vec<_>>(), "message {message}");
    }
}

#[test]
fn what_is_no_store_of_ours_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let trouble = |name: &str| {
        let path = folder.path().join(name);
        let write = Store::open(&path, Durability::Normal, Duration::ZERO).unwrap_err();
        let read = Reader::open(&path).unwrap_err();
        (write.trouble, read.trouble)
    };
    std::fs::write(folder.path().join("text.db"), "no database at all, but long enough to be looked at".repeat(20))
        .unwrap();
    assert_eq!(trouble("text.db"), (Trouble::Damaged, Trouble::Damaged));
    let foreign = rusqlite::Connection::open(folder.path().join("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE t (x); PRAGMA user_version = 1").unwrap();
    assert_eq!(trouble("foreign.db"), (Trouble::Damaged, Trouble::Damaged));
    drop(open(folder.path()));
    let ours = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    ours.pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(trouble(FILE), (Trouble::Future, Trouble::Future));
    assert_eq!(Reader::open(&folder.path().join("none.db")).unwrap_err().trouble, Trouble::Missing);
    let nowhere = Store::open(&folder.path().join("no/folder.db"), Durability::Normal, Duration::ZERO);
    assert_eq!(nowhere.unwrap_err().trouble, Trouble::Missing);
}

#[test]
fn the_tables_of_words_are_those_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let connection = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let words = |sql: &str| -> Vec<String> {
        connection.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(words("SELECT kind FROM hop_kind ORDER BY id"), HopKind::ALL.map(HopKind::as_str));
    assert_eq!(words("SELECT verdict FROM verdict ORDER BY id"), Level::ALL.map(Level::as_str));
    assert_eq!(words("SELECT action FROM action ORDER BY id"), Action::ALL.map(Action::as_str));
    assert_eq!(HopKind::ALL.map(|kind| kind as i64), [0, 1, 2, 3]);
    assert_eq!(Level::ALL.map(|level| level as i64), [0, 1, 2, 3]);
    assert_eq!(Action::ALL.map(|action| action as i64), [0, 1, 2, 3]);
}

/// The program that people use, not our own SQLite: what the page says is to work with Debian's.
#[test]
fn the_questions_of_the_page_are_answered_by_sqlite3() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).write(&[record(&hijacked("Q1"), Origin::Milter, &Privacy::default())], None).unwrap();
    let page = include_str!("../docs/evidence.md");
    let blocks: Vec<&str> = page.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 7, "{}", blocks.len());
    let (mut answered, gap) = (0, "FROM gap");
    for block in blocks {
        let asked = Command::new("sqlite3").arg("-readonly").arg(folder.path().join(FILE)).arg(block).output().unwrap();
        let said = String::from_utf8_lossy(&asked.stdout).into_owned() + &String::from_utf8_lossy(&asked.stderr);
        assert!(asked.status.success(), "{block}{said}");
        if !block.contains(gap) {
            assert!(!said.trim().is_empty(), "{block}says nothing");
            answered += usize::from(
                said.contains("ann@sender.example") || said.contains("45.77.24.250") || said.contains("indicator"),
            );
        }
    }
    assert!(answered >= 5, "{answered} answers hold what they are about");
}
