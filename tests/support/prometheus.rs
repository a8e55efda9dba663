//! A private Prometheus on a free port, asked by its HTTP API; it ends when dropped.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use relaywatch::clock::Stopwatch;
use serde_json::Value;

use super::ports;

/// How long anything may take that a test waits for.
const DEADLINE: Duration = Duration::from_secs(60);

/// Why a program that is missing fails the test.
const MISSING: &str = "apt-get install --no-install-recommends prometheus";

/// A running Prometheus.
pub(crate) struct Prometheus {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one that scrapes the target as job `relaywatch` and evaluates the rules, both each second.
    pub(crate) fn start(target: SocketAddr, rules: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = fs::canonicalize(rules).unwrap();
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs: [{{job_name: relaywatch, static_configs: [{{targets: ['{target}']}}]}}]\n",
            rules.display()
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus does not start: {error}; {MISSING}"));
        Self { process, address, folder }
    }

    /// The series that an instant query returns; an error of Prometheus when it refuses.
    pub(crate) fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let data = self.get(&format!("/api/v1/query?query={}", escaped(query)))?;
        series(data)
    }

    /// The series that a query returns over the last five seconds.
    pub(crate) fn query_range(&self, query: &str) -> Result<Vec<Value>, String> {
        let now = self.query("vector(time())")?[0]["value"][1].as_str().unwrap().parse::<f64>().unwrap();
        let start = now - 5.0;
        series(self.get(&format!("/api/v1/query_range?start={start}&end={now}&step=1&query={}", escaped(query)))?)
    }

    /// Every alerting rule as Prometheus sees it.
    pub(crate) fn alerts(&self) -> Result<Vec<Value>, String> {
        let data = self.get("/api/v1/rules?type=alert")?;
        let groups = data["groups"].as_array().cloned().unwrap_or_default();
        Ok(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect())
    }

    /// Asks again and again until there is an answer; a test that waits in vain fails with what was awaited.
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut ask: impl FnMut(&Self) -> Option<T>) -> T {
        let since = Stopwatch::start();
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            let ended = self.process.try_wait().unwrap();
            if ended.is_some() || since.elapsed() > DEADLINE {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("waited in vain for {what}; prometheus ended: {ended:?}; it said:\n{log}");
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The data of an API call.
    fn get(&self, path: &str) -> Result<Value, String> {
        let text = self.http(path).map_err(|error| error.to_string())?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no HTTP answer")?;
        let answer: Value = serde_json::from_str(body).map_err(|error| format!("{error}: {head}"))?;
        if !head.starts_with("HTTP/1.0 200") || answer["status"] != "success" {
            return Err(format!("{}: {answer}", head.lines().next().unwrap_or_default()));
        }
        Ok(answer["data"].clone())
    }

    /// HTTP/1.0, so that the answer comes whole and the connection ends with it.
    fn http(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs promtool with an input and gives what it did.
pub(crate) fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut process = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("promtool does not start: {error}; {MISSING}"));
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

fn series(data: Value) -> Result<Vec<Value>, String> {
    data["result"].as_array().cloned().ok_or_else(|| format!("no series in {data}"))
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}
