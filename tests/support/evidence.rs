//! Records of made-up mail, and what must hold of every store.

use std::{path::Path, time::Duration};

use relaywatch::{
    clock::Timestamp,
    config,
    evidence::{Circumstances, Durability, FILE, Ledger, Origin, Record, Store, privacy::Privacy},
    inspect::inspect_offline,
    message::{HeaderSection, RawMessage},
    policy::Action,
    session::Session,
};
use rusqlite::Connection;

/// When the mail of [`mail`] came.
pub(crate) const NOW: i64 = 1_590_894_002;
pub(crate) const DAY: i64 = 86_400;

pub(crate) fn open(folder: &Path, patience: Duration) -> Ledger {
    Ledger::new(Store::open(&folder.join(FILE), Durability::Normal, patience).unwrap()).unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A mail from somebody to somebody.
pub(crate) fn mail(sender: &str, recipients: &[&str]) -> RawMessage {
    let headers = format!(
        "Received: from mx1.sender.example (mx1.sender.example [203.0.113.10])\r\n\tby mail.coincheck.com (Postfix) with ESMTPS \
         (TLSv1.3) id 5; Sun, 31 May 2020 12:00:00 +0900\r\nFrom: Ann <{sender}>\r\nMessage-ID: <{sender}>\r\nSubject: I am {sender}\r\n\r\n"
    );
    RawMessage {
        headers: HeaderSection::read(headers.as_bytes(), 1 << 20),
        session: Some(Session {
            peer_ip: Some("45.77.24.250".parse().unwrap()),
            helo: Some("mail.coincheck.com".to_owned()),
            extended: true,
            tls_known: true,
            border: Some("gw.coincheck.com".to_owned()),
            queue_id: Some("Q".to_owned()),
            mail_from: Some(sender.to_owned()),
            recipients: recipients.iter().map(|to| (*to).to_owned()).collect(),
            time: Some(at(NOW)),
            ..Session::default()
        }),
        body: None,
    }
}

pub(crate) fn record(sender: &str, recipients: &[&str], privacy: &Privacy) -> Record {
    let message = mail(sender, recipients);
    let policy = config::defaults().policy;
    let report = inspect_offline(&message, &policy);
    let about = Circumstances { origin: Origin::Milter, now: at(NOW), action: Some(Action::Accept) };
    Record::of(&message, &report, &about, privacy)
}

/// References that lead nowhere. The tables' own, and those that SQLite does not know.
pub(crate) fn dangling(connection: &Connection) -> Vec<String> {
    let mut found = Vec::new();
    for (what, sql) in [
        ("foreign keys", "SELECT count(*) FROM pragma_foreign_key_check"),
        ("hops of paths", "SELECT count(*) FROM path p, json_each(p.hops) j WHERE j.value NOT IN (SELECT id FROM hop)"),
        ("path_hop of hops", "SELECT count(*) FROM path_hop WHERE hop NOT IN (SELECT id FROM hop)"),
        ("path_hop of paths", "SELECT count(*) FROM path_hop WHERE path NOT IN (SELECT id FROM path)"),
        (
            "hops of paths in path_hop",
            "SELECT count(*) FROM path p, json_each(p.hops) j \
             WHERE NOT EXISTS (SELECT 1 FROM path_hop WHERE hop = j.value AND path = p.id)",
        ),
        ("recipients", "SELECT count(*) FROM further_recipient WHERE message NOT IN (SELECT id FROM message)"),
        (
            "further recipients without a first",
            "SELECT count(*) FROM message WHERE recipient IS NULL AND id IN (SELECT message FROM further_recipient)",
        ),
        ("findings", "SELECT count(*) FROM finding WHERE message NOT IN (SELECT id FROM message)"),
        (
            "periods",
            "SELECT count(*) FROM (SELECT id >> 10 AS period, min(time) AS since, max(time) AS until FROM message GROUP BY 1) m \
             FULL JOIN period p ON p.id = m.period WHERE p.id IS NULL OR m.period IS NULL OR p.since <> m.since OR p.until <> m.until",
        ),
        ("remarks", "SELECT count(*) FROM remark WHERE message NOT IN (SELECT id FROM message)"),
    ] {
        let count: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        if count > 0 {
            found.push(format!("{what}: {count}"));
        }
    }
    found
}

/// Rows that nothing refers to, and that hold something: of two hashes that follow each other by chance the first leaves an empty row.
pub(crate) fn orphans(connection: &Connection) -> Vec<String> {
    let mut found = Vec::new();
    for (table, used) in [
        ("path", "SELECT path FROM message"),
        ("hop", "SELECT hop FROM path_hop"),
        ("source", "SELECT source FROM message"),
        (
            "address",
            "SELECT sender FROM message WHERE sender > 0 UNION SELECT header_from FROM message WHERE header_from > 0 \
             UNION SELECT address FROM recipient",
        ),
        (
            "name",
            "SELECT helo FROM hop WHERE helo > 0 UNION SELECT rdns FROM hop WHERE rdns > 0 UNION SELECT by FROM hop WHERE by > 0 \
             UNION SELECT message_host FROM message WHERE message_host > 0",
        ),
        ("protocol", "SELECT protocol FROM hop WHERE protocol > 0"),
    ] {
        let empty = match table {
            "name" => "name = ''",
            "address" => "address IS NULL",
            _ => "false",
        };
        let sql = format!("SELECT count(*) FROM {table} WHERE id NOT IN ({used}) AND NOT ({empty})");
        let count: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        if count > 0 {
            found.push(format!("{table}: {count}"));
        }
    }
    found
}

/// Whether any file of the store holds these bytes, in any case.
pub(crate) fn holds(folder: &Path, needle: &str) -> bool {
    let finder = memchr::memmem::Finder::new(needle.as_bytes());
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap().to_ascii_lowercase();
        finder.find(&bytes).is_some()
    })
}
