//! `relaywatch demo`: the product at work, with nothing set up.
//!
//! It starts the very daemon that `serve` starts, on loopback and in a temporary folder, hands it mails through its own
//! milter socket as an MTA would, and shows what the daemon itself made of each, then its /metrics.

mod scenes;

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
};

use ipnetwork::IpNetwork;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use self::scenes::{SCENES, Scene};
use crate::{
    clock::{Clock, SystemClock},
    config::{self, Address, Config},
    dns::Zone,
    evidence::{Party, Reader, Span, Stored, take_in},
    ingest::{
        Ruling,
        milter::client::{Client, Transaction},
    },
    inspect::Report,
    message::RawMessage,
    metrics::Metrics,
    serve::{self, Listeners, Parts, Source},
    stamp::HeaderChange,
    view::{Style, table},
};

/// The relay of 2020.
const RELAY: [u8; 4] = [45, 77, 24, 250];

/// How the demonstration runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Leave the daemon running at the end, until the token is cancelled.
    pub keep: bool,
    /// How tables look.
    pub style: Style,
}

/// Runs the demonstration; comes back when it is over, or when `stop` is cancelled.
pub async fn run(options: &Options, out: &mut dyn Write, stop: CancellationToken) -> io::Result<()> {
    let folder = tempfile::Builder::new().prefix("relaywatch-demo-").tempdir()?;
    let socket = folder.path().join("milter.sock");
    let config = demo_config(&socket, folder.path())?;
    let store = config.evidence.path();
    let zone = Zone::read(include_str!("demo.zone")).map_err(io::Error::other)?;
    serve::logging::start(&config.log);
    let listeners = Listeners::default().complete(&config)?;
    let http = match &listeners.http {
        Some(listener) => listener.local_addr()?,
        None => return Err(io::Error::other("the demonstration needs its HTTP side")),
    };
    writeln!(
        out,
        "relaywatch {}: a demonstration with the mail of June 2020, when coincheck.com was hijacked.",
        env!("CARGO_PKG_VERSION")
    )?;
    writeln!(out, "The daemon runs on {} and http://{http}/, and is fed as Postfix would feed it.", socket.display())?;
    writeln!(out, "It knows: coincheck.com is ours, 198.51.100.5 (gw) and 198.51.100.7 (backup MX) are our hosts.\n")?;
    out.flush()?;

    let (observer, mut reports) = mpsc::channel(SCENES.len());
    let shutdown = CancellationToken::new();
    let daemon = tokio::spawn(serve::run(Parts {
        config,
        metrics: Metrics::new().map_err(io::Error::other)?,
        listeners,
        clock: Arc::new(SystemClock),
        dns: Arc::new(zone),
        observer: Some(observer),
        reload: Source::default(),
        shutdown: shutdown.clone(),
    }));

    let address = Address::Unix(socket.clone());
    let shown = tokio::select! {
        shown = show(options, out, &address, http, &store, &mut reports) => shown,
        () = stop.cancelled() => Ok(()),
    };
    if shown.is_ok() && options.keep && !stop.is_cancelled() {
        writeln!(
            out,
            "\nThe daemon keeps running (--keep). Look at http://{http}/metrics, or point an MTA at unix:{}.",
            socket.display()
        )?;
        writeln!(out, "Ctrl-C ends it.")?;
        out.flush()?;
        stop.cancelled().await;
    }
    shutdown.cancel();
    daemon.await.map_err(io::Error::other)??;
    shown
}

/// The demonstration's configuration, on sockets and in a folder of its own.
fn demo_config(socket: &Path, folder: &Path) -> io::Result<Config> {
    let mut config =
        config::from_text("demo.toml", include_bytes!("demo.toml"), &|_| Err(io::ErrorKind::NotFound.into()))
            .map_err(|error| io::Error::other(error.to_string()))?;
    config.milter.listen = vec![Address::Unix(socket.to_owned())];
    config.http.listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    config.evidence.folder = folder.to_owned();
    Ok(config)
}

