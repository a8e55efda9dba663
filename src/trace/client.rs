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

use memchr::memmem;

use super::{
    remark::{Peer, Remark, address, remark, split_address},
    tokens::{Clauses, Place},
};

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
