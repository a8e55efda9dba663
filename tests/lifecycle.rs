//! The daemon's life: stop in the middle of a message, reload, systemd's notices and sockets, and no root.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{
    fs,
    os::unix::{
        fs::symlink,
        net::{UnixDatagram, UnixStream},
    },
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use relaywatch::clock::Stopwatch;
use support::{
    daemon::{Daemon, Launch, TOPOLOGY, without_list},
    mails::{self, ALICE, BOB},
    postfix::Postfix,
    process, scratch, wait,
};

#[test]
fn sigterm_in_the_middle_of_a_message_finishes_it_and_ends_with_0() {
    let mut daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let idle = UnixStream::connect(daemon.socket()).expect("the daemon accepts");
    let mut session = postfix.session(mails::ordinary().client);
    let (id, message) = mails::with_fields(b"");
    session.begin(ALICE, &[BOB]);
    daemon.signal("TERM");
    wait::until("/readyz to say 503", || daemon.get("/readyz").filter(|(status, _)| *status == 503));
    session.write_message(&message);
    let reply = session.finish();
    assert_eq!(reply.code, 250, "{reply:?}");
    let watch = Stopwatch::start();
    let status = daemon.wait_end();
    assert_eq!(status.code(), Some(0), "{}", daemon.log_text());
    // The client's session is still open, and so was Postfix's connection; neither may hold the daemon up.
    assert!(watch.elapsed() < Duration::from_secs(10), "it took {:?} to end", watch.elapsed());
    let unseen = mails::send_plain(&mut session);
    session.quit();
    drop(idle);
    let seen: Vec<bool> = postfix.arrived(&[id, unseen]).iter().map(Option::is_some).collect();
    assert_eq!(seen, [true, false]);
    assert!(!daemon.log_text().contains("panicked"), "{}", daemon.log_text());
    assert!(!daemon.socket().exists(), "the socket is left behind");
}

#[test]
fn sigterm_and_sigint_end_an_idle_daemon_with_0() {
    // More than once: that its servers end at the same moment as the wait for the signal once made it end with 2.
    for name in ["TERM", "INT", "TERM", "TERM", "TERM", "TERM"] {
        let mut daemon = Daemon::start(&without_list());
        daemon.signal(name);
        assert_eq!(daemon.wait_end().code(), Some(0), "{name}: {}", daemon.log_text());
    }
}

const RELOADED: &str = "relaywatch_config_last_reload_successful";

#[test]
fn a_good_file_is_taken_and_a_bad_one_leaves_the_old_in_use_on_sighup() {
    let mut daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let answer = |postfix: &Postfix| {
        let (_, message) = mails::hijacked().message();
        let mut session = postfix.session(mails::ATTACKER);
        let reply = session.send(ALICE, &[BOB], &message);
        session.quit();
        reply.code
    };
    assert_eq!(answer(&postfix), 250);
    assert_eq!(daemon.metrics().value(RELOADED), 1.0);

    let rejecting = daemon.config_text(&format!("{}[actions]\nsuspicious = \"reject\"\n", without_list()));
    fs::write(daemon.config_file(), &rejecting).expect("the configuration is writable");
    daemon.signal("HUP");
    wait::until("the new configuration", || (answer(&postfix) == 550).then_some(()));
    assert_eq!(daemon.metrics().value(RELOADED), 1.0);

    fs::write(daemon.config_file(), rejecting.replace("suspicious =", "suspicous ="))
        .expect("the configuration is writable");
    daemon.signal("HUP");
    daemon.wait_metric(RELOADED, 0.0);
    assert_eq!(answer(&postfix), 550, "the old one stays in use");
    let log = daemon.log_text();
    assert!(log.contains("suspicous") && log.contains("suspicious") && log.contains("relaywatch.toml"), "{log}");

    fs::write(daemon.config_file(), daemon.config_text(&without_list())).expect("the configuration is writable");
    daemon.signal("HUP");
    daemon.wait_metric(RELOADED, 1.0);
    assert_eq!(answer(&postfix), 250, "repaired");
    assert!(daemon.runs());
    daemon.assert_sound();
}

#[test]
fn sighup_counts_while_other_files_of_the_folder_change() {
    let daemon = Daemon::start(&without_list());
    let loaded = || daemon.metrics().value("relaywatch_config_last_reload_success_timestamp_seconds");
    let noise = daemon.config_file().with_extension("txt");
    for round in 0..3 {
        let before = loaded();
        fs::write(&noise, format!("{round}")).expect("a file is writable");
        daemon.signal("HUP");
        wait::until("the reload that SIGHUP asked for", || (loaded() > before).then_some(()));
    }
    daemon.assert_sound();
}

#[test]
fn reloads_in_a_storm_of_mail_lose_neither_a_mail_nor_a_verdict() {
    let daemon = Daemon::start(&without_list());
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let over = AtomicBool::new(false);
    let ids = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut ids = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let mut session = postfix.session(mails::ordinary().client);
                ids.extend((0..3).map(|_| mails::send_plain(&mut session)));
                session.quit();
            }
            ids
        });
        for round in 0..20 {
            let config = if round % 2 == 0 { TOPOLOGY.to_owned() } else { without_list() };
            scratch::replace(&daemon.config_file(), &daemon.config_text(&config));
            daemon.signal("HUP");
            thread::sleep(Duration::from_millis(50));
        }
        over.store(true, Ordering::Relaxed);
        sender.join().expect("the sender ends")
    });
    let verdicts = postfix.arrived(&ids);
    assert!(verdicts.len() >= 3);
    assert!(verdicts.iter().all(Option::is_some), "{verdicts:?}");
    daemon.assert_sound();
}

