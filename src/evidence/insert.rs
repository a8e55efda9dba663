//! Records into the tables, many in one transaction.
//!
//! What repeats is looked up in memory first, then in its table, and stored only where it is new. The memory is bounded, and forgotten
//! whenever somebody else changed the file: `forget` and pruning take rows away. How ids are found stands in schema.sql.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    hash::Hash,
    path::Path,
};

use ring::{hmac, rand::SystemRandom};
use rusqlite::{Connection, OptionalExtension, Result, ToSql, TransactionBehavior, params};
use serde::Serialize;

use super::{
    columns::{ip_value, version_number},
    coverage::Gap,
    error::StoreError,
    period,
    record::{HopFacts, Origin, Record, RecordedBoundary},
    spool::Mark,
    store::Store,
};
use crate::finding::Severity;

/// Seconds between a message's time and its record beyond which the record's time is kept as well; age counts from there.
const LATE: u64 = 3600;
/// Entries that are remembered of each table.
const REMEMBERED: usize = 20_000;

/// What became of the records of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Records that were stored.
    pub stored: usize,
    /// Records of mail that was stored before, from a file that was scanned already.
    pub known: usize,
}

/// Somebody who writes, as the store knows him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId {
    id: i64,
    started: i64,
}

/// Writes records into an open store.
#[derive(Debug)]
pub struct Ledger {
    store: Store,
    key: hmac::Key,
    remembered: Remembered,
    /// SQLite's count of changes by others, as of when the memory was last right.
    others: i64,
}

#[derive(Debug, Default)]
struct Remembered {
    sources: Memory<String>,
    addresses: Memory<String>,
    names: Memory<String>,
    protocols: Memory<String>,
    hops: Memory<HopFacts>,
    paths: Memory<String>,
    boundaries: Memory<RecordedBoundary>,
}

/// Ids by what they stand for.
#[derive(Debug)]
struct Memory<K>(HashMap<K, i64>);

impl<K> Default for Memory<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> Memory<K> {
    fn id<Q>(&mut self, key: &Q, find: impl FnOnce() -> Result<i64>) -> Result<i64>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(id) = self.0.get(key) {
            return Ok(*id);
        }
        let id = find()?;
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(key.to_owned(), id);
        Ok(id)
    }
}

impl Ledger {
    /// Begins to write into a store.
    pub fn new(store: Store) -> Result<Self, StoreError> {
        let key = key(&store.connection).map_err(|error| StoreError::of(&store.path, &error))?;
        Ok(Self { store, key, remembered: Remembered::default(), others: -1 })
    }

    /// The store's file.
    pub(super) fn path(&self) -> &Path {
        &self.store.path
    }

    /// Up to where a spool has been stored.
    pub(super) fn mark(&self) -> Result<Option<Mark>, StoreError> {
        let find = || {
            let mut find = self.store.connection.prepare_cached("SELECT value FROM meta WHERE key = 'spool'")?;
            find.query_row([], |row| row.get::<_, String>(0)).optional()
        };
        let text = find().map_err(|error| StoreError::of(&self.store.path, &error))?;
        Ok(text.and_then(|text| {
            let (spool, number) = text.split_once(' ')?;
            Some(Mark { spool: u64::from_str_radix(spool, 16).ok()?, number: number.parse().ok()? })
        }))
    }

