//! `Received-SPF` (RFC 7208, 9.1).
//!
//! Takes a field's text, gives its result, who wrote it, and the client, the identity and the domain that it speaks of. Google
//! and Yahoo say most of that in the comment alone.

use std::net::IpAddr;

use super::{
    SpfIdentity, SpfResult,
    spf_comment::SpfComment,
    syntax::{Cursor, domain},
};
use crate::net::parse_literal;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReceivedSpf {
    /// The result; a guess of Google's is `none`.
    pub(super) result: SpfResult,
    /// Who wrote it: `receiver=`, else the host in the comment. That one may be the sender's domain (Mail::SPF writes it there),
    /// but then `receiver=` is always stated.
    pub(super) host: Option<String>,
    /// The addresses it states of the client.
    pub(super) ips: Vec<IpAddr>,
    /// Which name of the session was checked.
    pub(super) identity: SpfIdentity,
    /// Its domain.
    pub(super) domain: Option<String>,
}

/// The values that matter.
#[derive(Debug, Default)]
struct Pairs {
    client_ip: Option<String>,
    envelope_from: Option<String>,
    helo: Option<String>,
    receiver: Option<String>,
    identity: Option<String>,
}

impl Pairs {
    /// Keeps a value; nothing where the field has stated another one: one of the two is not the host's.
    fn set(&mut self, key: &str, value: String) -> Option<()> {
        let place = match key.to_ascii_lowercase().as_str() {
            "client-ip" => &mut self.client_ip,
            "envelope-from" => &mut self.envelope_from,
            "helo" => &mut self.helo,
            "receiver" => &mut self.receiver,
            "identity" => &mut self.identity,
            _ => return Some(()),
        };
        if place.as_ref().is_some_and(|stated| *stated != value) {
            return None;
        }
        *place = Some(value);
        Some(())
    }
}

