//! One `Received` field, read.
//!
//! Takes one value (folds may still be in it, and bytes need not be UTF-8), gives what it says. The clauses come from
//! `tokens`, the dialect from `dialects`, the client from `client` and `who`, encryption from `tls`, the kind from `kind`;
//! what is left to do here is to put them together, and to cut single words out of clauses.

use std::{borrow::Cow, net::IpAddr};

use memchr::{memchr, memchr_iter};

use super::{
    Received, ambiguity,
    bytes::starts,
    client::{self, Literal, Manner, Naming},
    date,
    dialects::{self, Dialect},
    kind::kind,
    remark, tls,
    tokens::{Clause, Clauses, Place, bare},
    value::Value,
    who::Who,
};

/// Reads one field value. It never fails: what cannot be read is [`Unparsed`](super::HopKind::Unparsed).
pub fn read(value: &[u8]) -> Received<'_> {
    let mut clauses = Clauses::read(value);
    let mut date = clauses.date.map(date::read).unwrap_or_default();
    if clauses.from.stated && !clauses.by.stated && clauses.date.is_some() && date.time.is_none() {
        // The only `;` stands in the HELO: it is not the date's.
        clauses = Clauses::read_without_date(value);
        date = clauses.date.map(date::read).unwrap_or_default();
    }
    let dialect = dialects::find(&clauses);
    let client = client::read(&clauses, manner(&clauses, dialect));
    let host = host(&clauses.by);
    let by_ip = by_ip(&clauses, host);
    let (kind, hearsay) = kind(&clauses, &client, by_ip, dialect, date.time.is_some());
    let stated = tls::read(&clauses);
    let who = Who::of(&clauses, client, dialect, kind);
    let ambiguities = ambiguity::of(&clauses, &client, hearsay, &date);
    let value = Value::new(value);
    let (text, word) = (|part| value.part(part), |part| value.word(part));
    Received {
        kind,
        hearsay,
        dialect: dialect.map(|dialect| dialect.name),
        helo: who.helo.map(text),
        helo_ip: who.helo.and_then(remark::address),
        rdns: who.rdns.map(text),
        ip: client.ip,
        port: client.port,
        ident: who.ident.map(text),
        by: host.map(word),
        by_ip,
        via: word_of(&clauses.via).map(word),
        with: protocol(&clauses.with).map(text),
        id: id(&clauses).map(text),
        recipient: recipient(&clauses).map(text),
        envelope_from: who.envelope_from.map(text),
        time: date.time,
        zone: date.zone.map(word),
        tls: stated.encrypted,
        tls_version: stated.version,
        cipher: stated.cipher.map(word),
        verified: stated.verified,
        software: dialects::software(&clauses, by_ip).map(text),
        ambiguities,
    }
}

/// What a field says beside its clauses, as it was written: for people who look into it, and not needed to judge it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written<'a> {
    /// Every top-level comment (RFC 5322, 3.2.2), in order, without its parentheses.
    pub comments: Vec<Cow<'a, str>>,
    /// The date with all that stands behind it.
    pub date: Option<Cow<'a, str>>,
}

impl<'a> Written<'a> {
    /// Reads one field value.
    pub fn read(value: &'a [u8]) -> Self {
        let clauses = Clauses::read(value);
        let value = Value::new(value);
        Self {
            comments: clauses.comments.iter().map(|comment| value.part(comment.text)).collect(),
            date: clauses.date.map(<[u8]>::trim_ascii).filter(|date| !date.is_empty()).map(|date| value.part(date)),
        }
    }
}

/// How the dialect writes of its clients.
fn manner<'a>(clauses: &Clauses<'a>, dialect: Option<&Dialect>) -> Manner<'a> {
    // GMX: `by mail.example.org (node [A]) (via HTTP)`.
    let noted = || clauses.own_comments().any(|comment| comment == b"via HTTP");
    let http = [clauses.with.word, clauses.via.word].iter().any(|word| starts(word, b"HTTP")) || noted();
    Manner {
        naming: dialect.map_or(Naming::Helo, |dialect| dialect.naming),
        literal: dialect.map_or(Literal::Recorded, |dialect| dialect.literal),
        known: dialect.is_some(),
        record: dialect.and_then(|dialect| dialect.record).and_then(|record| record(clauses)),
        http: http && !dialect.is_some_and(|dialect| dialect.http_transport),
    }
}

