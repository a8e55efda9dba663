//! What kind of hop a field states.
//!
//! Takes the clauses, the client and the dialect; says whether the mail came from another host, or whether the host wrote of
//! itself. A client can say `localhost` as its HELO: what is local only by such words is hearsay, and marked.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    bytes::{find, starts},
    client::{Client, Literal},
    dialects::Dialect,
    tokens::{Clauses, Place},
};

/// What kind of hop a field states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HopKind {
    /// The mail was taken from another host over a network.
    Transfer,
    /// Bookkeeping within one host: pickup, re-injection, list expansion.
    Local,
    /// It cannot be told which.
    Opaque,
    /// The field could not be read.
    #[default]
    Unparsed,
}

impl HopKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Transfer, Self::Local, Self::Opaque, Self::Unparsed];

    /// The name used in output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Local => "local",
            Self::Opaque => "opaque",
            Self::Unparsed => "unparsed",
        }
    }
}

/// What kind of hop it is, and whether that is hearsay (see [`Received::hearsay`]).
pub(super) fn kind(
    clauses: &Clauses<'_>,
    client: &Client<'_>,
    by_ip: Option<IpAddr>,
    dialect: Option<&Dialect>,
    dated: bool,
) -> (HopKind, bool) {
    let said_nothing = !clauses.from.stated && !clauses.by.stated && !clauses.id.stated;
    if said_nothing && clauses.comments.iter().next().is_none() && !dated {
        return (HopKind::Unparsed, false);
    }
    // Where two clients are stated, what sounds local may be what the real one said.
    if !client.disputed {
        let same_host = client.ip.is_some_and(|ip| ip.is_loopback() || Some(ip) == by_ip);
        let no_client = client.ip.is_none();
        let is_internal = || dialect.and_then(|dialect| dialect.internal).is_some_and(|internal| internal(clauses));
        if same_host || (no_client && (host_says_local(clauses) || is_internal())) {
            return (HopKind::Local, false);
        }
        if no_client && from_says_local(clauses) {
            // A dialect that states the address of every real client states none here by its own will.
            let states_addresses = dialect.is_some_and(|dialect| dialect.literal == Literal::Recorded);
            return (HopKind::Local, !states_addresses);
        }
    }
    // A mailbox is no host. Who posts by HTTP is a client of whom nothing else may be known (Mailgun, Google's web mail).
    let host = client.helo.is_some_and(|helo| !helo.contains(&b'@'));
    let http = starts(clauses.with.word, b"HTTP");
    let has_client = client.ip.is_some() || host || client.rdns.is_some() || http;
    (if has_client { HopKind::Transfer } else { HopKind::Opaque }, false)
}

/// Whether the receiving host says in its own words that the mail came from a process or a user of the same host.
fn host_says_local(clauses: &Clauses<'_>) -> bool {
    let with = clauses.with.word;
    starts(with, b"local")
        || starts(with, b"TransportReplication")
        || starts(with, b"qmail-scanner")
        // LISTSERV, of what it sends to its lists
        || starts(with, b"spool")
        || [b"listexpand".as_slice(), b"spool", b"dmail"].iter().any(|word| starts(clauses.via.word, word))
        || matches!(clauses.by.word, b"uid" | b"simscan")
        || holds(clauses.head.text, b"queue ")
        || holds(clauses.by.text, b" by uid ")
        || clauses.comments.iter().any(|comment| match comment.place {
            Place::Head => {
                holds(comment.text, b" invoked ")
                    || holds(comment.text, b" by uid ")
                    || starts(comment.text, b"from ")
                    || holds(comment.text, b"majordomo")
                    || starts(comment.text, b"Haraka outbound")
                    // debbugs: `(at 691896) by bugs.example.org`, `(at submit) by ..`
                    || starts(comment.text, b"at ")
            }
            Place::By => {
                holds(comment.text, b"from userid")
                    || comment.text.ends_with(b"/Submit")
                    || holds(comment.text, b"invoked ")
                    || holds(comment.text, b" by uid ")
                    || starts(comment.text, b"sSMTP")
            }
            _ => false,
        })
}

/// Whether the `from` clause says so; a host that writes no address would write the same of a client's HELO.
fn from_says_local(clauses: &Clauses<'_>) -> bool {
    clauses.from.text == b"mail pickup service"
        || (clauses.from.text == b"localhost" && clauses.comments_in(Place::From).all(|c| starts(c, b"router,")))
        // Dovecot, whose client came over a UNIX socket and gave the host's own name.
        || (starts(clauses.with.word, b"LMTP") && clauses.from.text == clauses.by.word)
        || clauses.comments_in(Place::From).any(|comment| {
            let uid = comment.strip_prefix(b"uid ".as_slice());
            uid.is_some_and(|uid| uid.iter().all(u8::is_ascii_digit))
                || comment.ends_with(b"@localhost")
                || comment.ends_with(b" [local]")
                // Sendmail: `localhost [[UNIX: localhost]]`
                || holds(comment, b" [[UNIX: ")
                || holds(comment, b" from userid ")
                || [b"localhost".as_slice(), b"[localhost]", b"[local]"].contains(&comment)
        })
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    find(text, part).is_some()
}
