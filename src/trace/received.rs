//! One `Received` field, read.
//!
//! Takes one value (folds may still be in it, and bytes need not be UTF-8), gives what it says. The clauses come from
//! `tokens`, the dialect from `dialects`, the client from `client`, encryption from `tls`; what is left to do here is to
//! say what kind of hop it is.

use std::borrow::Cow;

use memchr::memchr3;

use super::{
    HopKind, Received,
    client::{self, Client, Literal, Naming},
    date,
    dialects::{self, Dialect},
    remark, tls,
    tokens::{Clause, Clauses, Place},
};

/// Reads one field value. It never fails: what cannot be read is [`HopKind::Unparsed`].
pub fn read(value: &[u8]) -> Received<'_> {
    let mut clauses = Clauses::read(value);
    let mut time = clauses.date.and_then(date::read);
    if clauses.from.stated && !clauses.by.stated && clauses.date.is_some() && time.is_none() {
        // The only `;` stands in the HELO: it is not the date's.
        clauses = Clauses::read_without_date(value);
        time = clauses.date.and_then(date::read);
    }
    let dialect = dialects::find(&clauses);
    let naming = dialect.map_or(Naming::Helo, |dialect| dialect.naming);
    let literal = dialect.map_or(Literal::Recorded, |dialect| dialect.literal);
    let client = client::read(&clauses, naming, literal);
    let host = host(&clauses.by);
    let by_ip = by_ip(&clauses, host);
    let (kind, hearsay) = kind(&clauses, &client, by_ip, dialect, time.is_some());
    // A local user's name stands where else the client's would.
    let local_user = kind == HopKind::Local && (host_says_local(&clauses) || from_says_local(&clauses));
    // An HTTP client says no HELO; SendGrid writes its account there (`from NDIyODM5NTc (unknown) by .. with HTTP`).
    let account = clauses.with.word.get(..4).is_some_and(|with| with.eq_ignore_ascii_case(b"HTTP"));
    let nobody = client.ip.is_none() && (local_user || account);
    let (tls, tls_version) = tls::read(&clauses);
    let value = Value::new(value);
    let text = |part| value.part(part);
    Received {
        kind,
        hearsay,
        dialect: dialect.map(|dialect| dialect.name),
        helo: client.helo.filter(|_| !nobody).map(text),
        rdns: client.rdns.filter(|_| !nobody).map(text),
        ip: client.ip,
        by: host.map(text),
        by_ip,
        with: protocol(&clauses.with).map(text),
        id: word_of(&clauses.id).map(text),
        recipient: word_of(&clauses.recipient).map(text),
        time,
        tls,
        tls_version,
    }
}

/// The receiving host's token. `by uid 71` names no host, and indimail writes `by host mx.example.org`.
fn host<'a>(by: &Clause<'a>) -> Option<&'a [u8]> {
    let mut words = by.text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    match (by.word, words.nth(1)) {
        (b"" | b"uid", _) => None,
        (b"host", Some(host)) => Some(host),
        (word, _) => Some(word),
    }
}

/// The receiving host's own address.
///
/// Openwave puts its build number (`(7.3.105.6)`) where Exchange puts the address, but names no protocol.
fn by_ip(clauses: &Clauses<'_>, host: Option<&[u8]>) -> Option<std::net::IpAddr> {
    let named = host.and_then(remark::address);
    // MDaemon: `by host [address] with SMTP`.
    let behind = || remark::split_address(clauses.by.text).1.filter(|_| clauses.by.text.ends_with(b"]"));
    named.or_else(behind).or_else(|| {
        let comment = clauses.comments_in(Place::By).next()?;
        let bracketed = comment.contains(&b'[');
        let plain = clauses.with.stated || clauses.comments_in(Place::From).any(|c| c.starts_with(b"mailfrom:"));
        (bracketed || plain).then(|| remark::peer(comment)?.ip).flatten()
    })
}

/// The protocol as written, without a comment that nobody closed; qmail's TLS patch writes `with (CIPHER encrypted) ESMTPS`.
fn protocol<'a>(with: &Clause<'a>) -> Option<&'a [u8]> {
    let text = if with.text.is_empty() { with.behind } else { with.text };
    let end = memchr::memmem::find(text, b" (").unwrap_or(text.len());
    text.get(..end).map(<[u8]>::trim_ascii_end).filter(|text| !text.is_empty())
}

