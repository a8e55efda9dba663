//! What a pinned host wrote of a mail's authentication.
//!
//! Takes a message with its boundary and the names that the admin pinned, gives facts. Anybody can write such a field, so three
//! things are asked of each:
//! - **Whose name** it carries: an authserv-id (RFC 8601), `receiver=` or the host in the comment (RFC 7208, 9.1). Only pinned
//!   ones count. Exchange Online writes `Authentication-Results` without a name: where `protection.outlook.com` is pinned, such a
//!   field counts by its place alone.
//! - **Where it stands.** Above the border hop's `Received` field only hosts of ours can write. Directly below it stands what
//!   some hosts (Google, milters behind Postfix) write of a mail, and under that, without a seam, the sender's first line. There,
//!   of each kind the topmost field counts, and a further `Authentication-Results` only of the same host and while each
//!   states one method, as OpenDKIM and OpenDMARC do: the first field of a host that writes all into one (Google) ends it,
//!   and a field of that kind above keeps it from beginning. With an SMTP session as the border hop all of the mail lies below.
//! - **Which client** it speaks of, where it says so: it must be the peer. An inner hop of a provider checks its own neighbour.
//!
//! Below the border a host that wrote nothing of this mail leaves its place to the sender, unless it takes forged fields
//! out (RFC 8601, 5, demands it of `Authentication-Results`; nobody does of `Received-SPF`). [`Stated::certain`] tells.

mod arc_results;
mod auth_results;
mod received_spf;
mod spf_comment;
mod syntax;

use std::net::IpAddr;

use self::{
    auth_results::{AuthResults, MethodResult},
    spf_comment::SpfComment,
    syntax::{domain, is_name},
};
use super::{DkimFact, DkimResult, Source, SpfFact, SpfIdentity, SpfResult};
use crate::{
    boundary::Boundary,
    message::{Field, RawMessage},
    names,
    net::{canonical, parse_literal},
    trace::{Origin, Trace},
};

/// How many of these fields are looked at in a message, from the top.
const MOST_FIELDS: usize = 50;

/// How long a field may be that is looked at.
const LONGEST: usize = 16 * 1024;

/// How many signatures of a message are kept.
const MOST_SIGNATURES: usize = 50;

/// The name under which Exchange Online is pinned; in `Authentication-Results` it writes none.
const EXCHANGE_ONLINE: &str = "protection.outlook.com";

/// Providers that write all results of a mail into one field, even where there is only one.
const ONE_FIELD: [&str; 2] = ["google.com", "yahoo.com"];

/// What the fields of pinned hosts say; nobody else's are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// SPF of the peer.
    pub spf: Option<SpfFact>,
    /// Each DKIM signature that is spoken of.
    pub dkim: Vec<DkimFact>,
    /// What became of the chain of ARC seals (RFC 8617), where it is said.
    pub arc: Option<DkimResult>,
    /// Whether all of that stands above the border's own `Received` field, where no sender can write. Otherwise it rests on
    /// the pinned host having written of this mail at all, or taking forged fields out.
    pub certain: bool,
    /// Fields under a pinned name in the right place that were not believed: they speak of another client than the peer, or
    /// may be the sender's as well as the host's. That happens on ordinary days.
    pub passed_over: usize,
    /// Fields under a pinned name that stand where their writer cannot have put them of this passage: forged, or left
    /// from an earlier way through the same provider (forwarded mail). They are not believed.
    pub forged: usize,
}

/// The fields that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Results,
    ReceivedSpf,
    ArcResults,
}

/// Where a field stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    /// Above the border's `Received` field.
    Above,
    /// In the run of such fields below it, or at the top of what a session brought.
    Below,
    /// Further below.
    Elsewhere,
}

/// One field's words on this mail.
#[derive(Debug, Default)]
struct Statement {
    id: String,
    spf: Option<SpfFact>,
    /// Nothing where DKIM is not spoken of; without an entry where there was no signature.
    dkim: Option<Vec<DkimFact>>,
    arc: Option<DkimResult>,
    /// The addresses that it states of the client.
    clients: Vec<IpAddr>,
    /// How many methods it speaks of, known and unknown.
    methods: usize,
}

