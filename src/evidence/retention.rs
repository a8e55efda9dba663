//! What is too old, or too much, goes; while others write.
//!
//! Takes how long and how much is to be kept, does one short step at a time, and says whether there is more to do. A step holds the
//! store locked for some milliseconds; whoever takes steps rests between them ([`Step::rest`]), so that the writer gets its turn: SQLite's
//! lock is not fair, and who waits for it only looks for it every few milliseconds.
//!
//! Messages go from the oldest recorded on. What no message refers to any more goes once a day ([`super::orphans`]), and whenever size asks
//! for it; pages that are free then are given back to the file system.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, Result, TransactionBehavior};

use super::{
    clearing::{Portion, delete, rest_after},
    error::StoreError,
    meta,
    orphans::{Sweep, Swept},
    store::Store,
};
use crate::clock::{Stopwatch, Timestamp};

/// When what nobody refers to was looked for last.
const SWEPT: &str = "swept";
/// A day, after which what nobody refers to is looked for again.
const DAY: i64 = 86_400;
/// Of so many parts of the limit one is made free, so that not every message makes room for itself.
const ROOM: u64 = 20;
/// Free pages that stay in the file, for what comes next.
const SPARE_PAGES: u64 = 64;

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Messages that were recorded longer ago go.
    pub age: Duration,
    /// Bytes; the oldest messages go where the store holds more.
    pub size: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Messages that went.
    pub messages: u64,
    /// Rows that no message referred to any more.
    pub orphans: u64,
    /// Pages that were given back to the file system.
    pub pages: u64,
    /// Whether there is more to do at once.
    pub more: bool,
    /// How long the store was locked.
    pub held: Duration,
}

impl Step {
    /// How long to rest before the next step, so that the writer comes by the lock.
    pub fn rest(&self) -> Duration {
        rest_after(self.held)
    }
}

/// Takes from a store what is not to be kept.
#[derive(Debug)]
pub struct Pruner {
    store: Store,
    sweep: Option<Sweep>,
    /// The store was found too large, and is not small enough yet.
    shrinking: bool,
    /// Messages that went since what they referred to was looked for.
    unswept: u64,
    messages: Portion,
    pages: Portion,
}

