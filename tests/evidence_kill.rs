//! What was acknowledged is in the evidence store, at whatever moment the process is killed (kill -9).
//!
//! `RELAYWATCH_KILL_ROUNDS` says how many rounds (20 where it says nothing; `make kill9` takes 200), `RELAYWATCH_KILL_SEED` repeats those
//! of an earlier run.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]
#![allow(clippy::print_stdout, clippy::disallowed_macros, reason = "seeds and figures are for whoever runs it by hand")]

#[path = "support/stream/mod.rs"]
mod stream;
mod support;

use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use relaywatch::{
    clock::{Clock as _, SystemClock},
    config::Address,
    message::HeaderSection,
};
use serde_json::Value;
use stream::{Config, Stream, StreamMail};
use support::{
    daemon::{Launch, PROGRAM, without_list},
    mta::{Letter, Mta},
    scratch,
    stored::Look,
};

/// Connections at each socket.
const SENDERS: usize = 4;

fn rounds() -> usize {
    let said = std::env::var("RELAYWATCH_KILL_ROUNDS").ok();
    said.map_or(20, |rounds| rounds.parse().expect("RELAYWATCH_KILL_ROUNDS is a number"))
}

/// Moments to kill at: SplitMix64, so that they are the same for the same seed.
struct Moments(u64);

impl Moments {
    fn new(what: &str) -> Self {
        let said = std::env::var("RELAYWATCH_KILL_SEED").ok();
        let seed = said.map_or_else(
            || SystemClock.now().as_microsecond().unsigned_abs(),
            |seed| seed.parse().expect("RELAYWATCH_KILL_SEED is a number"),
        );
        println!("{what}: RELAYWATCH_KILL_SEED={seed}");
        Self(seed)
    }

    /// Less than so many milliseconds, to the microsecond.
    fn within(&mut self, milliseconds: u64) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_micros((mixed ^ (mixed >> 31)) % (milliseconds * 1000))
    }
}

fn letter(mail: &StreamMail) -> Letter {
    Letter {
        peer: mail.peer,
        helo: mail.helo.clone(),
        sender: mail.mail_from.clone(),
        recipients: mail.recipients.clone(),
        headers: HeaderSection::read(&mail.headers, mail.headers.len()),
    }
}

/// Sends letters until the daemon is gone; gives the queue ids that were answered.
fn send_until_killed(address: &Address, letters: &[Letter], name: &str, answered: &AtomicUsize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let Ok(mut mta) = Mta::connect(address) else { return acknowledged };
    for (number, letter) in letters.iter().cycle().enumerate() {
        let id = format!("{name}-{number}");
        if mta.send(&id, letter).is_err() {
            break;
        }
        acknowledged.push(id);
        answered.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

/// Kills a daemon again and again under load; nothing that was answered may be missing.
fn kill_under_load(config: &str, rounds: usize, moments: &mut Moments) {
    let letters: Vec<Letter> = Stream::new(Config::with_messages(2000)).map(|mail| letter(&mail)).collect();
    let mut daemon = Launch::new(config).spawn();
    let mut acknowledged = HashSet::new();
    for round in 0..rounds {
        // The start may be killed as well, the first one among them.
        if round % 2 == 0 {
            thread::sleep(moments.within(60));
            daemon.kill();
            daemon.start_again();
        }
        daemon.wait_ready();
        let (addresses, answered) = (daemon.addresses(), AtomicUsize::new(0));
        let before = acknowledged.len();
        thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS * addresses.len())
                .map(|sender| {
                    let (address, answered) = (&addresses[sender % addresses.len()], &answered);
                    let letters = &letters[sender * 200..];
                    scope.spawn(move || send_until_killed(address, letters, &format!("{round}-{sender}"), answered))
                })
                .collect();
            // The load is on; then any moment is as good as another.
            support::wait::until("mail through the daemon", || {
                (answered.load(Ordering::Relaxed) > SENDERS).then_some(())
            });
            thread::sleep(moments.within(250));
            daemon.kill();
            for sender in senders {
                acknowledged.extend(sender.join().expect("a sender ends"));
            }
        });
        assert!(acknowledged.len() > before, "round {round} had no mail");
        let look = Look::at_copy(daemon.folder());
        look.assert_whole();
        look.assert_holds(&acknowledged);
        assert!(!daemon.log_text().contains("panicked"), "a panic:\n{}", daemon.log_text());
        daemon.start_again();
    }
    let stored = Look::at_copy(daemon.folder()).queue_ids().len();
    println!("{rounds} rounds: {} messages answered, all of them there; {stored} stored", acknowledged.len());
}

