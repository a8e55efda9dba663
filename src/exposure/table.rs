//! CSV: one table of people, one of messages.
//!
//! [`crate::csv_text`] sees to it that no cell is a formula or an escape.

use std::io;

use super::{
    gather::Row,
    query::Query,
    report::{Exposure, Person},
};
use crate::{csv_text::Table, evidence::Party};

/// Writes the people whose mail went through the relay, senders before recipients.
pub fn people(out: &mut dyn io::Write, exposure: &Exposure) -> io::Result<()> {
    let mut table = Table::new(out);
    table.record([
        "role",
        "address",
        "known_by",
        "proof",
        "before_the_change",
        "window",
        "tail",
        "outside",
        "refused",
        "claimed",
        "first_arrival",
        "last_arrival",
        "from",
        "by_other_ways",
    ])?;
    for sender in &exposure.senders {
        let known_by = if sender.by_author { "from" } else { "envelope" };
        let mut authors = sender.authors.join(" ");
        if sender.more_authors {
            authors.push_str(" …");
        }
        row(&mut table, "sender", &sender.person, known_by, &authors, &sender.normal.to_string())?;
    }
    for recipient in &exposure.recipients {
        row(&mut table, "recipient", recipient, "envelope", "", "")?;
    }
    table.finish().map(drop)
}

fn row<W: io::Write>(
    table: &mut Table<W>,
    role: &str,
    person: &Person,
    known_by: &str,
    authors: &str,
    normal: &str,
) -> io::Result<()> {
    let address = match (&person.address, person.forgotten) {
        (Some(address), _) => address.clone(),
        (None, number) => format!("(forgotten {})", number.unwrap_or_default()),
    };
    let recorded = person.is_exposed() || person.outside > 0;
    let counts = [person.pre_window, person.window, person.tail, person.outside, person.refused, person.claimed]
        .map(|count| count.to_string());
    let [pre_window, window, tail, outside, refused, claimed] = &counts;
    let proof = if recorded { "recorded" } else { "claimed" };
    table.record([
        role,
        &address,
        known_by,
        proof,
        pre_window,
        window,
        tail,
        outside,
        refused,
        claimed,
        &person.first.iso(),
        &person.last.iso(),
        authors,
        normal,
    ])
}

/// Writes messages through the relay one by one.
pub struct MessageTable<'q, W: io::Write> {
    table: Table<W>,
    query: &'q Query,
}

impl<W: io::Write> std::fmt::Debug for MessageTable<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageTable(..)")
    }
}

impl<'q, W: io::Write> MessageTable<'q, W> {
    /// Begins with the names of the columns.
    pub fn new(out: W, query: &'q Query) -> io::Result<Self> {
        let mut table = Table::new(out);
        table.record([
            "number",
            "arrived",
            "written",
            "segment",
            "proof",
            "action",
            "sender",
            "known_by",
            "envelope_sender",
            "from",
            "recipients",
            "message_id",
            "queue_id",
            "relay_address",
            "relay_helo",
            "source",
            "offset",
        ])?;
        Ok(Self { table, query })
    }

    /// Writes a message.
    pub fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        let message = row.message;
        let moment = |second| self.query.zone.moment(second).iso();
        fn of(text: &Option<String>) -> &str {
            text.as_deref().unwrap_or_default()
        }
        fn party(party: &Option<Party>) -> &str {
            party.as_ref().map_or("", |party| party.address.as_deref().unwrap_or("(forgotten)"))
        }
        let recipients: Vec<&str> =
            message.recipients.iter().map(|party| party.address.as_deref().unwrap_or("(forgotten)")).collect();
        let relay = message.hops.get(row.crossing.hop);
        let address = relay.and_then(|hop| hop.ip).map(|ip| ip.to_string()).unwrap_or_default();
        let offset = message.offset.map(|offset| offset.to_string()).unwrap_or_default();
        self.table.record([
            &*message.id.to_string(),
            &moment(message.time),
            &moment(row.written),
            row.segment.as_str(),
            row.crossing.proof.as_str(),
            message.action.map_or("", |action| action.as_str()),
            row.sender.as_deref().unwrap_or_default(),
            if row.by_author { "from" } else { "envelope" },
            party(&message.sender),
            party(&message.header_from),
            &recipients.join(" "),
            of(&message.message_id),
            of(&message.queue_id),
            &address,
            relay.map_or("", |hop| of(&hop.helo)),
            &message.source,
            &offset,
        ])
    }

    /// Ends it, and gives back what was written to.
    pub fn finish(self) -> io::Result<W> {
        self.table.finish()
    }
}
