//! One `Received` field, read.
//!
//! Takes one value (folds may still be in it, and bytes need not be UTF-8), gives what it says. The clauses come from
//! `tokens`, the dialect from `dialects`, the client from `client`, encryption from `tls`; what is left to do here is to
//! say what kind of hop it is.

use std::{borrow::Cow, net::IpAddr};

use memchr::{memchr, memchr3, memmem};

use super::{
    Ambiguity, AmbiguityReason, AmbiguousField, HopKind, Received,
    client::{self, Client, Literal, Manner, Naming},
    date,
    dialects::{self, Dialect},
    remark, tls,
    tokens::{Clause, Clauses, Place},
};

/// Reads one field value. It never fails: what cannot be read is [`HopKind::Unparsed`].
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
    let ambiguities = ambiguities(&clauses, &client, hearsay, &date);
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
        software: software(&clauses, by_ip).map(text),
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
fn manner(clauses: &Clauses<'_>, dialect: Option<&Dialect>) -> Manner {
    let http = [clauses.with.word, clauses.via.word].iter().any(|word| starts(word, b"HTTP"));
    // Exchange calls its own transport so.
    let microsoft = matches!(dialect.map(|dialect| dialect.name), Some("exchange" | "microsoft-365"));
    Manner {
        naming: dialect.map_or(Naming::Helo, |dialect| dialect.naming),
        literal: dialect.map_or(Literal::Recorded, |dialect| dialect.literal),
        known: dialect.is_some(),
        http: http && !microsoft,
    }
}

/// What the names around the client are, where some of them name a user or a program instead.
struct Who<'a> {
    helo: Option<&'a [u8]>,
    rdns: Option<&'a [u8]>,
    ident: Option<&'a [u8]>,
    envelope_from: Option<&'a [u8]>,
}

impl<'a> Who<'a> {
    fn of(clauses: &Clauses<'a>, client: Client<'a>, dialect: Option<&Dialect>, kind: HopKind) -> Self {
        let envelope_from = envelope_from(clauses);
        let who = Self { helo: client.helo, rdns: client.rdns, ident: client.ident, envelope_from };
        if client.ip.is_some() {
            // Coremail writes the account of a user of its web pages: `alice$example.com ( [A] )`.
            let account =
                dialect.is_some_and(|dialect| dialect.name == "coremail") && clauses.from.text.contains(&b'$');
            return Self { helo: who.helo.filter(|_| !account), ..who };
        }
        let name = client.helo.filter(|name| !name.iter().any(u8::is_ascii_whitespace));
        if clauses.with.word.starts_with(b"qmail-scanner") {
            return Self { helo: None, envelope_from: envelope_from.or(name), ..who };
        }
        // A mailbox is no host: AOL's own users, and forged lines.
        let mailbox = client.helo.is_some_and(|name| name.contains(&b'@'));
        let own_name = clauses.from.text == b"localhost" || clauses.from.text == clauses.by.word;
        let user = kind == HopKind::Local && clauses.from.stated && !own_name;
        // Exim and DragonFly Mail Agent write the user where else the client's name stands: `from bob (helo=localhost) by ..`.
        if user && names_user(clauses, dialect) {
            let user = Some(clauses.from.text).filter(|text| !text.is_empty() && !text.contains(&b' '));
            let helo = client.helo.filter(|helo| Some(*helo) != user);
            return Self { helo, rdns: None, ident: who.ident.or(user), ..who };
        }
        if user && client.rdns.is_none() {
            return Self { helo: None, ..who };
        }
        Self { helo: who.helo.filter(|_| !mailbox), ..who }
    }
}

/// Whether the word behind `from` is a user of the host.
fn names_user(clauses: &Clauses<'_>, dialect: Option<&Dialect>) -> bool {
    let uid = || clauses.comments_in(Place::From).any(|comment| comment.starts_with(b"uid "));
    matches!(dialect.map(|dialect| dialect.name), Some("exim" | "dma" | "masqmail")) || uid()
}

