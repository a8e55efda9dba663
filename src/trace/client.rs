//! Who handed the mail over.
//!
//! Takes the `from` clause with its comments, gives what the client said (HELO), its verified name, and its address. MTAs
//! write the three in few ways, and a dialect differs only in what a name without explanation means ([`Naming`]) and in
//! whether an address that stands alone is the MTA's word or the client's ([`Literal`]):
//!
//! | form | HELO | verified name | address |
//! |---|---|---|---|
//! | `X (Y [A])`, `X (ident@Y [A])`, `X (Y[A])` | X | Y | A |
//! | `X ([A])`, `X (A)`, `X [A]` | X, or both | | A |
//! | `X ([A] helo=H)`, `X ([A]:25 "EHLO H" ..)`, `X (HELO H) ([A])`, `X (HELO H) (user@A)` | H | X | A |
//! | `[A] (helo=H)`, `A (EHLO H)`, `A (.. authenticated user ..)`, `[A]` | H | | A |
//! | `(H [A])` | H | | A |
//!
//! The client controls the HELO, the ident answer and, through its own DNS, the name. So an address is taken only from
//! where the receiving host writes it: the comment, in one of these exact forms. Where two places could be that and
//! disagree, somebody made one of them up, and the address is unknown rather than wrong.

use std::net::IpAddr;

use memchr::{memchr, memmem, memrchr};

use super::tokens::{Clauses, Place};
use crate::net;

/// What a single unexplained name in front of an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// What the client said (Postfix, Sendmail, Exchange, Google, and whoever does not say).
    Helo,
    /// The verified name, and the HELO too, because a different HELO would be shown (Exim, qmail, IronPort).
    Verified,
}

/// What an address is that stands in place of a name, without any other address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literal {
    /// The client's address as the MTA recorded it.
    Recorded,
    /// The client's HELO.
    Helo,
}

/// The client of a hop, as bytes of the field.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Client<'a> {
    /// What it said.
    pub(super) helo: Option<&'a [u8]>,
    /// Its verified name.
    pub(super) rdns: Option<&'a [u8]>,
    /// Its address.
    pub(super) ip: Option<IpAddr>,
    /// Whether the clause speaks of two clients, so that a part of it is the client's own invention.
    pub(super) disputed: bool,
}

/// What a comment says of a host.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) ip: Option<IpAddr>,
    name: &'a [u8],
    helo: Option<&'a [u8]>,
}

