//! The daemon dies, hangs, is replaced by something else and is flooded while mail flows through a real Postfix with
//! `milter_default_action = accept`: no mail may be lost, doubled or refused.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use support::{
    daemon::{Daemon, without_list},
    mails::{self, ALICE, BOB},
    malformed,
    postfix::Postfix,
    process, scratch, wait,
};

/// Postfix gives up on a silent milter soon.
const IMPATIENT: &[(&str, &str)] =
    &[("milter_connect_timeout", "2s"), ("milter_command_timeout", "2s"), ("milter_content_timeout", "2s")];

/// Tests that keep the machine busy take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_daemon_killed_between_and_within_messages_loses_no_mail() {
    let mut daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let mut ids = Vec::new();

    // Between two messages of one session.
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(mails::send_plain(&mut session));
    daemon.kill();
    ids.push(mails::send_plain(&mut session));
    ids.push(mails::send_plain(&mut session));
    session.quit();

    // After DATA, with half of the header section sent.
    daemon.restart();
    let mut session = postfix.session(mails::ordinary().client);
    let (id, message) = mails::with_fields(b"X-First: half\n");
    session.begin(ALICE, &[BOB]);
    session.write(b"X-Sent: before the kill\r\n");
    daemon.kill();
    session.write_message(&message);
    let reply = session.finish();
    assert_eq!(reply.code, 250, "{reply:?}");
    ids.push(id);
    ids.push(mails::send_plain(&mut session));
    session.quit();

    // A new daemon takes over with the next session, at the same socket.
    daemon.restart();
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(mails::send_plain(&mut session));
    session.quit();

    let seen: Vec<bool> = postfix.arrived(&ids).iter().map(Option::is_some).collect();
    assert_eq!(seen, [true, false, false, false, false, true]);
}

#[test]
fn a_daemon_that_is_killed_again_and_again_in_a_storm_of_mail_loses_and_doubles_none() {
    let _turn = alone();
    let mut daemon = Daemon::start(&without_list());
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
                        ids.extend((0..4).map(|_| mails::send_plain(&mut session)));
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
    let verdicts = postfix.arrived(&ids);
    let stamped = verdicts.iter().flatten().count();
    assert!(stamped >= 4 * kills, "only {stamped} of {} were seen by the daemon", verdicts.len());
    daemon.assert_sound();
}

#[test]
fn a_hung_daemon_delays_mail_and_loses_none() {
    let daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.unix(), IMPATIENT);
    let mut ids = Vec::new();
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(mails::send_plain(&mut session));
    daemon.hang();
    // In the open session, then in one that begins while it hangs.
    ids.push(mails::send_plain(&mut session));
    session.quit();
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(mails::send_plain(&mut session));
    session.quit();
    daemon.signal("CONT");
    let mut session = postfix.session(mails::ordinary().client);
    ids.push(mails::send_plain(&mut session));
    session.quit();
    let seen: Vec<bool> = postfix.arrived(&ids).iter().map(Option::is_some).collect();
    assert_eq!(seen, [true, false, false, true]);
    daemon.assert_sound();
}

#[test]
fn a_daemon_that_hangs_after_data_began_loses_no_mail() {
    let daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.inet(), IMPATIENT);
    let mut session = postfix.session(mails::ordinary().client);
    let (id, message) = mails::with_fields(b"");
    session.begin(ALICE, &[BOB]);
    daemon.hang();
    session.write_message(&message);
    let reply = session.finish();
    assert_eq!(reply.code, 250, "{reply:?}");
    session.quit();
    assert_eq!(postfix.arrived(&[id]), [None]);
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
        let ids = [mails::send_plain(&mut session), mails::send_plain(&mut session)];
        session.quit();
        assert_eq!(postfix.arrived(&ids), [None, None], "after {bytes:?}");
        assert!(postfix.log().contains("milter unix:"), "Postfix complains of it:\n{}", postfix.log());
    }
}