/// The envelope sender, which MTAs write into a comment behind one of these words.
fn envelope_from<'a>(clauses: &Clauses<'a>) -> Option<&'a [u8]> {
    const KEYS: [&[u8]; 5] =
        [b"envelope-from ", b"envelope-sender ", b"envelope sender: ", b"mailfrom:", b"return-path "];
    // chasquid: `over SMTP, TLS-1.3, envelope from "a@sender.example"`
    const QUOTED: &[u8] = b", envelope from \"";
    if clauses.envelope_from.stated {
        return Some(bare(clauses.envelope_from.word));
    }
    clauses.comments.iter().find_map(|comment| {
        match comment.text.first() {
            Some(b'o') => {
                let at = memmem::find(comment.text, QUOTED)?;
                return comment.text.get(at + QUOTED.len()..)?.strip_suffix(b"\"");
            }
            Some(b'e' | b'm' | b'r') => {}
            _ => return None,
        }
        let text = KEYS.iter().find_map(|key| comment.text.strip_prefix(*key))?;
        let end = text.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b',').unwrap_or(text.len());
        text.get(..end).map(bare)
    })
}

/// The comment in which the receiving host names its software: one that begins as a known program does, else the first
/// behind `by` that is neither an address nor about the message, and no single word in lower case, which is a machine's name.
fn software<'a>(clauses: &Clauses<'a>, by_ip: Option<IpAddr>) -> Option<&'a [u8]> {
    const OTHERS: [&[u8]; 15] = [
        b"envelope",
        b"authenticated",
        b"version=",
        b"TLS",
        b"SSL",
        b"using ",
        b"mailfrom:",
        b"return-path",
        b"ORCPT",
        b"invoked ",
        b"AUTH ",
        b"code ",
        b"ESMTP",
        b"for ",
        b"qp ",
    ];
    let plain = |text: &&[u8]| {
        let first = text.first().map(u8::to_ascii_lowercase);
        let node = !text.iter().any(|byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'/' | b'.' | b','));
        !text.is_empty()
            && (!node || matches!(*text, b"mshttpd" | b"chasquid"))
            && !OTHERS.iter().any(|start| start.first().map(u8::to_ascii_lowercase) == first && starts(text, start))
    };
    let behind_host = || clauses.comments.iter().filter(|comment| matches!(comment.place, Place::By | Place::Via));
    clauses.own_comments().find(|text| dialects::names_software(text) && plain(text)).or_else(|| {
        let digit = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'[' | b']' | b'%');
        let of_host = |text: &&[u8]| by_ip.is_none() || !(text.iter().all(digit) || memchr(b'[', text).is_some());
        behind_host().map(|comment| comment.text).find(|text| plain(text) && of_host(text))
    })
}

/// What the field leaves open.
fn ambiguities(clauses: &Clauses<'_>, client: &Client<'_>, hearsay: bool, date: &date::Date<'_>) -> Vec<Ambiguity> {
    let mut all = Vec::new();
    let mut add = |field, reason, candidates| all.push(Ambiguity { field, reason, candidates });
    if clauses.rewritten {
        let hosts = clauses.hosts.iter().filter(|host| !host.is_empty());
        let hosts = hosts.map(|host| String::from_utf8_lossy(host).into_owned()).collect();
        add(AmbiguousField::By, AmbiguityReason::TwoHosts, hosts);
    } else if client.disputed {
        let addresses = client.candidates.iter().flatten().map(ToString::to_string).collect();
        add(AmbiguousField::Ip, AmbiguityReason::TwoAddresses, addresses);
    }
    if client.lone {
        let addresses = client.ip.iter().map(ToString::to_string).collect();
        add(AmbiguousField::Ip, AmbiguityReason::LoneAddress, addresses);
    }
    if hearsay {
        let kinds = [HopKind::Local, HopKind::Transfer].map(|kind| kind.as_str().to_owned()).to_vec();
        add(AmbiguousField::Kind, AmbiguityReason::LocalByHelo, kinds);
    }
    if date.unknown_zone {
        let times = date.time.iter().map(ToString::to_string).collect();
        add(AmbiguousField::Time, AmbiguityReason::UnknownZone, times);
    }
    all
}

/// The receiving host's token. `by uid 71` names no host, and indimail writes `by host mx.example.org`.
fn host<'a>(by: &Clause<'a>) -> Option<&'a [u8]> {
    let mut words = by.text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    match (by.word, words.nth(1)) {
        (b"" | b"uid", _) => None,
        (b"host", Some(host)) => Some(host),
        // Obtuse smtpd: `by mx.example.org, id smtpdAAA`.
        (word, _) => Some(word.strip_suffix(b",").unwrap_or(word)),
    }
}