impl Stated {
    /// Reads them. Where the mail did not come from outside there is no place to believe in, and nothing is read.
    ///
    /// `pinned` are names; one with a leading dot stands for all names below it.
    pub fn read(message: &RawMessage, trace: &Trace<'_>, boundary: &Boundary, pinned: &[String]) -> Self {
        let mut reader = Reader { pinned, ..Reader::default() };
        let Some((hop, peer)) = boundary.peer() else { return Self::default() };
        let border = match trace.hops.get(hop).map(|hop| hop.origin) {
            Some(Origin::Field { index }) => Some(index),
            Some(Origin::Session) => None,
            None => return Self::default(),
        };
        if pinned.is_empty() {
            return Self::default();
        }
        let (mut in_run, mut looked_at) = (true, 0);
        for (index, field) in message.headers.iter() {
            let zone = match border {
                Some(border) if index < border => Zone::Above,
                Some(border) if index == border => continue,
                _ if in_run && belongs_to_run(&field) => Zone::Below,
                _ => Zone::Elsewhere,
            };
            in_run &= zone != Zone::Elsewhere;
            let Some(kind) = kind(&field) else { continue };
            looked_at += 1;
            if looked_at > MOST_FIELDS {
                break;
            }
            let text = (field.value.len() <= LONGEST).then(|| field.text());
            reader.take(zone, kind, text.and_then(|text| read(kind, &text)), canonical(peer));
        }
        reader.finish()
    }
}

impl Statement {
    /// Whether it can be about this client.
    fn is_of(&self, peer: IpAddr) -> bool {
        self.clients.iter().all(|ip| *ip == peer)
    }
}

/// What has been read so far, and who may still speak.
#[derive(Debug, Default)]
struct Reader<'a> {
    pinned: &'a [String],
    stated: Stated,
    dkim: Option<Vec<DkimFact>>,
    /// Something of what is stated stands below the border.
    below: bool,
    /// The hosts whose `Authentication-Results` are believed.
    believed: Vec<String>,
    /// The topmost `ARC-Authentication-Results`.
    arc_results: Option<Statement>,
    /// Below the border a `Received-SPF` has been seen.
    spf_seen: bool,
    /// Whose `Authentication-Results` stand below the border.
    speaker: Option<String>,
    /// That host has said what it has to say.
    closed: bool,
}

impl Reader<'_> {
    /// Takes a field; nothing was read of one that is torn by a client's words, or too long.
    fn take(&mut self, zone: Zone, kind: Kind, read: Option<Statement>, peer: IpAddr) {
        // Before it is asked whose name it carries: below, the first field is the border's own, whatever name it writes.
        let in_turn = zone != Zone::Below || self.takes_turn(kind, read.as_ref(), peer);
        let Some(read) = read else {
            // It may be the border's own, and what stands in its place below the sender's.
            return self.end_turns(kind);
        };
        let nameless = kind == Kind::Results && read.id.is_empty();
        let is_pinned = if nameless { self.pins_exchange_online() } else { self.is_pinned(&read.id) };
        if !is_pinned {
            return;
        }
        let is_of_peer = read.is_of(peer);
        match (zone, kind) {
            // Exchange Online writes its own above, and every tenant sends mail with such a field further below.
            (Zone::Below | Zone::Elsewhere, _) if nameless => {}
            // A sealed chain keeps every host's field (RFC 8617); whoever forwards through a provider brings one along.
            (Zone::Below | Zone::Elsewhere, Kind::ArcResults) => {}
            (Zone::Elsewhere, _) => self.stated.forged += 1,
            (Zone::Above | Zone::Below, _) if !in_turn || !is_of_peer => self.stated.passed_over += 1,
            (Zone::Above, Kind::ArcResults) => drop(self.arc_results.get_or_insert(read)),
            (Zone::Above | Zone::Below, _) => {
                // Who writes above writes nothing of that kind below.
                if zone == Zone::Above {
                    self.end_turns(kind);
                }
                self.believe(read, kind, zone);
            }
        }
    }

    /// What stands below the border of this kind is the sender's from here on.
    fn end_turns(&mut self, kind: Kind) {
        self.closed |= kind == Kind::Results;
        self.spf_seen |= kind == Kind::ReceivedSpf;
    }

    /// Whether a field below the border is still the border's own, as far as can be told; and what that says of the next.
    ///
    /// A field on another client than the peer uses up its turn too: behind it the sender's, who knows the right address.
    fn takes_turn(&mut self, kind: Kind, read: Option<&Statement>, peer: IpAddr) -> bool {
        match (kind, read) {
            (Kind::ReceivedSpf, _) => !std::mem::replace(&mut self.spf_seen, true),
            (Kind::ArcResults, _) | (Kind::Results, None) => false,
            (Kind::Results, Some(read)) => {
                let first = self.speaker.is_none();
                let speaker = self.speaker.get_or_insert_with(|| read.id.clone());
                let in_turn = !self.closed && *speaker == read.id && (first || read.methods == 1);
                self.closed |= !in_turn || !read.is_of(peer) || read.methods != 1 || writes_one_field(&read.id);
                in_turn
            }
        }
    }

    /// Takes over what no field above has said.
    fn believe(&mut self, mut read: Statement, kind: Kind, zone: Zone) {
        let says_more = |said: &Option<SpfFact>, read: &SpfFact| match said {
            None => true,
            // Policy servers write one field on HELO and one on the envelope. Below the border the second may be forged.
            Some(said) => {
                zone == Zone::Above && said.identity == SpfIdentity::Helo && read.identity == SpfIdentity::MailFrom
            }
        };
        let mut taken = false;
        if let Some(spf) = read.spf.take_if(|spf| says_more(&self.stated.spf, spf)) {
            self.stated.spf = Some(spf);
            taken = true;
        }
        if self.dkim.is_none() && read.dkim.is_some() {
            self.dkim = read.dkim;
            taken = true;
        }
        if self.stated.arc.is_none() && read.arc.is_some() {
            self.stated.arc = read.arc;
            taken = true;
        }
        self.below |= taken && zone == Zone::Below;
        if kind == Kind::Results {
            self.believed.push(read.id);
        }
    }

    fn finish(mut self) -> Stated {
        if let Some(read) = self.arc_results.take_if(|read| !self.believed.contains(&read.id)) {
            self.believe(read, Kind::ArcResults, Zone::Above);
        }
        let says_something = self.stated.spf.is_some() || self.dkim.is_some() || self.stated.arc.is_some();
        self.stated.certain = says_something && !self.below;
        self.stated.dkim = self.dkim.unwrap_or_default();
        self.stated
    }

    fn pins_exchange_online(&self) -> bool {
        self.pinned.iter().any(|pin| pin.eq_ignore_ascii_case(EXCHANGE_ONLINE))
    }

    fn is_pinned(&self, id: &str) -> bool {
        let id = id.as_bytes();
        let ends = |end: &[u8]| id.len() > end.len() && id[id.len() - end.len()..].eq_ignore_ascii_case(end);
        self.pinned.iter().any(|pin| match pin.as_bytes() {
            [] | [b'.'] => false,
            end @ [b'.', ..] => ends(end) && std::str::from_utf8(id).is_ok_and(is_name),
            name => id.eq_ignore_ascii_case(name),
        })
    }
}

