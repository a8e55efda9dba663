//! The daemon dies, hangs, is replaced by something else, is flooded, is stopped and is reconfigured while mail flows
//! through a real Postfix with `milter_default_action = accept`: no mail may be lost, doubled or refused.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    process::Command,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use relaywatch::clock::Stopwatch;
use support::{
    daemon::{Daemon, Launch, NO_LIST, TOPOLOGY},
    mails::{self, BOB},
    postfix::Postfix,
    process, scratch,
    smtp::Smtp,
    wait,
};

const SENDER: &str = "alice@sender.example";

/// Postfix gives up on a silent milter soon.
const IMPATIENT: &[(&str, &str)] =
    &[("milter_connect_timeout", "2s"), ("milter_command_timeout", "2s"), ("milter_content_timeout", "2s")];

/// Tests that keep the machine busy take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config() -> String {
    format!("{TOPOLOGY}{NO_LIST}")
}

/// Sends one ordinary mail in an open session; its Message-ID.
fn send(session: &mut Smtp) -> String {
    let (id, message) = mails::with_fields(b"");
    let reply = session.send(SENDER, &[BOB], &message);
    assert_eq!(reply.code, 250, "{reply:?}");
    id
}

/// Every one of these mails must have arrived, and each once; then their verdicts, in order.
fn arrived(postfix: &Postfix, ids: &[String]) -> Vec<Option<String>> {
    postfix.settle();
    let mut copies: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for mail in postfix.all_mails() {
        let id = mail.one("Message-Id").expect("a Message-ID");
        copies.entry(id.trim_matches(['<', '>']).to_owned()).or_default().push(mail.one("X-Relaywatch"));
    }
    let verdicts = ids.iter().map(|id| {
        let found = copies.remove(id).unwrap_or_default();
        assert_eq!(found.len(), 1, "{id} arrived {} times; Postfix says:\n{}", found.len(), postfix.log());
        found.into_iter().next().flatten()
    });
    let verdicts = verdicts.collect();
    assert!(copies.is_empty(), "mails that nobody sent: {copies:?}");
    verdicts
}

#[test]
fn a_daemon_killed_between_and_within_messages_loses_no_mail() {
    let mut daemon = Daemon::start(&config());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let mut ids = Vec::new();

    // Between two messages of one session.
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(send(&mut session));
    daemon.kill();
    ids.push(send(&mut session));
    ids.push(send(&mut session));
    session.quit();

    // After DATA, with half of the header section sent.
    daemon.restart();
    let mut session = postfix.session(mails::ordinary().client);
    let (id, message) = mails::with_fields(b"X-First: half\n");
    session.begin(SENDER, &[BOB]);
    session.write(b"X-Sent: before the kill\r\n");
    daemon.kill();
    session.write(&String::from_utf8_lossy(&message).replace('\n', "\r\n").into_bytes());
    let reply = session.finish();
    assert_eq!(reply.code, 250, "{reply:?}");
    ids.push(id);
    ids.push(send(&mut session));
    session.quit();

    // A new daemon takes over with the next session, at the same socket.
    daemon.restart();
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(send(&mut session));
    session.quit();

    let seen: Vec<bool> = arrived(&postfix, &ids).iter().map(Option::is_some).collect();
    assert_eq!(seen, [true, false, false, false, false, true]);
}

#[test]
fn a_daemon_that_is_killed_again_and_again_in_a_storm_of_mail_loses_and_doubles_none() {
    let _turn = alone();
    let mut daemon = Daemon::start(&config());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let over = AtomicBool::new(false);
    let (ids, kills) = thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut ids = Vec::new();
                    // At least this many, and until the last kill is done.
                    while ids.len() < 40 || !over.load(Ordering::Relaxed) {
                        let mut session = postfix.session(mails::ordinary().client);
                        ids.extend((0..4).map(|_| send(&mut session)));
                        session.quit();
                    }
                    ids
                })
            })
            .collect();
        for pause in [30, 110, 70, 190, 10] {
            // Let it work for a while first: the kill shall hit it at different places.
            let inspected = daemon.metrics().sum("relaywatch_messages_total");
            wait::until("mail through the daemon", || {
                (daemon.metrics().sum("relaywatch_messages_total") > inspected + 3.0).then_some(())
            });
            thread::sleep(Duration::from_millis(pause));
            daemon.kill();
            daemon.restart();
        }
        over.store(true, Ordering::Relaxed);
        let ids: Vec<String> = senders.into_iter().flat_map(|sender| sender.join().expect("a sender ends")).collect();
        (ids, 5)
    });
    let verdicts = arrived(&postfix, &ids);
    let stamped = verdicts.iter().flatten().count();
    assert!(stamped >= 4 * kills, "only {stamped} of {} were seen by the daemon", verdicts.len());
    daemon.assert_sound();
}

