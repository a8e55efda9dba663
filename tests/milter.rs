//! The milter over real sockets: scripts of an MTA (tests/milter/*.txt), our own client, and what no script can say.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what goes wrong in a test shall end it")]

#[path = "milter/harness.rs"]
mod harness;

use std::{path::PathBuf, time::Duration};

use harness::{Kind, PATIENCE, Rig, Wire, play};
use relaywatch::{
    config::{Address, MilterSettings},
    ingest::{
        Ruling,
        milter::{
            client::{Client, Transaction},
            listener::Listener,
            offer::Offer,
        },
    },
    message::HeaderSection,
    policy::Action,
    stamp::HeaderChange,
};

const KINDS: [Kind; 2] = [Kind::Unix, Kind::Tcp];

#[tokio::test]
async fn every_script_plays_over_both_kinds_of_socket() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/milter");
    let mut scripts: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    scripts.sort();
    assert!(scripts.len() >= 15, "the scripts are there");
    for script in scripts {
        for kind in KINDS {
            play(&script, kind).await;
        }
    }
}

fn transaction<'a>(headers: &'a HeaderSection) -> Transaction<'a> {
    Transaction {
        peer_ip: Some("45.77.24.250".parse().unwrap()),
        peer_name: None,
        peer_ptr: Some("45.77.24.250.vultr.com"),
        helo: "coincheck.com",
        tls_version: Some("TLSv1.2"),
        authenticated: None,
        mail_from: "alice@sender.example",
        recipients: &["info@coincheck.com", "desk@coincheck.com"],
        queue_id: "4ABCdef",
        border: "gw.coincheck.com",
        headers,
    }
}

#[tokio::test]
async fn our_client_gets_the_ruling_that_the_judge_gave() {
    let headers = HeaderSection::read(b"Received: from a\r\n\tby b\r\nSubject:x\r\nX: \xff\r\n\r\n", 1000);
    let mail = transaction(&headers);
    let offers = [Offer::full(), Offer { version: 2, actions: 0x3f, protocol: 0x7f }];
    for (kind, offer) in KINDS.into_iter().flat_map(|kind| offers.map(|offer| (kind, offer))) {
        let rig = Rig::start(kind, MilterSettings::default(), PATIENCE);
        let mut client = Client::connect_as(&rig.address, offer).await.unwrap();
        assert_eq!(client.agreement().version, offer.version);
        let rulings = [
            Ruling::open(),
            Ruling {
                action: Action::Quarantine,
                reply: None,
                changes: vec![
                    HeaderChange::Remove { name: "X-Relaywatch".into(), occurrence: 2 },
                    HeaderChange::Prepend { name: "X-Relaywatch".into(), value: "clean;\n\thops=2".into() },
                ],
            },
            Ruling { action: Action::Tempfail, reply: Some("not 100% now".into()), changes: Vec::new() },
            Ruling { action: Action::Reject, reply: None, changes: Vec::new() },
        ];
        for ruling in &rulings {
            rig.judge.rules(ruling.clone());
            assert_eq!(client.send(&mail).await.unwrap(), *ruling);
        }
        client.connection(&mail).await.unwrap();
        for ruling in &rulings {
            rig.judge.rules(ruling.clone());
            assert_eq!(client.message(&mail).await.unwrap(), *ruling);
        }
        client.quit().await.unwrap();
        rig.metric("relaywatch_milter_connections_total{end=\"quit\"} 1").await;

        let saw = rig.judge.saw();
        assert_eq!(saw.len(), 8);
        for message in saw {
            let session = message.session.unwrap();
            assert_eq!(session.peer_ip, mail.peer_ip);
            assert_eq!(session.peer_name, None);
            assert_eq!(session.helo.as_deref(), Some("coincheck.com"));
            assert_eq!(session.tls.unwrap().as_str(), "TLS 1.2");
            assert_eq!(session.recipients, mail.recipients);
            assert_eq!(session.queue_id.as_deref(), Some("4ABCdef"));
            assert_eq!(message.headers.get(0).unwrap().value, b" from a\n\tby b");
            assert_eq!(message.headers.get(2).unwrap().value, b" \xff");
        }
        rig.stop().await;
    }
}