/// Reads a field; nothing where it states no result of SPF, or where it is open where the host's words end.
pub(super) fn read(text: &str) -> Option<ReceivedSpf> {
    let mut cursor = Cursor::new(text);
    cursor.skip()?;
    let result = SpfResult::parse(cursor.word(b""))?;
    let mut pairs = Pairs::default();
    loop {
        cursor.skip()?;
        if cursor.peek().is_none() {
            break;
        }
        if cursor.eat(b';') {
            continue;
        }
        let key = cursor.word(b"=");
        cursor.skip()?;
        if cursor.eat(b'=') {
            cursor.skip()?;
            pairs.set(key, cursor.value(b"")?)?;
        } else if key.is_empty() {
            cursor.value(b"")?;
        }
    }
    // The host writes one comment; more of them are a client's parentheses.
    let ([] | [_]) = cursor.comments.as_slice() else { return None };
    let comment = SpfComment::read(cursor.comments.first().copied().unwrap_or_default());
    let ips = [pairs.client_ip.as_deref().and_then(parse_literal), comment.ip].into_iter().flatten().collect();
    let from = pairs.envelope_from.as_deref().and_then(domain);
    // Where field and comment name two domains, nobody knows which one was checked.
    let from = match (from, comment.domain) {
        (Some(from), Some(said)) => Some(from).filter(|from| *from == said),
        (from, said) => from.or(said),
    };
    let helo = pairs.helo.as_deref().and_then(domain);
    let null_sender = pairs.envelope_from.as_deref().is_some_and(|from| matches!(from.trim(), "" | "<>"));
    let identity = match pairs.identity.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("mailfrom" | "mfrom" | "envelope-from") => SpfIdentity::MailFrom,
        Some("helo") => SpfIdentity::Helo,
        // `pra` is Sender ID (RFC 4406), which no envelope is checked by.
        Some(_) => return None,
        None if null_sender => SpfIdentity::Helo,
        None => SpfIdentity::MailFrom,
    };
    Some(ReceivedSpf {
        result: if comment.guess { SpfResult::None } else { result },
        host: pairs.receiver.or_else(|| comment.host.map(str::to_owned)),
        ips,
        identity,
        domain: if identity == SpfIdentity::Helo { helo } else { from },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_shapes() {
        use SpfIdentity::{Helo, MailFrom};
        let sender = Some("sender.example");
        let cases = [
            (
                "Google",
                "pass (google.com: domain of a=b@sender.example designates 192.0.2.1 as permitted sender) client-ip=192.0.2.1;",
                (SpfResult::Pass, Some("google.com"), "192.0.2.1 192.0.2.1", MailFrom, sender),
            ),
            (
                "Google's guess is no result",
                "pass (google.com: best guess record for domain of a@sender.example designates 192.0.2.1 as permitted sender) \
                 client-ip=192.0.2.1;",
                (SpfResult::None, Some("google.com"), "192.0.2.1 192.0.2.1", MailFrom, sender),
            ),
            (
                "Exchange Online",
                "Pass (protection.outlook.com: domain of sender.example designates 192.0.2.1 as permitted sender) \
                 receiver=protection.outlook.com; client-ip=192.0.2.1; helo=out.sender.example; pr=C",
                (SpfResult::Pass, Some("protection.outlook.com"), "192.0.2.1 192.0.2.1", MailFrom, sender),
            ),
            (
                "Exchange Online, no record",
                "None (protection.outlook.com: sender.example does not designate permitted sender hosts)",
                (SpfResult::None, Some("protection.outlook.com"), "", MailFrom, sender),
            ),
            (
                "Yahoo",
                "softfail (domain of transitioning sender.example does not designate 192.0.2.1 as permitted sender) xAbC--",
                (SpfResult::SoftFail, None, "192.0.2.1", MailFrom, sender),
            ),
            (
                "pypolicyd-spf",
                "Pass (mailfrom) identity=mailfrom; client-ip=2001:db8::1; helo=out.sender.example; \
                 envelope-from=a@sender.example; receiver=mx.example.net",
                (SpfResult::Pass, Some("mx.example.net"), "2001:db8::1", MailFrom, sender),
            ),
            (
                "pypolicyd-spf, null sender",
                "None (no SPF record) identity=helo; client-ip=192.0.2.1; helo=sender.example; envelope-from=<>; \
                 receiver=<UNKNOWN>",
                (SpfResult::None, Some("<UNKNOWN>"), "192.0.2.1", Helo, sender),
            ),
            (
                "Mail::SPF",
                "fail (sender.example: 192.0.2.1 is not authorized to use 'a@sender.example' in 'mfrom' identity (mechanism '-all' \
                 matched)) receiver=mx.example.net; identity=mfrom; envelope-from=\"a@sender.example\"; helo=x; \
                 client-ip=192.0.2.1",
                (SpfResult::Fail, Some("mx.example.net"), "192.0.2.1 192.0.2.1", MailFrom, sender),
            ),
            (
                "IronPort",
                "SoftFail (mx.example.net: domain of a@sender.example is inclined to not designate 192.0.2.1 as permitted \
                 sender) identity=mailfrom; client-ip=192.0.2.1; receiver=mx.example.net; \
                 envelope-from=\"a@sender.example\"; x-record-text=\"v=spf1 (x; ~all\"",
                (SpfResult::SoftFail, Some("mx.example.net"), "192.0.2.1 192.0.2.1", MailFrom, sender),
            ),
            (
                "Exim",
                "softfail (mx.example.net: transitioning domain of sender.example does not designate 192.0.2.1 as permitted \
                 sender) client-ip=192.0.2.1; envelope-from=a@sender.example; helo=x;",
                (SpfResult::SoftFail, Some("mx.example.net"), "192.0.2.1 192.0.2.1", MailFrom, sender),
            ),
            (
                "milter-greylist",
                "pass (mx.example.net: domain of a@sender.example designates 192.0.2.1 as permitted sender) \
                 receiver=mx.example.net; client-ip=192.0.2.1; helo=x; envelope-from=<a@sender.example>; \
                 x-software=milter-greylist 4.6.4 http://example.org/",
                (SpfResult::Pass, Some("mx.example.net"), "192.0.2.1 192.0.2.1", MailFrom, sender),
            ),
            ("bare", "none", (SpfResult::None, None, "", MailFrom, None)),
        ];
        for (name, text, (result, host, ips, identity, domain)) in cases {
            let field = read(text).unwrap_or_else(|| panic!("{name}"));
            let stated: Vec<String> = field.ips.iter().map(IpAddr::to_string).collect();
            let read = (field.result, field.host.as_deref(), stated.join(" "), field.identity, field.domain.as_deref());
            assert_eq!(read, (result, host, ips.to_owned(), identity, domain), "{name}");
        }
    }

    #[test]
    fn a_field_that_leaves_its_meaning_open_is_not_read() {
        for text in [
            "",
            "maybe (x) client-ip=192.0.2.1",
            "pass=x",
            "pass (x",
            "pass identity=pra; client-ip=192.0.2.1",
            // Words of a client that have left the comment or their own value.
            "pass (google.com: domain of \"x) envelope-from=a@bank.example; y=(z\"@sender.example designates 192.0.2.1 as \
             permitted sender) client-ip=192.0.2.1;",
            "pass (google.com: domain of x) envelope-from=a@bank.example; y@sender.example designates 192.0.2.1 as permitted \
             sender) client-ip=192.0.2.1;",
            "pass (mailfrom) client-ip=192.0.2.1; envelope-from=x; envelope-from=a@bank.example; receiver=mx.example.net",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn of_two_domains_none_is_the_one() {
        let text = "pass (mx.example.net: domain of a@sender.example designates 192.0.2.1 as permitted sender) \
                    envelope-from=a@bank.example";
        assert_eq!(read(text).unwrap().domain, None);
    }
}