fn kind(field: &Field<'_>) -> Option<Kind> {
    match field.name.len() {
        12 => field.is("Received-SPF").then_some(Kind::ReceivedSpf),
        22 => field.is("Authentication-Results").then_some(Kind::Results),
        26 => field.is("ARC-Authentication-Results").then_some(Kind::ArcResults),
        _ => None,
    }
}

/// Whether a receiving host puts such a field on top of a mail, beside these.
fn belongs_to_run(field: &Field<'_>) -> bool {
    let starts = |start: &[u8]| field.name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    let named = |names: &[&str]| names.iter().any(|name| field.is(name));
    kind(field).is_some()
        || starts(b"ARC-")
        || starts(b"X-")
        || named(&["DKIM-Filter", "DMARC-Filter", "Return-Path", "Delivered-To"])
}

fn writes_one_field(id: &str) -> bool {
    let covers = |domain: &&str| id.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    ONE_FIELD.iter().any(covers)
}

/// Reads a field; nothing where its syntax leaves open what the host says.
fn read(kind: Kind, text: &str) -> Option<Statement> {
    match kind {
        Kind::Results => AuthResults::read(text).map(statement),
        Kind::ArcResults => arc_results::read(text).map(statement),
        Kind::ReceivedSpf => {
            let field = received_spf::read(text)?;
            let id = names::normal(&field.host?).into_owned();
            let clients: Vec<_> = field.ips.into_iter().map(canonical).collect();
            let spf = SpfFact {
                result: field.result,
                domain: field.domain,
                identity: field.identity,
                ip: clients.first().copied(),
                source: Source::ReceivedSpf(id.clone()),
            };
            Some(Statement { id, spf: Some(spf), clients, methods: 1, ..Statement::default() })
        }
    }
}

/// What the results of one field come to.
fn statement(field: AuthResults<'_>) -> Statement {
    let id = field.id.as_deref().map(names::normal).unwrap_or_default().into_owned();
    let source = Source::AuthenticationResults(if id.is_empty() { EXCHANGE_ONLINE.to_owned() } else { id.clone() });
    let mut read = Statement { id, ..Statement::default() };
    let mut last = "";
    for result in &field.results {
        read.methods += usize::from(!result.is(last));
        last = result.method;
        let named = ["smtp.remote-ip", "smtp.client-ip", "policy.iprev"];
        read.clients.extend(named.iter().filter_map(|name| client(result, name)));
        if result.is("spf") {
            spf(result, &source, &mut read);
        } else if result.is("dkim") {
            let facts = read.dkim.get_or_insert_default();
            facts.extend(dkim(result, &source).filter(|_| facts.len() < MOST_SIGNATURES));
        } else if result.is("arc") && read.arc.is_none() {
            read.arc = DkimResult::parse(result.result);
        }
    }
    read
}