#[test]
fn every_acknowledged_message_survives_kill_9() {
    let mut moments = Moments::new("kill -9");
    kill_under_load(&without_list(), rounds(), &mut moments);
    kill_under_load(
        &format!("{}[evidence]\ndurability = \"full\"\n", without_list()),
        rounds().div_ceil(10),
        &mut moments,
    );
}

/// The store's first start makes its tables: killed in the middle of that, the next start makes them.
#[test]
fn a_store_that_was_never_finished_is_finished_by_the_next_start() {
    let mut moments = Moments::new("kill -9 at the first start");
    for round in 0..rounds().div_ceil(2) {
        let mut daemon = Launch::new(&without_list()).spawn();
        // Around the moment at which the file appears, as early as can be seen.
        let file = support::stored::file(daemon.folder());
        support::wait::until("the file", || file.exists().then_some(()));
        thread::sleep(moments.within(12));
        daemon.kill();
        daemon.restart();
        let mut mta = Mta::connect(&daemon.addresses()[0]).expect("the daemon accepts");
        let id = format!("{round}");
        mta.accepted(&id, &Letter::ordinary());
        daemon.kill();
        let look = Look::at_copy(daemon.folder());
        look.assert_whole();
        look.assert_holds([&id]);
        assert_eq!(look.number("PRAGMA auto_vacuum"), 2, "as it can only be made before the first table");
    }
}

/// `scan --record` shows no line of a message that is not stored.
#[test]
fn every_line_of_a_scan_that_was_shown_survives_kill_9() {
    let mut moments = Moments::new("kill -9 of a scan");
    let folder = scratch::folder("scan");
    let mbox = folder.path().join("mail.mbox");
    let mails = 6000;
    let mut out = BufWriter::new(File::create(&mbox).unwrap());
    Stream::new(Config::with_messages(mails)).for_each(|mail| mail.write_mbox(&mut out, 300).unwrap());
    out.flush().unwrap();
    drop(out);
    let config = folder.path().join("relaywatch.toml");
    std::fs::write(&config, format!("{}[state]\nfolder = {:?}\n", without_list(), folder.path())).unwrap();
    let scan = || {
        let mut command = Command::new(PROGRAM);
        command.args(["scan", "--record", "--quiet", "--format", "jsonl", "--config"]).arg(&config).arg(&mbox);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the scan can be started")
    };
    let mut shown = HashSet::new();
    for round in 0..rounds() {
        let mut process = scan();
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut seen = Vec::new();
        lines.read_until(b'\n', &mut seen).expect("a line");
        let reader = thread::spawn(move || {
            let mut line = Vec::new();
            // The last one may have been cut off.
            while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) && line.ends_with(b"\n") {
                seen.append(&mut line);
            }
            seen
        });
        // What was stored in an earlier round goes by faster.
        thread::sleep(moments.within(150 + 100 * (round as u64 % 8)));
        let _ = process.kill(); // it may be through
        process.wait().expect("the scan can be waited for");
        let lines = reader.join().expect("the lines are read");
        let before = shown.len();
        shown.extend(lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
            let line: Value = serde_json::from_slice(line).expect("a whole line is JSON");
            line["source"]["offset"].as_i64().expect("an offset")
        }));
        assert!(round > 0 || shown.len() > before, "the first round showed nothing");
        let look = Look::at_copy(folder.path());
        look.assert_whole();
        let stored: HashSet<i64> = offsets(&look).into_iter().collect();
        let missing: Vec<_> = shown.difference(&stored).collect();
        assert!(missing.is_empty(), "round {round}: shown and not stored: {missing:?}");
    }
    let process = scan();
    let output = process.wait_with_output().expect("the scan ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let offsets = offsets(&Look::at(folder.path()));
    assert_eq!(offsets.len() as u64, mails, "each mail is stored");
    assert_eq!(offsets.iter().collect::<HashSet<_>>().len() as u64, mails, "and stored once");
    println!("{} rounds: {} of {mails} lines shown before the last, all of them there", rounds(), shown.len());
}

fn offsets(look: &Look) -> Vec<i64> {
    let texts = look.texts("SELECT CAST(offset AS TEXT) FROM remark");
    texts.iter().map(|offset| offset.parse().expect("a number")).collect()
}