    /// Stores records, all or none, and with them that others were lost before.
    pub fn write<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Record>,
        lost: Option<&Gap>,
    ) -> Result<Written, StoreError> {
        self.take(records, lost, None)
    }

    /// Stores records, all or none, and up to where a spool has been stored with them.
    pub(super) fn take<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Record>,
        lost: Option<&Gap>,
        mark: Option<Mark>,
    ) -> Result<Written, StoreError> {
        let written = self.transaction(records, lost, mark);
        if written.is_err() {
            // It may hold ids of rows that were taken back.
            self.remembered = Remembered::default();
        }
        written.map_err(|error| StoreError::of(&self.store.path, &error))
    }

    /// Notes that somebody begins to write; what it gives is for [`Self::end_run`].
    pub fn begin_run(&mut self, writer: &str, now: i64) -> Result<RunId, StoreError> {
        let insert = "INSERT INTO run (writer, version, started) VALUES (?1, ?2, ?3)";
        let begun = self.run(insert, &[&writer, &env!("CARGO_PKG_VERSION"), &now])?;
        Ok(RunId { id: begun, started: now })
    }

    /// Notes that somebody ends to write.
    pub fn end_run(&mut self, run: &RunId, now: i64) -> Result<(), StoreError> {
        let update = "UPDATE run SET ended = ?3 WHERE id = ?1 AND started = ?2";
        self.run(update, &[&run.id, &run.started, &now]).map(drop)
    }

    /// Whether this store knows that somebody is writing; another one, that took its place, does not.
    pub(super) fn is_open(&self, run: &RunId) -> Result<bool, StoreError> {
        let find = "SELECT EXISTS (SELECT 1 FROM run WHERE id = ?1 AND started = ?2 AND ended IS NULL)";
        let found = self.store.connection.query_row(find, [run.id, run.started], |row| row.get(0));
        found.map_err(|error| StoreError::of(&self.store.path, &error))
    }

    /// Moves what stands beside the file (in its WAL) into it. SQLite does so at the end, but not to a file that was moved away.
    pub(super) fn gather(&self) -> Result<(), StoreError> {
        let gathered = self.store.connection.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()));
        gathered.map_err(|error| StoreError::of(&self.store.path, &error))
    }

    fn run(&self, sql: &str, values: &[&dyn ToSql]) -> Result<i64, StoreError> {
        let connection = &self.store.connection;
        let ran = connection.execute(sql, values).map(|_| connection.last_insert_rowid());
        ran.map_err(|error| StoreError::of(&self.store.path, &error))
    }

    fn transaction<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Record>,
        lost: Option<&Gap>,
        mark: Option<Mark>,
    ) -> Result<Written> {
        let transaction = self.store.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let others = transaction.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if others != self.others {
            self.remembered = Remembered::default();
            self.others = others;
        }
        let mut written = Written::default();
        for record in records {
            let mut insert = Insert { connection: &transaction, key: &self.key, remembered: &mut self.remembered };
            if insert.record(record)? {
                written.stored += 1;
            } else {
                written.known += 1;
            }
        }
        if let Some(gap) = lost {
            let lost = i64::try_from(gap.lost).unwrap_or(i64::MAX);
            transaction.execute(
                "INSERT INTO gap (since, until, lost, reason) VALUES (?1, ?2, ?3, ?4)",
                params![gap.since, gap.until, lost, gap.reason],
            )?;
        }
        if let Some(Mark { spool, number }) = mark {
            let text = format!("{spool:016x} {number}");
            transaction
                .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('spool', ?1)")?
                .execute([text])?;
        }
        transaction.commit()?;
        Ok(written)
    }
}

/// One record on its way into the tables.
struct Insert<'a> {
    connection: &'a Connection,
    key: &'a hmac::Key,
    remembered: &'a mut Remembered,
}

