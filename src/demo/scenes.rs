//! The mails of the demonstration: what each shows, who brings it, and the mail itself.
//!
//! Made from a replay of the 2020 hijack with real Postfix servers. No header of the real incident is public: every mail
//! marked as a reconstruction is one. The border's own `Received` field is not in them, since a milter never sees it.

use crate::{clock::Timestamp, message::HeaderSection};

/// One mail and the SMTP client that brings it.
pub(super) struct Scene {
    /// What it shows.
    pub title: &'static str,
    /// Whether it stands for mail of the incident.
    pub reconstruction: bool,
    /// The address of the client that brings it.
    pub ip: &'static str,
    /// The client's verified name.
    pub name: &'static str,
    /// What the client says in EHLO.
    pub helo: &'static str,
    /// The TLS version of the session, as Postfix writes it.
    pub tls: Option<&'static str>,
    /// The envelope sender.
    pub sender: &'static str,
    mail: &'static str,
}

/// Every mail, in the order shown.
pub(super) const SCENES: &[Scene] = &[
    Scene { title: "An ordinary mail, straight from its sender", mail: include_str!("mails/direct.eml"), ..sender() },
    Scene {
        title: "The same sender, by way of a forwarding address",
        ip: "192.0.2.25",
        name: "mx.fwd.example",
        helo: "mx.fwd.example",
        mail: include_str!("mails/forwarded.eml"),
        ..sender()
    },
    Scene {
        title: "A mailing list",
        ip: "192.0.2.30",
        name: "mail.lists.example",
        helo: "mail.lists.example",
        sender: "owner-dev@lists.example",
        mail: include_str!("mails/list.eml"),
        ..sender()
    },
    Scene {
        title: "Our own backup MX, which kept a mail for three minutes",
        ip: "198.51.100.7",
        name: "mx2.coincheck.com",
        helo: "mx2.coincheck.com",
        mail: include_str!("mails/backup_mx.eml"),
        ..sender()
    },
    Scene {
        title: "The hijack: DNS sends the mail to the attacker, who apparently relays it",
        tls: None,
        mail: include_str!("mails/hijacked.eml"),
        ..attacker()
    },
    Scene {
        title: "The hijack, and the relay takes its own line out of the trace",
        tls: None,
        mail: include_str!("mails/hijacked_stripped.eml"),
        ..attacker()
    },
    Scene { title: "The hijack over TLS from end to end", mail: include_str!("mails/hijacked_tls.eml"), ..attacker() },
    Scene {
        title: "The hijack with a name that says nothing and without the relay's own line",
        ip: "192.0.2.66",
        name: "edge7.transit.example",
        helo: "edge7.transit.example",
        mail: include_str!("mails/hijacked_neutral.eml"),
        ..attacker()
    },
    Scene {
        title: "After the DNS was put right: straight from the sender again",
        mail: include_str!("mails/direct_after.eml"),
        ..sender()
    },
];

const fn sender() -> Scene {
    Scene {
        title: "",
        reconstruction: false,
        ip: "203.0.113.10",
        name: "mx1.sender.example",
        helo: "mx1.sender.example",
        tls: Some("TLSv1.3"),
        sender: "alice@sender.example",
        mail: "",
    }
}

const fn attacker() -> Scene {
    Scene {
        reconstruction: true,
        ip: "45.77.24.250",
        name: "45.77.24.250.vultrusercontent.com",
        helo: "mail.coincheck.com",
        ..sender()
    }
}

impl Scene {
    /// The mail's header section with its times counted back from `now`: `@-3@` is three seconds ago.
    pub(super) fn headers(&self, now: Timestamp) -> HeaderSection {
        let mut text = String::with_capacity(self.mail.len() + 128);
        for (index, part) in self.mail.split('@').enumerate() {
            let ago = part.strip_prefix('-').and_then(|seconds| seconds.parse::<i64>().ok());
            match ago.and_then(|seconds| now.checked_sub(jiff::SignedDuration::from_secs(seconds)).ok()) {
                Some(time) => text.push_str(&time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()),
                None => {
                    let after_time = index > 0 && text.ends_with("+0000");
                    if index > 0 && !after_time {
                        text.push('@');
                    }
                    text.push_str(part);
                }
            }
        }
        HeaderSection::read(text.as_bytes(), text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_filled_in_and_addresses_stay() {
        let now = Timestamp::from_second(1_590_969_600).unwrap();
        for scene in SCENES {
            let headers = scene.headers(now);
            assert!(headers.breaks().is_empty(), "{}: {:?}", scene.title, headers.breaks());
            let all: String = headers.iter().map(|(_, field)| field.text()).collect();
            assert!(!all.contains("@-") && all.contains("alice@sender.example"), "{}: {all}", scene.title);
            assert!(all.contains("2020 "), "{}: {all}", scene.title);
        }
    }
}