/// The receiving host's own address.
///
/// Openwave puts its build number (`(7.3.105.6)`) where Exchange puts the address, but names no protocol.
fn by_ip(clauses: &Clauses<'_>, host: Option<&[u8]>) -> Option<IpAddr> {
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
    // Mailgun: `with SMTP mgrt 6071405`. getmail: `with POP3-SSL getmail6 msgid:..`. Exim 4.69 of Debian: `with esmtpsa [TLS:..]`.
    const ENDS: [&[u8]; 4] = [b" (", b" [", b" mgrt ", b" getmail6"];
    let end = || ENDS.iter().filter_map(|end| memmem::find(text, end)).min();
    let end = memchr(b' ', text).and_then(|_| end()).unwrap_or(text.len());
    text.get(..end).map(<[u8]>::trim_ascii_end).filter(|text| !text.is_empty())
}

/// The first word of a clause without the angle brackets of an id or a path.
fn word_of<'a>(clause: &Clause<'a>) -> Option<&'a [u8]> {
    Some(bare(clause.word)).filter(|word| !word.is_empty())
}

fn bare(mut word: &[u8]) -> &[u8] {
    while let [b'<', inside @ ..] = word {
        word = inside;
    }
    while let [inside @ .., b'>' | b',' | b';'] = word {
        word = inside;
    }
    word
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
    let end = if word.contains(&b'"') { None } else { memchr(b';', word) };
    end.map_or(Some(word), |end| word.get(..end))
}

/// What kind of hop it is, and whether that is hearsay (see [`Received::hearsay`]).
fn kind(
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
        if same_host || (no_client && (host_says_local(clauses) || is_internal(clauses, dialect))) {
            return (HopKind::Local, false);
        }
        if no_client && from_says_local(clauses) {
            // A dialect that states the address of every real client states none here by its own will.
            let states_addresses = dialect.is_some_and(|dialect| dialect.literal == Literal::Recorded);
            return (HopKind::Local, !states_addresses);
        }
    }
    // A mailbox is no host. Who posts by HTTP is a client of whom nothing else may be known.
    let host = client.helo.is_some_and(|helo| !helo.contains(&b'@'));
    let http = clauses.from.stated && starts(clauses.with.word, b"HTTP");
    let has_client = client.ip.is_some() || host || client.rdns.is_some() || http;
    (if has_client { HopKind::Transfer } else { HopKind::Opaque }, false)
}

fn starts(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    memmem::find(text, part).is_some()
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
                || holds(comment, b" from userid ")
                || [b"localhost".as_slice(), b"[localhost]", b"[local]"].contains(&comment)
        })
}

/// Hops without a client that a dialect writes within itself: Postfix's pickup and bounces, Google's inner relays.
fn is_internal(clauses: &Clauses<'_>, dialect: Option<&Dialect>) -> bool {
    let within = !clauses.from.stated && clauses.by.stated;
    let from = clauses.from.text;
    match dialect.map(|dialect| dialect.name) {
        Some("postfix" | "aol") => within && !clauses.with.stated && clauses.comments_in(Place::Head).next().is_none(),
        Some("google") => within && clauses.with.word == b"SMTP",
        // What stands there is `$sender_ident`; a host would stand there with its address.
        Some("exim") => clauses.from.stated && clauses.with.stated && !holds_smtp(clauses.with.word),
        // It takes mail from users of its host only.
        Some("dma") => clauses.from.stated,
        Some("mercury") => from.eq_ignore_ascii_case(b"spooler"),
        // A channel of its own: `from CONVERSION-DAEMON.mail.example.org by mail.example.org`.
        Some("oracle-messaging") => {
            let channel = from.len().checked_sub(clauses.by.word.len()).and_then(|at| from.get(..at));
            from.ends_with(clauses.by.word)
                && channel.is_some_and(|name| name.to_ascii_lowercase().ends_with(b"-daemon."))
        }
        _ => false,
    }
}

fn holds_smtp(word: &[u8]) -> bool {
    holds(&word.to_ascii_lowercase(), b"smtp")
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

    /// A part that is one word, and so holds no fold.
    fn word(&self, part: &'a [u8]) -> Cow<'a, str> {
        self.slice(part).map_or_else(|| self.part(part), Cow::Borrowed)
    }

    /// The same bytes out of the text that was checked already.
    fn slice(&self, part: &[u8]) -> Option<&'a str> {
        let start = part.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr())?;
        let slice = self.text?.get(start..start.checked_add(part.len())?)?;
        std::ptr::eq(slice.as_bytes(), part).then_some(slice)
    }
}
