//! A milter on a socket of its own with a judge that does as it is told, and scripts that play an MTA byte by byte.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{BufMut, BytesMut};
use relaywatch::{
    clock::FixedClock,
    config::{Address, MilterSettings},
    ingest::{
        Judge, Judging, Ruling,
        milter::{
            frame::FrameCodec,
            listener::Listener,
            server::{Milter, Stop},
        },
    },
    message::RawMessage,
    metrics::Metrics,
    policy::Action,
    stamp::HeaderChange,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::{codec::Decoder, sync::CancellationToken};

/// Nothing that a test waits for takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Which kind of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unix,
    Tcp,
}

/// A judge that rules as the test says and keeps what it saw.
#[derive(Default)]
pub(crate) struct ToldJudge {
    ruling: Mutex<Ruling>,
    panics: Mutex<bool>,
    saw: Mutex<Vec<RawMessage>>,
}

impl Judge for ToldJudge {
    fn judge<'a>(&'a self, message: &'a RawMessage) -> Judging<'a> {
        Box::pin(async {
            self.saw.lock().unwrap().push(message.clone());
            assert!(!*self.panics.lock().unwrap(), "the judge was told to panic");
            self.ruling.lock().unwrap().clone()
        })
    }
}

impl ToldJudge {
    pub(crate) fn rules(&self, ruling: Ruling) {
        *self.ruling.lock().unwrap() = ruling;
    }

    pub(crate) fn saw(&self) -> Vec<RawMessage> {
        self.saw.lock().unwrap().clone()
    }

    fn told(&self, words: &str) {
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        let reply = (!rest.is_empty()).then(|| rest.to_owned());
        *self.panics.lock().unwrap() = word == "panic";
        self.rules(match word {
            "accept" | "panic" => Ruling::open(),
            "tempfail" => Ruling { action: Action::Tempfail, reply, changes: Vec::new() },
            "reject" => Ruling { action: Action::Reject, reply, changes: Vec::new() },
            "quarantine" => Ruling { action: Action::Quarantine, ..Ruling::open() },
            "prepend" => {
                let (name, value) = rest.split_once(": ").expect("prepend NAME: VALUE");
                let change = HeaderChange::Prepend { name: name.to_owned().into(), value: value.to_owned() };
                Ruling { changes: vec![change], ..Ruling::open() }
            }
            "strip" => {
                let (name, places) = rest.split_once(' ').expect("strip NAME PLACE..");
                let remove = |place: &str| HeaderChange::Remove {
                    name: name.to_owned(),
                    occurrence: place.parse().expect("a place is a number"),
                };
                Ruling { changes: places.split(' ').map(remove).collect(), ..Ruling::open() }
            }
            other => panic!("a judge cannot be told to {other}"),
        });
    }
}

/// A running milter.
pub(crate) struct Rig {
    pub(crate) address: Address,
    pub(crate) metrics: Metrics,
    pub(crate) judge: Arc<ToldJudge>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<()>,
    _folder: TempDir,
}

impl Rig {
    pub(crate) fn start(kind: Kind, settings: MilterSettings, drain: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = match kind {
            Kind::Unix => Address::Unix(folder.path().join("milter.sock")),
            Kind::Tcp => Address::Tcp(([127, 0, 0, 1], 0).into()),
        };
        let listener = Listener::bind(&address, 0o600).unwrap();
        let (address, metrics) = (listener.address().clone(), Metrics::new().unwrap());
        let (judge, shutdown) = (Arc::new(ToldJudge::default()), CancellationToken::new());
        let clock = FixedClock("2020-06-01T03:00:00Z".parse().unwrap());
        // The sender is let go: these settings never change.
        let (_, settings) = watch::channel(Arc::new(settings));
        let milter = Milter::new(settings, Arc::clone(&judge) as Arc<dyn Judge>, metrics.clone(), Arc::new(clock));
        let served = tokio::spawn(milter.serve(listener, Stop { shutdown: shutdown.clone(), drain }));
        Self { address, metrics, judge, shutdown, served, _folder: folder }
    }

    pub(crate) async fn connect(&self) -> Wire {
        let stream: Box<dyn Stream> = match &self.address {
            Address::Unix(path) => Box::new(UnixStream::connect(path).await.unwrap()),
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
        };
        Wire { stream, input: BytesMut::new() }
    }

    /// Waits until /metrics has this line.
    pub(crate) async fn metric(&self, line: &str) {
        let seen = timeout(PATIENCE, async {
            while !self.metrics.render().unwrap().lines().any(|shown| shown == line) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(seen.await.is_ok(), "wanted {line}, have:\n{}", {
            let shown = self.metrics.render().unwrap();
            shown.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>().join("\n")
        });
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.served).await.expect("the milter stops").unwrap();
    }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to the milter on which anything may be said.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    input: BytesMut,
}

impl Wire {
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        // The milter may close while it is being written to; what it did then is asserted by what is read.
        let _ = self.stream.write_all(bytes).await;
    }

    pub(crate) async fn say(&mut self, command: u8, payload: &[u8]) {
        let mut frame = BytesMut::new();
        frame.put_u32(u32::try_from(payload.len() + 1).unwrap());
        frame.put_u8(command);
        frame.put_slice(payload);
        self.raw(&frame).await;
    }

