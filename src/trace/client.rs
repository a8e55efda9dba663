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
//! | `(Y [A])` | | Y | A |
//! | `[A] (H)` of chasquid | H | | A |
//! | `X (Y)`, `X (Y [x.x.x.x])` | X | Y | |
//!
//! The client controls the HELO, the ident answer and, through its own DNS, the name. So an address is taken only from
//! where the receiving host writes it: the comment, in one of these exact forms. Where two places could be that and
//! disagree, somebody made one of them up, and the address is unknown rather than wrong.

use std::net::IpAddr;

use memchr::memchr;

use super::{
    bytes::{find, strip},
    remark::{Peer, Remark, address, address_and_port, peer, remark, split_address, split_ident},
    tokens::{Clauses, Place},
};

/// What a single unexplained name in front of an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// What the client said (Postfix, Sendmail, Exchange, Google, and whoever does not say).
    Helo,
    /// The verified name, and the HELO too, because a different HELO would be shown (Exim, qmail, IronPort).
    Verified,
    /// In a comment, behind the address (chasquid): what the client said.
    Address,
    /// What the client said, and its user's login behind it: `helo login@host [A]` (NetMail).
    Login,
}

/// What an address is that stands in place of a name, without any other address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literal {
    /// The client's address as the MTA recorded it.
    Recorded,
    /// The client's HELO.
    Helo,
}

/// How a dialect writes of its clients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner<'a> {
    /// What a name without explanation is.
    pub(super) naming: Naming,
    /// What an address in place of a name is.
    pub(super) literal: Literal,
    /// Whether it is known which MTA wrote the field at all.
    pub(super) known: bool,
    /// Whether the client came by HTTP, where nobody says HELO: what names it, the server looked up.
    pub(super) http: bool,
    /// The client's name and address, where the dialect writes them elsewhere than in the `from` clause.
    pub(super) record: Option<&'a [u8]>,
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
    /// Its port.
    pub(super) port: Option<u16>,
    /// What its host answered when asked who is there (RFC 1413).
    pub(super) ident: Option<&'a [u8]>,
    /// Whether the clause speaks of two clients, so that a part of it is the client's own invention.
    pub(super) disputed: bool,
    /// The addresses of the two, where it speaks of two.
    pub(super) candidates: [Option<IpAddr>; 2],
    /// Whether the address stands alone in place of a name, of an MTA that is not known: it may be what the client said.
    pub(super) lone: bool,
}

/// Reads the client.
pub(super) fn read<'a>(clauses: &Clauses<'a>, manner: Manner<'a>) -> Client<'a> {
    if clauses.rewritten {
        return Client { disputed: true, ..Client::default() };
    }
    let client = if clauses.from.stated { read_from(clauses, manner) } else { read_head(clauses, manner) };
    match manner.record.and_then(peer) {
        Some(peer) if client.ip.is_none() && !client.disputed => {
            Client { rdns: client.rdns.or_else(|| verified(peer.name)), ip: peer.ip, ..client }
        }
        _ => client,
    }
}

fn read_from<'a>(clauses: &Clauses<'a>, manner: Manner<'a>) -> Client<'a> {
    let comments = Said::of(clauses, manner.http);
    let client = read_clause(clauses, manner, &comments);
    // Only who writes two names knows of a HELO: Yandex, of a mail that came by SMTP in the first place.
    if !manner.http || comments.named {
        return client;
    }
    let looked_up = client.helo.filter(|name| client.ip.is_some() && name.contains(&b'.') && address(name).is_none());
    Client { rdns: client.rdns.or(looked_up), helo: None, ..client }
}

/// What the comments of the clause say, put together.
#[derive(Default)]
struct Said<'a> {
    peer: Option<Peer<'a>>,
    /// Whether a comment names the client.
    named: bool,
    /// A name and an ident answer without an address.
    nameless: Option<Peer<'a>>,
    spoken: Option<&'a [u8]>,
    other: Option<&'a [u8]>,
    port: Option<u16>,
    ident: Option<&'a [u8]>,
    contradiction: Option<[Option<IpAddr>; 2]>,
}

