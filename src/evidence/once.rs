//! What repeats from message to message, stored once: names, addresses, hops, paths.
//!
//! It is looked up in memory first, then in its table, and stored only where it is new. The memory is bounded, and forgotten whenever
//! somebody else changed the file: `forget` and pruning take rows away. How ids are found stands in schema.sql.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use ring::{hmac, rand::SystemRandom};
use rusqlite::{Connection, OptionalExtension, Result, ToSql, params};

use super::{
    columns::{ip_value, json, number, version_number},
    meta,
    record::{HopFacts, RecordedBoundary},
};

/// Entries that are remembered of each table.
const REMEMBERED: usize = 20_000;

/// What was looked up or stored of late.
#[derive(Debug, Default)]
pub(super) struct Remembered {
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

/// Finds what is stored once, or stores it.
pub(super) struct Once<'a> {
    pub(super) connection: &'a Connection,
    pub(super) key: &'a hmac::Key,
    pub(super) remembered: &'a mut Remembered,
}

impl Once<'_> {
    /// The bytes that tell mail in files, as a number.
    pub(super) fn identity(&self, bytes: &[u8]) -> i64 {
        first_eight(self.key, bytes)
    }

    pub(super) fn source(&mut self, source: &str) -> Result<i64> {
        let connection = self.connection;
        self.remembered.sources.id(source, || find_or_add(connection, "source", "source", source))
    }

    pub(super) fn address(&mut self, address: &str) -> Result<i64> {
        let (connection, key) = (self.connection, self.key);
        self.remembered.addresses.id(address, || hashed(connection, key, "address", "address", address))
    }

    pub(super) fn name(&mut self, name: &str) -> Result<i64> {
        let (connection, key) = (self.connection, self.key);
        self.remembered.names.id(name, || hashed(connection, key, "name", "name", name))
    }

    pub(super) fn protocol(&mut self, protocol: &str) -> Result<i64> {
        let connection = self.connection;
        self.remembered.protocols.id(protocol, || find_or_add(connection, "protocol", "protocol", protocol))
    }

    /// The row of a hop, and whether it was added just now.
    pub(super) fn hop(&mut self, facts: &HopFacts) -> Result<(i64, bool)> {
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
    pub(super) fn path(&mut self, hops: &[i64], is_new: bool) -> Result<i64> {
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

    pub(super) fn boundary(&mut self, boundary: &RecordedBoundary) -> Result<i64> {
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

/// A keyed hash, the first 64 bits of it. Nobody without the key can write a mail that passes for one that is stored already.
fn first_eight(key: &hmac::Key, bytes: &[u8]) -> i64 {
    let tag = hmac::sign(key, bytes);
    let first: [u8; 8] = tag.as_ref().first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

/// The store's own key of its hashes, made on first use. It has to do with speed only; what is hashed for privacy has another one.
pub(super) fn key(connection: &Connection) -> Result<hmac::Key> {
    let find = || meta::get::<Vec<u8>>(connection, "hash_key");
    let stored = match find()? {
        Some(stored) => stored,
        None => {
            let mut fresh = [0_u8; 32];
            // Without randomness the key would be known, no worse than a plain hash.
            let _ = ring::rand::SecureRandom::fill(&SystemRandom::new(), &mut fresh);
            connection.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('hash_key', ?1)", [&fresh[..]])?;
            // Of two programs that start at once, one was first.
            find()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?
        }
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &stored))
}
