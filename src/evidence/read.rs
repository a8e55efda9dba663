//! Messages out of the store.
//!
//! Takes which hops are wanted and from when to when, gives messages one at a time: what is asked of ten million messages is answered in
//! the memory of a few.

use std::{
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
};

use ipnetwork::IpNetwork;
use rusqlite::{Result, Row, Statement};

use super::{
    columns::{facts, ip_value},
    coverage::{Coverage, Gap, Run},
    error::StoreError,
    period::{self, Span},
    record::HopFacts,
    store::Store,
};
use crate::{finding::Level, hunt::Wanted, policy::Action};

/// Paths that are remembered while messages are read.
const REMEMBERED: usize = 10_000;

/// A message as the store gives it back.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its number in the store.
    pub id: i64,
    /// When our side took it, in unix seconds.
    pub time: i64,
    /// When its author says that it was written, in unix seconds.
    pub dated: Option<i64>,
    /// `milter`, or the file that it was found in.
    pub source: String,
    /// Where in that file.
    pub offset: Option<u64>,
    /// The border's queue id.
    pub queue_id: Option<String>,
    /// The `Message-ID`.
    pub message_id: Option<String>,
    /// The subject, where it is kept.
    pub subject: Option<String>,
    /// The envelope sender; an empty one is a bounce.
    pub sender: Option<Party>,
    /// The author (`From`).
    pub header_from: Option<Party>,
    /// The envelope recipients.
    pub recipients: Vec<Party>,
    /// The hops, newest first.
    pub hops: Arc<Vec<HopFacts>>,
    /// When each hop took the mail, in unix seconds.
    pub times: Vec<Option<i64>>,
    /// Where our records end: `peer`, `internal` or `not_found`.
    pub place: String,
    /// The hop at which the mail came in from outside.
    pub border_hop: Option<usize>,
    /// The verdict.
    pub verdict: Level,
    /// What the MTA was told; nothing of mail in files.
    pub action: Option<Action>,
}

/// Somebody with a mail address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Party {
    /// The address's number in the store: one for each address.
    pub id: i64,
    /// The address, or its hash; nothing where it was forgotten.
    pub address: Option<String>,
}

/// Reads a store.
#[derive(Debug)]
pub struct Reader {
    store: Store,
}

