//! An MTA that hands mail over and takes note of each answer and of how long it took.

use std::{io, net::IpAddr, time::Duration};

use relaywatch::{
    clock::Stopwatch,
    config::Address,
    ingest::{
        Ruling,
        milter::client::{Client, Transaction},
    },
    message::HeaderSection,
    policy::Action,
};
use tokio::runtime::Runtime;

/// What is handed over.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) peer: Option<IpAddr>,
    pub(crate) helo: String,
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) headers: HeaderSection,
}

impl Letter {
    /// An ordinary one.
    pub(crate) fn ordinary() -> Self {
        Self::of_size(0)
    }

    /// One with so many hops more, so that what is kept of it is large.
    pub(crate) fn of_size(hops: usize) -> Self {
        let mut headers = b"Received: from ws.sender.example (ws.sender.example [203.0.113.99])\n\
            \tby mx1.sender.example (Postfix) with ESMTPS id F383AAA44AD; Sun, 22 Nov 2026 12:03:15 +0000 (UTC)\n"
            .to_vec();
        for hop in 0..hops {
            let name = format!("host{hop}.{}.example", "inside".repeat(8));
            let line = format!(
                "Received: from {name} ({name} [10.1.2.{}])\n\tby next.{name} (Postfix) with ESMTP id F0; Sun, 22 Nov 2026 12:03:15 +0000 (UTC)\n",
                hop % 250
            );
            headers.extend(line.as_bytes());
        }
        headers.extend(b"From: alice@sender.example\nSubject: hello\n\n");
        Self {
            peer: "203.0.113.10".parse().ok(),
            helo: "mx1.sender.example".to_owned(),
            sender: "alice@sender.example".to_owned(),
            recipients: vec!["bob@coincheck.com".to_owned()],
            headers: HeaderSection::read(&headers, headers.len()),
        }
    }
}

/// One connection of an MTA.
pub(crate) struct Mta {
    runtime: Runtime,
    client: Client,
}

impl Mta {
    /// Connects; an error where nobody listens.
    pub(crate) fn connect(address: &Address) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(Client::connect(address))?;
        Ok(Self { runtime, client })
    }

    /// Hands a letter over; gives the answer at its end.
    pub(crate) fn send(&mut self, queue_id: &str, letter: &Letter) -> io::Result<Ruling> {
        let recipients: Vec<&str> = letter.recipients.iter().map(String::as_str).collect();
        let mail = Transaction {
            peer_ip: letter.peer,
            peer_name: None,
            peer_ptr: None,
            helo: &letter.helo,
            tls_version: Some("TLSv1.3"),
            authenticated: None,
            mail_from: &letter.sender,
            recipients: &recipients,
            queue_id,
            border: "gw.coincheck.com",
            headers: &letter.headers,
        };
        self.runtime.block_on(self.client.send(&mail))
    }

    /// Hands a letter over that must be accepted; says how long the answer took.
    pub(crate) fn accepted(&mut self, queue_id: &str, letter: &Letter) -> Duration {
        let watch = Stopwatch::start();
        let ruling = self.send(queue_id, letter).unwrap_or_else(|error| panic!("no answer for {queue_id}: {error}"));
        assert_eq!(ruling.action, Action::Accept, "{queue_id}");
        watch.elapsed()
    }
}
