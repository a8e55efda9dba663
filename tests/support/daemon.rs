//! The built program as a daemon: started with a configuration on sockets of its own, asked over HTTP, ended by its pid.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use relaywatch::config::Address;
use serde_json::Value;
use tempfile::TempDir;

use super::{ports, process, samples::Samples, scratch, wait};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_relaywatch");

/// What is ours in the replay of 2020, and no indicator list.
pub(crate) const TOPOLOGY: &str = r#"
[topology]
domains = ["coincheck.com"]
networks = ["private", "198.51.100.5", "198.51.100.7"]
"#;

/// Without the list of the incident, what is found is found by how the mail came.
pub(crate) const NO_LIST: &str = "[indicators]\nshipped = false\n";

/// [`TOPOLOGY`] and [`NO_LIST`].
pub(crate) fn without_list() -> String {
    format!("{TOPOLOGY}{NO_LIST}")
}

/// A daemon, or what is left of it.
pub(crate) struct Daemon {
    child: Child,
    folder: TempDir,
    http: u16,
    tcp: u16,
}

/// How it is started; [`Launch::new`] is the usual way.
pub(crate) struct Launch {
    /// The folder of its files.
    pub(crate) folder: TempDir,
    /// The command; `serve --config FILE` is added.
    pub(crate) command: Command,
    http: u16,
    tcp: u16,
}

impl Launch {
    /// Prepares a start with a configuration; sockets and log are added to it.
    pub(crate) fn new(config: &str) -> Self {
        let launch = Self {
            folder: scratch::folder("daemon"),
            command: Command::new(PROGRAM),
            http: ports::free(),
            tcp: ports::free(),
        };
        let run = launch.folder.path().join("run");
        fs::create_dir(&run).expect("a folder can be made");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o777)).expect("a mode can be set");
        fs::write(launch.config_file(), launch.config_text(config)).expect("the configuration is writable");
        launch
    }

    /// The path of the configuration.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("relaywatch.toml")
    }

    fn config_text(&self, config: &str) -> String {
        full_config(self.folder.path(), self.tcp, self.http, config)
    }

    /// Starts the process and does not wait for it.
    pub(crate) fn spawn(mut self) -> Daemon {
        let log =
            File::options().create(true).append(true).open(self.folder.path().join("log")).expect("a log can be made");
        let config = self.config_file();
        self.command.args(["serve", "--config"]).arg(config);
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = self.command.spawn().unwrap_or_else(|error| panic!("{:?} cannot be run: {error}", self.command));
        Daemon { child, folder: self.folder, http: self.http, tcp: self.tcp }
    }
}

impl Daemon {
    /// Starts one and waits until it takes mail.
    pub(crate) fn start(config: &str) -> Self {
        let mut daemon = Launch::new(config).spawn();
        daemon.wait_ready();
        daemon
    }

    /// Waits until /readyz says so.
    pub(crate) fn wait_ready(&mut self) {
        let ready = wait::within(wait::PATIENCE, || {
            if let Some(status) = self.child.try_wait().expect("the process can be asked") {
                panic!("the daemon ended with {status}:\n{}", self.log_text());
            }
            self.get("/readyz").filter(|(status, _)| *status == 200)
        });
        assert!(ready.is_some(), "the daemon is not ready:\n{}", self.log_text());
    }

    /// Starts it again, after it ended, with the same files and sockets.
    pub(crate) fn restart(&mut self) {
        self.start_again();
        self.wait_ready();
    }

    /// Starts it again and does not wait for it.
    pub(crate) fn start_again(&mut self) {
        let log = File::options().append(true).open(self.folder.path().join("log")).expect("the log is there");
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--config"]).arg(self.config_file());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = command.spawn().expect("the daemon can be started again");
    }

    /// The HTTP side has another port than configured.
    pub(crate) fn http_is(&mut self, port: u16) {
        self.http = port;
    }