#[test]
fn a_hung_daemon_delays_mail_and_loses_none() {
    let daemon = Daemon::start(&config());
    let postfix = Postfix::start(&daemon.unix(), IMPATIENT);
    let mut ids = Vec::new();
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(send(&mut session));
    daemon.signal("STOP");
    // In the open session, then in one that begins while it hangs.
    ids.push(send(&mut session));
    session.quit();
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(send(&mut session));
    session.quit();
    daemon.signal("CONT");
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(send(&mut session));
    session.quit();
    let seen: Vec<bool> = arrived(&postfix, &ids).iter().map(Option::is_some).collect();
    assert_eq!(seen, [true, false, false, true]);
    daemon.assert_sound();
}

#[test]
fn a_daemon_that_hangs_after_data_began_loses_no_mail() {
    let daemon = Daemon::start(&config());
    let postfix = Postfix::start(&daemon.inet(), IMPATIENT);
    let mut session = postfix.session(mails::ordinary().client);
    let (id, message) = mails::with_fields(b"");
    session.begin(SENDER, &[BOB]);
    daemon.signal("STOP");
    session.write(&String::from_utf8_lossy(&message).replace('\n', "\r\n").into_bytes());
    let reply = session.finish();
    assert_eq!(reply.code, 250, "{reply:?}");
    session.quit();
    assert_eq!(arrived(&postfix, &[id]), [None]);
    daemon.signal("CONT");
    daemon.wait_metric("relaywatch_milter_connections_open", 0.0);
    daemon.assert_sound();
}

#[test]
fn something_else_at_the_socket_loses_no_mail() {
    let folder = scratch::folder("garbage");
    let garbage: [&'static [u8]; 5] = [
        b"",
        b"220 this is no milter\r\n",
        b"\0\0\0\x0dO\0\0\0\x63\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\x01t\0\0\0\x01r\0\0\0\0",
    ];
    for (number, bytes) in garbage.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.sock"));
        let listener = UnixListener::bind(&path).expect("a socket can be made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("a mode can be set");
        // Ends with the test process: it waits for a connection that does not come.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut greeting = [0; 64];
                let _ = stream.read(&mut greeting);
                let _ = stream.write_all(bytes);
                // Some answers wait for more, some end at once.
                if number % 2 == 1 {
                    let _ = stream.read(&mut greeting);
                }
            }
        });
        let postfix = Postfix::start(&format!("unix:{}", path.display()), IMPATIENT);
        let mut session = postfix.session(mails::ordinary().client);
        let ids = [send(&mut session), send(&mut session)];
        session.quit();
        assert_eq!(arrived(&postfix, &ids), [None, None], "after {bytes:?}");
    }
}

#[test]
fn nothing_at_the_socket_loses_no_mail() {
    let folder = scratch::folder("nothing");
    let nobody = support::ports::free();
    for milter in [format!("unix:{}/none.sock", folder.path().display()), format!("inet:127.0.0.1:{nobody}")] {
        let postfix = Postfix::start(&milter, IMPATIENT);
        let mut session = postfix.session(mails::ordinary().client);
        let ids = [send(&mut session), send(&mut session)];
        session.quit();
        assert_eq!(arrived(&postfix, &ids), [None, None], "{milter}");
    }
}