impl<'a> Said<'a> {
    fn of(clauses: &Clauses<'a>, http: bool) -> Self {
        let mut said = Self::default();
        for comment in clauses.comments_in(Place::From) {
            let remark = remark(comment);
            said.named |= matches!(remark, Remark::Peer(found) if found.name != b"");
            match remark {
                Remark::Peer(found) if found.ip.is_none() => said.nameless = said.nameless.or(Some(found)),
                Remark::Peer(found) => match said.peer {
                    None => said.peer = Some(found),
                    // Orange's web mail: `from X ([A]) via Y ([B]) by Z with HTTP`, and nobody can say that in HTTP.
                    Some(_) if http => {}
                    Some(first) if first.ip != found.ip => said.contradiction = Some([first.ip, found.ip]),
                    Some(_) => {}
                },
                Remark::Helo(name) => said.spoken = said.spoken.or(Some(name)),
                Remark::Note(note) => {
                    said.spoken = said.spoken.or(note.helo);
                    said.port = said.port.or(note.port);
                    said.ident = said.ident.or(note.ident);
                }
                Remark::Contradiction(places) => {
                    said.contradiction = Some(places.map(|place| address(place).or_else(|| split_address(place).1)));
                }
                Remark::Other => said.other = said.other.or(Some(comment)),
            }
        }
        // `x (y [192.0.2.9]) (host [unknown])`: the host noted no address, and the one before it is the client's.
        if let (Some(peer), Some(_)) = (said.peer, said.nameless) {
            said.contradiction = said.contradiction.or(Some([peer.ip, None]));
        }
        said
    }
}

fn read_clause<'a>(clauses: &Clauses<'a>, manner: Manner<'_>, comments: &Said<'a>) -> Client<'a> {
    let text = bare_text(clauses);
    // The field was cut within the comment behind the name.
    let torn = !clauses.by.stated && clauses.date.is_none();
    let cut = torn.then(|| find(text, b" (")).flatten();
    if let Some(name) = cut.and_then(|cut| text.get(..cut)) {
        return Client { helo: said(name), ..Client::default() };
    }
    // GMX: `name (EHLO said) [A]`.
    let behind = split_address(clauses.from.behind).1.filter(|_| clauses.from.behind.starts_with(b"["));
    let contradiction = comments.contradiction.or_else(|| {
        let ip = comments.peer?.ip;
        (behind.is_some() && behind != ip).then_some([ip, behind])
    });
    if let Some(candidates) = contradiction {
        return Client { helo: said(text), disputed: true, candidates, ..Client::default() };
    }
    let spoken = comments.peer.and_then(|peer| peer.helo).or(comments.spoken);
    if let Some(peer) = comments.peer {
        let (helo, rdns) = match (peer.name, spoken) {
            (b"", None) if manner.naming == Naming::Verified && address(text).is_none() => (verified(text), text),
            (b"", None) if peer.confirmed => (said(text), text),
            (b"", None) => (said(text), b"".as_slice()),
            (b"", Some(_)) => (spoken, text),
            // A HELO that was empty, or was not said at all.
            (name, None) if text.is_empty() => (None, name),
            (name, _) => (spoken.or(Some(text)), name),
        };
        // `A (name) (A)`
        let apart = || name_alone(comments.other.filter(|other| address(text).is_some() && !other.contains(&b'@'))?);
        return Client {
            helo: helo.and_then(said),
            rdns: verified(rdns).or_else(|| verified(apart()?.name)),
            ip: peer.ip,
            port: peer.port.or(comments.port),
            ident: peer.ident.or(comments.ident),
            ..Client::default()
        };
    }
    let iis = clauses.with.text.starts_with(b"Microsoft SMTPSVC");
    let (name, addressed) = match iis.then(|| find(text, b" - ")).flatten() {
        // IIS 4: `helo - A`.
        Some(dash) => {
            let (name, ip) = text.split_at(dash);
            (name, ip.get(3..).and_then(address))
        }
        None => split_address(text),
    };
    let name = match manner.naming {
        Naming::Login => name.split(u8::is_ascii_whitespace).next().unwrap_or(name),
        _ => name,
    };
    // `name (ehlo HELO [A])`: the one form with an address inside of that comment.
    if addressed.is_none()
        && behind.is_none()
        && let Some((said_name, Some(ip))) = spoken.map(split_address)
        && !said_name.is_empty()
    {
        return Client { helo: said(said_name), rdns: verified(name), ip: Some(ip), ..Client::default() };
    }
    let unnamed = comments.other.filter(|comment| !comment.iter().any(u8::is_ascii_whitespace));
    let unexplained = comments.other.filter(|_| manner.naming != Naming::Address || unnamed.is_none());
    let alone = name.is_empty() && unexplained.is_none() && comments.nameless.is_none();
    let ip = match addressed {
        Some(ip) if !name.is_empty() => Some(ip),
        Some(ip) => Some(ip).filter(|_| alone && (manner.literal == Literal::Recorded || spoken.is_some())),
        None => behind,
    };
    // Exim 2: `name (helo) [A]`, `(helo) [A]`.
    let first = manner.naming == Naming::Address;
    let spoken = spoken.or(unnamed.filter(|_| (addressed.is_none() || first) && ip.is_some()));
    let (helo, rdns) = match (ip, spoken) {
        (Some(_), _) if name.is_empty() => (spoken.and_then(said), None),
        // Forged after Exim's form, which has one of the two: `x [A] (port=25 helo=x)`.
        (Some(_), Some(spoken)) if addressed.is_some() && spoken == name => (said(spoken), None),
        (_, Some(spoken)) => (said(spoken), verified(name)),
        (Some(_), None) => (said(name).filter(|name| *name != b"unknown"), None),
        // Exim of a site that hides its users calls all of them so.
        (None, None) => (said(text).filter(|name| *name != b"MUA"), None),
    };
    // `helo (name)`: an MTA that notes no address.
    let nameless =
        comments.nameless.or_else(|| unnamed.filter(|_| ip.is_none() && spoken.is_none()).and_then(name_alone));
    // qmail, of a client that logged in as `alice@sender.example` and whose address nobody noted.
    let login = unnamed.filter(|comment| ip.is_none() && spoken.is_some() && comment.contains(&b'@'));
    let port = comments.port.or_else(|| ip.and_then(|_| address_and_port(text)?.1));
    Client {
        helo,
        rdns: rdns.or_else(|| verified(nameless?.name)),
        ip,
        port,
        ident: comments.ident.or_else(|| nameless?.ident).or(login),
        lone: ip.is_some() && alone && spoken.is_none() && !manner.known && !manner.http,
        ..Client::default()
    }
}