#[tokio::test]
async fn five_hundred_idle_connections_do_not_slow_one_that_works() {
    let headers = HeaderSection::read(b"Subject: x\n\n", 1000);
    for kind in KINDS {
        let rig = Rig::start(kind, MilterSettings::default(), PATIENCE);
        let mut idle = Vec::new();
        for number in 0..500 {
            let mut wire = rig.connect().await;
            if number % 2 == 0 {
                wire.negotiate().await;
            }
            idle.push(wire);
        }
        let mut client = Client::connect(&rig.address).await.unwrap();
        for _ in 0..20 {
            assert_eq!(client.send(&transaction(&headers)).await.unwrap(), Ruling::open());
        }
        rig.metric("relaywatch_milter_connections_open 501").await;
        drop(idle);
        rig.metric("relaywatch_milter_connections_open 1").await;
        drop(client);
        rig.stop().await;
    }
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once_and_room_comes_back() {
    let settings = MilterSettings { max_connections: 2, ..MilterSettings::default() };
    let rig = Rig::start(Kind::Unix, settings, PATIENCE);
    let (mut first, mut second) = (rig.connect().await, rig.connect().await);
    first.negotiate().await;
    second.negotiate().await;
    assert_eq!(rig.connect().await.hear().await, None);
    rig.metric("relaywatch_milter_connections_total{end=\"refused\"} 1").await;
    drop(first);
    rig.metric("relaywatch_milter_connections_open 1").await;
    rig.connect().await.negotiate().await;
    drop(second);
    rig.stop().await;
}

/// A peer that sends a byte at a time, each soon enough to look alive, is held to the whole frame's time.
#[tokio::test]
async fn a_slow_peer_is_cut_off() {
    for kind in KINDS {
        let settings = MilterSettings { io_timeout: Duration::from_millis(200), ..MilterSettings::default() };
        let rig = Rig::start(kind, settings, PATIENCE);
        let mut wire = rig.connect().await;
        wire.raw(b"\0\0\0\x0dO").await;
        let mut drip = tokio::time::interval(Duration::from_millis(20));
        let dripping = async {
            for _ in 0..1000 {
                drip.tick().await;
                rig.metric("relaywatch_milter_connections_open 1").await;
            }
        };
        tokio::select! {
            () = dripping => panic!("a slow peer may go on for ever"),
            () = rig.metric("relaywatch_milter_connections_total{end=\"timeout\"} 1") => {}
        }
        assert_eq!(wire.hear().await, None);
        rig.stop().await;
    }
}

/// A ruling whose answer is far larger than what a socket takes at once.
fn many_words() -> Ruling {
    let change =
        |number: usize| HeaderChange::Prepend { name: format!("X-Number-{number}").into(), value: "x".repeat(10_000) };
    Ruling { changes: (0..1000).map(change).collect(), ..Ruling::open() }
}

/// Sends a message and waits until it is judged; nothing of the answer is read.
async fn have_judged(rig: &Rig, wire: &mut Wire, count: usize) {
    wire.say(b'M', b"<a@sender.example>\0").await;
    wire.say(b'R', b"<b@victim.example>\0").await;
    wire.say(b'E', b"").await;
    rig.metric(&format!("relaywatch_milter_message_duration_seconds_count {count}")).await;
}

#[tokio::test]
async fn an_answer_waits_for_a_peer_that_does_not_read() {
    for kind in KINDS {
        let rig = Rig::start(kind, MilterSettings::default(), PATIENCE);
        rig.judge.rules(many_words());
        let mut wire = rig.connect().await;
        wire.negotiate().await;
        for message in 1..=3 {
            have_judged(&rig, &mut wire, message).await;
            for number in 0..1000 {
                let (command, payload) = wire.hear().await.unwrap();
                assert_eq!((command, payload.len()), (b'i', 4 + format!("X-Number-{number}\0 ").len() + 10_001));
                assert!(
                    payload[4..].starts_with(format!("X-Number-{number}\0 xxx").as_bytes()),
                    "{number} in its place"
                );
            }
            assert_eq!(wire.hear().await, Some((b'a', Vec::new())));
        }
        rig.judge.rules(Ruling::open());
        have_judged(&rig, &mut wire, 4).await;
        assert_eq!(wire.hear().await, Some((b'a', Vec::new())));
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_peer_that_never_reads_is_cut_off_and_one_that_leaves_is_let_go() {
    for (kind, leaves) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let io_timeout = if leaves { PATIENCE * 2 } else { Duration::from_millis(200) };
        let rig = Rig::start(kind, MilterSettings { io_timeout, ..MilterSettings::default() }, PATIENCE);
        rig.judge.rules(many_words());
        let mut wire = rig.connect().await;
        wire.negotiate().await;
        have_judged(&rig, &mut wire, 1).await;
        // Who stays, stays until the end of the test.
        let wire = (!leaves).then_some(wire);
        let end = if leaves { "lost" } else { "timeout" };
        rig.metric(&format!("relaywatch_milter_connections_total{{end=\"{end}\"}} 1")).await;
        drop(wire);
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_stop_lets_an_open_message_finish_and_closes_idle_connections() {
    for kind in KINDS {
        let rig = Rig::start(kind, MilterSettings::default(), PATIENCE);
        let (mut idle, mut busy) = (rig.connect().await, rig.connect().await);
        idle.negotiate().await;
        busy.negotiate().await;
        busy.say(b'M', b"<a@sender.example>\0").await;
        rig.shutdown.cancel();
        assert_eq!(idle.hear().await, None);
        rig.metric("relaywatch_milter_connections_total{end=\"stopped\"} 1").await;
        busy.say(b'R', b"<b@victim.example>\0").await;
        busy.say(b'L', b"Subject\0 x\0").await;
        busy.say(b'E', b"").await;
        assert_eq!(busy.hear().await, Some((b'a', Vec::new())));
        assert_eq!(busy.hear().await, None);
        assert_eq!(rig.judge.saw().len(), 1);
        rig.metric("relaywatch_milter_connections_total{end=\"stopped\"} 2").await;
        if let Address::Unix(path) = &rig.address {
            assert!(!path.exists(), "the socket is taken away");
        }
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever_for_a_message() {
    let rig = Rig::start(Kind::Unix, MilterSettings::default(), Duration::from_millis(50));
    let mut wire = rig.connect().await;
    wire.negotiate().await;
    wire.say(b'M', b"<a@sender.example>\0").await;
    rig.shutdown.cancel();
    assert_eq!(wire.hear().await, None);
    rig.metric("relaywatch_milter_connections_total{end=\"stopped\"} 1").await;
    rig.stop().await;
}

#[tokio::test]
async fn a_socket_file_is_taken_over_only_when_nobody_answers_on_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let address = Address::Unix(path.clone());
    let kind = |result: std::io::Result<Listener>| result.map(|_| ()).unwrap_err().kind();

    std::fs::write(&path, "precious").unwrap();
    assert_eq!(kind(Listener::bind(&address, 0o600)), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();

    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
    assert_eq!(kind(Listener::bind(&address, 0o600)), std::io::ErrorKind::AlreadyExists);
    std::fs::remove_file(&path).unwrap();

    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a socket that its maker left behind");
    let listener = Listener::bind(&address, 0o640).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(kind(Listener::bind(&address, 0o600)), std::io::ErrorKind::AddrInUse);

    std::fs::rename(&path, folder.path().join("moved")).unwrap();
    let successor = Listener::bind(&address, 0o600).unwrap();
    drop(listener);
    assert!(path.exists(), "the successor's socket is not the first one's to take away");
    drop(successor);
    assert!(!path.exists());

    let adopted = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(Listener::from_std_unix(adopted).unwrap());
    assert!(path.exists(), "systemd's socket stays");
}
