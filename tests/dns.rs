//! `dns::Network` against servers that misbehave on demand, and against real ones (NSD, Unbound).

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use relaywatch::{
    clock::Stopwatch,
    dns::{Answer, Data, Dns as _, FAULT_KEPT, Kind, Network, Observer, Question, Said, Settings},
};
use tokio::time::sleep;

use support::{dns_servers::DnsServer, faulty_dns::FaultyDns, wait::PATIENCE};

/// What the observer was told.
#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    known: AtomicUsize,
    turned_away: AtomicUsize,
}

impl Observer for Tally {
    fn answered(&self, _: &Said, _: Duration) {
        self.answered.fetch_add(1, Relaxed);
    }

    fn known(&self) {
        self.known.fetch_add(1, Relaxed);
    }

    fn turned_away(&self) {
        self.turned_away.fetch_add(1, Relaxed);
    }
}

/// Long enough that a slow machine does not time out where something is to be answered.
fn patient(servers: &[SocketAddr]) -> Settings {
    Settings { servers: servers.to_vec(), timeout: Duration::from_secs(20), attempts: 1, ..Settings::default() }
}

/// For where silence is expected.
fn hasty(servers: &[SocketAddr]) -> Settings {
    Settings { timeout: Duration::from_millis(500), ..patient(servers) }
}

fn network(settings: Settings) -> (Network, Arc<Tally>) {
    let tally = Arc::new(Tally::default());
    (Network::new(settings, Arc::<Tally>::clone(&tally)).unwrap(), tally)
}

async fn ask(network: &Network, name: &str, kind: Kind) -> Arc<Answer> {
    network.ask(Question::new(name, kind).unwrap(), PATIENCE).await
}