    /// The address of its HTTP side.
    pub(crate) fn http_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.http))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The UNIX socket as Postfix writes it.
    pub(crate) fn unix(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// Its milter sockets.
    pub(crate) fn addresses(&self) -> [Address; 2] {
        [Address::Unix(self.socket()), Address::Tcp(SocketAddr::from(([127, 0, 0, 1], self.tcp)))]
    }

    /// The folder of its files, its state among them where the configuration does not say otherwise.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of the UNIX socket.
    pub(crate) fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// The TCP socket as Postfix writes it.
    pub(crate) fn inet(&self) -> String {
        format!("inet:127.0.0.1:{}", self.tcp)
    }

    /// The port of the TCP socket.
    pub(crate) fn tcp_port(&self) -> u16 {
        self.tcp
    }

    /// The path of its configuration.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("relaywatch.toml")
    }

    /// A whole configuration file with this daemon's sockets.
    pub(crate) fn config_text(&self, config: &str) -> String {
        full_config(self.folder.path(), self.tcp, self.http, config)
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        process::signal(self.pid(), name);
    }

    /// Has it hang: stopped, and with every thread really at rest, which on a busy machine takes a while after the signal.
    pub(crate) fn hang(&self) {
        self.signal("STOP");
        wait::until("the daemon to stand still", || process::stands_still(self.pid()).then_some(()));
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process can be waited for");
    }

    /// Waits for its end.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let ended = wait::within(wait::PATIENCE, || self.child.try_wait().expect("the process can be asked"));
        ended.unwrap_or_else(|| panic!("the daemon does not end:\n{}", self.log_text()))
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("the process can be asked").is_none()
    }

    /// /metrics.
    pub(crate) fn metrics(&self) -> Samples {
        let (status, page) = self.get("/metrics").expect("the HTTP side answers");
        assert_eq!(status, 200, "/metrics says {page}");
        Samples::parse(&page)
    }

    /// Waits until a sample of /metrics has a value.
    pub(crate) fn wait_metric(&self, sample: &str, value: f64) {
        let reached = wait::within(wait::PATIENCE, || (self.metrics().value(sample) == value).then_some(()));
        assert!(
            reached.is_some(),
            "{sample} is {} and not {value}:\n{}",
            self.metrics().value(sample),
            self.log_text()
        );
    }

    /// A page: its status and body; nothing when nobody listens.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Its log so far, one JSON object a line.
    pub(crate) fn log(&self) -> Vec<Value> {
        let text = self.log_text();
        let read =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}) in the log: {line}"));
        text.lines().map(read).collect()
    }

    /// The lines of the log that report an anomaly.
    pub(crate) fn anomalies(&self) -> Vec<Value> {
        let reports = |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with("relay anomaly"));
        self.log().into_iter().filter(reports).collect()
    }

    /// Its log so far, as it stands.
    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Nothing in it may have gone wrong: no fault of its own, no panic.
    pub(crate) fn assert_sound(&self) {
        assert_eq!(self.metrics().sum("relaywatch_faults_total"), 0.0, "faults:\n{}", self.log_text());
        assert!(!self.log_text().contains("panicked"), "a panic:\n{}", self.log_text());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("run/milter.sock")
}

fn full_config(folder: &Path, tcp: u16, http: u16, config: &str) -> String {
    let socket = socket(folder);
    // A test that sets more of the milter writes its keys last.
    let milter = if config.contains("[milter]") { "" } else { "[milter]" };
    // Nobody is asked where a test does not say whom.
    let dns = if config.contains("[dns]") { "" } else { "[dns]\nservers = []" };
    let state = if config.contains("[state]") { String::new() } else { format!("[state]\nfolder = {folder:?}") };
    format!(
        "{dns}
{state}
{config}
{milter}
listen = [\"unix:{}\", \"inet:127.0.0.1:{tcp}\"]
socket_mode = \"0666\"
[http]
listen = \"127.0.0.1:{http}\"
[log]
format = \"json\"
level = \"debug\"
",
        socket.display()
    )
}