#[test]
fn five_hundred_idle_connections_do_not_stop_mail() {
    let _turn = alone();
    let daemon = Daemon::start(&config());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let mut idle = Vec::new();
    for _ in 0..250 {
        idle.push(UnixStream::connect(daemon.socket()).expect("the daemon accepts"));
    }
    let idle_tcp: Vec<TcpStream> =
        (0..250).map(|_| TcpStream::connect(("127.0.0.1", daemon.tcp_port())).expect("the daemon accepts")).collect();
    daemon.wait_metric("relaywatch_milter_connections_open", 500.0);
    let mut ids = Vec::new();
    for _ in 0..10 {
        let mut session = postfix.session(mails::ordinary().client);
        ids.extend([send(&mut session), send(&mut session)]);
        session.quit();
    }
    let verdicts = arrived(&postfix, &ids);
    assert!(verdicts.iter().all(|verdict| verdict.as_deref().is_some_and(|text| text.starts_with("clean"))), "{verdicts:?}");
    assert!(daemon.metrics().value("relaywatch_milter_connections_open") >= 500.0);
    drop((idle, idle_tcp));
    daemon.wait_metric("relaywatch_milter_connections_open", 0.0);
    daemon.assert_sound();
    assert!(process::memory(daemon.pid(), "VmHWM") < 128 << 20);
}

#[test]
fn more_connections_than_allowed_are_closed_and_mail_is_accepted() {
    let daemon = Daemon::start(&format!("{}[milter]\nmax_connections = 5\n", config()));
    let postfix = Postfix::start(&daemon.unix(), IMPATIENT);
    let idle: Vec<UnixStream> = (0..5).map(|_| UnixStream::connect(daemon.socket()).expect("the daemon accepts")).collect();
    daemon.wait_metric("relaywatch_milter_connections_open", 5.0);
    let mut session = postfix.session(mails::ordinary().client);
    let unseen = send(&mut session);
    session.quit();
    assert!(daemon.metrics().value("relaywatch_milter_connections_total{end=\"refused\"}") >= 1.0);
    drop(idle);
    daemon.wait_metric("relaywatch_milter_connections_open", 0.0);
    let mut session = postfix.session(mails::ordinary().client);
    let seen = send(&mut session);
    session.quit();
    let verdicts: Vec<bool> = arrived(&postfix, &[unseen, seen]).iter().map(Option::is_some).collect();
    assert_eq!(verdicts, [false, true]);
    daemon.assert_sound();
}

/// A milter frame: length, command, payload.
fn frame(command: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 1).expect("a short payload");
    [&length.to_be_bytes(), &[command][..], payload].concat()
}

