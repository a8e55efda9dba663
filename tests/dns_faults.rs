//! DNS fails, is slow, dead, and comes back, while mail comes through the daemon's milter: every mail is accepted within the budget,
//! what DNS left open is "no data" and counted, and memory and open queries stay bounded.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use relaywatch::{
    clock::Stopwatch,
    config::Address,
    dns::FAULT_KEPT,
    ingest::milter::client::{Client, Transaction},
    message::HeaderSection,
    policy::Action,
    stamp::HeaderChange,
};
use tokio::{task::JoinSet, time::sleep};

use support::{
    daemon::{Daemon, NO_LIST},
    faulty_dns::FaultyDns,
    samples::Samples,
    wait,
};

/// What a machine may take beyond a budget that has two slow cores and other work.
const SLACK: Duration = Duration::from_secs(5);

/// A daemon that asks a server. The name's first label says how that answers, see [`FaultyDns`].
fn daemon(server: SocketAddr, settings: &str) -> Daemon {
    let topology = "[topology]\ndomains = [\"victim.example\"]\nnetworks = [\"198.51.100.5\"]\n";
    Daemon::start(&format!("{topology}{NO_LIST}[dns]\nservers = [\"{server}\"]\n{settings}\n"))
}

/// What became of a mail.
struct Answered {
    action: Action,
    said: String,
    took: Duration,
}

/// Hands a mail in from the host that the sender's SPF allows, where DNS says it.
async fn send(socket: &Address, sender: &str, recipient: &str) -> Answered {
    let (sender, recipient) = (format!("alice@{sender}"), format!("bob@{recipient}"));
    let text = format!("From: {sender}\nTo: {recipient}\nSubject: hello\n\n");
    let headers = HeaderSection::read(text.as_bytes(), text.len());
    let mail = Transaction {
        peer_ip: "203.0.113.10".parse().ok(),
        peer_name: None,
        peer_ptr: None,
        helo: "mx1.sender.example",
        tls_version: None,
        authenticated: None,
        mail_from: &sender,
        recipients: &[&recipient],
        queue_id: "4Yk2Pz1s",
        border: "gw.victim.example",
        headers: &headers,
    };
    let watch = Stopwatch::start();
    let mut client = Client::connect(socket).await.expect("the daemon takes connections");
    let ruling = client.send(&mail).await.expect("the daemon answers");
    let took = watch.elapsed();
    client.quit().await.expect("the daemon hears the end");
    let said = ruling.changes.into_iter().find_map(|change| match change {
        HeaderChange::Prepend { name, value } if name == "X-Relaywatch" => Some(value),
        _ => None,
    });
    Answered { action: ruling.action, said: said.expect("X-Relaywatch is added"), took }
}

/// Sends a mail whose sender and recipient DNS treats alike; it must be accepted within the budget. What it moved.
async fn accepted(daemon: &Daemon, how: &str, budget: Duration) -> Moved {
    let (sender, recipient) = (format!("{how}.sender.example"), format!("{how}.victim.example"));
    accepted_of(daemon, &sender, &recipient, budget).await
}

async fn accepted_of(daemon: &Daemon, sender: &str, recipient: &str, budget: Duration) -> Moved {
    let before = daemon.metrics();
    let answered = send(&Address::Unix(daemon.socket()), sender, recipient).await;
    assert_eq!(answered.action, Action::Accept, "{sender}");
    assert_eq!(answered.said, "clean; peer=203.0.113.10; hops=1", "{sender}");
    assert!(answered.took < budget + SLACK, "{sender} took {:?}", answered.took);
    Moved::since(&daemon.metrics(), &before)
}

/// What one mail moved on /metrics.
#[derive(Debug, PartialEq)]
struct Moved {
    /// `relaywatch_dns_answers_total` by `answer`.
    answers: BTreeMap<String, f64>,
    /// `relaywatch_dns_shortfalls_total` by `why`.
    shortfalls: BTreeMap<String, f64>,
    cache_hits: f64,
    /// `relaywatch_spf_results_total` by `result`.
    spf: BTreeMap<String, f64>,
    /// What `interposed-relay` and `dns-cross` answered.
    outcomes: [Option<String>; 2],
}