/// The receiving host's token. `by uid 71` names no host, and indimail writes `by host mx.example.org`.
fn host<'a>(by: &Clause<'a>) -> Option<&'a [u8]> {
    let next = || by.text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1);
    match by.word {
        b"" | b"uid" => None,
        b"host" => next().or(Some(by.word)),
        // Obtuse smtpd: `by mx.example.org, id smtpdAAA`.
        word => Some(word.strip_suffix(b",").unwrap_or(word)),
    }
}

/// The receiving host's own address.
///
/// Openwave puts its build number (`(7.3.105.6)`) where Exchange puts the address, but names no protocol.
fn by_ip(clauses: &Clauses<'_>, host: Option<&[u8]>) -> Option<IpAddr> {
    let named = host.and_then(remark::address);
    // MDaemon: `by host [address] with SMTP`.
    let behind = || clauses.by.text.ends_with(b"]").then(|| remark::split_address(clauses.by.text).1).flatten();
    named.or_else(behind).or_else(|| {
        let comment = clauses.comments_in(Place::By).next()?;
        // Most comments there name a program: what has neither a digit nor a colon holds no address.
        if !comment.iter().any(|byte| matches!(byte, b'0'..=b':')) {
            return None;
        }
        let bracketed = comment.contains(&b'[');
        let plain = clauses.with.stated || clauses.comments_in(Place::From).any(|c| c.starts_with(b"mailfrom:"));
        (bracketed || plain).then(|| remark::peer(comment)?.ip).flatten()
    })
}

/// The protocol as written, without a comment that nobody closed; qmail's TLS patch writes `with (CIPHER encrypted) ESMTPS`.
fn protocol<'a>(with: &Clause<'a>) -> Option<&'a [u8]> {
    let text = if with.text.is_empty() { with.behind } else { with.text };
    if text.first() == Some(&b'[') {
        return Some(text);
    }
    // Mailgun: `with SMTP mgrt 6071405`. getmail: `with POP3-SSL getmail6 msgid:..`. Exim 4.69 of Debian: `with esmtpsa [TLS:..]`.
    const ENDS: [&[u8]; 5] = [b" (", b" [", b" mgrt ", b" getmail6", b" envelope"];
    let ends = |at: &usize| text.get(*at..).is_some_and(|rest| ENDS.iter().any(|end| rest.starts_with(end)));
    let end = memchr_iter(b' ', text).find(ends).unwrap_or(text.len());
    text.get(..end).map(<[u8]>::trim_ascii_end).filter(|text| !text.is_empty())
}

/// The first word of a clause without the angle brackets of an id or a path.
fn word_of<'a>(clause: &Clause<'a>) -> Option<&'a [u8]> {
    Some(bare(clause.word)).filter(|word| !word.is_empty())
}

/// The receiving host's id. Exchange writes `id Version 15.20 (Build 4478.19)` too.
fn id<'a>(clauses: &Clauses<'a>) -> Option<&'a [u8]> {
    let word = clauses.id.word;
    let id = match word.strip_suffix(b";").unwrap_or(word) {
        b"Version" => clauses.id.text,
        // Brackets belong to the id where they do not pair.
        [b'<', inside @ .., b'>'] => inside,
        word => word,
    };
    Some(id).filter(|id| !id.is_empty())
}

/// The first recipient.
fn recipient<'a>(clauses: &Clauses<'a>) -> Option<&'a [u8]> {
    let word = word_of(&clauses.recipient)?;
    // A quoted local part may hold anything; elsewhere `;` ends it.
    let plain = |end: &usize| !word.contains(&b'"') && word.get(..*end).is_some_and(|address| address.contains(&b'@'));
    let end = memchr(b';', word).filter(plain);
    end.map_or(Some(word), |end| word.get(..end))
}
