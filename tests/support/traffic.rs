//! A running daemon that mail comes to all the time, handed over as an MTA does.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use relaywatch::{
    config::Address,
    ingest::milter::client::{Client, Transaction},
    message::HeaderSection,
};

use super::daemon::{Daemon, TOPOLOGY};

const ORDINARY: &[u8] = b"Received: from ws.sender.example (ws.sender.example [203.0.113.99])\n\
    \tby mx1.sender.example (Postfix) with ESMTPS id F383AAA44AD; Sun, 22 Nov 2026 12:03:15 +0000 (UTC)\n\
    From: alice@sender.example\nSubject: hello\n\n";

/// The hijacker vouches for itself.
const HIJACKED: &[u8] = b"X-Relaywatch: clean\nFrom: alice@sender.example\nSubject: hello\n\n";

/// The mail goes on until this is dropped.
pub(crate) struct Traffic {
    daemon: Daemon,
    hijack: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
}

impl Traffic {
    /// Starts a daemon that knows its topology, and ordinary mail to it.
    pub(crate) fn start() -> Self {
        let ingress =
            "[[ingress]]\nrecipients = [\"coincheck.com\"]\nmay_pass = [\"203.0.113.0/24\", \"45.77.24.250\"]\n";
        let daemon = Daemon::start(&format!("{TOPOLOGY}{ingress}"));
        let socket = Address::Unix(daemon.socket());
        let (hijack, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (asked, stopped) = (Arc::clone(&hijack), Arc::clone(&stop));
        let sender = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                while !stopped.load(Ordering::Relaxed) {
                    send(&socket, "203.0.113.10", "mx1.sender.example", ORDINARY).await;
                    if asked.swap(false, Ordering::Relaxed) {
                        send(&socket, "45.77.24.250", "mail.coincheck.com", HIJACKED).await;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        });
        Self { daemon, hijack, stop, sender: Some(sender) }
    }

    /// Where /metrics is.
    pub(crate) fn metrics_address(&self) -> SocketAddr {
        self.daemon.http_address()
    }

    /// Lets one hijacked mail come, with a forged field of ours.
    pub(crate) fn hijack(&self) {
        self.hijack.store(true, Ordering::Relaxed);
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A sender that panicked has said so; the test fails for want of mail.
        let _ = self.sender.take().map(JoinHandle::join);
    }
}

async fn send(socket: &Address, ip: &str, name: &str, mail: &[u8]) {
    let headers = HeaderSection::read(mail, mail.len());
    let mail = Transaction {
        peer_ip: ip.parse::<IpAddr>().ok(),
        peer_name: None,
        peer_ptr: None,
        helo: name,
        tls_version: Some("TLSv1.3"),
        authenticated: None,
        mail_from: "alice@sender.example",
        recipients: &["bob@coincheck.com"],
        queue_id: "4Yk2Pz1s",
        border: "gw.coincheck.com",
        headers: &headers,
    };
    let mut client = Client::connect(socket).await.expect("the daemon takes connections");
    client.send(&mail).await.expect("the daemon answers");
    client.quit().await.expect("the daemon hears the end");
}
