//! What it costs to ask DNS about a sender: time a message with a warm cache, and questions a message on a stream of senders.
//!
//! `cargo bench --bench authentication` prints both. The senders are made up as they occur: of 10,000 domains the n-th writes 1/n as
//! often as the first (Zipf); three in five send through one of five providers, whose SPF is an include of three records, as
//! Google's is; the others name their own hosts. A server on loopback answers with a time to live of an hour.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken expectation fails the bench")]
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a count is no time, and criterion prints only times"
)]

use std::{
    fmt::Write as _,
    hint::black_box,
    io::Write as _,
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};
use relaywatch::{
    authentication::SpfResult,
    config,
    dns::{Data, Dns, Kind, Network, Question, Settings, Zone, at_once},
    inspect::{inspect, inspect_offline},
    message::{HeaderSection, RawMessage},
    policy::Policy,
    session::Session,
};

const MAIL: &[u8] = include_bytes!("data/five-hops.eml");
const CONFIG: &[u8] = include_bytes!("data/gateway.toml");

const DOMAINS: usize = 10_000;
const WARM_UP: usize = 50_000;
const MEASURED: usize = 50_000;

/// What DNS says of the senders.
fn zone() -> Zone {
    let mut text = String::from("$TTL 3600\n");
    for provider in 0..5 {
        let _ = writeln!(
            text,
            "_spf.p{provider}.example. TXT \"v=spf1 include:_n1.p{provider}.example include:_n2.p{provider}.example ~all\"\n\
             _n1.p{provider}.example. TXT \"v=spf1 ip4:198.18.{provider}.0/24 ip4:198.18.1{provider}.0/24 ip6:2001:db8:{provider}::/48 ~all\"\n\
             _n2.p{provider}.example. TXT \"v=spf1 ip4:203.0.113.0/24 ip4:198.18.2{provider}.0/24 ~all\"",
        );
    }
    for n in 0..DOMAINS {
        let _ = match n % 5 {
            0..=2 => writeln!(text, "d{n}.example. TXT \"v=spf1 include:_spf.p{}.example -all\"", n % 5),
            3 => writeln!(text, "d{n}.example. TXT \"v=spf1 ip4:203.0.113.45 -all\""),
            _ => writeln!(
                text,
                "d{n}.example. TXT \"v=spf1 mx -all\"\nd{n}.example. MX 10 mx.d{n}.example.\nmx.d{n}.example. A 203.0.113.45"
            ),
        };
    }
    text.push_str("victim.example. MX 10 gw.victim.example.\nvictim.example. MX 20 mx2.victim.example.\n");
    text.push_str("gw.victim.example. A 198.51.100.5\nmx2.victim.example. A 198.51.100.7\n");
    Zone::read(&text).expect("the zone is well written")
}

/// Answers from the zone over UDP, and counts.
fn serve(zone: Zone) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            count.fetch_add(1, Ordering::Relaxed);
            let query = Message::from_vec(&buffer[..length]).unwrap();
            let _ = socket.send_to(&reply(&query, &zone).to_vec().unwrap(), client);
        }
    });
    (address, asked)
}

fn reply(query: &Message, zone: &Zone) -> Message {
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.message_type = MessageType::Response;
    reply.metadata.recursion_available = true;
    let asked = query.queries[0].clone();
    let kind = match asked.query_type() {
        RecordType::A => Kind::A,
        RecordType::AAAA => Kind::Aaaa,
        RecordType::MX => Kind::Mx,
        RecordType::TXT => Kind::Txt,
        _ => Kind::Ptr,
    };
    let name = asked.name().clone();
    let question = Question::new(&name.to_ascii(), kind).unwrap();
    let answer = at_once(zone.ask(question, Duration::ZERO));
    reply.metadata.response_code =
        if answer.records().is_empty() { ResponseCode::NXDomain } else { ResponseCode::NoError };
    for data in answer.records() {
        let host = |host: &str| Name::from_ascii(format!("{host}.")).unwrap();
        let data = match data {
            Data::Address(std::net::IpAddr::V4(ip)) => RData::A(rdata::A(*ip)),
            Data::Address(std::net::IpAddr::V6(ip)) => RData::AAAA(rdata::AAAA(*ip)),
            Data::Mx { preference, exchange } => RData::MX(rdata::MX::new(*preference, host(exchange))),
            Data::Txt(text) => RData::TXT(rdata::TXT::from_bytes(vec![text])),
            Data::Ptr(name) => RData::PTR(rdata::PTR(host(name))),
        };
        reply.add_answer(Record::from_rdata(name.clone(), 3600, data));
    }
    reply.add_query(asked);
    reply
}

