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
mod tests;
