//! What a comment says of a host, and where an address stands in a text.
//!
//! Takes the text of one comment, gives what kind of remark it is, in the exact forms that MTAs write. It knows no
//! clause: whose comment it is, and what that is worth, is for `client` to say.

use std::net::IpAddr;

use memchr::{memchr, memmem, memrchr};

use super::bytes::{find, starts, strip};
use crate::net;

/// What a comment says of a host.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) ip: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) name: &'a [u8],
    pub(super) helo: Option<&'a [u8]>,
    pub(super) ident: Option<&'a [u8]>,
    /// Whether the MTA says that the HELO leads to the address (CommuniGate).
    pub(super) confirmed: bool,
}

/// What a comment is.
pub(super) enum Remark<'a> {
    Peer(Peer<'a>),
    Helo(&'a [u8]),
    /// A port, an ident answer, the session's keys, a web interface's note of its user: the address may be in front of it.
    Note(Note<'a>),
    /// Two addresses in a form that holds one.
    Contradiction([&'a [u8]; 2]),
    Other,
}

/// What a note says besides.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Note<'a> {
    pub(super) port: Option<u16>,
    pub(super) helo: Option<&'a [u8]>,
    pub(super) ident: Option<&'a [u8]>,
}

/// The host that a comment describes, when it is one of the forms that MTAs write.
pub(super) fn peer(comment: &[u8]) -> Option<Peer<'_>> {
    match remark(comment) {
        Remark::Peer(peer) => Some(peer),
        _ => None,
    }
}

/// What a comment of the `from` clause says.
pub(super) fn remark(text: &[u8]) -> Remark<'_> {
    if let Some((greeting, rest)) = text.split_at_checked(4)
        && matches!(greeting, [b'H' | b'h' | b'E' | b'e' | b'L' | b'l', ..])
        && [b"HELO", b"EHLO", b"LHLO"].iter().any(|word| greeting.eq_ignore_ascii_case(*word))
    {
        match rest {
            [b' ', name @ ..] => return Remark::Helo(name),
            [] => return Remark::Helo(b""),
            _ => {}
        }
    }
    // Exim: `[A] (port=25 helo=H ident=x)`, `[A] (ident=x)`.
    let keyed_note = matches!(text.first(), Some(b'p' | b'P' | b'i' | b'I' | b'h' | b'H' | b'e' | b'E'));
    if keyed_note && [b"port=".as_slice(), b"ident=", b"helo=", b"ehlo="].iter().any(|key| starts(text, key)) {
        let port = keyed(text, b"port=").and_then(|port| number(first_word(port)));
        let helo = keyed(text, b"helo=").map(first_word);
        return Remark::Note(Note { port, helo, ident: keyed(text, b"ident=") });
    }
    if text.starts_with(b"account ") {
        return behind(text, b" HELO ").map_or(Remark::Note(Note::default()), Remark::Helo);
    }
    if text.starts_with(b"using ") || text.starts_with(b"proxying for ") || is_user_of_webmail(text) {
        return Remark::Note(Note::default());
    }
    // Sendmail quotes an ident answer with blanks or brackets: `"x [192.0.2.9]"@name [A]`.
    if text.starts_with(b"\"")
        && let Some(end) = memmem::rfind(text, b"\"@")
        && let Some(rest) = text.get(end + 2..)
    {
        let ident = text.get(1..end).unwrap_or_default();
        return match host(rest) {
            // Sun Internet Mail Server: `"port 34611"@name [A]`.
            Remark::Peer(peer) => match ident.strip_prefix(b"port ").and_then(number) {
                Some(port) => Remark::Peer(Peer { port: Some(port), ..peer }),
                None => Remark::Peer(Peer { ident: Some(ident), ..peer }),
            },
            other => other,
        };
    }
    host(text)
}

/// What a comment says of the client's name and address.
fn host(text: &[u8]) -> Remark<'_> {
    match memchr(b'[', text) {
        Some(open) if memrchr(b'@', text).is_some_and(|at| at > open) => ident_first(text, open),
        Some(0) => bracket_first(text),
        Some(open) => name_first(text, open),
        None => bare(text),
    }
}

/// The part behind the last `@`, and the ident answer before it.
pub(super) fn split_ident(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    memrchr(b'@', text).map_or((None, text), |at| {
        let (ident, host) = text.split_at(at);
        let ident = ident.strip_prefix(b"IDENT:").unwrap_or(ident);
        (Some(ident).filter(|ident| !ident.is_empty()), host.get(1..).unwrap_or_default())
    })
}