fn mail(domain: usize) -> RawMessage {
    let session = Session {
        peer_ip: "203.0.113.45".parse().ok(),
        peer_name: Some("out.p0.example".to_owned()),
        helo: Some("out.p0.example".to_owned()),
        mail_from: Some(format!("alice@d{domain}.example")),
        recipients: vec!["bob@victim.example".to_owned()],
        ..Session::default()
    };
    RawMessage { headers: HeaderSection::read(MAIL, MAIL.len()), session: Some(session), body: None }
}

/// Domains as they write: the n-th 1/n as often as the first. A small generator of its own, so that every run sees the same.
fn senders() -> impl Iterator<Item = usize> {
    let mut reached = Vec::with_capacity(DOMAINS);
    let mut sum = 0.0;
    for n in 1..=DOMAINS {
        sum += 1.0 / n as f64;
        reached.push(sum);
    }
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (state >> 11) as f64 / (1_u64 << 53) as f64 * sum;
        reached.partition_point(|reached| *reached < at).min(DOMAINS - 1)
    })
}

fn stream(policy: &Policy, runtime: &tokio::runtime::Runtime) {
    let (address, asked) = serve(zone());
    let network = runtime.block_on(async {
        Network::new(Settings { servers: vec![address], ..Settings::default() }, Arc::new(())).unwrap()
    });
    let mut senders = senders();
    let mut passed = 0;
    for (number, domain) in senders.by_ref().take(WARM_UP + MEASURED).enumerate() {
        if number == WARM_UP {
            asked.store(0, Ordering::Relaxed);
        }
        let mail = mail(domain);
        let report = runtime.block_on(inspect(&mail, policy, &network));
        passed += usize::from(report.authentication.peer.as_ref().is_some_and(|spf| spf.result == SpfResult::Pass));
    }
    let questions = asked.load(Ordering::Relaxed);
    assert_eq!(passed, WARM_UP + MEASURED, "every sender of the stream passes SPF");
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "DNS on a stream of senders: {questions} questions for {MEASURED} messages after {WARM_UP} to warm up, {:.4} a message",
        questions as f64 / MEASURED as f64
    );
}

fn benches(criterion: &mut Criterion) {
    let policy = config::from_text("gateway.toml", CONFIG, &|_| unreachable!())
        .expect("the bench's configuration is valid")
        .policy;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    stream(&policy, &runtime);

    let (address, _) = serve(zone());
    let network = Network::new(Settings { servers: vec![address], ..Settings::default() }, Arc::new(())).unwrap();
    let mut group = criterion.benchmark_group("a message and DNS");
    group.throughput(Throughput::Elements(1));
    for (name, domain) in
        [("SPF names the address", 3), ("SPF includes a provider of three records", 0), ("SPF by mx", 4)]
    {
        let mail = mail(domain);
        group.bench_function(format!("{name}, cache warm"), |bencher| {
            runtime.block_on(inspect(&mail, &policy, &network));
            bencher
                .iter(|| runtime.block_on(async { black_box(inspect(&mail, &policy, &network).await.verdict.level) }));
        });
    }
    let mail = mail(0);
    group.bench_function("no DNS", |bencher| bencher.iter(|| inspect_offline(black_box(&mail), &policy)));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