impl Reader {
    /// Opens the store in a file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { store: Store::open_to_read(path)? })
    }

    /// The store's file.
    pub fn path(&self) -> &Path {
        &self.store.path
    }

    /// From now on, all that is read is of one moment, whatever is written meanwhile. The store's log grows as long as this reader is
    /// kept.
    pub fn hold(&self) -> Result<(), StoreError> {
        self.wrap(|| {
            self.store.connection.execute_batch("BEGIN")?;
            // The moment is that of the first look.
            self.store.connection.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))
        })
    }

    /// The hops that show what is looked for.
    pub fn hops_of(&self, wanted: &Wanted) -> Result<BTreeSet<i64>, StoreError> {
        let mut hops = self.hops_in(wanted.networks())?;
        hops.extend(self.hops_named(|name| wanted.fits_name(name))?);
        Ok(hops)
    }

    /// The hops whose client or host has an address in one of the networks.
    pub fn hops_in(&self, networks: &[IpNetwork]) -> Result<BTreeSet<i64>, StoreError> {
        self.wrap(|| {
            let connection = &self.store.connection;
            let mut hops = BTreeSet::new();
            for network in networks {
                let range = [ip_value(network.network()), ip_value(network.broadcast())];
                // Where no address is stated the index holds a name's number, which may look like an address.
                let mut find = connection.prepare_cached(
                    "SELECT id FROM hop WHERE coalesce(ip, by) BETWEEN ?1 AND ?2 AND ip IS NOT NULL \
                     UNION SELECT id FROM hop WHERE by_ip BETWEEN ?1 AND ?2",
                )?;
                for hop in find.query_map(range, |row| row.get(0))? {
                    hops.insert(hop?);
                }
            }
            Ok(hops)
        })
    }

    /// The hops with a name (HELO, verified, host) that is wanted.
    pub fn hops_named(&self, mut wanted: impl FnMut(&str) -> bool) -> Result<BTreeSet<i64>, StoreError> {
        self.wrap(|| {
            let connection = &self.store.connection;
            let mut names = BTreeSet::new();
            let mut find = connection.prepare_cached("SELECT id, name FROM name")?;
            let mut rows = find.query([])?;
            while let Some(row) = rows.next()? {
                if wanted(row.get_ref(1)?.as_str().unwrap_or_default()) {
                    names.insert(row.get::<_, i64>(0)?);
                }
            }
            let mut hops = BTreeSet::new();
            if names.is_empty() {
                return Ok(hops);
            }
            let mut find = connection.prepare_cached("SELECT id, helo, rdns, by FROM hop")?;
            let mut rows = find.query([])?;
            while let Some(row) = rows.next()? {
                let named = |column| -> Result<bool> {
                    Ok(row.get::<_, Option<i64>>(column)?.is_some_and(|name| names.contains(&name)))
                };
                if named(1)? || named(2)? || named(3)? {
                    hops.insert(row.get(0)?);
                }
            }
            Ok(hops)
        })
    }

    /// The messages that came by one of the hops, in the order of their time; or all where none are named, in the order in which they were
    /// stored.
    ///
    /// Breaks off when `each` does.
    pub fn messages(
        &self,
        hops: Option<&BTreeSet<i64>>,
        span: Span,
        mut each: impl FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.wrap(|| {
            let Some((first, last)) = period::around(&self.store.connection, span)? else { return Ok(()) };
            let paths = hops.map(|hops| self.paths(hops)).transpose()?;
            let (from, which, order) = match paths {
                Some(_) => ("message m", "m.path IN (SELECT value FROM json_each(?5))", "m.time, m.id"),
                None => (
                    "period p CROSS JOIN message m ON m.id BETWEEN p.id << 10 AND (p.id << 10) + 1023",
                    "p.until >= ?1 AND p.since < ?2 AND ?5 IS NULL",
                    "p.id, m.id",
                ),
            };
            let mut find = self.store.connection.prepare(&format!(
                "SELECT m.id, m.time, so.source, r.offset, m.queue_id, m.message_id || coalesce('@' || host.name, ''), m.subject, m.sender, \
                 s.address, m.header_from, f.address, m.path, m.times, b.place, b.hop, m.verdict, a.action, m.dated, m.recipient, t.address \
                 FROM {from} JOIN source so ON so.id = m.source JOIN boundary b ON b.id = m.boundary \
                 LEFT JOIN name host ON host.id = m.message_host LEFT JOIN remark r ON r.message = m.id \
                 LEFT JOIN address s ON s.id = m.sender LEFT JOIN address f ON f.id = m.header_from \
                 LEFT JOIN address t ON t.id = m.recipient LEFT JOIN action a ON a.id = m.action \
                 WHERE {which} AND m.id BETWEEN ?3 AND ?4 AND m.time >= ?1 AND m.time < ?2 ORDER BY {order}"
            ))?;
            let mut paths_read = Paths { reader: self, read: HashMap::new() };
            let mut further = self.store.connection.prepare(
                "SELECT r.address, a.address FROM further_recipient r JOIN address a ON a.id = r.address WHERE r.message = ?1",
            )?;
            let mut rows = find.query(rusqlite::params![span.since, span.until, first, last, paths])?;
            while let Some(row) = rows.next()? {
                if each(stored(row, &mut paths_read, &mut further)?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// What the store holds.
    pub fn coverage(&self) -> Result<Coverage, StoreError> {
        self.wrap(|| {
            let connection = &self.store.connection;
            let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
            let mut gaps = connection.prepare("SELECT since, until, lost, reason FROM gap ORDER BY since")?;
            let gaps = gaps.query_map([], |row| {
                Ok(Gap {
                    since: row.get(0)?,
                    until: row.get(1)?,
                    lost: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
                    reason: row.get(3)?,
                })
            })?;
            let mut runs = connection.prepare("SELECT writer, started, ended FROM run ORDER BY id")?;
            let runs =
                runs.query_map([], |row| Ok(Run { writer: row.get(0)?, started: row.get(1)?, ended: row.get(2)? }))?;
            Ok(Coverage {
                messages: one("SELECT count(*) FROM message")?.and_then(|count| count.try_into().ok()).unwrap_or(0),
                first: one("SELECT min(since) FROM period")?,
                last: one("SELECT max(until) FROM period")?,
                gaps: gaps.collect::<Result<_>>()?,
                runs: runs.collect::<Result<_>>()?,
            })
        })
    }

    /// The paths with one of the hops, as a JSON list.
    fn paths(&self, hops: &BTreeSet<i64>) -> Result<String> {
        let mut paths = BTreeSet::new();
        let mut find = self.store.connection.prepare_cached("SELECT path FROM path_hop WHERE hop = ?1")?;
        for hop in hops {
            for path in find.query_map([hop], |row| row.get::<_, i64>(0))? {
                paths.insert(path?);
            }
        }
        Ok(serde_json::json!(paths).to_string())
    }

    fn wrap<T>(&self, ask: impl FnOnce() -> Result<T>) -> Result<T, StoreError> {
        ask().map_err(|error| StoreError::of(&self.store.path, &error))
    }
}

fn stored(row: &Row<'_>, paths: &mut Paths<'_>, further: &mut Statement<'_>) -> Result<Stored> {
    let party = |id, address| {
        let id: Option<i64> = row.get(id)?;
        let address: Option<String> = row.get(address)?;
        Ok::<_, rusqlite::Error>(id.map(|id| Party { id, address }))
    };
    let (id, time): (i64, i64) = (row.get(0)?, row.get(1)?);
    let mut recipients = Vec::from_iter(party(18, 19)?);
    for other in further.query_map([id], |row| Ok(Party { id: row.get(0)?, address: row.get(1)? }))? {
        recipients.push(other?);
    }
    recipients.sort_by(|a, b| a.address.cmp(&b.address));
    let steps: Vec<Option<i64>> = serde_json::from_str(row.get_ref(12)?.as_str()?).unwrap_or_default();
    let mut newer = time;
    let mut at = |step: i64| {
        newer = newer.saturating_sub(step);
        newer
    };
    let verdict: i64 = row.get(15)?;
    let action: Option<String> = row.get(16)?;
    Ok(Stored {
        id,
        time,
        dated: row.get::<_, Option<i64>>(17)?.map(|dated| dated.saturating_add(time)),
        source: row.get(2)?,
        offset: row.get::<_, Option<i64>>(3)?.and_then(|offset| offset.try_into().ok()),
        queue_id: row.get(4)?,
        message_id: row.get(5)?,
        subject: row.get(6)?,
        sender: party(7, 8)?,
        header_from: party(9, 10)?,
        recipients,
        hops: paths.get(row.get(11)?)?,
        times: steps.into_iter().map(|step| step.map(&mut at)).collect(),
        place: row.get(13)?,
        border_hop: row.get::<_, Option<i64>>(14)?.and_then(|hop| hop.try_into().ok()),
        verdict: usize::try_from(verdict).ok().and_then(|at| Level::ALL.get(at).copied()).unwrap_or(Level::Clean),
        action: action.and_then(|word| Action::ALL.into_iter().find(|action| action.as_str() == word)),
    })
}

/// Paths with their hops, read once.
struct Paths<'r> {
    reader: &'r Reader,
    read: HashMap<i64, Arc<Vec<HopFacts>>>,
}

impl Paths<'_> {
    fn get(&mut self, path: i64) -> Result<Arc<Vec<HopFacts>>> {
        if let Some(hops) = self.read.get(&path) {
            return Ok(Arc::clone(hops));
        }
        let mut find = self.reader.store.connection.prepare_cached(
            "SELECT k.kind, h.ip, helo.name, rdns.name, host.name, h.by_ip, pr.protocol, h.tls, h.tls_version \
             FROM path p JOIN json_each(p.hops) j JOIN hop h ON h.id = j.value JOIN hop_kind k ON k.id = h.kind \
             LEFT JOIN name helo ON helo.id = h.helo LEFT JOIN name rdns ON rdns.id = h.rdns \
             LEFT JOIN name host ON host.id = h.by LEFT JOIN protocol pr ON pr.id = h.protocol \
             WHERE p.id = ?1 ORDER BY j.key",
        )?;
        let hops = Arc::new(find.query_map([path], facts)?.collect::<Result<Vec<_>>>()?);
        if self.read.len() >= REMEMBERED {
            self.read.clear();
        }
        self.read.insert(path, Arc::clone(&hops));
        Ok(hops)
    }
}
