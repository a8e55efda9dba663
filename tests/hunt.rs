//! The evidence store and an archive of the same mail give the same answer to a hunt, and it is the planted one.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

#[path = "support/stream/mod.rs"]
mod stream;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use stream::{Config, Stream, Way};

fn relaywatch(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relaywatch"));
    command.current_dir(folder).args(arguments.split(' ').filter(|word| !word.is_empty()));
    command.output().unwrap()
}

/// What a hunt says: offset, time and sender of each message.
fn found(output: &Output) -> BTreeSet<(u64, i64, String)> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let said = |line: &str| {
        let passage: Value = serde_json::from_str(line).unwrap();
        assert_eq!(passage["schema"], "relaywatch.passage/1");
        let sender = passage["sender"].to_string();
        (passage["source"]["offset"].as_u64().unwrap(), passage["time"].as_i64().unwrap(), sender)
    };
    text.lines().map(said).collect()
}

#[test]
fn store_and_archive_give_the_same_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut mbox = BufWriter::new(File::create(folder.path().join("mail.mbox")).unwrap());
    let (mut planted, mut decoys) = (0, 0);
    for mail in Stream::new(Config::with_messages(2_000)) {
        planted += usize::from(mail.way == Way::Relay);
        decoys += usize::from(mail.way != Way::Relay && memchr::memmem::find(&mail.headers, b"45.77.24.250").is_some());
        mail.write_mbox(&mut mbox, 100).unwrap();
    }
    mbox.into_inner().unwrap().flush().unwrap();
    assert!(planted >= 303 && decoys >= 7, "{planted} {decoys}");
    let ours = "--our-domain coincheck.com --our-network 198.51.100.5 --our-network 198.51.100.7";
    let scanned = relaywatch(folder.path(), &format!("scan --record --store evidence.db -q {ours} mail.mbox"));
    assert_eq!(scanned.status.code(), Some(1), "{}", String::from_utf8_lossy(&scanned.stderr));

    for wanted in ["45.77.24.250", "45.77.24.0/24", "mail.coincheck.com", "host:mail.coincheck.com", "198.51.100.7"] {
        let archive = relaywatch(folder.path(), &format!("hunt {wanted} --format jsonl -q {ours} --in mail.mbox"));
        let store = relaywatch(folder.path(), &format!("hunt {wanted} --format jsonl -q --store evidence.db"));
        assert_eq!((archive.status.code(), store.status.code()), (Some(1), Some(1)), "{wanted}");
        let (archive, store) = (found(&archive), found(&store));
        assert_eq!(archive, store, "{wanted}");
        if wanted == "45.77.24.250" {
            assert_eq!(store.len(), planted + decoys);
        }
    }

    let part = "hunt 45.77.24.250 --since 2020-05-31T00:05+09:00 --until 2020-06-01T00:00+09:00 --count";
    let archive = relaywatch(folder.path(), &format!("{part} {ours} --in mail.mbox"));
    let store = relaywatch(folder.path(), &format!("{part} --store evidence.db"));
    assert_eq!(archive.stdout, store.stdout);
    let nobody = relaywatch(folder.path(), "hunt 192.0.2.250 --count --store evidence.db");
    assert_eq!((nobody.status.code(), nobody.stdout.as_slice()), (Some(0), b"0\n".as_slice()));
    let missing = relaywatch(folder.path(), "hunt 192.0.2.250 --store none.db");
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("none.db: there is none"));
}