/// `name.example` or `user@localhost`.
fn name_alone(comment: &[u8]) -> Option<Peer<'_>> {
    let (ident, name) = split_ident(comment);
    let word = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let named = name.contains(&b'.') || name == b"localhost";
    (word && named).then_some(Peer { name, ident, ..Peer::default() })
}

/// The text of the clause without what single dialects put behind the name.
fn bare_text<'a>(clauses: &Clauses<'a>) -> &'a [u8] {
    let text = clauses.from.text;
    // Cellopoint: `helo [(A)]`. Host Europe: `[A]; authenticated by host`.
    text.strip_suffix(b" [").or_else(|| text.strip_suffix(b"; authenticated")).unwrap_or(text)
}

/// `(from helo [A]) by ..` (Symantec, Mirapoint) and `(ofmipd A)`: the client stands in a comment before any keyword.
fn read_head<'a>(clauses: &Clauses<'a>, manner: Manner<'_>) -> Client<'a> {
    let Some(text) = clauses.comments_in(Place::Head).next() else { return Client::default() };
    if let Some(text) = text.strip_prefix(b"from ") {
        let (name, ip) = split_address(text);
        let (helo, rdns) = if manner.http { (None, verified(name)) } else { (said(name), None) };
        // Sendmail, of a message that a user of the host submitted: `(from alice@localhost)`.
        let ident = text.strip_suffix(b"@localhost");
        return ip.map_or(Client { ident, ..Client::default() }, |_| Client { helo, rdns, ip, ..Client::default() });
    }
    Client { ip: text.strip_prefix(b"ofmipd ").and_then(address), ..Client::default() }
}

/// What a client said, without the brackets of a literal (Google and qmail write `?` for them).
///
/// `nodnsquery` is what smap writes when it asked nobody.
fn said(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii();
    if text == b"nodnsquery" {
        return None;
    }
    let bare = match text {
        [b'[', inside @ .., b']'] | [b'?', inside @ .., b'?'] => {
            let inside = strip(inside, b"ipv6:").unwrap_or(inside);
            let one = text.first() == Some(&b'[') && memchr(b'[', inside).is_none() && memchr(b']', inside).is_none();
            if one || address(inside).is_some() { inside } else { text }
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
