//! What keeping evidence costs: messages a second, time and bytes a message, and what asking ten million messages takes.
//!
//! `cargo bench --bench evidence` keeps the stream of tests/support/stream. EVIDENCE_MESSAGES says of how many messages the large store
//! is made (200,000 unless set; docs/performance.md quotes 10,000,000), EVIDENCE_FOLDER where the stores lie. Ratios are to the same
//! inspection without a store, in the same run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken expectation fails the bench")]
#![allow(clippy::print_stdout, clippy::disallowed_macros, reason = "a bench prints what it measured")]

#[path = "../tests/support/stream/mod.rs"]
mod stream;

use std::{
    fs,
    net::IpAddr,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use relaywatch::{
    clock::{Stopwatch, SystemClock},
    config::{self, Address},
    dns::Offline,
    evidence::{Circumstances, Durability, FILE, Ledger, Origin, Reader, Record, Span, Store, privacy::Privacy},
    ingest::milter::client::{Client, Transaction},
    inspect::inspect_offline,
    message::HeaderSection,
    metrics::Metrics,
    policy::{Action, Policy},
    serve::{self, Listeners, Parts, Source},
};
use stream::{Config, Stream, StreamMail};
use tokio_util::sync::CancellationToken;

const CONFIG: &str =
    "[topology]\ndomains = [\"coincheck.com\"]\nnetworks = [\"private\", \"198.51.100.5\", \"198.51.100.7\"]\n";

fn main() {
    let messages = std::env::var("EVIDENCE_MESSAGES").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let base = std::env::var_os("EVIDENCE_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::Builder::new().prefix("relaywatch-bench-").tempdir_in(base).unwrap();
    let policy = config(CONFIG).policy;
    pipeline(folder.path(), &policy);
    milter(folder.path());
    large(folder.path(), &policy, messages);
}

fn config(text: &str) -> relaywatch::config::Config {
    config::from_text("bench", text.as_bytes(), &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap()
}

fn record(mail: &StreamMail, policy: &Policy) -> Record {
    let message = mail.to_message();
    let report = inspect_offline(&message, policy);
    let about = Circumstances {
        origin: Origin::Milter,
        now: message.session.as_ref().and_then(|session| session.time).unwrap(),
        action: Some(Action::Accept),
    };
    Record::of(&message, &report, &about, &Privacy::default())
}

fn open(folder: &Path, durability: Durability) -> Ledger {
    fs::create_dir_all(folder).unwrap();
    Ledger::new(Store::open(&folder.join(FILE), durability, Duration::from_secs(1)).unwrap()).unwrap()
}

/// The whole way of a message, with commits of several sizes.
fn pipeline(folder: &Path, policy: &Policy) {
    let mails: Vec<StreamMail> = Stream::new(Config::incident()).take(20_000).collect();
    let stopwatch = Stopwatch::start();
    for mail in &mails {
        let message = mail.to_message();
        std::hint::black_box(inspect_offline(&message, policy));
    }
    let bare = stopwatch.elapsed();
    println!("inspection alone                     {:>9.1} us a message", micros(bare, mails.len()));
    for (name, batch, durability) in [
        ("one message a commit", 1, Durability::Normal),
        ("16 messages a commit", 16, Durability::Normal),
        ("256 messages a commit", 256, Durability::Normal),
        ("one a commit, durability = full", 1, Durability::Full),
        ("16 a commit, durability = full", 16, Durability::Full),
    ] {
        let mails = if durability == Durability::Full { &mails[..2000] } else { &mails[..] };
        let mut ledger = open(&folder.join(name.replace(' ', "-")), durability);
        let mut commits = Vec::new();
        let stopwatch = Stopwatch::start();
        for mails in mails.chunks(batch) {
            let records: Vec<Record> = mails.iter().map(|mail| record(mail, policy)).collect();
            let commit = Stopwatch::start();
            ledger.write(&records, None).unwrap();
            commits.push(commit.elapsed());
        }
        let whole = stopwatch.elapsed();
        commits.sort_unstable();
        let each = micros(whole, mails.len());
        println!(
            "{name:<36} {each:>9.1} us a message, {:>7.0} a second; commit median {:.0} us, 99 % {:.0} us",
            1e6 / each,
            micros(commits[commits.len() / 2], 1),
            micros(commits[commits.len() * 99 / 100], 1),
        );
    }
}

/// What an MTA waits for: one message after the other on one connection each, to a daemon with its store and to one without.
fn milter(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mails: Vec<StreamMail> = Stream::new(Config::incident()).take(6_000).collect();
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let (mut daemons, mut clients) = (Vec::new(), Vec::new());
        for on in [false, true] {
            let mut config = config(CONFIG);
            let socket = Address::Unix(folder.join(format!("{on}.sock")));
            config.milter.listen = vec![socket.clone()];
            config.http.listen = None;
            config.evidence.on = on;
            config.evidence.folder = folder.to_owned();
            let parts = Parts {
                listeners: Listeners::default().complete(&config).unwrap(),
                config,
                metrics: Metrics::new().unwrap(),
                clock: Arc::new(SystemClock),
                dns: Arc::new(Offline),
                observer: None,
                reload: Source::default(),
                shutdown: shutdown.clone(),
            };
            daemons.push(tokio::spawn(serve::run(parts)));
            clients.push(Client::connect(&socket).await.unwrap());
        }
        let mut took = [Vec::new(), Vec::new()];
        for (number, mail) in mails.iter().enumerate() {
            let headers = HeaderSection::read(&mail.headers, 1 << 20);
            let recipients: Vec<&str> = mail.recipients.iter().map(String::as_str).collect();
            let transaction = Transaction {
                peer_ip: mail.peer,
                peer_name: mail.peer_name.as_deref(),
                peer_ptr: None,
                helo: &mail.helo,
                tls_version: None,
                authenticated: None,
                border: mail.border,
                queue_id: &mail.queue_id,
                mail_from: &mail.mail_from,
                recipients: &recipients,
                headers: &headers,
            };
            // By turns the one or the other is first.
            for turn in [number % 2, (number + 1) % 2] {
                let stopwatch = Stopwatch::start();
                clients[turn].send(&transaction).await.unwrap();
                if number >= 500 {
                    took[turn].push(stopwatch.elapsed());
                }
            }
        }
        took.iter_mut().for_each(|took| took.sort_unstable());
        let median = |took: &[Duration]| micros(took[took.len() / 2], 1);
        let late = |took: &[Duration]| micros(took[took.len() * 99 / 100], 1);
        let [off, on] = &took;
        println!("an MTA waits, without a store         {:>9.1} us (99 % {:.0} us)", median(off), late(off));
        println!("an MTA waits, with its store          {:>9.1} us (99 % {:.0} us)", median(on), late(on));
        shutdown.cancel();
        for daemon in daemons {
            daemon.await.unwrap().unwrap();
        }
    });
}

/// Bytes a message, and what a question takes.
fn large(folder: &Path, policy: &Policy, messages: u64) {
    let folder = folder.join("large");
    let mut ledger = open(&folder, Durability::Normal);
    let (mut records, mut stored) = (Vec::with_capacity(1000), 0u64);
    let stopwatch = Stopwatch::start();
    for mail in Stream::new(Config::with_messages(messages)) {
        records.push(record(&mail, policy));
        if records.len() == 1000 {
            stored += ledger.write(&records, None).unwrap().stored as u64;
            records.clear();
        }
    }
    stored += ledger.write(&records, None).unwrap().stored as u64;
    let took = stopwatch.elapsed();
    drop(ledger);
    let bytes: u64 = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    println!(
        "{stored} messages stored in {:.1} s, {:.0} a second; {:.1} bytes a message",
        took.as_secs_f64(),
        stored as f64 / took.as_secs_f64(),
        bytes as f64 / stored as f64
    );
    let reader = Reader::open(&folder.join(FILE)).unwrap();
    let config = Config::with_messages(messages);
    let window = Span { since: config.changed, until: config.fixed + 1 };
    let relay: IpAddr = config.relay;
    for (name, ip, span) in [
        ("the relay, ever", relay.to_string(), Span::ALWAYS),
        ("an address nobody used", "192.0.2.250".to_owned(), Span::ALWAYS),
        ("the backup MX, in the window", "198.51.100.7".to_owned(), window),
    ] {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..5 {
            let stopwatch = Stopwatch::start();
            found = 0;
            let hops = reader.hops_in(&[ip.parse().unwrap()]).unwrap();
            let each = |_| {
                found += 1;
                ControlFlow::Continue(())
            };
            reader.messages(Some(&hops), span, each).unwrap();
            times.push(stopwatch.elapsed());
        }
        times.sort_unstable();
        println!("asked for {name:<30} {found:>8} messages in {:>9.1} ms (median of 5)", times[2].as_secs_f64() * 1e3);
    }
    let stopwatch = Stopwatch::start();
    let hops = reader.hops_named(|name| name == "mail.coincheck.com").unwrap();
    println!("hops named mail.coincheck.com: {} in {:.1} ms", hops.len(), stopwatch.elapsed().as_secs_f64() * 1e3);
}

fn micros(took: Duration, messages: usize) -> f64 {
    took.as_secs_f64() * 1e6 / messages as f64
}
