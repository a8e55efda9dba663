//! The server: milter connections, each with its conversation.
//!
//! Takes a [`Listener`] and everything else that is impure, gives nothing but counts and log lines; ends when it is
//! told to stop and its connections are done. Every wait has a limit, every fault of ours ends in "accept".

use std::{
    io::{self, ErrorKind},
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use futures_util::FutureExt as _;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::{codec::Decoder, sync::CancellationToken, task::TaskTracker};

use super::{
    command::{Command, CommandError},
    conversation::{Conversation, Limits, Step},
    frame::{Frame, FrameCodec},
    listener::{Connection, Listener, Transport},
    reply::Reply,
};
use crate::{
    clock::{Clock, Stopwatch},
    config::MilterSettings,
    ingest::{Judge, Ruling},
    metrics::{ConnectionEnd, Fault, Metrics, MilterError},
};

/// How much is read at once, and how much buffer an idle connection keeps.
const READ_SIZE: usize = 8 * 1024;
const KEPT_BUFFER: usize = 64 * 1024;

/// How long a connection without a message stays open for one when we stop.
const LAST_CALL: Duration = Duration::from_millis(50);

/// The waits after failed accepts: out of file descriptors, for one, is nothing that a retry at once would cure.
const FIRST_BACKOFF: Duration = Duration::from_millis(10);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// The milter behind all its listeners.
#[derive(Clone)]
pub struct Milter {
    settings: watch::Receiver<Arc<MilterSettings>>,
    judge: Arc<dyn Judge>,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    open: Arc<AtomicUsize>,
}

/// How a milter is told to stop.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Cancelled when no new work is to be begun.
    pub shutdown: CancellationToken,
    /// How long messages that have begun may take from then on.
    pub drain: Duration,
}

impl Milter {
    /// Makes a milter. Each connection keeps the settings that it began with.
    pub fn new(
        settings: watch::Receiver<Arc<MilterSettings>>,
        judge: Arc<dyn Judge>,
        metrics: Metrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { settings, judge, metrics, clock, open: Arc::default() }
    }

    /// Serves a listener until told to stop, and returns when its last connection has ended.
    ///
    /// Several listeners share one limit of connections when they are served by clones of one milter.
    pub async fn serve(self, listener: Listener, stop: Stop) {
        let milter = Arc::new(self);
        let connections = TaskTracker::new();
        let deadline = CancellationToken::new();
        let mut backoff = FIRST_BACKOFF;
        loop {
            let accepted = tokio::select! {
                () = stop.shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok(connection) => {
                    backoff = FIRST_BACKOFF;
                    milter.open(connection, &connections, &stop.shutdown, &deadline);
                }
                // A client that gave up while it waited says nothing of the listener.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    tracing::error!(address = %listener.address(), %error, "a milter connection could not be accepted");
                    milter.metrics.milter_error(MilterError::Io);
                    tokio::select! {
                        () = stop.shutdown.cancelled() => break,
                        () = sleep(backoff) => {}
                    }
                    backoff = LONGEST_BACKOFF.min(backoff * 2);
                }
            }
        }
        drop(listener);
        connections.close();
        if timeout(stop.drain, connections.wait()).await.is_err() {
            deadline.cancel();
            connections.wait().await;
        }
    }

    fn open(
        self: &Arc<Self>,
        connection: Connection,
        connections: &TaskTracker,
        shutdown: &CancellationToken,
        deadline: &CancellationToken,
    ) {
        let settings = self.settings.borrow().clone();
        if self.open.fetch_add(1, Ordering::Relaxed) >= settings.max_connections {
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.metrics.connection_refused();
            return;
        }
        let ending = Ending::new(Arc::clone(self));
        let (milter, shutdown, deadline) = (Arc::clone(self), shutdown.clone(), deadline.clone());
        connections.spawn(async move {
            let end = tokio::select! {
                end = async {
                    match connection {
                        Connection::Unix(stream) => Talk::new(stream, milter, &settings).run(&shutdown).await,
                        Connection::Tcp(stream) => Talk::new(stream, milter, &settings).run(&shutdown).await,
                    }
                } => end,
                () = deadline.cancelled() => ConnectionEnd::Stopped,
            };
            ending.is(end);
        });
    }
}

