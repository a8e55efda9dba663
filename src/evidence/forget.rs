//! Erasure: one person's address, and what of their mail says who they are.
//!
//! Takes the store of a running daemon and an address, gives what was found and cut. Its messages come to refer to a row without a text, so
//! that "how many people" stays true; the row has a number by chance, because the old one is a hash of the address, and its key lies in the
//! same file. Of the mail that it sent, `Message-ID` and subject go; every text that mentions it loses the mention.
//!
//! All of it is looked at without a lock, a few hundred messages at a time; where something is to be cut, it is looked at again
//! under a lock of some milliseconds. The first step hides the address from the writer, so that new mail refers to a new row and what
//! is to be done has an end; the last one takes it away: who is interrupted begins anew, and misses nothing.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, Result, Transaction, TransactionBehavior, params};

use super::{
    clearing::{Portion, note_upheaval, rest_after},
    error::StoreError,
    mention::{Likeness, Wanted},
    orphans::{Table, vacate},
    privacy::is_hash,
    store::Store,
};
use crate::clock::Stopwatch;

/// How long somebody else's lock is waited for, and a reader that keeps the log from being emptied.
const PATIENCE: Duration = Duration::from_secs(10);
/// Rows that are looked at in one go, without a lock.
const LOOK: usize = 2000;
/// Addresses with a tag that are named.
const MOST_TAGGED: usize = 20;

/// What stands before an address that is being forgotten: the writer does not find it, and who was interrupted does.
const HIDDEN: &str = "(being forgotten) ";

/// Tables with texts that others wrote, each in a column named like its table.
const TEXTS: [&str; 3] = ["name", "protocol", "source"];

/// What was found of an address, and cut unless it was only looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Its own rows, in clear and as hashes.
    pub addresses: u64,
    /// Rows of other addresses that hold it: rewritten senders, bounce addresses.
    pub rewritten: u64,
    /// Messages that it sent.
    pub messages_sent: u64,
    /// Messages that it received.
    pub messages_received: u64,
    /// Messages whose `Message-ID` or subject went.
    pub headings: u64,
    /// Findings that mentioned it.
    pub findings: u64,
    /// Host names, protocols and names of files that mentioned it.
    pub texts: u64,
    /// Addresses with a tag that may be the same person's; they are left as they are. The first few.
    pub tagged: Vec<String>,
    /// Addresses that are stored as hashes, and could not be compared for want of the key.
    pub hashed: u64,
    /// Whether nothing of it is left in the store's files; not so while another program reads an old state.
    pub wiped: bool,
}

impl Forgotten {
    /// Whether nothing of it was there.
    pub fn is_nothing(&self) -> bool {
        [self.addresses, self.rewritten, self.headings, self.findings, self.texts].iter().all(|count| *count == 0)
    }
}

/// Forgets an address, or only looks for it. `rest` waits between two steps.
pub fn forget(
    path: &Path,
    wanted: &Wanted,
    only_look: bool,
    rest: &mut dyn FnMut(Duration),
) -> Result<Forgotten, StoreError> {
    let store = Store::open_to_clear(path, PATIENCE)?;
    let mut search = Search {
        connection: store.connection,
        wanted,
        only_look,
        rest,
        rows: HashMap::new(),
        read: i64::MIN,
        portion: Portion::default(),
        found: Forgotten::default(),
    };
    search.run().map_err(|error| StoreError::of(path, &error))?;
    Ok(search.found)
}

/// An address row that is to go.
struct Going {
    likeness: Likeness,
    /// The number of the row without a text that takes its place.
    stand_in: i64,
}

struct Search<'a> {
    connection: Connection,
    wanted: &'a Wanted,
    only_look: bool,
    rest: &'a mut dyn FnMut(Duration),
    /// Address rows that are to go.
    rows: HashMap<i64, Going>,
    /// The newest message that was looked at.
    read: i64,
    portion: Portion,
    found: Forgotten,
}

