//! Who the names around the client are.
//!
//! Takes the client as its clause has it, and tells a HELO from what only stands in its place: a user of the host, an account
//! of a web page, a mailbox, the name of a program. The envelope sender, where the field has it, is here too.

use super::{
    HopKind,
    bytes::find,
    client::Client,
    dialects::Dialect,
    tokens::{Clauses, Place, bare},
};

/// What the names around the client are, where some of them name a user or a program instead.
pub(super) struct Who<'a> {
    pub(super) helo: Option<&'a [u8]>,
    pub(super) rdns: Option<&'a [u8]>,
    pub(super) ident: Option<&'a [u8]>,
    pub(super) envelope_from: Option<&'a [u8]>,
}

impl<'a> Who<'a> {
    pub(super) fn of(clauses: &Clauses<'a>, client: Client<'a>, dialect: Option<&Dialect>, kind: HopKind) -> Self {
        let envelope_from = envelope_from(clauses);
        let who = Self { helo: client.helo, rdns: client.rdns, ident: client.ident, envelope_from };
        if client.ip.is_some() {
            let account = dialect.and_then(|dialect| dialect.account);
            let account = account.is_some_and(|mark| clauses.from.text.contains(&mark));
            return Self { helo: who.helo.filter(|_| !account), ..who };
        }
        let name = client.helo.filter(|name| !name.iter().any(u8::is_ascii_whitespace));
        if clauses.with.word.starts_with(b"qmail-scanner") {
            return Self { helo: None, envelope_from: envelope_from.or(name), ..who };
        }
        // A mailbox is no host: AOL's own users, and forged lines. The other is what a firewall calls who has no name.
        let no_host = client.helo.is_some_and(|name| name.contains(&b'@') || name == b"no.name.available");
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
        Self { helo: who.helo.filter(|_| !no_host), ..who }
    }
}

/// Whether the word behind `from` is a user of the host.
fn names_user(clauses: &Clauses<'_>, dialect: Option<&Dialect>) -> bool {
    let uid = || clauses.comments_in(Place::From).any(|comment| comment.starts_with(b"uid "));
    dialect.is_some_and(|dialect| dialect.names_user) || uid()
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
                let at = find(comment.text, QUOTED)?;
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
