//! A live `/metrics` page for Prometheus to scrape. Only [`MetricsPage`] knows what stands behind it.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use relaywatch::{
    boundary::BoundaryKind,
    clock::{Clock as _, SystemClock},
    detect::{Code, OutcomeKind},
    metrics::{ConnectionEnd, Metrics, MilterError},
    policy::{Action, BoundaryStrategy},
    trace::HopKind,
    verdict::{Level, Severity},
};

/// A page that mail keeps changing; it goes away when dropped.
pub(crate) struct MetricsPage {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl MetricsPage {
    /// Starts serving on a free port of loopback. Each time the page is read, some more ordinary mail has come; before the
    /// third time, the first hijacked message.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            let metrics = Metrics::new().unwrap();
            metrics.reload_succeeded(now());
            metrics.indicators("network", 2);
            for (read, stream) in listener.incoming().enumerate() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                ordinary_mail(&metrics);
                if read == 2 {
                    hijacked_message(&metrics);
                }
                // a reader that goes away is its own business
                let _ = answer(stream.unwrap(), &metrics.render().unwrap());
            }
        });
        Self { address, stop }
    }

    /// Where it is: `address:port`, path `/metrics`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsPage {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

fn answer(mut stream: TcpStream, page: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    for line in BufReader::new(stream.try_clone()?).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let length = page.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{page}")
}

fn ordinary_mail(metrics: &Metrics) {
    for _ in 0..10 {
        message(metrics, Level::Clean);
        Code::ALL.iter().for_each(|code| metrics.outcome(*code, OutcomeKind::Clean));
    }
    metrics.milter_error(MilterError::ValueLimit);
    metrics.connection_opened();
    metrics.connection_closed(ConnectionEnd::Quit);
}

fn hijacked_message(metrics: &Metrics) {
    message(metrics, Level::Malicious);
    metrics.finding(Code::Indicator, Severity::Malicious);
    metrics.finding(Code::OwnName, Severity::Suspicious);
    metrics.stripped(1);
    metrics.suspects([("45.77.24.250", 1, now())], 0);
}

fn message(metrics: &Metrics, level: Level) {
    metrics.message(level, Duration::from_micros(9), now());
    metrics.boundary(BoundaryStrategy::Session, BoundaryKind::Peer);
    metrics.hops(HopKind::Transfer, 3);
    metrics.action(Action::Accept);
    metrics.milter_message(Duration::from_millis(2));
}

fn now() -> f64 {
    SystemClock.now().as_duration().as_secs_f64()
}