impl Moved {
    fn since(now: &Samples, before: &Samples) -> Self {
        let moved = now.since(before);
        let by_label = |name: &str| {
            let label = |sample: &str| {
                let value = sample.strip_prefix(name)?.strip_prefix('{')?.split('"').nth(1)?;
                Some(value.to_owned())
            };
            moved.iter().filter_map(|(sample, change)| Some((label(sample)?, *change))).collect::<BTreeMap<_, _>>()
        };
        let outcome = |code: &str| {
            let start = format!("relaywatch_detector_outcomes_total{{code=\"{code}\",outcome=\"");
            moved.keys().find_map(|sample| Some(sample.strip_prefix(start.as_str())?.split('"').next()?.to_owned()))
        };
        Self {
            answers: by_label("relaywatch_dns_answers_total"),
            shortfalls: by_label("relaywatch_dns_shortfalls_total"),
            cache_hits: moved.get("relaywatch_dns_cache_hits_total").copied().unwrap_or_default(),
            spf: by_label("relaywatch_spf_results_total"),
            outcomes: ["interposed-relay", "dns-cross"].map(outcome),
        }
    }

    fn expected(answers: &[(&str, f64)], shortfall: Option<&str>, spf: &str, outcomes: [&str; 2]) -> Self {
        let one = |name: &str| (name.to_owned(), 1.0);
        Self {
            answers: answers.iter().map(|(answer, count)| ((*answer).to_owned(), *count)).collect(),
            shortfalls: shortfall.map(one).into_iter().collect(),
            cache_hits: 0.0,
            spf: [one(spf)].into(),
            outcomes: outcomes.map(|outcome| Some(outcome.to_owned())),
        }
    }
}