impl Pruner {
    /// Opens the store in a file, which must be there; who writes is waited for as long as `patience` says.
    pub fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        Ok(Self {
            store: Store::open_to_clear(path, patience)?,
            sweep: None,
            shrinking: false,
            unswept: 0,
            messages: Portion::default(),
            pages: Portion::default(),
        })
    }

    /// Does the next short piece of work.
    pub fn step(&mut self, retention: Retention, now: Timestamp) -> Result<Step, StoreError> {
        self.next(retention, now.as_second()).map_err(|error| {
            // Where it stood is not sure any more.
            self.sweep = None;
            StoreError::of(&self.store.path, &error)
        })
    }

    fn next(&mut self, retention: Retention, now: i64) -> Result<Step> {
        let age = i64::try_from(retention.age.as_secs()).unwrap_or(i64::MAX);
        let oldest = now.saturating_sub(age);
        if let Some(sweep) = &mut self.sweep {
            let Swept { messages, orphans, held, more, complete } = sweep.step(&mut self.store.connection, oldest)?;
            self.unswept += messages;
            if !more {
                self.sweep = None;
            }
            if complete {
                self.unswept = 0;
                meta::set(&self.store.connection, SWEPT, now)?;
            }
            return Ok(Step { messages, orphans, held, more: true, ..Step::default() });
        }
        let pruned = self.prune(oldest, retention.size)?;
        if pruned.messages > 0 {
            return Ok(pruned);
        }
        if self.is_sweep_due(now)? {
            self.sweep = Some(Sweep::begin(&self.store.connection)?);
            return Ok(Step { more: true, ..pruned });
        }
        self.give_back()
    }

    /// Deletes some of the oldest messages, where they are too old or the store is too large.
    fn prune(&mut self, oldest: i64, size: u64) -> Result<Step> {
        let used = used(&self.store.connection)?;
        self.shrinking = used > size || (self.shrinking && used > size - size / ROOM);
        let transaction = self.store.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let begun = Stopwatch::start();
        let mut gone = Vec::new();
        // Pages become free only with what the messages referred to: before too many go, that is looked for.
        if !(self.shrinking && is_many(&transaction, self.unswept)?) {
            let mut find = transaction.prepare_cached(
                "SELECT m.id, coalesce(r.recorded, m.time) FROM message m LEFT JOIN remark r ON r.message = m.id \
                 ORDER BY m.id LIMIT ?1",
            )?;
            // Where only room is to be made, no more than is needed goes.
            let most = if self.shrinking { self.messages.get().min(250) } else { self.messages.get() };
            let mut rows = find.query([i64::try_from(most).unwrap_or(i64::MAX)])?;
            while let Some(row) = rows.next()? {
                // By a wrong clock a younger one may stand before older ones; the daily sweep finds those.
                if !self.shrinking && row.get::<_, i64>(1)? >= oldest {
                    break;
                }
                gone.push(row.get(0)?);
            }
        }
        delete(&transaction, &gone)?;
        transaction.execute("DELETE FROM gap WHERE until < ?1", [oldest])?;
        // One that was never told to stop ended when the next one began, at the latest.
        transaction.execute(
            "DELETE FROM run WHERE ?1 > \
             coalesce(ended, (SELECT min(next.started) FROM run next WHERE next.id > run.id AND next.writer = run.writer))",
            [oldest],
        )?;
        transaction.commit()?;
        let held = begun.elapsed();
        if !gone.is_empty() {
            self.messages.learn(held);
        }
        let messages = gone.len() as u64;
        self.unswept += messages;
        Ok(Step { messages, more: messages > 0, held, ..Step::default() })
    }

    fn is_sweep_due(&self, now: i64) -> Result<bool> {
        let connection = &self.store.connection;
        if self.shrinking && self.unswept > 0 {
            return Ok(true);
        }
        // A last time in the future is a clock's fault.
        Ok(meta::get::<i64>(connection, SWEPT)?.is_none_or(|swept| now.saturating_sub(swept) >= DAY || swept > now))
    }

    /// Gives free pages back, but for some.
    fn give_back(&mut self) -> Result<Step> {
        let connection = &mut self.store.connection;
        let (pages, free) = (pragma(connection, "page_count")?, pragma(connection, "freelist_count")?);
        let spare = SPARE_PAGES.max(pages / ROOM);
        let portion = u64::try_from(self.pages.get()).unwrap_or(u64::MAX).min(free.saturating_sub(spare));
        if portion == 0 {
            return Ok(Step::default());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let begun = Stopwatch::start();
        {
            // It answers with an empty row for each page, and frees the next one when asked for more.
            let mut vacuum = transaction.prepare(&format!("PRAGMA incremental_vacuum({portion})"))?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
        }
        transaction.commit()?;
        let held = begun.elapsed();
        self.pages.learn(held);
        let given = pages.saturating_sub(pragma(connection, "page_count")?);
        if given == 0 {
            return Ok(Step { held, ..Step::default() }); // made without auto_vacuum
        }
        let more = free - portion > spare;
        if !more {
            // The file itself shrinks when the log is moved into it; a passive checkpoint waits for nobody.
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        Ok(Step { pages: given, more, held, ..Step::default() })
    }
}

/// Whether so many messages are more than one in twenty.
fn is_many(connection: &Connection, messages: u64) -> Result<bool> {
    // The numbers tell about how many there are; counting would read them all.
    let span = "SELECT coalesce((SELECT max(id) FROM message) - (SELECT min(id) FROM message), 0)";
    let kept: i64 = connection.query_row(span, [], |row| row.get(0))?;
    Ok(messages > u64::try_from(kept).unwrap_or(0) / ROOM + 1000)
}

/// The bytes that are in use.
fn used(connection: &Connection) -> Result<u64> {
    let (pages, free) = (pragma(connection, "page_count")?, pragma(connection, "freelist_count")?);
    Ok(pages.saturating_sub(free).saturating_mul(pragma(connection, "page_size")?))
}

fn pragma(connection: &Connection, name: &str) -> Result<u64> {
    connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(|value| u64::try_from(value).unwrap_or(0))
}