fn address() -> Said {
    Said::Records(vec!["192.0.2.1".parse::<std::net::Ipv4Addr>().unwrap().into()])
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn settled(network: &Network) {
    let watch = Stopwatch::start();
    while network.open() > 0 {
        assert!(watch.elapsed() < PATIENCE, "{} queries stay open", network.open());
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn every_kind_of_answer_is_told_from_the_others() {
    let server = FaultyDns::start().await;
    let (network, tally) = network(patient(&[server.address]));
    let cases = [
        ("answer", address(), seconds(300)),
        ("answer-200000", address(), seconds(86_400)),
        ("nxdomain", Said::NoName, seconds(60)),
        ("nodata", Said::NoData, seconds(60)),
        ("nosoa", Said::NoData, Duration::ZERO),
        ("refused", Said::Refused, FAULT_KEPT),
        ("servfail", Said::Failed, FAULT_KEPT),
        ("notimp", Said::Failed, FAULT_KEPT),
        ("unknown", Said::Failed, FAULT_KEPT),
        ("referral", Said::Failed, FAULT_KEPT),
        ("garbage", Said::Failed, FAULT_KEPT),
        ("query", Said::Failed, FAULT_KEPT),
        ("endless", Said::Failed, FAULT_KEPT),
        ("loop", Said::Failed, FAULT_KEPT),
        ("alias", address(), seconds(20)),
        ("chain", address(), seconds(20)),
        ("dangling", Said::NoName, seconds(20)),
    ];
    for (label, said, ttl) in &cases {
        let answer = ask(&network, &format!("{label}.sender.example"), Kind::A).await;
        assert_eq!(*answer, Answer { said: said.clone(), ttl: *ttl }, "{label}");
    }
    assert_eq!(tally.answered.load(Relaxed), cases.len());
    assert_eq!((tally.known.load(Relaxed), tally.turned_away.load(Relaxed)), (0, 0));
}

#[tokio::test]
async fn what_does_not_answer_the_question_is_passed_over() {
    let server = FaultyDns::start().await;
    let (network, _) = network(hasty(&[server.address]));
    for label in ["silent", "wrongid", "wrongname"] {
        let answer = ask(&network, &format!("{label}.sender.example"), Kind::A).await;
        assert_eq!(*answer, Answer { said: Said::Timeout, ttl: FAULT_KEPT }, "{label}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_asked_for_over_tcp() {
    let server = FaultyDns::start().await;
    let (network, _) = network(patient(&[server.address]));
    let answer = ask(&network, "truncated.sender.example", Kind::Txt).await;
    assert_eq!(answer.said, Said::Records(vec![Data::Txt(vec![b'x'; 50_000].into())]));
    assert_eq!((server.udp("truncated.sender.example"), server.tcp("truncated.sender.example")), (1, 1));
    let closed = ask(&network, "closed.sender.example", Kind::Txt).await;
    assert!(matches!(closed.said, Said::Failed | Said::Timeout), "{closed:?}");
}

#[tokio::test]
async fn where_one_server_has_no_answer_the_next_is_asked() {
    for fault in ["refused", "servfail", "referral", "silent"] {
        let (bad, good) = (FaultyDns::always(Some(fault)).await, FaultyDns::start().await);
        let mut settings = patient(&[bad.address, good.address]);
        settings.timeout = seconds(2);
        let (network, _) = network(settings);
        assert_eq!(ask(&network, "answer.sender.example", Kind::A).await.said, address(), "{fault}");
        assert_eq!(bad.udp("answer.sender.example"), 1, "{fault}");
        // Who answered last is asked first.
        assert_eq!(ask(&network, "answer.other.example", Kind::A).await.said, address(), "{fault}");
        assert_eq!(bad.udp("answer.other.example"), 0, "{fault}");
    }
}

#[tokio::test]
async fn only_silence_is_asked_again() {
    let server = FaultyDns::start().await;
    let (network, _) = network(Settings { attempts: 3, ..hasty(&[server.address]) });
    for (label, times) in [("silent", 3), ("refused", 1)] {
        let name = format!("{label}.sender.example");
        ask(&network, &name, Kind::A).await;
        assert_eq!(server.udp(&name), times, "{label}");
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_silent() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let (network, _) = network(hasty(&[address]));
    assert_eq!(ask(&network, "answer.sender.example", Kind::A).await.said, Said::Timeout);
}

#[tokio::test]
async fn an_address_that_cannot_be_sent_to_is_a_failure() {
    let (network, _) = network(patient(&["255.255.255.255:53".parse().unwrap()]));
    assert_eq!(ask(&network, "answer.sender.example", Kind::A).await.said, Said::Failed);
}

#[tokio::test]
async fn equal_questions_at_one_time_are_one_query() {
    let server = FaultyDns::start().await;
    let (network, tally) = network(patient(&[server.address]));
    let answers = join_all((0..100).map(|_| ask(&network, "slow-200.sender.example", Kind::A))).await;
    assert!(answers.iter().all(|answer| answer.said == address()));
    assert_eq!(server.udp("slow-200.sender.example"), 1);
    assert_eq!(tally.answered.load(Relaxed), 1);
    assert_eq!(network.open(), 0);
}

#[tokio::test]
async fn an_answer_is_kept_as_long_as_it_holds() {
    let server = FaultyDns::start().await;
    let (network, tally) = network(patient(&[server.address]));
    for (label, times) in [("answer", 1), ("refused", 1), ("nxdomain", 1), ("answer-0", 2), ("nosoa", 2)] {
        let name = format!("{label}.sender.example");
        let first = ask(&network, &name, Kind::A).await;
        assert_eq!(ask(&network, &name, Kind::A).await, first, "{label}");
        assert_eq!(server.udp(&name), times, "{label}");
    }
    assert_eq!((tally.answered.load(Relaxed), tally.known.load(Relaxed)), (7, 3));

    let name = "answer-1.sender.example";
    ask(&network, name, Kind::A).await;
    sleep(Duration::from_millis(1500)).await;
    ask(&network, name, Kind::A).await;
    assert_eq!(server.udp(name), 2);
}

#[tokio::test]
async fn who_does_not_wait_leaves_the_answer_to_the_next() {
    let server = FaultyDns::start().await;
    let (network, tally) = network(patient(&[server.address]));
    let question = Question::new("slow-2500.sender.example", Kind::A).unwrap();
    let watch = Stopwatch::start();
    let hurried = network.ask(question.clone(), Duration::from_millis(100)).await;
    assert_eq!(*hurried, Answer { said: Said::Timeout, ttl: Duration::ZERO });
    assert!(watch.elapsed() < Duration::from_millis(2400), "{:?}", watch.elapsed());
    assert_eq!(network.open(), 1);
    settled(&network).await;
    assert_eq!(network.ask(question, Duration::from_millis(100)).await.said, address());
    assert_eq!((tally.answered.load(Relaxed), tally.known.load(Relaxed)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_server_binds_nobody_and_costs_a_bounded_number_of_queries() {
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap();
    let settings = Settings { timeout: seconds(2), max_open: 100, ..patient(&[dead.local_addr().unwrap()]) };
    let (network, tally) = network(settings);
    let within = Duration::from_millis(500);
    let asked = join_all((0..1000).map(|n| {
        let question = Question::new(&format!("n{n}.sender.example"), Kind::A).unwrap();
        let network = &network;
        async move {
            let watch = Stopwatch::start();
            let answer = network.ask(question, within).await;
            assert!(network.open() <= 100);
            (answer.said.clone(), watch.elapsed())
        }
    }));
    let answers = asked.await;
    let count = |said| answers.iter().filter(|(answer, _)| *answer == said).count();
    assert_eq!((count(Said::Timeout), count(Said::OverBudget)), (100, 900));
    assert_eq!(tally.turned_away.load(Relaxed), 900);
    let slowest = answers.iter().map(|(_, took)| *took).max().unwrap();
    assert!(slowest < within + seconds(5), "{slowest:?}");
    settled(&network).await;
    // The silence is known for a while; a question that was turned away may be asked again.
    assert_eq!(ask(&network, "n0.sender.example", Kind::A).await.said, Said::Timeout);
    assert_eq!((tally.answered.load(Relaxed), tally.known.load(Relaxed)), (100, 1));
    network.ask(Question::new("n999.sender.example", Kind::A).unwrap(), Duration::ZERO).await;
    assert_eq!(network.open(), 1);
}

const ZONE: &str = "$ORIGIN sender.example.\n\
    $TTL 300\n\
    @ SOA ns hostmaster 1 3600 600 86400 60\n\
    @ NS ns\n\
    @ MX 20 mx2\n\
    @ MX 10 MX1\n\
    @ TXT \"v=spf1 \" \"mx -all\"\n\
    ns A 127.0.0.1\n\
    mx1 40 A 192.0.2.1\n\
    mx1 AAAA 2001:db8::1\n\
    mx2 CNAME mx1\n\
    ptr PTR mx1\n";

/// The zone, with a text that fits into no datagram.
fn zone() -> String {
    let mut zone = format!("{ZONE}big._domainkey TXT");
    (0..80).for_each(|_| zone.push_str(&format!(" \"{}\"", "k".repeat(200))));
    zone.push('\n');
    zone
}

/// What a server says that knows the zone, by itself or from others.
async fn knows_the_zone(network: &Network) {
    let v6: std::net::Ipv6Addr = "2001:db8::1".parse().unwrap();
    let mut exchangers = ask(network, "sender.example", Kind::Mx).await.records().to_vec();
    exchangers.sort();
    let mx = |preference, host: &str| Data::Mx { preference, exchange: host.into() };
    assert_eq!(exchangers, [mx(10, "mx1.sender.example"), mx(20, "mx2.sender.example")]);
    let cases = [
        ("mx1.sender.example", Kind::A, address()),
        ("mx1.sender.example", Kind::Aaaa, Said::Records(vec![v6.into()])),
        ("mx2.sender.example", Kind::A, address()),
        ("sender.example", Kind::Txt, Said::Records(vec![Data::Txt((*b"v=spf1 mx -all").into())])),
        ("ptr.sender.example", Kind::Ptr, Said::Records(vec![Data::Ptr("mx1.sender.example".into())])),
        ("big._domainkey.sender.example", Kind::Txt, Said::Records(vec![Data::Txt(vec![b'k'; 16_000].into())])),
        ("mx1.sender.example", Kind::Mx, Said::NoData),
        ("_domainkey.sender.example", Kind::Txt, Said::NoData),
        ("nothing.sender.example", Kind::A, Said::NoName),
    ];
    for (name, kind, said) in cases {
        let answer = ask(network, name, kind).await;
        assert_eq!(answer.said, said, "{name} {}", kind.as_str());
        let most = if said == Said::NoData || said == Said::NoName { 60 } else { 300 };
        assert!(!answer.ttl.is_zero() && answer.ttl <= seconds(most), "{name}: {:?}", answer.ttl);
    }
    assert!(ask(network, "mx2.sender.example", Kind::A).await.ttl <= seconds(40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nsd_is_understood() {
    let nsd = DnsServer::nsd(&[("sender.example", &zone())]);
    let (network, _) = network(patient(&[nsd.address]));
    knows_the_zone(&network).await;
    assert_eq!(ask(&network, "foreign.example", Kind::A).await.said, Said::Refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unbound_is_understood() {
    let nsd = DnsServer::nsd(&[("sender.example", &zone())]);
    // NSD knows nothing of lame.example, though it is said to.
    let unbound = DnsServer::unbound(&[("sender.example", nsd.address), ("lame.example", nsd.address)]);
    let (network, _) = network(patient(&[unbound.address]));
    knows_the_zone(&network).await;
    assert_eq!(ask(&network, "www.lame.example", Kind::A).await.said, Said::Failed);
    assert_eq!(ask(&network, "www.refused.example", Kind::A).await.said, Said::Refused);
}