#[test]
fn nothing_at_the_socket_loses_no_mail() {
    let folder = scratch::folder("nothing");
    let nobody = support::ports::free();
    for milter in [format!("unix:{}/none.sock", folder.path().display()), format!("inet:127.0.0.1:{nobody}")] {
        let postfix = Postfix::start(&milter, IMPATIENT);
        let mut session = postfix.session(mails::ordinary().client);
        let ids = [mails::send_plain(&mut session), mails::send_plain(&mut session)];
        session.quit();
        assert_eq!(postfix.arrived(&ids), [None, None], "{milter}");
        assert!(postfix.log().contains("connect to Milter service"), "Postfix complains of it:\n{}", postfix.log());
    }
}

#[test]
fn five_hundred_idle_connections_do_not_stop_mail() {
    let _turn = alone();
    let daemon = Daemon::start(&without_list());
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
        ids.extend([mails::send_plain(&mut session), mails::send_plain(&mut session)]);
        session.quit();
    }
    let verdicts = postfix.arrived(&ids);
    assert!(
        verdicts.iter().all(|verdict| verdict.as_deref().is_some_and(|text| text.starts_with("clean"))),
        "{verdicts:?}"
    );
    assert!(daemon.metrics().value("relaywatch_milter_connections_open") >= 500.0);
    drop((idle, idle_tcp));
    daemon.wait_metric("relaywatch_milter_connections_open", 0.0);
    daemon.assert_sound();
    assert!(process::memory(daemon.pid(), "VmHWM") < 128 << 20);
}

#[test]
fn more_connections_than_allowed_are_closed_and_mail_is_accepted() {
    let daemon = Daemon::start(&format!("{}[milter]\nmax_connections = 5\n", without_list()));
    let postfix = Postfix::start(&daemon.unix(), IMPATIENT);
    let idle: Vec<UnixStream> =
        (0..5).map(|_| UnixStream::connect(daemon.socket()).expect("the daemon accepts")).collect();
    daemon.wait_metric("relaywatch_milter_connections_open", 5.0);
    let mut session = postfix.session(mails::ordinary().client);
    let unseen = mails::send_plain(&mut session);
    session.quit();
    assert!(daemon.metrics().value("relaywatch_milter_connections_total{end=\"refused\"}") >= 1.0);
    drop(idle);
    daemon.wait_metric("relaywatch_milter_connections_open", 0.0);
    let mut session = postfix.session(mails::ordinary().client);
    let seen = mails::send_plain(&mut session);
    session.quit();
    let verdicts: Vec<bool> = postfix.arrived(&[unseen, seen]).iter().map(Option::is_some).collect();
    assert_eq!(verdicts, [false, true]);
    daemon.assert_sound();
}

/// Throws bytes at a socket and reads what comes until the daemon closes it.
fn throw(mut stream: impl std::io::Read + std::io::Write, bytes: &[u8]) {
    // It may close while we write or read: that is its right.
    let _ = stream.write_all(bytes);
    let mut sink = [0; 4096];
    while stream.read(&mut sink).is_ok_and(|count| count > 0) {}
}

#[test]
fn malformed_frames_of_every_kind_are_counted_and_harm_nobody() {
    let _turn = alone();
    let mut daemon =
        Daemon::start(&format!("{}[milter]\nio_timeout = \"500ms\"\nidle_timeout = \"2s\"\n", without_list()));
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let table = malformed::malformed();
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
    let id = mails::send_plain(&mut session);
    session.quit();
    assert!(postfix.arrived(&[id])[0].is_some(), "mail is still seen");
    daemon.wait_metric("relaywatch_milter_connections_open", 0.0);
    let metrics = daemon.metrics();
    for kind in ["frame", "sequence", "unknown_command", "negotiation", "header_limit", "recipient_limit"] {
        assert!(
            metrics.value(&format!("relaywatch_milter_errors_total{{kind=\"{kind}\"}}")) >= 1.0,
            "{kind} was not counted"
        );
    }
    assert!(metrics.value("relaywatch_milter_connections_total{end=\"malformed\"}") >= 20.0);
    assert!(metrics.value("relaywatch_milter_connections_total{end=\"timeout\"}") >= 1.0);
    daemon.assert_sound();
    let peak = process::memory(daemon.pid(), "VmHWM");
    assert!(peak < 128 << 20, "the daemon took {peak} bytes");
}