fn client(result: &MethodResult<'_>, property: &str) -> Option<IpAddr> {
    result.property(property).and_then(parse_literal).map(canonical)
}

fn spf(result: &MethodResult<'_>, source: &Source, read: &mut Statement) {
    let comment = result.comment.map(SpfComment::read).unwrap_or_default();
    let ip = comment.ip.map(canonical);
    read.clients.extend(ip);
    let Some(stated) = SpfResult::parse(result.result) else { return };
    // `smtp.mail` is of RFC 5451's time, `smtp.mfrom` of old opendmarc.
    let named = ["smtp.mailfrom", "smtp.mfrom", "smtp.mail"];
    let mail_from = named.iter().find_map(|name| result.property(name)).and_then(domain);
    let helo = result.property("smtp.helo").and_then(domain);
    let (identity, domain) = match (mail_from, helo) {
        (None, Some(helo)) => (SpfIdentity::Helo, Some(helo)),
        (mail_from, _) => (SpfIdentity::MailFrom, mail_from.or(comment.domain)),
    };
    let fact = SpfFact {
        result: if comment.guess { SpfResult::None } else { stated },
        domain,
        identity,
        ip: ip.or_else(|| client(result, "smtp.remote-ip")),
        source: source.clone(),
    };
    // One field may speak of both names (RFC 8601, 2.7.2): the envelope's counts.
    let says_more = |said: &SpfFact| said.identity == SpfIdentity::Helo && identity == SpfIdentity::MailFrom;
    if read.spf.as_ref().is_none_or(says_more) {
        read.spf = Some(fact);
    }
}