enum Remark<'a> {
    Peer(Peer<'a>),
    Helo(&'a [u8]),
    /// A port, the session's keys, a web interface's note of its user: the address may be in front of it.
    Note,
    /// Two addresses in a form that holds one.
    Contradiction,
    Other,
}

/// Reads the client from the `from` clause.
pub(super) fn read<'a>(clauses: &Clauses<'a>, naming: Naming, literal: Literal) -> Client<'a> {
    if clauses.rewritten {
        return Client { disputed: true, ..Client::default() };
    }
    if !clauses.from.stated {
        return read_head(clauses);
    }
    let mut peer: Option<Peer<'a>> = None;
    let (mut spoken, mut other, mut contradiction) = (None, None, false);
    for comment in clauses.comments_in(Place::From) {
        match remark(comment) {
            Remark::Peer(found) => match peer {
                None => peer = Some(found),
                Some(first) => contradiction |= first.ip != found.ip,
            },
            Remark::Helo(name) => spoken = spoken.or(Some(name)),
            Remark::Note => {}
            Remark::Contradiction => contradiction = true,
            Remark::Other => other = other.or(Some(comment)),
        }
    }
    let text = bare_text(clauses);
    // GMX: `name (EHLO said) [A]`.
    let behind = split_address(clauses.from.behind).1.filter(|_| clauses.from.behind.starts_with(b"["));
    contradiction |= peer.is_some_and(|peer| behind.is_some() && behind != peer.ip);
    if contradiction {
        return Client { helo: said(text), disputed: true, ..Client::default() };
    }
    let spoken = peer.and_then(|peer| peer.helo).or(spoken);
    if let Some(peer) = peer {
        let (helo, rdns) = match (peer.name, spoken) {
            (b"", None) if naming == Naming::Verified => (verified(text), text),
            (b"", None) => (said(text), b"".as_slice()),
            (b"", Some(_)) => (spoken, text),
            (name, None) if text.is_empty() => (Some(name), b"".as_slice()),
            (name, _) => (spoken.or(Some(text)), name),
        };
        return Client { helo: helo.and_then(said), rdns: verified(rdns), ip: peer.ip, disputed: false };
    }
    let (name, addressed) = match memmem::find(text, b" - ") {
        // IIS 4: `helo - A`.
        Some(dash) if clauses.with.text.starts_with(b"Microsoft SMTPSVC") => {
            let (name, ip) = text.split_at(dash);
            (name, ip.get(3..).and_then(address))
        }
        _ => split_address(text),
    };
    // `name (ehlo HELO [A])`: the one form with an address inside of that comment.
    if addressed.is_none()
        && behind.is_none()
        && let Some((said_name, Some(ip))) = spoken.map(split_address)
        && !said_name.is_empty()
    {
        return Client { helo: said(said_name), rdns: verified(name), ip: Some(ip), disputed: false };
    }
    let ip = match addressed {
        Some(ip) if !name.is_empty() => Some(ip),
        Some(ip) => Some(ip).filter(|_| other.is_none() && (literal == Literal::Recorded || spoken.is_some())),
        None => behind,
    };
    // Exim 2: `name (helo) [A]`, `(helo) [A]`.
    let unnamed = other.filter(|comment| !comment.iter().any(u8::is_ascii_whitespace));
    let spoken = spoken.or(unnamed.filter(|_| addressed.is_none() && ip.is_some()));
    let (helo, rdns) = match (ip, spoken) {
        (Some(_), _) if name.is_empty() => (spoken.and_then(said), None),
        (_, Some(spoken)) => (said(spoken), verified(name)),
        (Some(_), None) => (said(name), None),
        (None, None) => (said(text), None),
    };
    Client { helo, rdns, ip, disputed: false }
}

/// The text of the clause without what single dialects put behind the name.
fn bare_text<'a>(clauses: &Clauses<'a>) -> &'a [u8] {
    let text = clauses.from.text;
    // Cellopoint: `helo [(A)]`. Host Europe: `[A]; authenticated by host`.
    text.strip_suffix(b" [").or_else(|| text.strip_suffix(b"; authenticated")).unwrap_or(text)
}

/// `(from helo [A]) by ..` (Symantec, Mirapoint) and `(ofmipd A)`: the client stands in a comment before any keyword.
fn read_head<'a>(clauses: &Clauses<'a>) -> Client<'a> {
    let Some(text) = clauses.comments_in(Place::Head).next() else { return Client::default() };
    if let Some(text) = text.strip_prefix(b"from ") {
        let (name, ip) = split_address(text);
        return ip.map_or_else(Client::default, |_| Client { helo: said(name), ip, ..Client::default() });
    }
    Client { ip: text.strip_prefix(b"ofmipd ").and_then(address), ..Client::default() }
}

/// The host that a comment describes, when it is one of the forms that MTAs write.
pub(super) fn peer(comment: &[u8]) -> Option<Peer<'_>> {
    match remark(comment) {
        Remark::Peer(peer) => Some(peer),
        _ => None,
    }
}

