//! One reader, several workers, one writer; the order of the output is that of the input.
//!
//! The reader hands batches to the workers, whose results are put back into order here. A batch that is read but not yet
//! written holds a token; there are few, so that a slow writer slows the reader, and memory stays bounded. The threads are
//! not waited for when the caller breaks off: the reader may sit in a read from a terminal or a pipe for ever.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use crate::{cli::Error, ingest::files::Item};

/// What the caller is called for.
pub(super) enum Event<T> {
    /// The next result, in order.
    Batch(T),
    /// Nothing came for a while.
    Idle,
}

const BATCH_BYTES: usize = 256 * 1024;
const IDLE: Duration = Duration::from_millis(100);

type Sink<'a> = dyn FnMut(Item) -> ControlFlow<()> + 'a;
type Each<'a, T> = dyn FnMut(Event<T>) -> Result<ControlFlow<()>, Error> + 'a;

/// How much is done at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// How many workers there are.
    pub(super) threads: usize,
    /// How many items a worker gets at once, at most.
    pub(super) batch: usize,
}

/// Runs until everything is read and written, or `each` breaks off.
pub(super) fn run<T: Send + 'static>(
    read: impl FnOnce(&mut Sink<'_>) -> ControlFlow<()> + Send + 'static,
    work: impl Fn(Vec<Item>) -> T + Send + Sync + 'static,
    size: Size,
    each: &mut Each<'_, T>,
) -> Result<(), Error> {
    let Size { threads, batch: items } = size;
    let depth = threads * 4;
    let (jobs, queue) = mpsc::sync_channel::<(u64, Vec<Item>)>(depth);
    let (results, finished) = mpsc::channel::<(u64, Option<T>)>();
    let (tokens, used_tokens) = mpsc::sync_channel::<()>(depth);
    let read_all = Arc::new(AtomicBool::new(false));

    let read_all_flag = Arc::clone(&read_all);
    spawn("read", move || {
        let mut number = 0;
        let mut send = |batch: Vec<Item>| {
            let sent = tokens.send(()).is_ok() && jobs.send((number, batch)).is_ok();
            number += 1;
            if sent { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let flow = read(&mut |item| {
            bytes += if let Item::Mail(mail) = &item { mail.message.headers.bytes() } else { 0 };
            batch.push(item);
            if batch.len() < items && bytes < BATCH_BYTES {
                return ControlFlow::Continue(());
            }
            bytes = 0;
            send(std::mem::take(&mut batch))
        });
        if flow.is_continue() && (batch.is_empty() || send(batch).is_continue()) {
            read_all_flag.store(true, Ordering::Release);
        }
    })?;

    let (queue, work) = (Arc::new(Mutex::new(queue)), Arc::new(work));
    for _ in 0..threads {
        let (queue, work, results) = (Arc::clone(&queue), Arc::clone(&work), results.clone());
        spawn("inspect", move || {
            loop {
                let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((number, batch)) = job else { break };
                let result = catch_unwind(AssertUnwindSafe(|| work(batch))).ok();
                if results.send((number, result)).is_err() {
                    break;
                }
            }
        })?;
    }
    drop(results);

    let mut waiting = BTreeMap::new();
    let mut next = 0;
    loop {
        match finished.recv_timeout(IDLE) {
            Ok((number, result)) => waiting.insert(number, result),
            Err(RecvTimeoutError::Timeout) => {
                if each(Event::Idle)?.is_break() {
                    return Ok(());
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        while let Some(result) = waiting.remove(&next) {
            next += 1;
            let result = result.ok_or_else(|| Error::Internal("inspecting a message failed".to_owned()))?;
            if each(Event::Batch(result))?.is_break() {
                return Ok(());
            }
            let _ = used_tokens.recv();
        }
    }
    if read_all.load(Ordering::Acquire) && waiting.is_empty() {
        Ok(())
    } else {
        Err(Error::Internal("reading the input failed".to_owned()))
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(body);
    started.map(|_| ()).map_err(|error| Error::Internal(format!("no thread could be started: {error}")))
}