/// A signature; nothing where there was none.
fn dkim(result: &MethodResult<'_>, source: &Source) -> Option<DkimFact> {
    let stated = DkimResult::parse(result.result).filter(|stated| *stated != DkimResult::None)?;
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let signature = result.property("header.b").filter(|b| !b.is_empty() && b.len() <= 1024 && b.chars().all(base64));
    Some(DkimFact {
        result: stated,
        domain: result.property("header.d").or_else(|| result.property("header.i")).and_then(domain),
        selector: result.property("header.s").filter(|selector| is_name(selector)).map(str::to_owned),
        signature: signature.map(str::to_owned),
        source: source.clone(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{boundary::Place, message::HeaderSection, policy::BoundaryStrategy, session::Session};

    /// The peer of every mail here.
    const PEER: &str = "192.0.2.1";

    const BORDER: &str = "Received: from out.sender.example (out.sender.example [192.0.2.1]) by mx.example.net with ESMTP id 1; \
                          Mon, 3 Nov 2025 10:00:00 +0000";
    const OLDER: &str = "Received: from pc.sender.example ([203.0.113.5]) by out.sender.example with ESMTPA id 2; Mon, 3 Nov \
                         2025 09:59:59 +0000";
    const GOOGLE_SPF: &str = "Received-SPF: pass (google.com: domain of alice@sender.example designates 192.0.2.1 as permitted \
                              sender) client-ip=192.0.2.1;";
    const GOOGLE: &str = "Authentication-Results: mx.google.com;\r\n       dkim=pass header.i=@sender.example header.s=s1 \
                          header.b=AbC1;\r\n       spf=pass (google.com: domain of alice@sender.example designates 192.0.2.1 \
                          as permitted sender) smtp.mailfrom=alice@sender.example;\r\n       dmarc=pass (p=REJECT sp=REJECT \
                          dis=NONE) header.from=sender.example";
    const EXCHANGE: &str = "Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=sender.example; dkim=pass \
                            (signature was verified)\r\n header.d=sender.example;dmarc=pass action=none \
                            header.from=sender.example;compauth=pass reason=100";
    const FORGED: &str = "Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=bank.example; dkim=pass \
                          header.d=bank.example";

    fn read(fields: &[&str], border: Option<usize>, pinned: &[&str]) -> Stated {
        let text = format!("{}\r\n\r\n", fields.join("\r\n"));
        let session = Session { peer_ip: PEER.parse().ok(), ..Session::default() };
        let message = RawMessage {
            headers: HeaderSection::read(text.as_bytes(), text.len()),
            session: border.is_none().then_some(session),
            ..RawMessage::default()
        };
        let pinned: Vec<String> = pinned.iter().map(|pin| (*pin).to_owned()).collect();
        let place = Place::Peer { hop: border.unwrap_or(0), ip: PEER.parse().unwrap() };
        let boundary = Boundary { strategy: BoundaryStrategy::Networks, place, hosted: None };
        Stated::read(&message, &Trace::read(&message), &boundary, &pinned)
    }

    /// `spf=pass mailfrom sender.example 192.0.2.1 <who>, dkim=.., arc=.., certain, passed over 1, forged 1`
    fn shown(stated: &Stated) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
        let who = |source: &Source| match source {
            Source::Dns => "dns".to_owned(),
            Source::AuthenticationResults(id) => format!("a:{id}"),
            Source::ReceivedSpf(id) => format!("r:{id}"),
        };
        let mut parts: Vec<String> = Vec::new();
        parts.extend(stated.spf.iter().map(|spf| {
            let ip = spf.ip.map_or("-".to_owned(), |ip| ip.to_string());
            let identity = if spf.identity == SpfIdentity::Helo { "helo" } else { "mailfrom" };
            format!("spf={} {identity} {} {ip} {}", spf.result.as_str(), text(&spf.domain), who(&spf.source))
        }));
        parts.extend(stated.dkim.iter().map(|dkim| {
            let DkimFact { result, domain, selector, signature, source } = dkim;
            format!("dkim={} {} {} {} {}", result.as_str(), text(domain), text(selector), text(signature), who(source))
        }));
        parts.extend(stated.arc.iter().map(|arc| format!("arc={}", arc.as_str())));
        parts.extend(stated.certain.then(|| "certain".to_owned()));
        parts.extend((stated.passed_over > 0).then(|| format!("passed over {}", stated.passed_over)));
        parts.extend((stated.forged > 0).then(|| format!("forged {}", stated.forged)));
        parts.join(", ")
    }

    type Case<'a> = (&'a str, &'a [&'a str], Option<usize>, &'a [&'a str], &'a str);

    fn check(cases: &[Case<'_>]) {
        for (name, fields, border, pinned, expected) in cases {
            assert_eq!(shown(&read(fields, *border, pinned)), *expected, "{name}");
        }
    }

    #[test]
    fn what_providers_and_milters_write() {
        let google =
            "spf=pass mailfrom sender.example 192.0.2.1 r:google.com, dkim=pass sender.example s1 AbC1 a:mx.google.com";
        let arc = "ARC-Authentication-Results: i=1; mx.google.com; dkim=pass header.i=@other.example; arc=pass (i=1)";
        check(&[
            (
                "Google, below its ingress",
                &[
                    "Received: by 2001:db8::7 with SMTP id 3; Mon",
                    arc,
                    BORDER,
                    GOOGLE_SPF,
                    GOOGLE,
                    "DKIM-Signature: x",
                    OLDER,
                ],
                Some(1),
                &["mx.google.com", "google.com"],
                google,
            ),
            (
                "Google, nothing older",
                &[BORDER, GOOGLE_SPF, GOOGLE, "From: x"],
                Some(0),
                &[".google.com", "GOOGLE.com"],
                google,
            ),
            (
                "Exchange Online, above its ingress",
                &[
                    "Received: from a.prod.outlook.com ([2001:db8::5]) by b.prod.outlook.com with HTTPS; Mon",
                    EXCHANGE,
                    "Received-SPF: Pass (protection.outlook.com: domain of sender.example designates\r\n 192.0.2.1 as permitted \
                     sender) receiver=protection.outlook.com; client-ip=192.0.2.1;\r\n helo=out.sender.example; pr=C",
                    BORDER,
                    OLDER,
                ],
                Some(1),
                &["protection.outlook.com"],
                "spf=pass mailfrom sender.example 192.0.2.1 a:protection.outlook.com, dkim=pass sender.example - - \
                 a:protection.outlook.com, certain",
            ),
            (
                "Exchange Online, only its ARC",
                &[
                    "ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=pass (sender ip is 192.0.2.1) \
                     smtp.mailfrom=sender.example; dkim=none; arc=none (0)",
                    BORDER,
                ],
                Some(0),
                &["mx.microsoft.com"],
                "spf=pass mailfrom sender.example 192.0.2.1 a:mx.microsoft.com, arc=none, certain",
            ),
            (
                "milters, one field a method, on top of a session",
                &[
                    "DMARC-Filter: OpenDMARC Filter v1 mx.example.net 1",
                    "Authentication-Results: mx.example.net; dmarc=pass (p=none dis=none) header.from=sender.example",
                    "Authentication-Results: mx.example.net; spf=pass smtp.mailfrom=sender.example",
                    "DKIM-Filter: OpenDKIM Filter v2 mx.example.net 1",
                    "Authentication-Results: mx.example.net;\r\n\tdkim=pass (2048-bit key; unprotected) header.d=sender.example \
                     header.i=@news.sender.example header.a=rsa-sha256 header.s=s1 header.b=AbC1;\r\n\tdkim=fail \
                     header.d=list.example",
                    OLDER,
                ],
                None,
                &["mx.example.net"],
                "spf=pass mailfrom sender.example - a:mx.example.net, dkim=pass sender.example s1 AbC1 a:mx.example.net, \
                 dkim=fail list.example - - a:mx.example.net",
            ),
            (
                "above the border the envelope's SPF counts before HELO's",
                &[
                    "Received-SPF: pass identity=helo; helo=out.sender.example; client-ip=192.0.2.1; receiver=mx.example.net",
                    "Received-SPF: fail identity=mailfrom; envelope-from=\"a@sender.example\"; client-ip=::ffff:192.0.2.1; \
                     receiver=mx.example.net",
                    BORDER,
                ],
                Some(0),
                &["mx.example.net"],
                "spf=fail mailfrom sender.example 192.0.2.1 r:mx.example.net, certain",
            ),
            (
                "names below a pinned one",
                &[
                    "Authentication-Results: MX7.relay.example.jp; spf=none smtp.helo=Out.Sender.Example; dkim=none",
                    BORDER,
                ],
                Some(0),
                &[".relay.example.jp"],
                "spf=none helo out.sender.example - a:mx7.relay.example.jp, certain",
            ),
            ("nothing pinned", &[FORGED, BORDER], Some(0), &[], ""),
        ]);
    }

    #[test]
    fn attacks() {
        let own = "Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=sender.example";
        let own_spf = "spf=fail mailfrom sender.example - a:mx.example.net";
        let both = format!("{own_spf}, passed over 1");
        let google = "spf=pass mailfrom sender.example 192.0.2.1 a:mx.google.com, passed over 1";
        let exchange = "Authentication-Results: spf=fail (sender IP is 192.0.2.1) smtp.mailfrom=x.example; dkim=none";
        let received_spf =
            "Received-SPF: pass client-ip=192.0.2.1; receiver=mx.example.net; envelope-from=a@bank.example";
        let long = format!("{own} ({})", "x".repeat(LONGEST));
        let torn = "Authentication-Results: mx.example.net; spf=fail (domain of x) y) smtp.mailfrom=x";
        check(&[
            (
                "further below",
                &[own, BORDER, OLDER, FORGED],
                Some(0),
                &["mx.example.net"],
                &format!("{own_spf}, certain, forged 1"),
            ),
            (
                "as the sender's first line, where the host writes above",
                &[own, BORDER, "Authentication-Results: mx.example.net; dkim=pass header.d=bank.example"],
                Some(0),
                &["mx.example.net"],
                &format!("{own_spf}, certain, passed over 1"),
            ),
            ("where a field above is torn", &[torn, BORDER, FORGED], Some(0), &["mx.example.net"], "passed over 1"),
            ("where a field is too long", &[BORDER, &long, FORGED], Some(0), &["mx.example.net"], "passed over 1"),
            (
                "under what the sender wrote",
                &[BORDER, "Subject: x", FORGED, OLDER],
                Some(0),
                &["mx.example.net"],
                "forged 1",
            ),
            (
                "under what the sender wrote, in a session",
                &["Subject: x", FORGED],
                None,
                &["mx.example.net"],
                "forged 1",
            ),
            ("as the sender's first line", &[BORDER, own, FORGED, OLDER], Some(0), &["mx.example.net"], &both),
            ("as the sender's first line, in a session", &[own, FORGED], None, &["mx.example.net"], &both),
            (
                "methods that the host does not state, behind a field of several",
                &[
                    BORDER,
                    "Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=sender.example; dmarc=none",
                    "Authentication-Results: mx.example.net; dkim=pass header.d=bank.example",
                ],
                Some(0),
                &["mx.example.net"],
                &both,
            ),
            (
                "methods that Google does not state",
                &[
                    BORDER,
                    "Authentication-Results: mx.google.com; spf=pass (google.com: domain of a@sender.example designates 192.0.2.1 \
                     as permitted sender) smtp.mailfrom=a@sender.example",
                    "Authentication-Results: mx.google.com; dkim=pass header.d=bank.example",
                ],
                Some(0),
                &["mx.google.com"],
                google,
            ),
            (
                "a known limit: a host that writes one method a field, and neither DKIM's nor takes forged fields out",
                &[BORDER, own, "Authentication-Results: mx.example.net; dkim=pass header.d=bank.example"],
                Some(0),
                &["mx.example.net"],
                &format!("{own_spf}, dkim=pass bank.example - - a:mx.example.net"),
            ),
            (
                "a known limit: a host that wrote nothing",
                &[BORDER, FORGED],
                Some(0),
                &["mx.example.net"],
                "spf=pass mailfrom bank.example - a:mx.example.net, dkim=pass bank.example - - a:mx.example.net",
            ),
            (
                "the name of another host of ours",
                &[BORDER, "Authentication-Results: mx2.example.net; spf=fail", FORGED],
                Some(0),
                &["mx.example.net", "mx2.example.net"],
                "spf=fail mailfrom - - a:mx2.example.net, passed over 1",
            ),
            (
                "behind a field of a name that is not pinned",
                &[BORDER, "Authentication-Results: mx2.example.net; spf=fail", FORGED],
                Some(0),
                &["mx.example.net"],
                "passed over 1",
            ),
            ("behind a field that is torn", &[BORDER, torn, FORGED], Some(0), &["mx.example.net"], "passed over 1"),
            ("a nameless field below the border", &[BORDER, EXCHANGE, OLDER], Some(0), &["protection.outlook.com"], ""),
            (
                "a nameless field further below",
                &[exchange, BORDER, OLDER, EXCHANGE],
                Some(0),
                &["protection.outlook.com"],
                "spf=fail mailfrom x.example 192.0.2.1 a:protection.outlook.com, certain",
            ),
            ("a nameless field of a session", &[EXCHANGE, OLDER], None, &["protection.outlook.com"], ""),
            (
                "a nameless field, another name pinned",
                &[EXCHANGE, BORDER],
                Some(0),
                &["mx.example.net", ".outlook.com"],
                "",
            ),
            (
                "another client",
                &[
                    "Authentication-Results: mx.example.net; spf=pass (sender IP is 198.51.100.9) smtp.mailfrom=bank.example; dkim=pass \
                     header.d=bank.example",
                    "Authentication-Results: mx.example.net; iprev=pass policy.iprev=198.51.100.9; spf=pass smtp.mailfrom=bank.example",
                    BORDER,
                ],
                Some(0),
                &["mx.example.net"],
                "passed over 2",
            ),
            (
                "behind a field on another client",
                &[
                    BORDER,
                    "Authentication-Results: mx.example.net; spf=pass (sender IP is 198.51.100.9) smtp.mailfrom=x",
                    FORGED,
                ],
                Some(0),
                &["mx.example.net"],
                "passed over 2",
            ),
            (
                "a second Received-SPF, on the envelope",
                &[
                    BORDER,
                    "Received-SPF: none identity=helo; helo=x.example; client-ip=192.0.2.1; receiver=mx.example.net",
                    received_spf,
                ],
                Some(0),
                &["mx.example.net"],
                "spf=none helo x.example 192.0.2.1 r:mx.example.net, passed over 1",
            ),
            (
                "a Received-SPF behind one without a name",
                &[
                    BORDER,
                    "Received-SPF: fail (domain of x.example does not designate 192.0.2.1 as permitted sender)",
                    received_spf,
                ],
                Some(0),
                &["mx.example.net"],
                "passed over 1",
            ),
            (
                "the sender's domain is called as a pinned host",
                &[
                    "Received-SPF: pass (google.com: 192.0.2.1 is authorized to use 'a@google.com' in 'mfrom' identity) \
                     receiver=mx.example.net; client-ip=192.0.2.1",
                    BORDER,
                ],
                Some(0),
                &["google.com"],
                "",
            ),
            (
                "a sealed chain that came along",
                &[
                    BORDER,
                    "ARC-Seal: i=1",
                    "ARC-Authentication-Results: i=1; mx.example.net; spf=pass smtp.mailfrom=bank.example; arc=pass",
                    OLDER,
                    "ARC-Authentication-Results: i=1; mx.example.net; spf=pass",
                ],
                Some(0),
                &["mx.example.net"],
                "",
            ),
            (
                "names that only look like a pinned one",
                &[
                    "Authentication-Results: evilrelay.example.jp; spf=pass",
                    "Authentication-Results: relay.example.jp; spf=pass",
                    "Authentication-Results: relay.example.jp.evil.example; spf=pass",
                    "Authentication-Results: \"a b.relay.example.jp\"; spf=pass",
                    "Authentication-Results: (mx.example.net) evil.example (mx.example.net); spf=pass",
                    "Authentication-Results: ; spf=pass",
                    BORDER,
                ],
                Some(0),
                &[".relay.example.jp", "mx.example.net", "", "."],
                "",
            ),
        ]);
    }

    #[test]
    fn a_mail_that_did_not_come_from_outside_has_no_place_to_believe_in() {
        let text = format!("{FORGED}\r\n{BORDER}\r\n\r\n");
        let headers = HeaderSection::read(text.as_bytes(), text.len());
        let message = RawMessage { headers, ..RawMessage::default() };
        let trace = Trace::read(&message);
        let nowhere = Place::Peer { hop: 7, ip: PEER.parse().unwrap() };
        for place in [Place::NotFound(crate::boundary::NotFoundReason::NoAddress), nowhere] {
            let boundary = Boundary { strategy: BoundaryStrategy::Networks, place, hosted: None };
            assert_eq!(Stated::read(&message, &trace, &boundary, &["mx.example.net".to_owned()]), Stated::default());
        }
    }

    #[test]
    fn no_more_is_looked_at_than_is_bounded() {
        let foreign = "Authentication-Results: other.example; spf=pass";
        let mut fields = vec![foreign; MOST_FIELDS];
        fields.extend([FORGED, BORDER]);
        assert_eq!(read(&fields, Some(0), &["mx.example.net"]), Stated::default());
        let long = format!("{FORGED} ({})", "x".repeat(LONGEST));
        assert_eq!(read(&[&long, BORDER], Some(0), &["mx.example.net"]), Stated::default());
        let many = format!("Authentication-Results: mx.example.net{}", "; dkim=pass".repeat(1_000));
        assert_eq!(read(&[&many, BORDER], Some(0), &["mx.example.net"]).dkim.len(), MOST_SIGNATURES);
    }

    /// A field that somebody made up, out of the pieces of real ones.
    fn made_up() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "Authentication-Results",
            "Received-SPF",
            "ARC-Authentication-Results",
            "X-A",
            "To",
        ]);
        let piece = prop::sample::select(vec![
            "mx.example.net",
            ";",
            " ",
            "=",
            "spf",
            "=pass",
            "dkim=fail ",
            "arc=pass",
            "dmarc=none",
            "header.d",
            "header.i=@",
            "header.s=",
            "header.b=\"",
            "smtp.mailfrom=",
            "smtp.helo=",
            "\"",
            "\\",
            "(",
            ")",
            "@",
            "<",
            ">",
            "a.example",
            "B.Example",
            "pass ",
            "none ",
            "(google.com: domain of ",
            " designates 192.0.2.1 as permitted sender)",
            "sender IP is ",
            "192.0.2.1",
            "198.51.100.9",
            "client-ip=",
            "receiver=mx.example.net",
            "envelope-from=",
            "identity=helo",
            "helo=",
            "i=1;",
            "/",
            ".",
            "\r\n\t",
            "\u{e9}",
            "\u{202e}",
            "\0",
        ]);
        let value = prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat());
        (name, prop_oneof![value.clone(), value.prop_map(|value| format!("mx.example.net; {value}")), "\\PC{0,60}"])
            .prop_map(|(name, value)| format!("{name}: {value}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_comes_out_that_was_not_in_the_field(
            mut fields in prop::collection::vec(made_up(), 0..6),
            above in 0usize..6,
            stored in any::<bool>(),
        ) {
            if stored {
                fields.insert(above.min(fields.len()), BORDER.to_owned());
            }
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let stated = read(&fields, stored.then_some(0), &["mx.example.net", ".google.com", "google.com", EXCHANGE_ONLINE]);
            // An escape in a quoted string, and a fold, are the only things that fall away.
            let text = fields.join("\n").replace(['\\', '\r', '\n'], "").to_ascii_lowercase();
            let spf = stated.spf.iter().flat_map(|spf| spf.domain.clone());
            let dkim = stated.dkim.iter().flat_map(|dkim| {
                [dkim.domain.clone(), dkim.selector.clone(), dkim.signature.clone()].into_iter().flatten()
            });
            for said in spf.chain(dkim) {
                prop_assert!(text.contains(&said.to_ascii_lowercase()), "{said:?} of {fields:?}");
                prop_assert!(!said.contains(crate::text::is_unsafe), "{said:?}");
            }
            let ip = stated.spf.as_ref().and_then(|spf| spf.ip);
            prop_assert!(ip.is_none_or(|ip| ip == PEER.parse::<IpAddr>().unwrap()));
        }

        #[test]
        fn nothing_added_under_a_field_of_several_methods_changes_what_is_said(
            added in prop::collection::vec(made_up(), 0..6),
        ) {
            let own = "Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=x.example; dkim=none";
            let honest = [BORDER, "Received-SPF: fail receiver=mx.example.net", own];
            let fields: Vec<&str> = honest.into_iter().chain(added.iter().map(String::as_str)).collect();
            let (before, after) = (read(&honest, Some(0), &["mx.example.net"]), read(&fields, Some(0), &["mx.example.net"]));
            prop_assert_eq!((before.spf, before.dkim), (after.spf, after.dkim));
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0usize..3) {
            let name = ["Authentication-Results", "Received-SPF", "ARC-Authentication-Results"][kind];
            let mut headers = HeaderSection::default();
            headers.push(name.as_bytes(), &[b"mx.example.net;".as_slice(), &bytes].concat());
            headers.push(name.as_bytes(), &bytes);
            let session = Session { peer_ip: PEER.parse().ok(), ..Session::default() };
            let message = RawMessage { headers, session: Some(session), ..RawMessage::default() };
            let place = Place::Peer { hop: 0, ip: PEER.parse().unwrap() };
            let boundary = Boundary { strategy: BoundaryStrategy::Session, place, hosted: None };
            Stated::read(&message, &Trace::read(&message), &boundary, &["mx.example.net".to_owned(), String::new()]);
        }
    }
}