fn remark(text: &[u8]) -> Remark<'_> {
    if let Some((greeting, rest)) = text.split_at_checked(4)
        && [b"HELO", b"EHLO", b"LHLO"].iter().any(|word| greeting.eq_ignore_ascii_case(*word))
    {
        match rest {
            [b' ', name @ ..] => return Remark::Helo(name),
            [b'=', name @ ..] => return Remark::Helo(first_word(name)),
            [] => return Remark::Helo(b""),
            _ => {}
        }
    }
    if text.starts_with(b"port=") {
        return behind(text, b" helo=").map_or(Remark::Note, |name| Remark::Helo(first_word(name)));
    }
    if text.starts_with(b"account ") {
        return behind(text, b" HELO ").map_or(Remark::Note, Remark::Helo);
    }
    if text.starts_with(b"using ")
        || text.starts_with(b"proxying for ")
        || memmem::find(text, b" authenticated user ").is_some()
    {
        return Remark::Note;
    }
    match memchr(b'[', text) {
        Some(open) if memrchr(b'@', text).is_some_and(|at| at > open) => ident_first(text, open),
        Some(0) => bracket_first(text),
        Some(open) => name_first(text, open),
        None => bare(text),
    }
}

/// `ident@A` with a bracket in the ident answer, which is the client's: `x[192.0.2.9]@A` (qmail writes it as it came).
fn ident_first(text: &[u8], open: usize) -> Remark<'_> {
    if text.iter().any(u8::is_ascii_whitespace) {
        return if open == 0 { bracket_first(text) } else { name_first(text, open) };
    }
    let host = text.rsplit(|b| *b == b'@').next().unwrap_or(text);
    match address(host) {
        Some(ip) => Remark::Peer(Peer { ip: Some(ip), name: b"", helo: None }),
        None => Remark::Contradiction,
    }
}

/// `[A]`, `[A]:port helo=H`, `[A]:port "EHLO H" ..`, `[unknown] [A]`: nothing that the client wrote stands before it.
fn bracket_first(text: &[u8]) -> Remark<'_> {
    let Some(close) = memchr(b']', text) else { return Remark::Other };
    let (inside, rest) = (text.get(1..close).unwrap_or_default(), text.get(close + 1..).unwrap_or_default());
    let Some(ip) = address(inside) else {
        let next = rest.trim_ascii_start();
        let again = inside.eq_ignore_ascii_case(b"unknown") && next.starts_with(b"[");
        return if again { bracket_first(next) } else { Remark::Other };
    };
    let helo = if rest.is_empty() {
        None
    } else {
        [b" helo=".as_slice(), b" HELO=", b" EHLO ", b" HELO "]
            .iter()
            .find_map(|key| behind(rest, key))
            .map(first_word)
            .or_else(|| [b"\"EHLO ".as_slice(), b"\"HELO "].iter().find_map(|key| behind(rest, key)).map(until_quote))
    };
    Remark::Peer(Peer { ip: Some(ip), name: b"", helo })
}

/// `name [A]`, `ident@name [A]`, `name[A]`, `name [A] (may be forged)`.
fn name_first(text: &[u8], open: usize) -> Remark<'_> {
    let (before, rest) = text.split_at(open);
    let name = before.strip_suffix(b"?").unwrap_or(before).trim_ascii_end();
    let Some(close) = memchr(b']', rest) else { return Remark::Other };
    let (inside, rest) = (rest.get(1..close).unwrap_or_default(), rest.get(close + 1..).unwrap_or_default());
    let Some(ip) = address(inside) else { return Remark::Other };
    // A quoted ident answer (`"port 34611"@name [A]`) may hold blanks.
    let host = name.rsplit(|b| *b == b'@').next().unwrap_or(name);
    // `(Forwarded-For: [A])`: what an HTTP client said, in a header field of its own.
    if name.ends_with(b":") {
        return Remark::Note;
    }
    let plain = if name.starts_with(b"\"") { host } else { name };
    let unverified = name == b"Not Verified" || name == b"<unknown>";
    if !unverified && plain.iter().any(|b| b.is_ascii_whitespace() || matches!(b, b'<' | b'"')) {
        return Remark::Other;
    }
    // The name and the ident answer are the client's: `x [192.0.2.9]` as a name must not hide the address behind it.
    if memchr(b'[', rest).is_some() {
        return Remark::Contradiction;
    }
    // Sendmail: the name does not lead back to the address, so nothing is verified.
    let forged = rest.trim_ascii_start().starts_with(b"(may be forged)");
    Remark::Peer(Peer { ip: Some(ip), name: if forged || unverified { b"unknown" } else { host }, helo: None })
}