impl Insert<'_> {
    /// Whether it was stored; not where the same mail was stored before.
    fn record(&mut self, record: &Record) -> Result<bool> {
        let identity = record.identity.as_deref().map(|bytes| first_eight(self.key, bytes));
        if let Some(identity) = identity {
            let mut known = self.connection.prepare_cached("SELECT 1 FROM remark WHERE identity = ?1")?;
            if known.exists([identity])? {
                return Ok(false);
            }
        }
        let (source, offset) = match &record.origin {
            Origin::Milter => ("milter", None),
            Origin::File { path, offset } => (path.as_str(), i64::try_from(*offset).ok()),
        };
        let mut hops = Vec::with_capacity(record.hops.len());
        let mut is_new = false;
        for hop in &record.hops {
            let (hop, added) = self.hop(&hop.facts)?;
            is_new |= added;
            hops.push(hop);
        }
        let source = self.source(source)?;
        let sender = record.sender.as_deref().map(|sender| self.address(sender)).transpose()?;
        let header_from = record.header_from.as_deref().map(|from| self.address(from)).transpose()?;
        let (message_id, host) = match record.message_id.as_deref().map(|id| id.rsplit_once('@').ok_or(id)) {
            Some(Ok((id, host))) => (Some(id), Some(self.name(host)?)),
            Some(Err(id)) => (Some(id), None),
            None => (None, None),
        };
        let mut recipients = BTreeSet::new();
        for recipient in &record.recipients {
            recipients.insert(self.address(recipient)?);
        }
        let first = recipients.pop_first();
        let path = self.path(&hops, is_new)?;
        let boundary = self.boundary(&record.boundary)?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO message (time, dated, source, queue_id, message_id, message_host, sender, header_from, recipient, path, times, boundary, \
             verdict, action, subject) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?;
        let message = insert.insert(params![
            record.time,
            record.dated.map(|dated| dated.saturating_sub(record.time)),
            source,
            record.queue_id,
            message_id,
            host,
            sender,
            header_from,
            first,
            path,
            times(record)?,
            boundary,
            record.verdict as i64,
            record.action.map(|action| action as i64),
            record.subject,
        ])?;
        period::note(self.connection, message, record.time)?;
        // Mail that waited at a backup MX of ours, or that has a clock of ours wrong, is as old as its record, not as its time.
        let late = record.recorded.abs_diff(record.time) > LATE;
        if identity.is_some() || late || record.hops_left_out > 0 {
            let mut insert = self.connection.prepare_cached(
                "INSERT INTO remark (message, offset, recorded, identity, hops_left_out) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            let left_out = (record.hops_left_out > 0).then_some(number(record.hops_left_out));
            insert.execute(params![message, offset, record.recorded, identity, left_out])?;
        }
        let mut insert =
            self.connection.prepare_cached("INSERT INTO further_recipient (message, address) VALUES (?1, ?2)")?;
        for recipient in recipients {
            insert.execute([message, recipient])?;
        }
        self.findings(message, record)?;
        Ok(true)
    }

    fn findings(&self, message: i64, record: &Record) -> Result<()> {
        for (position, finding) in record.findings.iter().enumerate() {
            let mut insert = self.connection.prepare_cached(
                "INSERT INTO finding (message, position, code, severity, basis, hop, fact, sentence, evidence) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?;
            let evidence = (!finding.evidence.is_empty()).then(|| json(&finding.evidence)).transpose()?;
            insert.execute(params![
                message,
                number(position),
                finding.code.as_str(),
                finding.severity.map_or("explained", |severity| severity.as_str()),
                finding.basis.as_str(),
                finding.hop.map(number),
                finding.fact,
                (finding.severity != Some(Severity::Notice)).then_some(&finding.sentence),
                evidence,
            ])?;
        }
        Ok(())
    }

    fn source(&mut self, source: &str) -> Result<i64> {
        let connection = self.connection;
        self.remembered.sources.id(source, || find_or_add(connection, "source", "source", source))
    }

    fn address(&mut self, address: &str) -> Result<i64> {
        let (connection, key) = (self.connection, self.key);
        self.remembered.addresses.id(address, || hashed(connection, key, "address", "address", address))
    }

    fn name(&mut self, name: &str) -> Result<i64> {
        let (connection, key) = (self.connection, self.key);
        self.remembered.names.id(name, || hashed(connection, key, "name", "name", name))
    }

    fn protocol(&mut self, protocol: &str) -> Result<i64> {
        let connection = self.connection;
        self.remembered.protocols.id(protocol, || find_or_add(connection, "protocol", "protocol", protocol))
    }

    /// The row of a hop, and whether it was added just now.
    fn hop(&mut self, facts: &HopFacts) -> Result<(i64, bool)> {
        if let Some(id) = self.remembered.hops.0.get(facts) {
            return Ok((*id, false));
        }
        let name = |this: &mut Self, text: &Option<String>| text.as_deref().map(|text| this.name(text)).transpose();
        let (ip, by_ip) = (facts.ip.map(ip_value), facts.by_ip.map(ip_value));
        let by = name(self, &facts.by)?;
        let values: [&dyn ToSql; 9] = [
            &(facts.kind as i64),
            &ip,
            &name(self, &facts.helo)?,
            &name(self, &facts.rdns)?,
            &by,
            &by_ip,
            &facts.protocol.as_deref().map(|text| self.protocol(text)).transpose()?,
            &facts.tls,
            &facts.tls_version.map(version_number),
        ];
        let connection = self.connection;
        let mut added = false;
        let id = self.remembered.hops.id(facts, || {
            // Of a client that says another name each time only the latest are looked at: one row too many costs less than a long search.
            let mut find = connection.prepare_cached(
                "SELECT id FROM (SELECT * FROM hop WHERE coalesce(ip, by) IS coalesce(?2, ?5) ORDER BY id DESC LIMIT 50) \
                 WHERE kind = ?1 AND ip IS ?2 AND helo IS ?3 AND rdns IS ?4 AND by IS ?5 AND by_ip IS ?6 AND protocol IS ?7 \
                 AND tls IS ?8 AND tls_version IS ?9",
            )?;
            if let Some(id) = find.query_row(values, |row| row.get(0)).optional()? {
                return Ok(id);
            }
            let mut insert = connection.prepare_cached(
                "INSERT INTO hop (kind, ip, helo, rdns, by, by_ip, protocol, tls, tls_version) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?;
            added = true;
            insert.insert(values)
        })?;
        Ok((id, added))
    }

    /// The path of these hops; `is_new` is whether one of them was not stored before.
    fn path(&mut self, hops: &[i64], is_new: bool) -> Result<i64> {
        let connection = self.connection;
        let text = json(&hops)?;
        self.remembered.paths.id(text.as_str(), || {
            if !is_new && let Some(newest) = hops.iter().max() {
                // The hop that was stored last is part of the fewest paths. As with hops, only the latest are looked at.
                let mut find = connection.prepare_cached(
                    "SELECT id FROM path WHERE id IN (SELECT path FROM path_hop WHERE hop = ?1 ORDER BY path DESC LIMIT 50) \
                     AND hops = ?2 LIMIT 1",
                )?;
                if let Some(path) = find.query_row(params![newest, text], |row| row.get(0)).optional()? {
                    return Ok(path);
                }
            }
            let path = connection.prepare_cached("INSERT INTO path (hops) VALUES (?1)")?.insert([&text])?;
            let mut insert = connection.prepare_cached("INSERT INTO path_hop (hop, path) VALUES (?1, ?2)")?;
            for hop in hops.iter().collect::<BTreeSet<_>>() {
                insert.execute([*hop, path])?;
            }
            Ok(path)
        })
    }

    fn boundary(&mut self, boundary: &RecordedBoundary) -> Result<i64> {
        let connection = self.connection;
        self.remembered.boundaries.id(boundary, || {
            let words =
                (boundary.strategy.as_str(), boundary.place.as_str(), &*boundary.reason, boundary.hop.map(number));
            let mut find = connection.prepare_cached(
                "SELECT id FROM boundary WHERE strategy = ?1 AND place = ?2 AND reason = ?3 AND hop IS ?4",
            )?;
            if let Some(id) = find.query_row(words, |row| row.get(0)).optional()? {
                return Ok(id);
            }
            connection
                .prepare_cached("INSERT INTO boundary (strategy, place, reason, hop) VALUES (?1, ?2, ?3, ?4)")?
                .insert(words)
        })
    }
}

/// The row of a text in one of the tables whose ids are hashes. Table and column are words of ours.
///
/// The hash is keyed, so that nobody can write names that all fall into one place.
fn hashed(connection: &Connection, key: &hmac::Key, table: &str, column: &str, text: &str) -> Result<i64> {
    let mut find = connection.prepare_cached(&format!("SELECT {column} FROM {table} WHERE id = ?1"))?;
    let mut id = first_eight(key, text.as_bytes()) & i64::from(i32::MAX);
    loop {
        let stored = find.query_row([id], |row| row.get::<_, Option<String>>(0)).optional()?;
        match stored {
            Some(stored) if stored.as_deref() == Some(text) => return Ok(id),
            Some(_) => id += 1,
            None => break,
        }
    }
    let insert = format!("INSERT INTO {table} (id, {column}) VALUES (?1, ?2)");
    connection.prepare_cached(&insert)?.execute(params![id, text])?;
    Ok(id)
}

/// The id of a text in one of the small tables of texts. Table and column are words of ours.
fn find_or_add(connection: &Connection, table: &str, column: &str, text: &str) -> Result<i64> {
    let mut find = connection.prepare_cached(&format!("SELECT id FROM {table} WHERE {column} = ?1"))?;
    if let Some(id) = find.query_row([text], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    connection.prepare_cached(&format!("INSERT INTO {table} ({column}) VALUES (?1)"))?.insert([text])
}

/// The seconds that each hop's time is before that of the next newer hop with one, or before the message's.
fn times(record: &Record) -> Result<String> {
    let mut newer = record.time;
    let mut before = |time: i64| std::mem::replace(&mut newer, time).saturating_sub(time);
    json(&record.hops.iter().map(|hop| hop.time.map(&mut before)).collect::<Vec<_>>())
}

/// A value as JSON; numbers and texts, which is all there is here, can always be written.
fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A keyed hash, the first 64 bits of it. Nobody without the key can write a mail that passes for one that is stored already.
fn first_eight(key: &hmac::Key, bytes: &[u8]) -> i64 {
    let tag = hmac::sign(key, bytes);
    let first: [u8; 8] = tag.as_ref().first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

/// The store's own key of its hashes, made on first use. It has to do with speed only; what is hashed for privacy has another one.
fn key(connection: &Connection) -> Result<hmac::Key> {
    let find =
        || connection.query_row("SELECT value FROM meta WHERE key = 'hash_key'", [], |row| row.get::<_, Vec<u8>>(0));
    let stored = match find().optional()? {
        Some(stored) => stored,
        None => {
            let mut fresh = [0_u8; 32];
            // Without randomness the key would be known, no worse than a plain hash.
            let _ = ring::rand::SecureRandom::fill(&SystemRandom::new(), &mut fresh);
            connection.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('hash_key', ?1)", [&fresh[..]])?;
            find()? // of two programs that start at once, one was first
        }
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &stored))
}
