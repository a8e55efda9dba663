//! A real rsyslog reads and receives events with the configurations of docs/events.md.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

mod support;

use std::{
    fs::{self, File},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use support::{
    daemon::{Daemon, TOPOLOGY},
    handover, mails, ports, scratch, wait,
};

/// A running rsyslogd; it ends when dropped.
struct Rsyslog {
    child: Child,
}

impl Rsyslog {
    fn start(folder: &Path, config: &str) -> Self {
        let file = folder.join("rsyslog.conf");
        // Its own work directory, and the system's left alone.
        fs::write(&file, format!("global(workDirectory=\"{}\")\n{config}", folder.display())).unwrap();
        let mut command = Command::new("rsyslogd");
        command.arg("-n").arg("-f").arg(&file).arg("-i").arg(folder.join("rsyslog.pid"));
        let log = File::create(folder.join("rsyslog.log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child =
            command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}); see tests/tools.sh"));
        Self { child }
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configurations of the page, in order.
fn page() -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md")).unwrap();
    page.split("```rsyslog\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Replaces what must be there.
fn replaced(text: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "docs/events.md has no {from}");
        text.replace(from, to)
    })
}

fn log_of(folder: &Path) -> String {
    fs::read_to_string(folder.join("rsyslog.log")).unwrap_or_default()
}

#[test]
fn rsyslog_sends_on_what_stands_in_the_file() {
    let folder = scratch::folder("rsyslog");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = replaced(
        &page()[0],
        &[
            ("/var/log/relaywatch/events.jsonl", &path("events.jsonl")),
            ("/var/spool/siem/events.jsonl", &path("siem.jsonl")),
        ],
    );
    let daemon = Daemon::start(&format!("{TOPOLOGY}[events]\nfile = \"{}\"\n", path("events.jsonl")));
    let _rsyslog = Rsyslog::start(folder.path(), &config);
    handover::replay(&daemon, &mails::hijacked());
    let written = || fs::read_to_string(path("events.jsonl")).unwrap_or_default();
    let text = wait::within(wait::PATIENCE, || {
        let arrived = fs::read_to_string(path("siem.jsonl")).unwrap_or_default();
        (!arrived.is_empty() && arrived == written()).then_some(arrived)
    });
    let text = text.unwrap_or_else(|| panic!("nothing arrived:\n{}", log_of(folder.path())));
    let codes: Vec<String> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["code"].to_string()).collect();
    assert!(codes.contains(&"\"own-name\"".to_owned()), "{codes:?}");
}

#[test]
fn rsyslog_understands_events_over_udp_tcp_and_the_local_socket() {
    let folder = scratch::folder("rsyslog");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (tcp, udp) = (ports::free(), ports::free());
    let socket =
        format!("module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" socket=\"{}\")", path("log"));
    let config = replaced(
        &page()[1],
        &[
            ("module(load=\"imuxsock\")", &socket),
            ("192.0.2.14", "127.0.0.1"),
            ("\"601\"", &format!("\"{tcp}\"")),
            ("\"514\"", &format!("\"{udp}\"")),
            ("/var/log/relaywatch-malicious.log", &path("found")),
        ],
    );
    let _rsyslog = Rsyslog::start(folder.path(), &config);
    let ready = wait::within(wait::PATIENCE, || {
        (TcpStream::connect(("127.0.0.1", tcp)).is_ok() && Path::new(&path("log")).exists()).then_some(())
    });
    assert!(ready.is_some(), "rsyslog does not listen:\n{}", log_of(folder.path()));
    let receivers = [format!("tcp:127.0.0.1:{tcp}"), format!("udp:127.0.0.1:{udp}"), format!("unix:{}", path("log"))];
    for (seen, to) in receivers.iter().enumerate() {
        let file = path("events.jsonl");
        let _ = fs::remove_file(&file);
        let daemon = Daemon::start(&format!(
            "{TOPOLOGY}[events]\nfile = \"{file}\"\nsyslog = \"{to}\"\nlevel = \"malicious\"\n"
        ));
        handover::replay(&daemon, &mails::hijacked());
        let event: Value = wait::until("the event in the file", || {
            let text = fs::read_to_string(&file).ok().filter(|text| text.ends_with('\n'))?;
            Some(serde_json::from_str(text.lines().next()?).unwrap())
        });
        // One message has one finding of an indicator at the border; what is below it is less.
        let malicious = "relaywatch_findings_total{code=\"indicator\",severity=\"malicious\"}";
        assert_eq!(daemon.metrics().value(malicious), 1.0);
        let line = wait::within(wait::PATIENCE, || {
            let text = fs::read_to_string(path("found")).ok()?;
            (text.lines().count() == seen + 1).then(|| text.lines().last().map(str::to_owned))?
        });
        let line =
            line.unwrap_or_else(|| panic!("{to}: {:?}\n{}", fs::read_to_string(path("found")), log_of(folder.path())));
        assert_eq!(line, format!("mail.crit indicator 45.77.24.250 {}", event["id"].as_str().unwrap()), "{to}");
    }
}
