//! What is too old or too much goes, with all that it alone referred to, while others write.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

#[allow(dead_code, reason = "not every test uses all of it")]
#[path = "support/evidence.rs"]
mod support;

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use relaywatch::evidence::{FILE, Origin, Pruner, Reader, Record, Retention, Span, Step, privacy::Privacy};
use rusqlite::Connection;
use support::{DAY, NOW, at, dangling, open, orphans, record};

const PATIENCE: Duration = Duration::from_millis(200);

fn days(days: u64) -> Retention {
    Retention { age: Duration::from_secs(days * 86_400), size: u64::MAX }
}

/// Takes steps until there is nothing more to do.
fn prune(pruner: &mut Pruner, retention: Retention, now: i64) -> Step {
    let mut all = Step::default();
    loop {
        let step = pruner.step(retention, at(now)).unwrap();
        all.messages += step.messages;
        all.orphans += step.orphans;
        all.pages += step.pages;
        all.held = all.held.max(step.held);
        if !step.more {
            return all;
        }
        std::thread::sleep(step.rest());
    }
}

fn pruner(folder: &Path) -> Pruner {
    Pruner::open(&folder.join(FILE), Duration::from_secs(10)).unwrap()
}

fn at_time(record: &Record, time: i64, queue_id: &str) -> Record {
    Record { time, recorded: time, queue_id: Some(queue_id.to_owned()), ..record.clone() }
}

fn queue_ids(folder: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let each = |message: relaywatch::evidence::Stored| {
        assert!(ids.insert(message.queue_id.unwrap()));
        ControlFlow::Continue(())
    };
    Reader::open(&folder.join(FILE)).unwrap().messages(None, Span::ALWAYS, each).unwrap();
    ids
}

/// Mail of many senders by many ways, so that rows are many.
fn various(number: usize) -> Record {
    let sender = format!("s{number}@n{}.example", number % 97);
    static ONE: OnceLock<Record> = OnceLock::new();
    let one = ONE.get_or_init(|| record("ann@sender.example", &["bob@coincheck.com"], &Privacy::default()));
    let mut record = Record {
        recipients: vec![format!("r{}@coincheck.com", number % 13)],
        message_id: Some(format!("{number}@id{}.example", number % 89)),
        sender: Some(sender.clone()),
        header_from: Some(sender),
        ..one.clone()
    };
    let hop = record.hops.last_mut().unwrap();
    hop.facts.helo = Some(format!("mx{number}.n{}.example", number % 97));
    hop.facts.ip = Some(std::net::Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap()).into());
    hop.facts.protocol = Some(format!("ESMTP{}", number % 7));
    record
}

#[test]
fn old_mail_goes_with_all_that_it_alone_referred_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), PATIENCE);
    let run = ledger.begin_run("serve", NOW - 200 * DAY).unwrap();
    ledger.end_run(&run, NOW - 190 * DAY).unwrap();
    ledger.begin_run("serve", NOW - 185 * DAY).unwrap();
    ledger.begin_run("serve", NOW - 181 * DAY).unwrap();
    let gap = |until| relaywatch::evidence::Gap { since: until - 5, until, lost: 1, reason: "full".to_owned() };
    let mut records = Vec::new();
    for number in 0..40 {
        let age = if number < 30 { 181 + i64::try_from(number % 3).unwrap() } else { 179 };
        records.push(at_time(&various(number), NOW - age * DAY, &format!("Q{number}")));
    }
    // What was found in an old archive is as old as its record, not as its mail.
    let mut archived = at_time(&various(50), NOW - 4000 * DAY, "A");
    archived.recorded = NOW - DAY;
    archived.origin = Origin::File { path: "old.mbox".to_owned(), offset: 0 };
    archived.identity = Some(b"x".to_vec());
    records.push(archived);
    ledger.write(&records, Some(&gap(NOW - 181 * DAY))).unwrap();
    ledger.write(&[], Some(&gap(NOW - 20 * DAY))).unwrap();

    let done = prune(&mut pruner(folder.path()), days(180), NOW);
    assert_eq!(done.messages, 30);
    let kept: BTreeSet<String> = (30..40).map(|number| format!("Q{number}")).chain(["A".to_owned()]).collect();
    assert_eq!(queue_ids(folder.path()), kept);
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    assert_eq!((dangling(&connection), orphans(&connection)), (vec![], vec![]));
    let coverage = Reader::open(&folder.path().join(FILE)).unwrap().coverage().unwrap();
    assert_eq!(coverage.gaps.iter().map(|gap| gap.until).collect::<Vec<_>>(), [NOW - 20 * DAY]);
    // The last one may still run.
    assert_eq!(coverage.runs.iter().map(|run| run.started).collect::<Vec<_>>(), [NOW - 181 * DAY]);
    assert_eq!(prune(&mut pruner(folder.path()), days(180), NOW).orphans, 0);
}