/// Counts how a connection ended, also when its task panicked.
struct Ending {
    milter: Arc<Milter>,
    end: Option<ConnectionEnd>,
}

impl Ending {
    fn new(milter: Arc<Milter>) -> Self {
        milter.metrics.connection_opened();
        Self { milter, end: None }
    }

    fn is(mut self, end: ConnectionEnd) {
        self.end = Some(end);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.milter.open.fetch_sub(1, Ordering::Relaxed);
        if self.end.is_none() {
            self.milter.metrics.fault(Fault::Milter);
        }
        self.milter.metrics.connection_closed(self.end.unwrap_or(ConnectionEnd::Lost));
    }
}

/// One connection: its stream, its buffers and its conversation.
struct Talk<S> {
    stream: S,
    milter: Arc<Milter>,
    idle_timeout: Duration,
    io_timeout: Duration,
    conversation: Conversation,
    input: BytesMut,
    output: BytesMut,
    since_mail: Option<Stopwatch>,
    last_call_made: bool,
}

impl<S: Transport> Talk<S> {
    fn new(stream: S, milter: Arc<Milter>, settings: &MilterSettings) -> Self {
        let limits = Limits {
            header_bytes: settings.max_header_bytes,
            recipients: settings.max_recipients,
            body_bytes: settings.body_bytes,
        };
        Self {
            stream,
            conversation: Conversation::new(limits, Arc::clone(&milter.clock)),
            milter,
            idle_timeout: settings.idle_timeout,
            io_timeout: settings.io_timeout,
            input: BytesMut::with_capacity(READ_SIZE),
            output: BytesMut::new(),
            since_mail: None,
            last_call_made: false,
        }
    }

    async fn run(mut self, shutdown: &CancellationToken) -> ConnectionEnd {
        loop {
            let taken = match self.next_frame(shutdown).await {
                Ok(frame) => self.answer(&frame).await,
                Err(end) => Err(end),
            };
            if let Err(end) = taken {
                // What was answered before the connection went wrong is still owed, if the MTA will have it.
                return self.flush().await.err().unwrap_or(end);
            }
        }
    }

    /// Waits for a whole frame: long for its first byte, since the MTA's own client may be thinking, and not long for
    /// the rest, since the MTA has it ready.
    async fn next_frame(&mut self, shutdown: &CancellationToken) -> Result<Frame, ConnectionEnd> {
        if let Some(frame) = self.decode()? {
            return Ok(frame);
        }
        self.flush().await?;
        if self.input.is_empty() {
            // What a large frame took is given back before the wait; the capacity shows only after a reserve.
            self.input.reserve(READ_SIZE);
            if self.input.capacity() > KEPT_BUFFER {
                self.input = BytesMut::with_capacity(READ_SIZE);
            }
            let (in_message, idle_timeout) = (self.conversation.in_message(), self.idle_timeout);
            let read = tokio::select! {
                read = timeout(idle_timeout, self.read()) => Some(read.unwrap_or(Err(ConnectionEnd::Timeout))),
                () = shutdown.cancelled(), if !in_message => None,
            };
            match read {
                Some(read) => read?,
                None => self.last_call().await?,
            }
        }
        let io_timeout = self.io_timeout;
        let rest = async {
            loop {
                if let Some(frame) = self.decode()? {
                    return Ok(frame);
                }
                self.read().await?;
            }
        };
        timeout(io_timeout, rest).await.unwrap_or(Err(ConnectionEnd::Timeout))
    }