impl Search<'_> {
    fn run(&mut self) -> Result<()> {
        self.find_addresses()?;
        if !self.only_look {
            self.each_address(hide)?;
        }
        let last = self.connection.query_row("SELECT max(id) FROM message", [], |row| row.get::<_, Option<i64>>(0))?;
        while last.is_some_and(|last| self.read < last) && self.messages()? {}
        for table in TEXTS {
            self.texts(table)?;
        }
        if self.only_look {
            return Ok(());
        }
        self.each_address(erase)?;
        // What an earlier, interrupted run cut may still be in the log.
        self.found.wiped = self.wipe()?;
        Ok(())
    }

    fn find_addresses(&mut self) -> Result<()> {
        let mut after = i64::MIN;
        loop {
            let page = rows_after(&self.connection, "address", "address", after)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            for (row, text) in page {
                match self.wanted.likeness(shown(&text)) {
                    Likeness::Other => self.found.hashed += u64::from(!self.wanted.has_key() && is_hash(&text)),
                    Likeness::Tagged if self.found.tagged.len() < MOST_TAGGED => self.found.tagged.push(text),
                    Likeness::Tagged => {}
                    likeness => {
                        let count = match likeness {
                            Likeness::Same => &mut self.found.addresses,
                            _ => &mut self.found.rewritten,
                        };
                        *count += 1;
                        // Hashes have 31 bits.
                        let chance = "SELECT 4294967296 + abs(random() % 140737488355328)";
                        let stand_in = self.connection.query_row(chance, [], |row| row.get(0))?;
                        self.rows.insert(row, Going { likeness, stand_in });
                    }
                }
            }
        }
    }

    /// Looks at the next messages, and cuts; whether there are more.
    fn messages(&mut self) -> Result<bool> {
        let seen = look(&self.connection, self.wanted, &self.rows, self.read, LOOK)?;
        if self.only_look || seen.is_fine() {
            return Ok(self.count(&seen));
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let begun = Stopwatch::start();
        let seen = look(&transaction, self.wanted, &self.rows, self.read, self.portion.get())?;
        seen.cut(&transaction)?;
        transaction.commit()?;
        let held = begun.elapsed();
        self.portion.learn(held);
        (self.rest)(rest_after(held));
        Ok(self.count(&seen))
    }

    fn count(&mut self, seen: &Seen) -> bool {
        self.found.messages_sent += seen.sent;
        self.found.messages_received += seen.received;
        self.found.headings += seen.headings.len() as u64;
        self.found.findings += seen.findings.len() as u64;
        self.read = seen.last.unwrap_or(self.read);
        seen.last.is_some()
    }

    /// Texts of a table that mention it.
    fn texts(&mut self, table: &str) -> Result<()> {
        let mut after = i64::MIN;
        loop {
            let page = rows_after(&self.connection, table, table, after)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            let changes: Vec<_> =
                page.iter().filter_map(|(row, text)| self.wanted.cut(text).map(|cut| (*row, text, cut))).collect();
            self.found.texts += changes.len() as u64;
            if self.only_look || changes.is_empty() {
                continue;
            }
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let begun = Stopwatch::start();
            for (row, text, cut) in changes {
                // Another row may say the same already (a column that is unique); and the row may be another's by now.
                let sql = format!("UPDATE OR IGNORE {table} SET {table} = ?3 WHERE id = ?1 AND {table} = ?2");
                let mut update = transaction.prepare_cached(&sql)?;
                if update.execute(params![row, text, cut])? == 0 {
                    update.execute(params![row, text, format!("{cut} {row}")])?;
                }
            }
            transaction.commit()?;
            (self.rest)(rest_after(begun.elapsed()));
        }
    }

    /// Does something about each address row that is to go, some at a time.
    fn each_address(&mut self, act: impl Fn(&Transaction<'_>, &Wanted, i64) -> Result<()>) -> Result<()> {
        let mut rows: Vec<i64> = self.rows.keys().copied().collect();
        rows.sort_unstable();
        while !rows.is_empty() {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let begun = Stopwatch::start();
            for row in rows.drain(..rows.len().min(self.portion.get())) {
                act(&transaction, self.wanted, row)?;
            }
            transaction.commit()?;
            let held = begun.elapsed();
            self.portion.learn(held);
            (self.rest)(rest_after(held));
        }
        Ok(())
    }

    /// Moves the log into the file and empties it; whether that could be done.
    ///
    /// Emptying keeps writers out for as long as it waits for readers, so it waits a few milliseconds at a time. The pages are moved before,
    /// which disturbs nobody.
    fn wipe(&mut self) -> Result<bool> {
        let begun = Stopwatch::start();
        loop {
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            self.connection.busy_timeout(Duration::from_millis(20))?;
            let busy: i64 = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            self.connection.busy_timeout(PATIENCE)?;
            if busy == 0 || begun.elapsed() >= PATIENCE {
                return Ok(busy == 0);
            }
            (self.rest)(Duration::from_millis(50));
        }
    }
}

/// The address in a row's text.
fn shown(text: &str) -> &str {
    text.strip_prefix(HIDDEN).unwrap_or(text)
}

/// Hides an address row from the writer.
fn hide(transaction: &Transaction<'_>, wanted: &Wanted, row: i64) -> Result<()> {
    let Some(text) = still(transaction, wanted, row)? else { return Ok(()) };
    if !text.starts_with(HIDDEN) {
        let sql = "UPDATE address SET address = ?2 WHERE id = ?1";
        transaction.prepare_cached(sql)?.execute(params![row, format!("{HIDDEN}{text}")])?;
    }
    Ok(())
}

/// Takes an address row away.
fn erase(transaction: &Transaction<'_>, wanted: &Wanted, row: i64) -> Result<()> {
    if still(transaction, wanted, row)?.is_some() {
        vacate(transaction, Table::Address, row)?;
    }
    Ok(())
}

/// The text of an address row that was to go; nothing where the row is another's by now.
fn still(transaction: &Transaction<'_>, wanted: &Wanted, row: i64) -> Result<Option<String>> {
    let mut find = transaction.prepare_cached("SELECT address FROM address WHERE id = ?1 AND address IS NOT NULL")?;
    let mut rows = find.query([row])?;
    let Some(found) = rows.next()? else { return Ok(None) };
    let text: String = found.get(0)?;
    let same = !matches!(wanted.likeness(shown(&text)), Likeness::Other | Likeness::Tagged);
    Ok(same.then_some(text))
}

/// The next rows of a table of texts. Table and column are words of ours.
fn rows_after(connection: &Connection, table: &str, column: &str, after: i64) -> Result<Vec<(i64, String)>> {
    let sql =
        format!("SELECT id, {column} FROM {table} WHERE id > ?1 AND {column} IS NOT NULL ORDER BY id LIMIT {LOOK}");
    let mut find = connection.prepare_cached(&sql)?;
    find.query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// What is to be done about some messages.
#[derive(Default)]
struct Seen {
    last: Option<i64>,
    sent: u64,
    received: u64,
    /// Messages with the sender, the author and the recipient that they are to refer to.
    parties: Vec<(i64, [Option<i64>; 3])>,
    /// Further recipients: the message, the row, and the row without a text.
    further: Vec<[i64; 3]>,
    /// Messages whose `Message-ID` and subject go.
    headings: Vec<i64>,
    findings: Vec<Finding>,
}

/// A finding as it is to stand.
struct Finding {
    message: i64,
    position: i64,
    fact: String,
    sentence: Option<String>,
    evidence: Option<String>,
}

impl Seen {
    fn is_fine(&self) -> bool {
        let nobody = self.parties.is_empty() && self.further.is_empty();
        nobody && self.headings.is_empty() && self.findings.is_empty()
    }

    fn cut(&self, transaction: &Transaction<'_>) -> Result<()> {
        let stand_in = |row: i64| {
            let sql = "INSERT OR IGNORE INTO address (id, address) VALUES (?1, NULL)";
            transaction.prepare_cached(sql)?.execute([row]).map(drop)
        };
        for (message, parties @ [sender, author, recipient]) in &self.parties {
            parties.iter().flatten().copied().try_for_each(stand_in)?;
            let sql = "UPDATE message SET sender = coalesce(?2, sender), header_from = coalesce(?3, header_from), \
                       recipient = coalesce(?4, recipient) WHERE id = ?1";
            transaction.prepare_cached(sql)?.execute(params![message, sender, author, recipient])?;
        }
        for further @ [_, _, row] in &self.further {
            stand_in(*row)?;
            let sql = "UPDATE further_recipient SET address = ?3 WHERE message = ?1 AND address = ?2";
            transaction.prepare_cached(sql)?.execute(*further)?;
        }
        if !self.parties.is_empty() || !self.further.is_empty() {
            note_upheaval(transaction)?;
        }
        for message in &self.headings {
            let sql = "UPDATE message SET message_id = NULL, message_host = NULL, subject = NULL WHERE id = ?1";
            transaction.prepare_cached(sql)?.execute([message])?;
        }
        for Finding { message, position, fact, sentence, evidence } in &self.findings {
            let sql = "UPDATE finding SET fact = ?3, sentence = ?4, evidence = ?5 WHERE message = ?1 AND position = ?2";
            transaction.prepare_cached(sql)?.execute(params![message, position, fact, sentence, evidence])?;
        }
        Ok(())
    }
}

/// Looks at the messages after one of them, as many as `most`.
fn look(
    connection: &Connection,
    wanted: &Wanted,
    addresses: &HashMap<i64, Going>,
    after: i64,
    most: usize,
) -> Result<Seen> {
    let mut seen = Seen::default();
    let (mut sent, mut received) = (Vec::new(), BTreeSet::new());
    let going = |address: Option<i64>| address.and_then(|address| addresses.get(&address));
    let is_own = |going: &Going| matches!(going.likeness, Likeness::Same | Likeness::Rewritten);
    let mut find = connection.prepare_cached(
        "SELECT m.id, m.sender, m.header_from, m.message_id || coalesce('@' || host.name, ''), m.subject, m.recipient \
         FROM message m LEFT JOIN name host ON host.id = m.message_host WHERE m.id > ?1 ORDER BY m.id LIMIT ?2",
    )?;
    let mut rows = find.query([after, i64::try_from(most).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        seen.last = Some(id);
        let parties @ [sender, author, recipient] = [going(row.get(1)?), going(row.get(2)?), going(row.get(5)?)];
        if parties.iter().any(Option::is_some) {
            seen.parties.push((id, parties.map(|party| party.map(|going| going.stand_in))));
        }
        if recipient.is_some_and(|going| going.likeness == Likeness::Same) {
            received.insert(id);
        }
        let own = sender.is_some_and(is_own) || author.is_some_and(is_own);
        if own {
            sent.push(id);
            seen.sent += 1;
        }
        let heading = [row.get_ref(3)?, row.get_ref(4)?].map(|text| text.as_str().unwrap_or_default());
        if heading.iter().any(|text| !text.is_empty() && (own || wanted.is_mentioned(text))) {
            seen.headings.push(id);
        }
    }
    let Some(last) = seen.last else { return Ok(seen) };
    if !addresses.is_empty() {
        let mut find = connection
            .prepare_cached("SELECT message, address FROM further_recipient WHERE message > ?1 AND message <= ?2")?;
        let mut rows = find.query([after, last])?;
        while let Some(row) = rows.next()? {
            let message: i64 = row.get(0)?;
            let address: i64 = row.get(1)?;
            let Some(going) = addresses.get(&address) else { continue };
            seen.further.push([message, address, going.stand_in]);
            if going.likeness == Likeness::Same {
                received.insert(message);
            }
        }
    }
    seen.received = received.len() as u64;
    let mut find = connection.prepare_cached(
        "SELECT message, position, fact, sentence, evidence FROM finding WHERE message > ?1 AND message <= ?2",
    )?;
    let mut rows = find.query([after, last])?;
    while let Some(row) = rows.next()? {
        let (message, position): (i64, i64) = (row.get(0)?, row.get(1)?);
        let fact: String = row.get(2)?;
        let (sentence, evidence): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
        let own = sent.binary_search(&message).is_ok();
        let cut = (
            wanted.cut(&fact),
            sentence.as_deref().and_then(|text| wanted.cut(text)),
            evidence.as_deref().and_then(|text| lines(wanted, text, own)),
        );
        if let (None, None, None) = cut {
            continue;
        }
        let (fact, sentence, evidence) = (cut.0.unwrap_or(fact), cut.1.or(sentence), cut.2.or(evidence));
        seen.findings.push(Finding { message, position, fact, sentence, evidence });
    }
    Ok(seen)
}

/// The lines of evidence without the address; nothing where it is in none.
fn lines(wanted: &Wanted, evidence: &str, own: bool) -> Option<String> {
    let Ok(lines) = serde_json::from_str::<Vec<String>>(evidence) else { return wanted.cut(evidence) };
    let mut changed = false;
    let cut = |line: String| {
        let cut = if own { wanted.cut_answer(&line) } else { wanted.cut(&line) };
        changed |= cut.is_some();
        cut.unwrap_or(line)
    };
    let lines: Vec<String> = lines.into_iter().map(cut).collect();
    changed.then(|| serde_json::json!(lines).to_string())
}
