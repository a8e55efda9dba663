//! One record into the tables.

use std::collections::BTreeSet;

use rusqlite::{Result, params};

use super::{
    columns::{json, number},
    once::Once,
    period,
    record::{Origin, Record},
};
use crate::finding::Severity;

/// Seconds between a message's time and its record beyond which the record's time is kept as well; age counts from there.
const LATE: u64 = 3600;

/// One record on its way into the tables.
pub(super) struct Insert<'a> {
    once: Once<'a>,
}

impl<'a> Insert<'a> {
    pub(super) fn new(once: Once<'a>) -> Self {
        Self { once }
    }

    /// Whether it was stored; not where the same mail was stored before.
    pub(super) fn record(&mut self, record: &Record) -> Result<bool> {
        let identity = record.identity.as_deref().map(|bytes| self.once.identity(bytes));
        if let Some(identity) = identity {
            let mut known = self.once.connection.prepare_cached("SELECT 1 FROM remark WHERE identity = ?1")?;
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
            let (hop, added) = self.once.hop(&hop.facts)?;
            is_new |= added;
            hops.push(hop);
        }
        let source = self.once.source(source)?;
        let sender = record.sender.as_deref().map(|sender| self.once.address(sender)).transpose()?;
        let header_from = record.header_from.as_deref().map(|from| self.once.address(from)).transpose()?;
        let (message_id, host) = match record.message_id.as_deref().map(|id| id.rsplit_once('@').ok_or(id)) {
            Some(Ok((id, host))) => (Some(id), Some(self.once.name(host)?)),
            Some(Err(id)) => (Some(id), None),
            None => (None, None),
        };
        let mut recipients = BTreeSet::new();
        for recipient in &record.recipients {
            recipients.insert(self.once.address(recipient)?);
        }
        let first = recipients.pop_first();
        let path = self.once.path(&hops, is_new)?;
        let boundary = self.once.boundary(&record.boundary)?;
        let mut insert = self.once.connection.prepare_cached(
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
        period::note(self.once.connection, message, record.time)?;
        // Mail that waited at a backup MX of ours, or that has a clock of ours wrong, is as old as its record, not as its time.
        let late = record.recorded.abs_diff(record.time) > LATE;
        if identity.is_some() || late || record.hops_left_out > 0 {
            let mut insert = self.once.connection.prepare_cached(
                "INSERT INTO remark (message, offset, recorded, identity, hops_left_out) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            let left_out = (record.hops_left_out > 0).then_some(number(record.hops_left_out));
            insert.execute(params![message, offset, record.recorded, identity, left_out])?;
        }
        let mut insert =
            self.once.connection.prepare_cached("INSERT INTO further_recipient (message, address) VALUES (?1, ?2)")?;
        for recipient in recipients {
            insert.execute([message, recipient])?;
        }
        self.findings(message, record)?;
        Ok(true)
    }

    fn findings(&self, message: i64, record: &Record) -> Result<()> {
        for (position, finding) in record.findings.iter().enumerate() {
            let mut insert = self.once.connection.prepare_cached(
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
}

/// The seconds that each hop's time is before that of the next newer hop with one, or before the message's.
fn times(record: &Record) -> Result<String> {
    let mut newer = record.time;
    let mut before = |time: i64| std::mem::replace(&mut newer, time).saturating_sub(time);
    json(&record.hops.iter().map(|hop| hop.time.map(&mut before)).collect::<Vec<_>>())
}