    /// We are stopping and no message is open, as far as we have read. The MTA waits for no answer before the end of a
    /// message, so one may be on its way to us: it gets a moment to arrive, once.
    async fn last_call(&mut self) -> Result<(), ConnectionEnd> {
        if std::mem::replace(&mut self.last_call_made, true) {
            return Err(ConnectionEnd::Stopped);
        }
        timeout(LAST_CALL, self.read()).await.unwrap_or(Err(ConnectionEnd::Stopped))
    }

    fn decode(&mut self) -> Result<Option<Frame>, ConnectionEnd> {
        FrameCodec.decode(&mut self.input).map_err(|error| {
            tracing::warn!(%error, "a milter connection is closed: what came is no frame");
            self.milter.metrics.milter_error(MilterError::Frame);
            ConnectionEnd::Malformed
        })
    }

    async fn read(&mut self) -> Result<(), ConnectionEnd> {
        self.stream.before_read();
        self.input.reserve(1024);
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) if self.conversation.in_message() || !self.input.is_empty() => Err(ConnectionEnd::Lost),
            Ok(0) => Err(ConnectionEnd::Quit),
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Takes one frame in, and puts what is to be said to it into the output.
    async fn answer(&mut self, frame: &Frame) -> Result<(), ConnectionEnd> {
        let command = Command::parse(frame.command, &frame.payload).map_err(|error| {
            tracing::warn!(%error, "a milter connection is closed");
            self.milter.metrics.milter_error(match error {
                CommandError::Unknown(_) => MilterError::UnknownCommand,
                CommandError::Malformed(_) => MilterError::Frame,
            });
            ConnectionEnd::Malformed
        })?;
        let step = self.conversation.on(&command);
        self.conversation.take_noted().for_each(|error| self.milter.metrics.milter_error(error));
        match step {
            Step::Silent => {}
            Step::Reply(reply) => reply.encode(&mut self.output),
            Step::Judge => self.judge().await,
            Step::Quit => return Err(ConnectionEnd::Quit),
            Step::Broken(error) => {
                let (command, error_kind) = (char::from(command.code()), error.as_str());
                tracing::warn!(%command, error = error_kind, "a milter connection is closed: the protocol was broken");
                self.milter.metrics.milter_error(error);
                return Err(ConnectionEnd::Malformed);
            }
        }
        if !self.conversation.in_message() {
            self.since_mail = None;
        } else if self.since_mail.is_none() {
            self.since_mail = Some(Stopwatch::start());
        }
        Ok(())
    }

    /// Has the message judged. A judge that panics costs the finding, not the mail.
    async fn judge(&mut self) {
        let message = self.conversation.message();
        let judged = AssertUnwindSafe(self.milter.judge.judge(message)).catch_unwind().await;
        let ruling = judged.unwrap_or_else(|_| {
            let queue_id = message.session.as_ref().and_then(|session| session.queue_id.as_deref());
            tracing::error!(queue_id, "inspection failed; the message is accepted");
            self.milter.metrics.fault(Fault::Inspection);
            Ruling::open()
        });
        let replies: Vec<Reply> = self.conversation.rule(&ruling);
        replies.iter().for_each(|reply| reply.encode(&mut self.output));
        if let Some(watch) = self.since_mail.take() {
            self.milter.metrics.milter_message(watch.elapsed());
        }
    }

    /// Writes all that is to be said at once.
    async fn flush(&mut self) -> Result<(), ConnectionEnd> {
        if self.output.is_empty() {
            return Ok(());
        }
        let written = timeout(self.io_timeout, self.stream.write_all(&self.output)).await;
        self.output.clear();
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(ConnectionEnd::Timeout),
        }
    }

    fn failed(&self, error: &io::Error) -> ConnectionEnd {
        tracing::debug!(%error, "a milter connection failed");
        self.milter.metrics.milter_error(MilterError::Io);
        ConnectionEnd::Lost
    }
}
