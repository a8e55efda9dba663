//! One mail handed to the daemon as an MTA does, with whatever a hostile client can say; no Postfix cleans it up first.

use std::io;

use relaywatch::{
    ingest::{
        Ruling,
        milter::client::{Client, Transaction},
    },
    message::HeaderSection,
};

use super::{
    daemon::Daemon,
    mails::{ALICE, ATTACKER, BOB, Mail},
};

/// The MTA's queue id of every such mail: an MTA uses one again, too.
pub(crate) const QUEUE_ID: &str = "4Yk2Pz1s";

/// Hands over what `mail` says, on a connection of its own; nothing where the daemon goes away.
fn try_hand_over(daemon: &Daemon, mail: &Transaction<'_>) -> io::Result<Ruling> {
    let socket = relaywatch::config::Address::Unix(daemon.socket());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut client = Client::connect(&socket).await?;
        let ruling = client.send(mail).await?;
        client.quit().await?;
        Ok(ruling)
    })
}

/// Hands over what `mail` says, on a connection of its own.
pub(crate) fn hand_over(daemon: &Daemon, mail: &Transaction<'_>) -> Ruling {
    try_hand_over(daemon, mail).expect("the daemon answers")
}

/// A mail of the replay.
pub(crate) fn replay(daemon: &Daemon, mail: &Mail) -> Ruling {
    try_replay(daemon, mail).expect("the daemon answers")
}

/// A mail of the replay, which the daemon may not live to answer.
pub(crate) fn try_replay(daemon: &Daemon, mail: &Mail) -> io::Result<Ruling> {
    let (_, message) = mail.message();
    let headers = HeaderSection::read(&message, message.len());
    let Mail { client, sender, .. } = mail;
    let helo = client.helo;
    let from = Transaction { peer_ip: client.ip.parse().ok(), peer_name: Some(client.name), ..hijacker(&headers) };
    try_hand_over(daemon, &Transaction { helo, mail_from: sender, ..from })
}

/// What the relay of 2020 says, with these header fields.
pub(crate) fn hijacker(headers: &HeaderSection) -> Transaction<'_> {
    Transaction {
        peer_ip: ATTACKER.ip.parse().ok(),
        peer_name: None,
        peer_ptr: None,
        helo: ATTACKER.helo,
        tls_version: None,
        authenticated: None,
        mail_from: ALICE,
        recipients: &[BOB],
        queue_id: QUEUE_ID,
        border: "gw.coincheck.com",
        headers,
    }
}
