//! What a host says of SPF in a comment (RFC 7208, 9.1, leaves its words open).
//!
//! Takes the comment's text, gives the host, the client's address and the domain where it names them:
//! - Google, Exchange Online: `google.com: domain of a@sender.example designates 192.0.2.1 as permitted sender`
//! - Yahoo the same without the host; `best guess record for` in front where the domain has no record at all
//! - `google.com: 192.0.2.1 is neither permitted nor denied by domain of a@sender.example`
//! - Exchange Online, netcup in `Authentication-Results`: `sender IP is 192.0.2.1`
//!
//! The address of the envelope stands in it as the client said it, blanks and all. What the host itself wrote is therefore
//! looked for from the outside inward: the last `designates`, the first `domain of`.

use std::net::IpAddr;

use super::syntax::domain;
use crate::net::parse_literal;

/// What a comment says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SpfComment<'a> {
    /// Who writes.
    pub(super) host: Option<&'a str>,
    /// The client.
    pub(super) ip: Option<IpAddr>,
    /// Whose record was asked for.
    pub(super) domain: Option<String>,
    /// There is no record, and Google made one up: that is no result of SPF.
    pub(super) guess: bool,
}

impl<'a> SpfComment<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let (host, text) = match text.split_once(": ") {
            Some((host, rest)) if !host.contains(char::is_whitespace) => (Some(host), rest.trim_start()),
            _ => (None, text),
        };
        let first = text.split_whitespace().next().unwrap_or_default();
        let (ip, of) = if let Some(ip) = after(text, "sender IP is ") {
            (address(ip), None)
        } else if let Some(ip) = parse_literal(first) {
            (Some(ip), text.split_once(" domain of ").map(|(_, of)| of))
        } else if let Some((of, ip)) = text.rsplit_once(" designates ") {
            (address(ip), Some(of))
        } else if let Some((of, ip)) = text.rsplit_once(" designate ") {
            let of = [" does not", " is inclined to not"].iter().find_map(|end| of.strip_suffix(end));
            (address(ip), of)
        } else {
            (None, None)
        };
        let guess = [text, after(text, first).unwrap_or_default()].iter().any(|text| {
            let text = text.trim_start();
            text.starts_with("best guess record for ")
                || text.starts_with("is neither permitted nor denied by best guess record for ")
        });
        let subject = of.map(|of| {
            // libspf2 says `transitioning domain of`, Google `domain of transitioning`.
            let said = ["best guess record for ", "transitioning ", "domain of ", "transitioning "];
            said.iter().fold(of, |of, said| of.strip_prefix(said).unwrap_or(of))
        });
        Self { host, ip, domain: subject.and_then(domain), guess }
    }
}

/// What stands behind a beginning, in any case.
fn after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let head = text.get(..start.len())?;
    head.eq_ignore_ascii_case(start).then(|| text.get(start.len()..)).flatten()
}

/// The address at the beginning of a text.
fn address(text: &str) -> Option<IpAddr> {
    let word = text.split(|c: char| c.is_whitespace() || c == ';' || c == ',').next()?;
    parse_literal(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_of_saying_it() {
        let cases = [
            (
                "google.com: domain of alice@sender.example designates 192.0.2.1 as permitted sender",
                (Some("google.com"), Some("192.0.2.1"), Some("sender.example"), false),
            ),
            (
                "google.com: domain of transitioning alice@Sender.example does not designate 2001:db8::1 as permitted sender",
                (Some("google.com"), Some("2001:db8::1"), Some("sender.example"), false),
            ),
            (
                "google.com: best guess record for domain of a@sender.example designates 192.0.2.1 as permitted sender",
                (Some("google.com"), Some("192.0.2.1"), Some("sender.example"), true),
            ),
            (
                "google.com: 192.0.2.1 is neither permitted nor denied by domain of alice@sender.example",
                (Some("google.com"), Some("192.0.2.1"), Some("sender.example"), false),
            ),
            (
                "google.com: 2001:db8::1 is neither permitted nor denied by best guess record for domain of a@sender.example",
                (Some("google.com"), Some("2001:db8::1"), Some("sender.example"), true),
            ),
            (
                "protection.outlook.com: sender.example does not designate permitted sender hosts",
                (Some("protection.outlook.com"), None, Some("sender.example"), false),
            ),
            (
                "domain of sender.example does not designate permitted sender hosts",
                (None, None, Some("sender.example"), false),
            ),
            (
                "gw.example.net: domain of a@sender.example is inclined to not designate 192.0.2.1 as permitted sender",
                (Some("gw.example.net"), Some("192.0.2.1"), Some("sender.example"), false),
            ),
            ("sender IP is 192.0.2.1", (None, Some("192.0.2.1"), None, false)),
            ("sender ip is 192.0.2.1; identity alignment result is pass", (None, Some("192.0.2.1"), None, false)),
            ("sender IP is ", (None, None, None, false)),
            (
                "sender.example: 192.0.2.1 is authorized to use 'a@sender.example' in 'mfrom' identity (mechanism 'mx' matched)",
                (Some("sender.example"), Some("192.0.2.1"), None, false),
            ),
            ("mailfrom", (None, None, None, false)),
            ("", (None, None, None, false)),
        ];
        for (text, (host, ip, domain, guess)) in cases {
            let expected =
                SpfComment { host, ip: ip.map(|ip| ip.parse().unwrap()), domain: domain.map(str::to_owned), guess };
            assert_eq!(SpfComment::read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_local_part_does_not_speak_for_the_host() {
        let text = "google.com: domain of \"domain of bank.example designates 198.51.100.7 as permitted sender\"@sender.example \
                    designates 192.0.2.1 as permitted sender";
        let comment = SpfComment::read(text);
        assert_eq!((comment.ip, comment.domain.as_deref()), ("192.0.2.1".parse().ok(), Some("sender.example")));
    }
}