/// `SquirrelMail authenticated user bob`.
pub(super) fn is_user_of_webmail(text: &[u8]) -> bool {
    memchr(b' ', text)
        .is_some_and(|space| text.get(space..).is_some_and(|rest| rest.starts_with(b" authenticated user ")))
}

/// `ident@A` with a bracket in the ident answer, which is the client's: `x[192.0.2.9]@A` (notqmail lets brackets pass).
fn ident_first(text: &[u8], open: usize) -> Remark<'_> {
    if text.iter().any(u8::is_ascii_whitespace) {
        return if open == 0 { bracket_first(text) } else { name_first(text, open) };
    }
    let (ident, host) = split_ident(text);
    match address_and_port(host) {
        Some((ip, port)) => Remark::Peer(Peer { ip: Some(ip), port, ident, ..Peer::default() }),
        None => Remark::Contradiction([ident.unwrap_or_default(), host]),
    }
}

/// `[A]`, `[A]:port helo=H`, `[A]:port "EHLO H" ..`, `[unknown] [A]`: nothing that the client wrote stands before it.
fn bracket_first(text: &[u8]) -> Remark<'_> {
    let Some(close) = memchr(b']', text) else { return Remark::Other };
    let (inside, rest) = (text.get(1..close).unwrap_or_default(), text.get(close + 1..).unwrap_or_default());
    let Some((ip, inner_port)) = address_and_port(inside) else {
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
    // `[192.0.2.9]@name [A]`: the first bracket is an ident answer. Exim's own stands behind its key.
    let ident = behind(rest, b" ident=");
    let last = if helo.is_none() && ident.is_none() { split_address(rest).1 } else { None };
    if last.is_some_and(|last| last != ip) {
        return Remark::Contradiction([inside, rest]);
    }
    // `[A]:25`, and chasquid's and Go's `[A]:25 helo=..`.
    let behind_address = || rest.strip_prefix(b":").map(first_word).and_then(number);
    // ZMailer: `[A] EHLO H ident: NO-IDENT-SERVICE [port 49447]`.
    let noted = || number(behind(rest, b"[port ")?.split(|byte| *byte == b']').next()?);
    let port = behind_address().or(inner_port).or_else(noted);
    Remark::Peer(Peer { ip: Some(ip), port, name: b"", helo, ident, confirmed: rest == b" verified" })
}

/// `name [A]`, `ident@name [A]`, `name[A]`, `name [A] (may be forged)`.
fn name_first(text: &[u8], open: usize) -> Remark<'_> {
    let (before, rest) = text.split_at(open);
    let name = before.strip_suffix(b"?").unwrap_or(before).trim_ascii_end();
    let Some(close) = memchr(b']', rest) else { return Remark::Other };
    let (inside, rest) = (rest.get(1..close).unwrap_or_default(), rest.get(close + 1..).unwrap_or_default());
    // Sendmail: `localhost [[UNIX: localhost]]`.
    let rest = if inside.starts_with(b"[UNIX: ") { rest.strip_prefix(b"]").unwrap_or(rest) } else { rest };
    let (ident, host) = split_ident(name);
    let Some((ip, port)) = address_and_port(inside) else {
        // `name [x.x.x.x]`: somebody took the address away; `name [local]` is OpenSMTPD's UNIX socket.
        let word = host.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        let blank = rest.is_empty() && word && !host.is_empty();
        return if blank { Remark::Peer(Peer { name: host, ident, ..Peer::default() }) } else { Remark::Other };
    };
    // `(Forwarded-For: [A])`: what an HTTP client said, in a header field of its own.
    if name.ends_with(b":") {
        return Remark::Note(Note::default());
    }
    let unverified = name == b"Not Verified" || name == b"<unknown>";
    if !unverified && name.iter().any(|b| b.is_ascii_whitespace() || matches!(b, b'<' | b'"')) {
        return Remark::Other;
    }
    // The name and the ident answer are the client's: `x [192.0.2.9]` as a name must not hide the address behind it.
    if memchr(b'[', rest).is_some() {
        return Remark::Contradiction([inside, rest]);
    }
    // Sendmail: the name does not lead back to the address, so nothing is verified.
    let forged = rest.trim_ascii_start().starts_with(b"(may be forged)");
    Remark::Peer(Peer {
        ip: Some(ip),
        port,
        name: if forged || unverified { b"unknown" } else { host },
        ident,
        ..Peer::default()
    })
}