/// The first word of a clause without the angle brackets of an id or a path.
fn word_of<'a>(clause: &Clause<'a>) -> Option<&'a [u8]> {
    let mut word = clause.word;
    while let [b'<', inside @ ..] = word {
        word = inside;
    }
    while let [inside @ .., b'>' | b',' | b';'] = word {
        word = inside;
    }
    (!word.is_empty()).then_some(word)
}

/// What kind of hop it is, and whether that is hearsay (see [`Received::hearsay`]).
fn kind(
    clauses: &Clauses<'_>,
    client: &Client<'_>,
    by_ip: Option<std::net::IpAddr>,
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
        let scanner = clauses.with.word.starts_with(b"qmail-scanner");
        let no_client = client.ip.is_none();
        if same_host || scanner || (no_client && (host_says_local(clauses) || is_internal(clauses, dialect))) {
            return (HopKind::Local, false);
        }
        if no_client && from_says_local(clauses) {
            // A dialect that states the address of every real client states none here by its own will.
            let states_addresses = dialect.is_some_and(|dialect| dialect.literal == Literal::Recorded);
            return (HopKind::Local, !states_addresses);
        }
    }
    let has_client = client.ip.is_some() || client.helo.is_some() || client.rdns.is_some();
    (if has_client { HopKind::Transfer } else { HopKind::Opaque }, false)
}

fn starts(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// Whether the receiving host says in its own words that the mail came from a process or a user of the same host.
fn host_says_local(clauses: &Clauses<'_>) -> bool {
    let with = clauses.with.word;
    starts(with, b"local")
        || starts(with, b"TransportReplication")
        || [b"listexpand".as_slice(), b"spool", b"dmail"].iter().any(|word| starts(clauses.via.word, word))
        || matches!(clauses.by.word, b"uid" | b"simscan")
        || holds(clauses.head.text, b"queue ")
        || holds(clauses.by.text, b" by uid ")
        || clauses.comments.iter().any(|comment| match comment.place {
            Place::Head => {
                holds(comment.text, b" invoked ") || starts(comment.text, b"from ") || holds(comment.text, b"majordomo")
            }
            Place::By => {
                holds(comment.text, b"from userid")
                    || comment.text.ends_with(b"/Submit")
                    || holds(comment.text, b"invoked ")
                    || starts(comment.text, b"sSMTP")
            }
            _ => false,
        })
}

/// Whether the `from` clause says so; a host that writes no address would write the same of a client's HELO.
fn from_says_local(clauses: &Clauses<'_>) -> bool {
    clauses.from.text == b"mail pickup service"
        || (clauses.from.text == b"localhost" && clauses.comments_in(Place::From).next().is_none())
        || clauses.comments_in(Place::From).any(|comment| {
            let uid = comment.strip_prefix(b"uid ".as_slice());
            uid.is_some_and(|uid| uid.iter().all(u8::is_ascii_digit))
                || comment.ends_with(b"@localhost")
                || [b"localhost".as_slice(), b"[localhost]", b"[local]"].contains(&comment)
        })
}

/// Hops without a client that a dialect writes within itself: Postfix's pickup and bounces, Google's inner relays.
fn is_internal(clauses: &Clauses<'_>, dialect: Option<&Dialect>) -> bool {
    let within = !clauses.from.stated && clauses.by.stated;
    match dialect.map(|dialect| dialect.name) {
        Some("postfix") => within && !clauses.with.stated && clauses.comments_in(Place::Head).next().is_none(),
        Some("google") => within && clauses.with.word == b"SMTP",
        _ => false,
    }
}

/// A field's value, which is checked once for what must not be in a text.
struct Value<'a> {
    bytes: &'a [u8],
    text: Option<&'a str>,
    folded: bool,
}

impl<'a> Value<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, text: str::from_utf8(bytes).ok(), folded: memchr3(b'\r', b'\n', b'\t', bytes).is_some() }
    }

    /// A part of the value as text: folds become one blank; what is not UTF-8 becomes U+FFFD.
    fn part(&self, part: &'a [u8]) -> Cow<'a, str> {
        let folded = || part.iter().any(|b| matches!(b, b'\r' | b'\n' | b'\t'));
        match self.slice(part) {
            Some(text) if !self.folded || !folded() => Cow::Borrowed(text),
            _ => Cow::Owned(String::from_utf8_lossy(part).split_ascii_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }

    /// The same bytes out of the text that was checked already.
    fn slice(&self, part: &[u8]) -> Option<&'a str> {
        let start = part.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr())?;
        let slice = self.text?.get(start..start.checked_add(part.len())?)?;
        std::ptr::eq(slice.as_bytes(), part).then_some(slice)
    }
}