async fn show(
    options: &Options,
    out: &mut dyn Write,
    socket: &Address,
    http: SocketAddr,
    store: &Path,
    reports: &mut mpsc::Receiver<(RawMessage, Report<'static>, Ruling)>,
) -> io::Result<()> {
    let clock = SystemClock;
    for (number, scene) in (1..).zip(SCENES) {
        let mark = if scene.reconstruction { "  [reconstruction]" } else { "" };
        writeln!(out, "━━ mail {number} of {}: {}{mark}", SCENES.len(), scene.title)?;
        out.flush()?;
        let answer = send(scene, socket, &clock).await?;
        let Some((message, report, _)) = reports.recv().await else {
            return Err(io::Error::other("the daemon ended before it answered"));
        };
        table::write(out, &report, &message, &options.style)?;
        for change in &answer.changes {
            if let HeaderChange::Prepend { name, value } = change {
                writeln!(out, "   header added: {name}: {}", value.replace("\n\t", " "))?;
            }
        }
        writeln!(out)?;
        out.flush()?;
    }
    metrics(out, http).await?;
    evidence(out, store)
}

/// Asks the evidence what came through the relay, as `relaywatch hunt` does.
fn evidence(out: &mut dyn Write, store: &Path) -> io::Result<()> {
    let relay = IpNetwork::from(IpAddr::from(RELAY));
    writeln!(out, "━━ weeks later: who wrote to us through {}? (relaywatch hunt, relaywatch report)", relay.ip())?;
    take_in(store, SystemClock.now(), &mut std::thread::sleep).map_err(io::Error::other)?;
    let reader = Reader::open(store).map_err(io::Error::other)?;
    let hops = reader.hops_in(&[relay]).map_err(io::Error::other)?;
    let mut lines = Vec::new();
    let each = |mail: Stored| {
        let shown = |party: &Party| party.address.clone().unwrap_or_default();
        let sender = mail.sender.as_ref().map(shown).unwrap_or_default();
        let recipients: Vec<_> = mail.recipients.iter().map(shown).collect();
        let id = mail.message_id.unwrap_or_default();
        lines.push(format!("   {sender} to {}  {}  {id}", recipients.join(" "), mail.verdict.as_str()));
        ControlFlow::Continue(())
    };
    reader.messages(Some(&hops), Span::ALWAYS, each).map_err(io::Error::other)?;
    for line in &lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// Hands one mail to the daemon as an MTA does.
async fn send(scene: &Scene, socket: &Address, clock: &dyn Clock) -> io::Result<Ruling> {
    let headers = scene.headers(clock.now());
    let transaction = Transaction {
        peer_ip: scene.ip.parse().ok(),
        peer_name: Some(scene.name),
        peer_ptr: Some(scene.name),
        helo: scene.helo,
        tls_version: scene.tls,
        authenticated: None,
        border: "gw.coincheck.com",
        queue_id: "4Yk2Pz1s",
        mail_from: scene.sender,
        recipients: &["bob@coincheck.com"],
        headers: &headers,
    };
    let mut client = Client::connect(socket).await?;
    let ruling = client.send(&transaction).await?;
    client.quit().await?;
    Ok(ruling)
}

/// Shows the lines of /metrics that moved.
async fn metrics(out: &mut dyn Write, http: SocketAddr) -> io::Result<()> {
    const SHOWN: [&str; 4] = [
        "relaywatch_messages_total",
        "relaywatch_findings_total",
        "relaywatch_suspect_messages",
        "relaywatch_actions_total",
    ];
    let mut stream = TcpStream::connect(http).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    writeln!(out, "━━ what http://{http}/metrics says now")?;
    let moved = page.lines().filter(|line| SHOWN.iter().any(|name| line.starts_with(name)) && !line.ends_with(" 0"));
    for line in moved {
        writeln!(out, "   {line}")?;
    }
    out.flush()
}