    /// The milter's next frame; nothing when it closed.
    pub(crate) async fn hear(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = FrameCodec.decode(&mut self.input).unwrap() {
                return Some((frame.command, frame.payload.to_vec()));
            }
            match timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await.expect("the milter answers") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn hang_up(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Negotiates as Postfix does, and takes the answer.
    pub(crate) async fn negotiate(&mut self) {
        self.say(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff").await;
        assert_eq!(self.hear().await.unwrap().0, b'O');
    }
}

/// Plays a script (tests/milter/README.md) against a milter of its own.
pub(crate) async fn play(path: &Path, kind: Kind) {
    let script = std::fs::read_to_string(path).unwrap();
    let lines = || script.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let mut settings = MilterSettings::default();
    for (_, line) in lines().filter(|(_, line)| line.starts_with("setting ")) {
        setting(&mut settings, line);
    }
    let rig = Rig::start(kind, settings, PATIENCE);
    let mut wire = rig.connect().await;
    let mut hung_up = false;
    for (number, line) in lines() {
        let place = format!("{}:{} ({kind:?})", path.display(), number + 1);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "setting" => {}
            "judge" => rig.judge.told(&String::from_utf8(unescape(rest)).unwrap()),
            ">" => wire.say(rest.as_bytes()[0], &unescape(rest.get(2..).unwrap_or(""))).await,
            ">>" => wire.raw(&unescape(rest)).await,
            "<" => {
                let heard = wire.hear().await.unwrap_or_else(|| panic!("{place}: the milter closed"));
                let wanted = (rest.as_bytes()[0], unescape(rest.get(2..).unwrap_or("")));
                assert_eq!(show(&heard), show(&wanted), "{place}");
            }
            "eof" => assert_eq!(wire.hear().await, None, "{place}: the milter closes"),
            "hangup" => {
                wire.hang_up().await;
                hung_up = true;
            }
            "saw" => {
                let (what, wanted) = rest.split_once(" = ").unwrap_or_else(|| panic!("{place}: saw WHAT = VALUE"));
                let saw = rig.judge.saw();
                let message = saw.last().unwrap_or_else(|| panic!("{place}: nothing was judged"));
                assert_eq!(seen(message, what), wanted, "{place}: {what}");
            }
            "judged" => assert_eq!(rig.judge.saw().len().to_string(), rest, "{place}"),
            "metric" => rig.metric(rest).await,
            other => panic!("{place}: no such word: {other}"),
        }
    }
    if !hung_up {
        wire.hang_up().await;
    }
    assert_eq!(wire.hear().await, None, "{} ({kind:?}): nothing is said that the script does not have", path.display());
    rig.metric("relaywatch_milter_connections_open 0").await;
    rig.stop().await;
}

fn setting(settings: &mut MilterSettings, line: &str) {
    let [_, key, value] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("setting KEY VALUE: {line}") };
    let number: usize = value.parse().unwrap();
    let milliseconds = Duration::from_millis(number as u64);
    match key {
        "max_header_bytes" => settings.max_header_bytes = number,
        "max_recipients" => settings.max_recipients = number,
        "io_timeout_ms" => settings.io_timeout = milliseconds,
        "idle_timeout_ms" => settings.idle_timeout = milliseconds,
        other => panic!("no such setting: {other}"),
    }
}

fn show((command, payload): &(u8, Vec<u8>)) -> String {
    format!("{} {}", char::from(*command), payload.escape_ascii())
}

/// One thing of a judged message, as scripts write it.
fn seen(message: &RawMessage, what: &str) -> String {
    let session = message.session.as_ref().unwrap();
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    if let Some(index) = what.strip_prefix("header ") {
        let index: usize = index.parse().unwrap();
        return message
            .headers
            .get(index)
            .map_or("-".to_owned(), |field| format!("{}:{}", field.name.escape_ascii(), field.value.escape_ascii()));
    }
    match what {
        "local" => session.local.to_string(),
        "peer_ip" => session.peer_ip.map_or("-".to_owned(), |address| address.to_string()),
        "peer_name" => text(&session.peer_name),
        "helo" => text(&session.helo),
        "tls" => session.tls.map_or("-".to_owned(), |version| version.as_str().to_owned()),
        "tls_known" => session.tls_known.to_string(),
        "authenticated" => text(&session.authenticated),
        "border" => text(&session.border),
        "queue_id" => text(&session.queue_id),
        "mail_from" => text(&session.mail_from),
        "recipients" => session.recipients.join(","),
        "time" => session.time.map_or("-".to_owned(), |time| time.to_string()),
        "headers" => message.headers.len().to_string(),
        "breaks" => message.headers.breaks().iter().map(|seen| seen.as_str()).collect::<Vec<_>>().join(","),
        other => panic!("nothing called {other} is seen"),
    }
}

/// `\0`, `\n`, `\r`, `\t`, `\\`, `\xff`; `{5*ab}` is `ababababab`.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digits = [*high, *low];
                out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = tail;
            }
            (b'\\', [letter, tail @ ..]) => {
                let known = [(b'0', 0), (b'n', b'\n'), (b'r', b'\r'), (b't', b'\t'), (b'\\', b'\\')];
                out.push(known.iter().find(|(name, _)| name == letter).expect("a known escape").1);
                rest = tail;
            }
            (b'{', [b'0'..=b'9', ..]) => {
                let end = tail.iter().position(|byte| *byte == b'}').expect("a closing brace");
                let (count, what) = std::str::from_utf8(&tail[..end]).unwrap().split_once('*').expect("{5*ab}");
                out.extend(unescape(what).repeat(count.parse().unwrap()));
                rest = &tail[end + 1..];
            }
            _ => out.push(*first),
        }
    }
    out
}
