//! The eight mails of the replay of 2020, as their senders handed them to the gateway.
//!
//! They are the cases of tests/mail without what the gateway and the mailbox wrote on top: a milter does not see that,
//! and the Postfix of the test writes its own.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use super::smtp::{Client, Smtp};

/// A mail, the host that brings it, and what must be said of it.
#[derive(Debug)]
pub(crate) struct Mail {
    /// Its folder in tests/mail.
    pub(crate) case: &'static str,
    /// The subject that tests/e2e/replay.sh gives it.
    pub(crate) subject: &'static str,
    /// The host that hands it to the gateway.
    pub(crate) client: Client,
    /// The envelope sender.
    pub(crate) sender: &'static str,
    /// The outside host that the verdict names.
    pub(crate) peer: &'static str,
    /// Whether it came through the attacker.
    pub(crate) hijacked: bool,
}

const SENDER: Client = Client { ip: "203.0.113.10", name: "mx1.sender.example", helo: "mx1.sender.example" };
const FORWARDER: Client = Client { ip: "192.0.2.25", name: "mx.fwd.example", helo: "mx.fwd.example" };
const LIST: Client = Client { ip: "192.0.2.30", name: "mail.lists.example", helo: "mail.lists.example" };
const BACKUP: Client = Client { ip: "198.51.100.7", name: "mx2.coincheck.com", helo: "mx2.coincheck.com" };

/// The relay of 2020.
pub(crate) const ATTACKER: Client =
    Client { ip: "45.77.24.250", name: "45.77.24.250.vultrusercontent.com", helo: "mail.coincheck.com" };

/// The one who writes most mails.
pub(crate) const ALICE: &str = "alice@sender.example";

/// The one who gets every mail.
pub(crate) const BOB: &str = "bob@coincheck.com";

/// All eight, in the order of the replay.
pub(crate) const REPLAY: [Mail; 8] = [
    Mail { case: "01-replay-direct", subject: "direct", ..ordinary() },
    Mail { case: "02-replay-forwarded", subject: "forwarded", client: FORWARDER, peer: FORWARDER.ip, ..ordinary() },
    Mail {
        case: "03-replay-list",
        subject: "list",
        client: LIST,
        sender: "owner-dev@mail.lists.example",
        peer: LIST.ip,
        ..ordinary()
    },
    // The backup MX is one of ours: the verdict is about who handed the mail to it.
    Mail { case: "04-replay-backup-mx", subject: "backup_mx", client: BACKUP, ..ordinary() },
    Mail { case: "05-replay-hijacked", subject: "hijacked", ..hijacked() },
    Mail { case: "06-replay-hijacked-stripped", subject: "hijacked_stripped", ..hijacked() },
    Mail { case: "07-replay-hijacked-tls", subject: "hijacked_tls", ..hijacked() },
    Mail { case: "08-replay-direct-after", subject: "direct_after", ..ordinary() },
];

/// An ordinary mail, straight from its sender.
pub(crate) const fn ordinary() -> Mail {
    Mail {
        case: "01-replay-direct",
        subject: "direct",
        client: SENDER,
        sender: ALICE,
        peer: SENDER.ip,
        hijacked: false,
    }
}

/// A mail that came through the attacker.
pub(crate) const fn hijacked() -> Mail {
    Mail { case: "05-replay-hijacked", client: ATTACKER, peer: ATTACKER.ip, hijacked: true, ..ordinary() }
}

impl Mail {
    /// The mail as it is sent, with a Message-ID of its own; both.
    pub(crate) fn message(&self) -> (String, Vec<u8>) {
        let id = fresh_id();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail").join(self.case).join("message.eml");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // On top stand three fields of the mailbox, then the gateway's own Received with its folds.
        let mut received = 0;
        let lines = text.lines().skip_while(|line| {
            received += usize::from(line.starts_with("Received:"));
            received < 2 && !line.starts_with("Date:")
        });
        let message: String =
            lines
                .map(|line| {
                    if line.starts_with("Message-Id:") { format!("Message-Id: <{id}>\n") } else { format!("{line}\n") }
                })
                .collect();
        assert!(message.contains(&id) && !message.contains("gw.coincheck.com"), "{}:\n{message}", file.display());
        (id, message.into_bytes())
    }
}

/// A short mail with these fields above the usual ones; its Message-ID, then its bytes.
pub(crate) fn with_fields(fields: &[u8]) -> (String, Vec<u8>) {
    let id = fresh_id();
    let rest = format!("From: {ALICE}\nTo: {BOB}\nSubject: test\nMessage-Id: <{id}>\n\nHello.\n");
    (id, [fields, rest.as_bytes()].concat())
}

/// Sends a short mail in an open session, which must be taken; its Message-ID.
pub(crate) fn send_plain(session: &mut Smtp) -> String {
    let (id, message) = with_fields(b"");
    let reply = session.send(ALICE, &[BOB], &message);
    assert_eq!(reply.code, 250, "{reply:?}");
    id
}

/// A Message-ID that no other mail of this test has.
fn fresh_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}.{}@sender.example", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