#[test]
fn a_changed_file_is_taken_without_a_signal() {
    let daemon = Daemon::start(&without_list());
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
    replace(
        &daemon.config_text(&format!("{TOPOLOGY}[indicators]\nshipped = false\nlist = [{{ path = \"{path}\" }}]\n")),
    );
    daemon.wait_metric(networks, 1.0);
    scratch::replace(&list, "203.0.113.0/24\n198.51.100.128/25\n");
    daemon.wait_metric(networks, 2.0);
    // A list that goes away is a bad configuration: what was read of it stays in use.
    fs::remove_file(&list).expect("a list can be removed");
    daemon.wait_metric(RELOADED, 0.0);
    daemon.wait_metric(networks, 2.0);
    fs::write(&list, "203.0.113.0/24\n").expect("a list is writable");
    daemon.wait_metric(networks, 1.0);
    daemon.wait_metric(RELOADED, 1.0);
    daemon.assert_sound();
}

#[test]
fn a_repaired_list_of_a_refused_configuration_is_seen() {
    let daemon = Daemon::start(&without_list());
    let lists = scratch::folder("lists");
    let list = lists.path().join("drop.netset");
    fs::write(&list, "203.0.113.0/24\n<html>\n").expect("a list is writable");
    let named = format!("{TOPOLOGY}[indicators]\nshipped = false\nlist = [{{ path = \"{}\" }}]\n", list.display());
    scratch::replace(&daemon.config_file(), &daemon.config_text(&named));
    daemon.wait_metric(RELOADED, 0.0);
    // The list is none of the configuration in use, and its folder was not watched before.
    scratch::replace(&list, "203.0.113.0/24\n198.51.100.128/25\n");
    daemon.wait_metric(RELOADED, 1.0);
    daemon.wait_metric("relaywatch_indicators_loaded{kind=\"network\"}", 2.0);
    daemon.assert_sound();
}

#[test]
fn a_swapped_folder_is_taken_as_kubernetes_swaps_a_config_map() {
    let launch = Launch::new(&without_list());
    let (file, at) = (launch.config_file(), launch.folder.path().to_owned());
    // relaywatch.toml -> ..data/relaywatch.toml, and ..data -> the folder of a version
    let old = fs::read_to_string(&file).expect("the configuration is readable");
    fs::remove_file(&file).expect("the file can be removed");
    let publish = |version: &str, text: &str| {
        fs::create_dir(at.join(version)).expect("a folder can be made");
        fs::write(at.join(version).join("relaywatch.toml"), text).expect("the configuration is writable");
        symlink(version, at.join("..data_tmp")).expect("a link can be made");
        fs::rename(at.join("..data_tmp"), at.join("..data")).expect("a link can be renamed");
    };
    publish("..1", &old);
    symlink("..data/relaywatch.toml", &file).expect("a link can be made");
    let mut daemon = launch.spawn();
    daemon.wait_ready();
    daemon.wait_metric("relaywatch_indicators_loaded{kind=\"network\"}", 0.0);
    publish("..2", &old.replace("shipped = false", "shipped = true"));
    wait::until("the new version", || {
        (daemon.metrics().value("relaywatch_indicators_loaded{kind=\"network\"}") >= 1.0).then_some(())
    });
    daemon.assert_sound();
}

#[test]
fn systemd_is_told_of_start_reload_and_stop() {
    let mut launch = Launch::new(&without_list());
    let told = launch.folder.path().join("notify.sock");
    let systemd = UnixDatagram::bind(&told).expect("a socket can be made");
    systemd.set_read_timeout(Some(wait::PATIENCE)).expect("a socket option");
    let hear = |wanted: &str| {
        let mut heard = Vec::new();
        loop {
            let mut message = [0; 4096];
            let count =
                systemd.recv(&mut message).unwrap_or_else(|error| panic!("no {wanted} ({error}); heard {heard:?}"));
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
    let mut launch = Launch::new(&without_list());
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
    let id = mails::send_plain(&mut session);
    session.quit();
    assert!(postfix.arrived(&[id])[0].is_some());
    daemon.assert_sound();
    daemon.signal("TERM");
    assert_eq!(daemon.wait_end().code(), Some(0), "{}", daemon.log_text());
    assert!(handed.exists(), "systemd's socket is systemd's to remove");
}

#[test]
fn it_runs_as_nobody() {
    assert!(process::is_root(), "only root can become nobody; run: sudo make test");
    let mut launch = Launch::new(&without_list());
    // The build folder may be closed to others.
    let program = launch.folder.path().join("relaywatch");
    fs::copy(support::daemon::PROGRAM, &program).expect("the program can be copied");
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=nobody",
        "--regid=nogroup",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
        "--",
    ]);
    command.arg(&program).current_dir("/");
    launch.command = command;
    let mut daemon = launch.spawn();
    daemon.wait_ready();
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("the process runs");
    assert!(status.lines().any(|line| line.starts_with("Uid:") && line.ends_with("\t65534")), "{status}");
    let postfix = Postfix::start(&daemon.unix(), &[]);
    let mut session = postfix.session(mails::ordinary().client);
    let id = mails::send_plain(&mut session);
    session.quit();
    assert!(postfix.arrived(&[id])[0].is_some());
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
    let mut daemon = Daemon::start(&without_list());
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