/// `A`, `user@A`, and Yahoo's `user@A with login`.
fn bare(text: &[u8]) -> Remark<'_> {
    let word = first_word(text);
    let rest = text.get(word.len()..).unwrap_or_default().trim_ascii_start();
    let known = rest.is_empty() || rest.get(..4).is_some_and(|with| with.eq_ignore_ascii_case(b"with"));
    let host = word.rsplit(|b| *b == b'@').next().unwrap_or(word);
    match address(host) {
        Some(ip) if known => Remark::Peer(Peer { ip: Some(ip), name: b"", helo: None }),
        _ => Remark::Other,
    }
}

/// Takes an address off the end of a text: `name [A]`, `name[A]`, `[A]`, `A`, `A:port`.
///
/// What stands last is the host's word: `[10.0.0.3] [A]` is a literal that the client said, and its address.
pub(super) fn split_address(text: &[u8]) -> (&[u8], Option<IpAddr>) {
    let Some(open) = memrchr(b'[', text) else {
        let first = text.first().copied().unwrap_or_default();
        let ip = if first.is_ascii_hexdigit() || first == b':' { address(text) } else { None };
        return (if ip.is_some() { b"" } else { text }, ip);
    };
    let (before, rest) = text.split_at(open);
    let Some(close) = memchr(b']', rest) else { return (text, None) };
    let inside = rest.get(1..close).unwrap_or_default();
    let tail = rest.get(close + 1..).unwrap_or_default().trim_ascii();
    let port = tail.strip_prefix(b":").is_some_and(|port| port.iter().all(u8::is_ascii_digit));
    if !tail.is_empty() && !port {
        return (text, None);
    }
    // Smail writes `from helo from [A]`.
    let name = before.trim_ascii_end();
    let name = name.strip_suffix(b" from").unwrap_or(name);
    match address(inside) {
        Some(ip) => (name, Some(ip)),
        None => (text, None),
    }
}

/// An address as MTAs write it, perhaps with its port.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    let first = *text.first()?;
    let colon = memchr(b':', text).is_some();
    // Most of what is asked here is a name: tell it by its first letter.
    if !(2..=80).contains(&text.len()) || !(colon || first.is_ascii_digit() || first == b'[') {
        return None;
    }
    let text = str::from_utf8(text).ok()?;
    let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    net::parse_literal(text).or_else(|| {
        let (host, port) = text.rsplit_once(':')?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        // `2001:db8::1:25` was read above; only an IPv4 address is followed by a bare port.
        host.parse::<std::net::Ipv4Addr>().ok().filter(|_| digits).map(IpAddr::from)
    })
}

/// What a client said, without the brackets of a literal (Google writes `?` for them).
fn said(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii();
    let bare = match text {
        [b'[', inside @ .., b']'] | [b'?', inside @ .., b'?'] => {
            let inside = match inside.get(..5) {
                Some(tag) if tag.eq_ignore_ascii_case(b"ipv6:") => inside.get(5..).unwrap_or_default(),
                _ => inside,
            };
            if address(inside).is_some() { inside } else { text }
        }
        _ => text,
    };
    (!bare.is_empty()).then_some(bare)
}

/// A verified name: one word that is a name; `unknown` and an address are none.
fn verified(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii();
    let unknown: [&[u8]; 7] =
        [b"", b"unknown", b"softdnserr", b"unknown_domain", b"<unknown>", b"unverified", b"no.name.available"];
    let none = unknown.iter().any(|word| text.eq_ignore_ascii_case(word))
        || text.iter().any(u8::is_ascii_whitespace)
        || address(text).is_some();
    (!none).then_some(text)
}

fn behind<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    memmem::find(text, key).and_then(|at| text.get(at + key.len()..))
}

fn first_word(text: &[u8]) -> &[u8] {
    text.split(u8::is_ascii_whitespace).next().unwrap_or(text)
}

fn until_quote(text: &[u8]) -> &[u8] {
    text.split(|b| *b == b'"').next().unwrap_or(text)
}