#[test]
fn a_clock_that_was_wrong_once_keeps_nothing_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), PATIENCE);
    let future = at_time(&various(0), NOW + 4000 * DAY, "F");
    let old: Vec<Record> = (1..200).map(|number| at_time(&various(number), NOW - 181 * DAY, "O")).collect();
    ledger.write([&future], None).unwrap();
    ledger.write(&old, None).unwrap();
    prune(&mut pruner(folder.path()), days(180), NOW);
    assert_eq!(queue_ids(folder.path()), BTreeSet::from(["F".to_owned()]));
    // The newest message went, so that numbers begin anew; the sweep is not confused by that.
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    assert_eq!((dangling(&connection), orphans(&connection)), (vec![], vec![]));
}

#[test]
fn a_store_that_is_too_large_loses_its_oldest_mail_and_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), PATIENCE);
    for block in 0..10 {
        let records: Vec<Record> = (0..600)
            .map(|number| at_time(&various(block * 600 + number), NOW, &format!("Q{:05}", block * 600 + number)))
            .collect();
        ledger.write(&records, None).unwrap();
    }
    let file = folder.path().join(FILE);
    let connection = Connection::open(&file).unwrap();
    let used = || {
        let sql = "SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").unwrap();
    let (before, length) = (used(), std::fs::metadata(&file).unwrap().len());
    let mut pruner = pruner(folder.path());
    let enough = Retention { size: u64::try_from(before).unwrap(), ..days(180) };
    assert_eq!(prune(&mut pruner, enough, NOW).messages, 0);

    let limit = before / 2;
    let done = prune(&mut pruner, Retention { size: u64::try_from(limit).unwrap(), ..days(180) }, NOW);
    assert!((limit * 80 / 100..=limit * 95 / 100).contains(&used()), "{} of {limit}", used());
    let kept = queue_ids(folder.path());
    assert_eq!(kept.len() as u64, 6000 - done.messages);
    assert_eq!(kept.first().unwrap().as_str(), format!("Q{:05}", done.messages), "the oldest went");
    assert!(kept.len() > 2000, "{} were kept", kept.len());
    // What the last ones that went referred to goes with the daily sweep, at the latest.
    assert_eq!(prune(&mut pruner, days(180), NOW + DAY).messages, 0);
    assert_eq!((dangling(&connection), orphans(&connection)), (vec![], vec![]));
    assert!(done.pages > 0);
    let now = std::fs::metadata(&file).unwrap().len();
    assert!(now < length * 2 / 3, "the file had {length} bytes and has {now}");
}

/// The writer's commits wait 200 ms for a lock at most, and each comes to its end.
#[test]
fn a_writer_is_not_kept_out_and_nothing_of_its_mail_is_lost() {
    const COMMITS: usize = 4000;
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(folder.path(), PATIENCE);
    let pool: Vec<Record> = (0..3000).map(various).collect();
    let (clock, enough, count) = (AtomicI64::new(NOW), AtomicBool::new(false), AtomicUsize::new(0));
    let mut sent = Vec::new();
    let mut all = Step::default();
    let mut pruner = pruner(folder.path());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut sent = Vec::new();
            let mut at = 7_usize;
            for number in 0.. {
                if enough.load(Ordering::Relaxed) {
                    break;
                }
                count.store(number, Ordering::Relaxed);
                // What was used long ago comes back: rows that a sweep is about to take.
                at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let record = &pool[(at >> 33) % pool.len()];
                let time = clock.load(Ordering::Relaxed);
                let queue_id = format!("Q{number}");
                ledger.write([&at_time(record, time, &queue_id)], None).unwrap();
                sent.push((time, queue_id));
                // A thousand and more mails a second: a writer without any pause is none that has an MTA before it, and no sweep catches up with it.
                std::thread::sleep(Duration::from_micros(500));
            }
            sent
        });
        // On a busy machine it takes longer until the two have met often enough.
        while !writer.is_finished()
            && (count.load(Ordering::Relaxed) < COMMITS || all.orphans <= 1000 || all.messages <= 500)
        {
            let now = clock.fetch_add(DAY, Ordering::Relaxed);
            let step = prune(&mut pruner, days(2), now);
            all.messages += step.messages;
            all.orphans += step.orphans;
            all.held = all.held.max(step.held);
        }
        enough.store(true, Ordering::Relaxed);
        sent = writer.join().unwrap();
    });
    let now = clock.load(Ordering::Relaxed);
    prune(&mut pruner, days(2), now);
    let kept: BTreeSet<String> =
        sent.into_iter().filter(|(time, _)| *time >= now - 2 * DAY).map(|(_, id)| id).collect();
    assert_eq!(queue_ids(folder.path()), kept);
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    assert_eq!((dangling(&connection), orphans(&connection)), (vec![], vec![]));
    assert!(all.messages > 500 && all.orphans > 1000, "the test has to hit something: {all:?}");
}