/// Our exchangers and the sender's SPF record are asked for, and neither is answered.
async fn assert_no_data(daemon: &Daemon, how: &str, why: &str, budget: Duration) {
    let moved = accepted(daemon, how, budget).await;
    let expected = Moved::expected(&[(why, 2.0)], Some(why), "temperror", ["no_data"; 2]);
    assert_eq!(moved, expected, "{how}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_no_data_and_counted_and_the_mail_goes_on() {
    let server = FaultyDns::start().await;
    let daemon = daemon(server.address, "timeout = \"300ms\"\nbudget = \"3s\"");
    for how in ["silent", "wrongid"] {
        assert_no_data(&daemon, how, "timeout", Duration::from_secs(3)).await;
    }
    daemon.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_none_are_no_data_and_counted_and_the_mail_goes_on() {
    let server = FaultyDns::start().await;
    // Long enough that a slow machine is not taken for a silent server.
    let daemon = daemon(server.address, "timeout = \"20s\"\nbudget = \"40s\"");
    for how in ["servfail", "notimp", "referral", "endless", "garbage"] {
        assert_no_data(&daemon, how, "failed", Duration::ZERO).await;
    }
    assert_no_data(&daemon, "refused", "refused", Duration::ZERO).await;
    daemon.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_and_what_does_not_fit_are_results() {
    let server = FaultyDns::start().await;
    let daemon = daemon(server.address, "timeout = \"20s\"\nbudget = \"40s\"");
    for (how, answer) in [("nxdomain", "no_name"), ("nodata", "no_data")] {
        let moved = accepted(&daemon, how, Duration::ZERO).await;
        assert_eq!(moved, Moved::expected(&[(answer, 2.0)], None, "none", ["no_data", "clean"]), "{how}");
    }
    let moved = accepted(&daemon, "cut", Duration::ZERO).await;
    assert_eq!(moved, Moved::expected(&[("records", 3.0)], None, "pass", ["clean"; 2]));
    assert_eq!((server.udp("cut.sender.example"), server.tcp("cut.sender.example")), (1, 1));
    daemon.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_slower_than_the_budget_serves_later_mail() {
    let server = FaultyDns::start().await;
    let budget = Duration::from_secs(1);
    let daemon = daemon(server.address, "timeout = \"20s\"\nbudget = \"1s\"");
    let mail = async || accepted_of(&daemon, "slow-5000.sender.example", "answer.victim.example", budget).await;
    let first = mail().await;
    assert_eq!(first, Moved::expected(&[("records", 2.0)], Some("timeout"), "temperror", ["no_data", "clean"]));
    // The question goes on without the mail.
    daemon.wait_metric("relaywatch_dns_answers_total{answer=\"records\"}", 3.0);
    let later = mail().await;
    assert_eq!(later, Moved { cache_hits: 3.0, ..Moved::expected(&[], None, "pass", ["clean"; 2]) });
    assert_eq!(server.udp("slow-5000.sender.example"), 1);
    daemon.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_heard_again() {
    let server = FaultyDns::start().await;
    let address = server.address;
    let daemon = daemon(address, "timeout = \"1s\"\nbudget = \"10s\"");
    let budget = Duration::from_secs(10);
    assert_eq!(accepted(&daemon, "answer.before", budget).await.shortfalls, BTreeMap::new());
    drop(server);
    let dead = accepted(&daemon, "answer", budget).await;
    assert_eq!(dead, Moved::expected(&[("timeout", 2.0)], Some("timeout"), "temperror", ["no_data"; 2]));
    let watch = Stopwatch::start();
    let _server = FaultyDns::again(address).await;
    // What nobody asked for in the meantime is known at once, the rest when the silence is forgotten.
    let new = accepted(&daemon, "answer.new", budget).await;
    assert_eq!(new, Moved::expected(&[("records", 3.0)], None, "pass", ["clean"; 2]));
    while accepted(&daemon, "answer", budget).await.outcomes
        != ["clean", "clean"].map(|outcome| Some(outcome.to_owned()))
    {
        assert!(watch.elapsed() < FAULT_KEPT + SLACK, "still nothing after {:?}", watch.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    daemon.assert_sound();
}

/// Mails at a time, each over a connection of its own; as many as the daemon takes unless it is told otherwise.
const FLOOD: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_mails_at_once_with_a_dead_resolver_are_accepted_in_bounded_memory() {
    // Takes questions and never answers.
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = dead.local_addr().unwrap();
    let daemon = daemon(address, "timeout = \"5s\"\nbudget = \"3s\"\nmax_open = 200");
    let budget = Duration::from_secs(3);
    let socket = Address::Unix(daemon.socket());
    accepted(&daemon, "answer", budget).await;
    let before = daemon.metrics();

    let mut mails = JoinSet::new();
    for number in 0..FLOOD {
        let socket = socket.clone();
        let domain = format!("answer.n{number}");
        mails.spawn(async move {
            send(&socket, &format!("{domain}.sender.example"), &format!("{domain}.victim.example")).await
        });
    }
    let (mut answered, mut queries, mut memory) = (Vec::new(), 0.0_f64, 0.0_f64);
    while !mails.is_empty() {
        while let Some(mail) = mails.try_join_next() {
            answered.push(mail.expect("a mail is answered"));
        }
        let now = daemon.metrics();
        let grown = |sample: &str| now.value(sample) - before.value(sample);
        // Each open query has a socket of its own.
        queries = queries.max(grown("process_open_fds") - grown("relaywatch_milter_connections_open"));
        memory = memory.max(grown("process_resident_memory_bytes"));
        sleep(Duration::from_millis(20)).await;
    }
    let slowest = answered.iter().map(|mail| mail.took).max().unwrap();
    assert_eq!(answered.len(), FLOOD);
    assert!(answered.iter().all(|mail| mail.action == Action::Accept && mail.said.starts_with("clean;")));
    assert!(slowest < budget + 2 * SLACK, "{slowest:?}");
    // A connection is open before it is counted as such, so that this counts some that are none.
    assert!((150.0..400.0).contains(&queries), "{queries} queries were open");
    assert!(memory < f64::from(64 << 20), "{memory} bytes more");

    let after = daemon.metrics();
    let moved = Moved::since(&after, &before);
    assert_eq!(after.value("relaywatch_messages_total{verdict=\"clean\"}"), 1001.0);
    assert_eq!(moved.shortfalls.values().sum::<f64>(), 1000.0, "{moved:?}");
    assert_eq!(moved.outcomes, ["no_data", "no_data"].map(|outcome| Some(outcome.to_owned())));
    assert_eq!(moved.spf, [("temperror".to_owned(), 1000.0)].into());
    assert!(after.value("relaywatch_dns_turned_away_total") > 0.0);

    wait::until("the queries to end", || {
        (daemon.metrics().value("process_open_fds") < before.value("process_open_fds") + 20.0).then_some(())
    });
    drop(dead);
    let _server = FaultyDns::again(address).await;
    let good = accepted(&daemon, "answer.good", budget).await;
    // Of the flood a last query may have ended just now.
    let answers = good.answers.clone();
    assert_eq!(good, Moved { answers, ..Moved::expected(&[], None, "pass", ["clean"; 2]) });
    daemon.assert_sound();
}