/// An ordinary negotiation: version 6, all actions, all protocol flags.
fn negotiation() -> Vec<u8> {
    frame(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff")
}

/// What a peer might send that no MTA sends.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let after = |frames: &[Vec<u8>]| [&[negotiation()], frames].concat().concat();
    let connect = || frame(b'C', b"mx1.sender.example\x004\x04\xd2203.0.113.10\0");
    let mail = || frame(b'M', b"<alice@sender.example>\0");
    let recipient = || frame(b'R', b"<bob@coincheck.com>\0");
    vec![
        ("nothing", Vec::new()),
        ("half a length", b"\0\0".to_vec()),
        ("a length and no frame", b"\0\0\0\x0d".to_vec()),
        ("an empty frame", b"\0\0\0\0".to_vec()),
        ("half a frame", b"\0\0\0\x0dO\0\0".to_vec()),
        ("4 GB to come", b"\xff\xff\xff\xffO".to_vec()),
        ("2 GB to come", b"\x7f\xff\xff\xffL".to_vec()),
        ("more than a frame may have", [&0x0100_0001u32.to_be_bytes()[..], &vec![b'x'; 2 << 20]].concat()),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("SMTP", b"EHLO x\r\n".to_vec()),
        ("zeros", vec![0; 100_000]),
        ("ones", vec![0xff; 100_000]),
        ("negotiation without a version", frame(b'O', b"")),
        ("negotiation cut", frame(b'O', b"\0\0\0\x06\0\0")),
        ("version 0", frame(b'O', b"\0\0\0\0\0\0\0\0\0\0\0\0")),
        ("version 1", frame(b'O', b"\0\0\0\x01\0\0\0\x3f\0\0\0\x7f")),
        ("version 4294967295", frame(b'O', &[0xff; 12])),
        ("no action allowed", frame(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0")),
        ("negotiation with more behind", frame(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xffabc")),
        ("two negotiations", after(&[negotiation()])),
        ("commands before the negotiation", [connect(), mail(), recipient()].concat()),
        ("an unknown command", after(&[frame(b'?', b"x")])),
        ("command 0", after(&[frame(0, b"")])),
        ("command 255", after(&[frame(255, &[255; 64])])),
        ("connect without a NUL", after(&[frame(b'C', b"name")])),
        ("connect with an unknown family", after(&[frame(b'C', b"name\0Zxx")])),
        ("connect without an address", after(&[frame(b'C', b"name\x004\0")])),
        ("connect with a bad address", after(&[frame(b'C', b"name\x004\0\x19999.999.999.999\0")])),
        ("connect with an address that is no text", after(&[frame(b'C', b"name\x006\0\x19\xff\xfe\0")])),
        ("connect, empty", after(&[frame(b'C', b"")])),
        ("HELO without a NUL", after(&[connect(), frame(b'H', b"helo")])),
        ("HELO, empty", after(&[connect(), frame(b'H', b"")])),
        ("macros for nothing", after(&[frame(b'D', b"")])),
        ("macros without a value", after(&[frame(b'D', b"Cj\0")])),
        ("macros without an end", after(&[frame(b'D', b"Cj\0value\0{x")])),
        ("macros for a command that does not exist", after(&[frame(b'D', b"\xffj\0value\0")])),
        ("10,000 macros", after(&[frame(b'D', &[b"C".to_vec(), b"{m}\0v\0".repeat(10_000)].concat())])),
        ("sender without brackets", after(&[connect(), frame(b'M', b"alice\0"), recipient(), frame(b'N', b"")])),
        ("sender, empty", after(&[connect(), frame(b'M', b""), recipient(), frame(b'N', b"")])),
        ("sender with bytes", after(&[connect(), frame(b'M', b"<\xff\x1b[31m@\0a\0b\0"), recipient(), frame(b'N', b"")])),
        ("recipient before the sender", after(&[connect(), recipient(), mail()])),
        ("header before the sender", after(&[connect(), frame(b'L', b"A\0b\0")])),
        ("header without a value", after(&[connect(), mail(), recipient(), frame(b'L', b"A\0")])),
        ("header without a NUL", after(&[connect(), mail(), recipient(), frame(b'L', b"A")])),
        ("header, empty", after(&[connect(), mail(), recipient(), frame(b'L', b"")])),
        ("header without a name", after(&[connect(), mail(), recipient(), frame(b'L', b"\0\0"), frame(b'N', b"")])),
        ("end of headers with a payload", after(&[connect(), mail(), recipient(), frame(b'N', b"payload")])),
        ("end of message at once", after(&[frame(b'E', b"")])),
        ("body that nobody asked for", after(&[connect(), mail(), recipient(), frame(b'B', &[b'x'; 65_535])])),
        ("10,000 aborts", after(&[frame(b'A', b"").repeat(10_000)])),
        ("10,000 ends of message", after(&[frame(b'E', b"").repeat(10_000)])),
        ("quit with a payload", after(&[frame(b'Q', b"now")])),
        ("frames behind quit", after(&[frame(b'Q', b""), connect()])),
        ("new connection after new connection", after(&[frame(b'K', b"").repeat(1000)])),
        (
            "100,000 recipients",
            after(&[connect(), mail(), recipient().repeat(100_000), frame(b'N', b""), frame(b'E', b"")]),
        ),
        (
            "64 MB of headers",
            after(&[connect(), mail(), recipient(), frame(b'L', &[b"A\0".to_vec(), vec![b'x'; 500_000], vec![0]].concat()).repeat(128)]),
        ),
    ]
}

/// Throws bytes at a socket and reads what comes until it is closed; whether the daemon closed it by itself.
fn throw(mut stream: impl std::io::Read + std::io::Write, bytes: &[u8]) {
    // It may close while we write or read: that is its right.
    let _ = stream.write_all(bytes);
    let mut sink = [0; 4096];
    while stream.read(&mut sink).is_ok_and(|count| count > 0) {}
}

#[test]
fn malformed_frames_of_every_kind_are_counted_and_harm_nobody() {
    let _turn = alone();
    let mut daemon = Daemon::start(&format!("{}[milter]\nio_timeout = \"500ms\"\nidle_timeout = \"2s\"\n", config()));
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let table = malformed();
    thread::scope(|scope| {
        let per_thread = table.len().div_ceil(8);
        for part in table.chunks(per_thread) {
            let (socket, port) = (daemon.socket(), daemon.tcp_port());
            scope.spawn(move || {
                for (_, bytes) in part {
                    let unix = UnixStream::connect(&socket).expect("the daemon accepts");
                    unix.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
                    unix.set_write_timeout(Some(Duration::from_secs(20))).expect("a socket option");
                    throw(unix, bytes);
                    // Over TCP nothing more comes after it.
                    let mut tcp = TcpStream::connect(("127.0.0.1", port)).expect("the daemon accepts");
                    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket option");
                    let _ = tcp.write_all(bytes);
                    let _ = tcp.shutdown(Shutdown::Write);
                    throw(tcp, b"");
                }
            });
        }
    });
    assert!(daemon.runs(), "the daemon ended:\n{}", daemon.log_text());
    let mut session = postfix.session(mails::ordinary().client);
    let id = send(&mut session);
    session.quit();
    assert!(arrived(&postfix, &[id])[0].is_some(), "mail is still seen");
    daemon.wait_metric("relaywatch_milter_connections_open", 0.0);
    let metrics = daemon.metrics();
    for kind in ["frame", "sequence", "unknown_command", "negotiation", "header_limit", "recipient_limit"] {
        assert!(metrics.value(&format!("relaywatch_milter_errors_total{{kind=\"{kind}\"}}")) >= 1.0, "{kind} was not counted");
    }
    assert!(metrics.value("relaywatch_milter_connections_total{end=\"malformed\"}") >= 20.0);
    assert!(metrics.value("relaywatch_milter_connections_total{end=\"timeout\"}") >= 1.0);
    daemon.assert_sound();
    let peak = process::memory(daemon.pid(), "VmHWM");
    assert!(peak < 128 << 20, "the daemon took {peak} bytes");
}

#[test]
fn sigterm_in_the_middle_of_a_message_finishes_it_and_ends_with_0() {
    let mut daemon = Daemon::start(&config());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let idle = UnixStream::connect(daemon.socket()).expect("the daemon accepts");
    let mut session = postfix.session(mails::ordinary().client);
    let (id, message) = mails::with_fields(b"");
    session.begin(SENDER, &[BOB]);
    daemon.signal("TERM");
    wait::until("/readyz to say 503", || daemon.get("/readyz").filter(|(status, _)| *status == 503));
    session.write(&String::from_utf8_lossy(&message).replace('\n', "\r\n").into_bytes());
    let reply = session.finish();
    assert_eq!(reply.code, 250, "{reply:?}");
    let watch = Stopwatch::start();
    let status = daemon.wait_end();
    assert_eq!(status.code(), Some(0), "{}", daemon.log_text());
    // The client's session is still open, and so was Postfix's connection; neither may hold the daemon up.
    assert!(watch.elapsed() < Duration::from_secs(10), "it took {:?} to end", watch.elapsed());
    let unseen = send(&mut session);
    session.quit();
    drop(idle);
    let seen: Vec<bool> = arrived(&postfix, &[id, unseen]).iter().map(Option::is_some).collect();
    assert_eq!(seen, [true, false]);
    assert!(!daemon.log_text().contains("panicked"), "{}", daemon.log_text());
    assert!(!daemon.socket().exists(), "the socket is left behind");
}

#[test]
fn sigterm_and_sigint_end_an_idle_daemon_with_0() {
    for name in ["TERM", "INT"] {
        let mut daemon = Daemon::start(&config());
        daemon.signal(name);
        assert_eq!(daemon.wait_end().code(), Some(0), "{name}: {}", daemon.log_text());
    }
}

const RELOADED: &str = "relaywatch_config_last_reload_successful";

#[test]
fn a_good_file_is_taken_and_a_bad_one_leaves_the_old_in_use_on_sighup() {
    let mut daemon = Daemon::start(&config());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let answer = |postfix: &Postfix| {
        let (_, message) = mails::hijacked().message();
        let mut session = postfix.session(mails::ATTACKER);
        let reply = session.send(SENDER, &[BOB], &message);
        session.quit();
        reply.code
    };
    assert_eq!(answer(&postfix), 250);
    assert_eq!(daemon.metrics().value(RELOADED), 1.0);

    let rejecting = daemon.config_text(&format!("{}[actions]\nsuspicious = \"reject\"\n", config()));
    fs::write(daemon.config_file(), &rejecting).expect("the configuration is writable");
    daemon.signal("HUP");
    wait::until("the new configuration", || (answer(&postfix) == 550).then_some(()));
    assert_eq!(daemon.metrics().value(RELOADED), 1.0);

    fs::write(daemon.config_file(), rejecting.replace("suspicious =", "suspicous =")).expect("the configuration is writable");
    daemon.signal("HUP");
    daemon.wait_metric(RELOADED, 0.0);
    assert_eq!(answer(&postfix), 550, "the old one stays in use");
    let log = daemon.log_text();
    assert!(log.contains("suspicous") && log.contains("suspicious") && log.contains("relaywatch.toml"), "{log}");

    fs::write(daemon.config_file(), daemon.config_text(&config())).expect("the configuration is writable");
    daemon.signal("HUP");
    daemon.wait_metric(RELOADED, 1.0);
    assert_eq!(answer(&postfix), 250, "repaired");
    assert!(daemon.runs());
    daemon.assert_sound();
}

#[test]
fn a_changed_file_is_taken_without_a_signal() {
    let daemon = Daemon::start(&config());
    let replace = |text: &str| scratch::replace(&daemon.config_file(), text);
    replace("[topology\n");
    daemon.wait_metric(RELOADED, 0.0);
    // Again, because an atomic save puts another file in the watched one's place.
    replace(&daemon.config_text(TOPOLOGY));
    daemon.wait_metric(RELOADED, 1.0);
    let networks = "relaywatch_indicators_loaded{kind=\"network\"}";
    assert!(daemon.metrics().value(networks) >= 1.0, "the shipped list is loaded");

    // A list that the configuration names is watched too, in a folder of its own.
    let lists = scratch::folder("lists");
    let list = lists.path().join("drop.netset");
    fs::write(&list, "203.0.113.0/24\n").expect("a list is writable");
    let path = list.display();
    replace(&daemon.config_text(&format!("{TOPOLOGY}[indicators]\nshipped = false\nlist = [{{ path = \"{path}\" }}]\n")));
    daemon.wait_metric(networks, 1.0);
    scratch::replace(&list, "203.0.113.0/24\n198.51.100.128/25\n");
    daemon.wait_metric(networks, 2.0);
    daemon.assert_sound();
}

#[test]
fn systemd_is_told_of_start_reload_and_stop() {
    let mut launch = Launch::new(&config());
    let told = launch.folder.path().join("notify.sock");
    let systemd = UnixDatagram::bind(&told).expect("a socket can be made");
    systemd.set_read_timeout(Some(wait::PATIENCE)).expect("a socket option");
    let hear = |wanted: &str| {
        let mut heard = Vec::new();
        loop {
            let mut message = [0; 4096];
            let count = systemd.recv(&mut message).unwrap_or_else(|error| panic!("no {wanted} ({error}); heard {heard:?}"));
            let text = String::from_utf8_lossy(&message[..count]).into_owned();
            let found = text.lines().any(|line| line == wanted);
            heard.push(text);
            if found {
                return heard;
            }
        }
    };
    launch.command.env("NOTIFY_SOCKET", &told);
    let mut daemon = launch.spawn();
    hear("READY=1");
    // READY means that it takes mail: no waiting here.
    assert_eq!(daemon.get("/readyz").map(|(status, _)| status), Some(200));
    UnixStream::connect(daemon.socket()).expect("the milter socket is open");
    daemon.signal("HUP");
    let heard = hear("RELOADING=1");
    assert!(heard.last().unwrap().contains("MONOTONIC_USEC="), "{heard:?}");
    hear("READY=1");
    daemon.signal("TERM");
    hear("STOPPING=1");
    assert_eq!(daemon.wait_end().code(), Some(0));
}

/// Opens sockets and becomes the daemon, as systemd does (sd_listen_fds(3)).
const ACTIVATOR: &str = r#"
import os, socket, sys
names, path, port, program = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
unix = socket.socket(socket.AF_UNIX); unix.bind(path); os.chmod(path, 0o666); unix.listen(64)
http = socket.socket(); http.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); http.bind(("127.0.0.1", port)); http.listen(64)
kept = [os.dup(unix.fileno()), os.dup(http.fileno())]
high = [os.dup2(fd, 100 + number) for number, fd in enumerate(kept)]
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES=names)
os.execv(program[0], program)
"#;

#[test]
fn sockets_from_systemd_take_the_place_of_the_configured() {
    let mut launch = Launch::new(&config());
    let handed = launch.folder.path().join("handed.sock");
    let port = support::ports::free();
    let mut command = Command::new("python3");
    command.args(["-c", ACTIVATOR, "milter:http"]).arg(&handed).arg(port.to_string()).arg(support::daemon::PROGRAM);
    launch.command = command;
    let mut daemon = launch.spawn();
    daemon.http_is(port);
    daemon.wait_ready();
    assert!(!daemon.socket().exists(), "the configured socket is not opened as well");
    let postfix = Postfix::start(&format!("unix:{}", handed.display()), &[]);
    let mut session = postfix.session(mails::ordinary().client);
    let id = send(&mut session);
    session.quit();
    assert!(arrived(&postfix, &[id])[0].is_some());
    daemon.assert_sound();
    daemon.signal("TERM");
    assert_eq!(daemon.wait_end().code(), Some(0), "{}", daemon.log_text());
    assert!(handed.exists(), "systemd's socket is systemd's to remove");
}

#[test]
fn it_runs_as_nobody() {
    assert!(process::is_root(), "only root can become nobody; run: sudo make test");
    let mut launch = Launch::new(&config());
    // The build folder may be closed to others.
    let program = launch.folder.path().join("relaywatch");
    fs::copy(support::daemon::PROGRAM, &program).expect("the program can be copied");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--"]);
    command.arg(&program).current_dir("/");
    launch.command = command;
    let mut daemon = launch.spawn();
    daemon.wait_ready();
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("the process runs");
    assert!(status.lines().any(|line| line.starts_with("Uid:") && line.ends_with("\t65534")), "{status}");
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let mut session = postfix.session(mails::ordinary().client);
    let id = send(&mut session);
    session.quit();
    assert!(arrived(&postfix, &[id])[0].is_some());
    fs::write(daemon.config_file(), daemon.config_text(TOPOLOGY)).expect("the configuration is writable");
    daemon.signal("HUP");
    wait::until("a reload as nobody", || {
        (daemon.metrics().value("relaywatch_indicators_loaded{kind=\"network\"}") >= 1.0).then_some(())
    });
    daemon.assert_sound();
    daemon.signal("TERM");
    assert_eq!(daemon.wait_end().code(), Some(0), "{}", daemon.log_text());
}

#[test]
fn a_socket_left_behind_is_taken_over_and_one_in_use_is_not() {
    let mut daemon = Daemon::start(&config());
    daemon.kill();
    assert!(daemon.socket().exists(), "kill -9 leaves the socket behind");
    daemon.restart();
    UnixStream::connect(daemon.socket()).expect("the daemon accepts");

    // A second daemon with the same sockets must refuse to start and leave the first alone.
    let second = Command::new(support::daemon::PROGRAM).args(["serve", "--config"]).arg(daemon.config_file()).output();
    let second = second.expect("the program runs");
    assert!(!second.status.success(), "a second daemon took the sockets");
    UnixStream::connect(daemon.socket()).expect("the first daemon still accepts");
    let shown = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(shown.contains("milter socket"), "{shown}");
}