/// `A`, `user@A`, Yahoo's `user@A with login`, and smap's `A, HELO H`.
fn bare(text: &[u8]) -> Remark<'_> {
    if memchr(b',', text).is_some()
        && let Some(at) = find(text, b", HELO ")
    {
        let (ip, helo) = (text.get(..at).and_then(address), text.get(at + 7..));
        return ip.map_or(Remark::Other, |ip| Remark::Peer(Peer { ip: Some(ip), helo, ..Peer::default() }));
    }
    let word = first_word(text);
    let rest = text.get(word.len()..).unwrap_or_default().trim_ascii_start();
    let known = rest.is_empty() || starts(rest, b"with");
    let (ident, host) = split_ident(word);
    match address_and_port(host) {
        Some((ip, port)) if known => Remark::Peer(Peer { ip: Some(ip), port, ident, ..Peer::default() }),
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
    address_and_port(text).map(|(ip, _)| ip)
}

/// An address as MTAs write it, and its port.
pub(super) fn address_and_port(text: &[u8]) -> Option<(IpAddr, Option<u16>)> {
    // Most of what is asked here is a name: tell it by its first letter, or by the first that is in no number.
    let possible = match text.first()? {
        b'0'..=b'9' => text.iter().all(in_numbers) || memchr(b':', text).is_some(),
        b'[' => true,
        b':' | b'a'..=b'f' | b'A'..=b'F' | b'i' | b'I' => memchr(b':', text).is_some(),
        first => first.is_ascii_whitespace() && memchr(b':', text).is_some(),
    };
    if !possible || !(2..=80).contains(&text.len()) {
        return None;
    }
    let inside = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text);
    if let Some(ip) = net::dotted(inside) {
        return Some((ip.into(), None));
    }
    let text = str::from_utf8(text).ok()?;
    let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    net::parse_literal(text).or_else(|| padded(text)).map(|ip| (ip, None)).or_else(|| {
        let (host, port) = text.rsplit_once(':')?;
        let port = number(port.as_bytes())?;
        // `2001:db8::1:25` was read above; only an IPv4 address is followed by a bare port.
        host.parse::<std::net::Ipv4Addr>().ok().map(|ip| (IpAddr::from(ip), Some(port)))
    })
}

fn in_numbers(byte: &u8) -> bool {
    byte.is_ascii_digit() || *byte == b'.' || byte.is_ascii_whitespace()
}

/// An IPv4 address with leading zeros. Some take such a number as decimal and some as octal: it is read where that makes no
/// difference (`192.0.02.1`) or only one of them can be (`192.0.09.1`), and is unknown elsewhere (`192.0.010.1`).
fn padded(text: &str) -> Option<IpAddr> {
    let mut octets = [0; 4];
    let mut numbers = text.split('.');
    for octet in &mut octets {
        let number =
            numbers.next().filter(|number| number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit()))?;
        *octet = number.parse().ok()?;
        if number.starts_with('0') && u8::from_str_radix(number, 8).is_ok_and(|octal| octal != *octet) {
            return None;
        }
    }
    numbers.next().is_none().then(|| IpAddr::from(octets))
}

/// A port: digits, and nothing else.
pub(super) fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

/// What stands behind a key, which is the text's first word or follows a blank.
fn keyed<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    strip(text, key).or_else(|| {
        let mut places = memmem::find_iter(text, key);
        let at = places.find(|at| at.checked_sub(1).is_some_and(|before| text.get(before) == Some(&b' ')))?;
        text.get(at + key.len()..)
    })
}

fn behind<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    find(text, key).and_then(|at| text.get(at + key.len()..))
}

fn first_word(text: &[u8]) -> &[u8] {
    text.split(u8::is_ascii_whitespace).next().unwrap_or(text)
}

/// What stands before the closing quote; ZMailer writes a quote that the client said as `\\"`.
fn until_quote(text: &[u8]) -> &[u8] {
    let closing = |at: &usize| at.checked_sub(1).is_none_or(|before| text.get(before) != Some(&b'\\'));
    let end = memchr::memchr_iter(b'"', text).find(closing).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_read_where_they_mean_one_thing() {
        for (text, ip) in [("192.0.02.1", "192.0.2.1"), ("[192.0.2.007]", "192.0.2.7"), ("192.0.09.1", "192.0.9.1")] {
            assert_eq!(address(text.as_bytes()), ip.parse().ok(), "{text}");
        }
        for text in
            ["192.0.010.1", "192.0.02", "192.0.0002.1", "192.0.+2.1", "192.0.02.1.1", "192.0.02.300", "7.2.072.1"]
        {
            assert_eq!(address(text.as_bytes()), None, "{text}");
        }
    }
}
