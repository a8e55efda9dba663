//! Whether a hop was encrypted.
//!
//! Takes the clauses, gives what they say of TLS: true where a protocol name (RFC 3848, RFC 8314: `ESMTPS`, `LMTPSA`,
//! `HTTPS`) or a comment in one of the known forms states it, false where a plain protocol is named and nothing speaks of
//! TLS, nothing where the field is silent. A comment counts only where it begins as an MTA begins it, so that an
//! envelope sender or a certificate name with `TLS` in it says nothing.

use memchr::{memchr, memmem};

use super::{
    bytes::{find, starts, strip},
    tokens::{Clauses, Place},
};
use crate::tls::TlsVersion;

/// What a field says of TLS.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stated<'a> {
    /// Whether the hop was encrypted.
    pub(super) encrypted: Option<bool>,
    /// The version.
    pub(super) version: Option<TlsVersion>,
    /// The cipher's name as written.
    pub(super) cipher: Option<&'a [u8]>,
    /// Whether the client's certificate was verified; false where it has none.
    pub(super) verified: Option<bool>,
}

/// Reads what the clauses say.
pub(super) fn read<'a>(clauses: &Clauses<'a>) -> Stated<'a> {
    let mut stated = Stated::default();
    for comment in clauses.comments.iter() {
        let text = comment.text;
        if stated.encrypted.is_none()
            && let Some(version) = self::stated(text)
        {
            stated = Stated { encrypted: Some(true), version, cipher: cipher(text), ..stated };
        }
        stated.verified = stated.verified.or_else(|| verified(text));
    }
    // Exim and Haraka: `tls TLS_AES_256_GCM_SHA384`.
    if clauses.tls.stated && !clauses.tls.word.is_empty() {
        stated.encrypted = Some(true);
        stated.cipher = stated.cipher.or(Some(clauses.tls.word));
    }
    // IIS: `by mx.example.org over TLS secured channel with Microsoft SMTPSVC(7.5.7601.17514)`.
    let over = || clauses.by.text.len() > clauses.by.word.len() && find(clauses.by.text, b" over TLS ").is_some();
    if stated.encrypted.is_none() && (clauses.starttls || over()) {
        stated.encrypted = Some(true);
    }
    if stated.encrypted.is_none() {
        // Yahoo writes the protocol where others write the link: `via HTTP`.
        let with = if clauses.with.text.is_empty() { clauses.via.word } else { clauses.with.text };
        match protocol(with) {
            Some(Protocol::Encrypted) => {
                stated.encrypted = Some(true);
                stated.version = version_in_protocol(with);
            }
            Some(Protocol::Plain) => stated.encrypted = Some(false),
            None => {}
        }
    }
    if stated.encrypted == Some(true) && stated.cipher.is_none() {
        stated.cipher = cipher_in_protocol(clauses);
    }
    stated
}

/// The cipher that a comment names, which states TLS.
fn cipher(comment: &[u8]) -> Option<&[u8]> {
    let behind = |key: &[u8]| comment.get(find(comment, key)? + key.len()..);
    // What stands there stands near the beginning, and a search in few bytes costs little.
    let near = comment.get(..60).unwrap_or(comment);
    let soon = |key: &[u8]| comment.get(find(near, key)? + key.len()..);
    match comment.first()?.to_ascii_lowercase() {
        // Postfix: `using TLSv1.3 with cipher X`. MailMarshal: `using TLS: TLSv1.2, DES-CBC3-SHA`.
        b'u' => name(
            soon(b"with cipher ")
                .or_else(|| Some(behind(b"TLS: ")?.rsplit(|byte| *byte == b',').next()?.trim_ascii()))?,
        ),
        // Sendmail, Google, Exchange: `version=TLS1_2, cipher=X`, and as quoted-printable.
        b'v' => name(soon(b"cipher=3D").or_else(|| soon(b"cipher="))?),
        b't' => {
            // mox: `TLS1.3 TLS_AES_128_GCM_SHA256`.
            if let Some(rest) = comment.get(memchr(b' ', comment).map_or(comment.len(), |at| at + 1)..)
                && rest.starts_with(b"TLS_")
            {
                return name(rest);
            }
            // Exim, OpenSMTPD: `TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256`.
            let mut parts = comment.split(|byte| *byte == b':');
            let (_, cipher, _) = (parts.next()?, parts.next()?, parts.next()?);
            name(cipher).filter(|cipher| cipher.len() > 2)
        }
        // Exim 3: `Cipher TLSv1:DES-CBC3-SHA:168`. Cellopoint: `Cellopoint .. with TLSv1.2 X 256/256`.
        b'c' if starts(comment, b"cipher ") => name(comment.split(|byte| *byte == b':').nth(1)?),
        b'c' | b'g' => name(behind(b" with TLS")?.split(|byte| *byte == b' ').nth(1)?),
        // Courier: `TLS: TLSv1.2,256bits,AES256-SHA`. What stands before it may be the client's ident answer.
        _ => {
            let at = memmem::rfind(comment, b"TLS: ")?;
            name(comment.get(at..)?.rsplit(|byte| *byte == b',').next()?.trim_ascii())
        }
    }
}

/// A cipher's name at the start of a text.
fn name(text: &[u8]) -> Option<&[u8]> {
    let ends = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'.'));
    let name = text.get(..text.iter().position(ends).unwrap_or(text.len()))?;
    (!name.is_empty()).then_some(name)
}

/// qmail's TLS patch: `(AES256-SHA encrypted) SMTP`, `AES256-SHA encrypted SMTP`. IronPort: `ESMTP/TLS/AES256-SHA`. Momentum:
/// `with ESMTPS (cipher=AES256-GCM-SHA384)`, and without the `)`.
fn cipher_in_protocol<'a>(clauses: &Clauses<'a>) -> Option<&'a [u8]> {
    let with = clauses.with.text;
    if let Some(rest) = memchr(b'/', with).and_then(|at| with.get(at..)?.strip_prefix(b"/TLS/")) {
        return name(rest);
    }
    let keyed = |text: &'a [u8]| text.get(find(text, b"cipher=")? + 7..);
    let encrypted = |text: &'a [u8]| text.get(..find(text, b" encrypted")?);
    if with.len() > clauses.with.word.len()
        && let Some(cipher) = keyed(with).or_else(|| encrypted(with))
    {
        return name(cipher);
    }
    let noted = clauses.comments_in(Place::With);
    noted.filter_map(|text| text.strip_prefix(b"cipher=").or_else(|| encrypted(text))).find_map(name)
}

/// What a comment says of the client's certificate.
///
/// Sendmail: `verify=OK`, `TRUSTED` (by DANE), `NO`, `NOT`, `FAIL`. Postfix: `verified OK`, `not verified`, or that there was
/// none. OpenSMTPD and Exim end with `:YES`, `:NO` or `:FAIL`.
fn verified(comment: &[u8]) -> Option<bool> {
    match comment.first()?.to_ascii_lowercase() {
        b'n' if starts(comment, b"no client certificate") => Some(false),
        b'c' if starts(comment, b"client did not present") => Some(false),
        b'c' if starts(comment, b"client certificate not present") => Some(false),
        b'c' if starts(comment, b"client cn") || starts(comment, b"client rpk") => {
            if comment.ends_with(b"(verified OK)") {
                Some(true)
            } else {
                comment.ends_with(b"(not verified)").then_some(false)
            }
        }
        b'v' => {
            // It is the last of them.
            let end = comment.get(comment.len().saturating_sub(30)..)?;
            let at = find(end, b"verify=")?;
            let word = end.get(at + 7..)?.split(|byte| !byte.is_ascii_alphabetic()).next()?;
            Some([b"OK".as_slice(), b"YES", b"TRUSTED"].iter().any(|good| word.eq_ignore_ascii_case(good)))
        }
        b't' if starts(comment, b"tls") => {
            let mut parts = comment.split(|byte| *byte == b':').skip(3);
            let word = parts.next()?;
            let known = [(b"YES".as_slice(), true), (b"NO", false), (b"FAIL", false)];
            known.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, verified)| verified)
        }
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Plain,
    Encrypted,
}

fn protocol(with: &[u8]) -> Option<Protocol> {
    if with.starts_with(b"Microsoft SMTP Server") {
        return Some(Protocol::Plain);
    }
    // qmail's TLS patch: `ECDHE-RSA-AES256-GCM-SHA384 encrypted SMTP`.
    if memchr(b' ', with).is_some() && find(with, b" encrypted ").is_some() {
        return Some(Protocol::Encrypted);
    }
    // MailEnable and IBM name themselves first: `MailEnable ESMTP`.
    with.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).take(3).find_map(protocol_name)
}

fn protocol_name(word: &[u8]) -> Option<Protocol> {
    let name_end = word.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(word.len());
    let (name, rest) = word.split_at(name_end);
    // `ESMTP/TLS/..` (IronPort), `ESMTP-TLS` (CommuniGate), `POP3-SSL` (getmail).
    if rest.get(1..4).is_some_and(|tls| tls.eq_ignore_ascii_case(b"TLS") || tls == b"SSL") {
        return Some(Protocol::Encrypted);
    }
    let mut buffer = [0; 12];
    let upper = buffer.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    let name = upper.strip_prefix(b"UTF8").unwrap_or(upper);
    match name {
        b"SMTP" | b"ESMTP" | b"ESMTPA" | b"SMTPA" | b"ASMTP" | b"EASMTP" | b"LMTP" | b"LMTPA" | b"QMTP" | b"QMQP"
        | b"HTTP" | b"HTTPREST" | b"POP" | b"POP3" | b"IMAP" | b"IMAP4" | b"BSMTP" | b"BIZSMTP" | b"UUCP" | b"MMS"
        | b"XMIT" => Some(Protocol::Plain),
        b"SMTPS" | b"ESMTPS" | b"ESMTPSA" | b"SMTPSA" | b"LMTPS" | b"LMTPSA" | b"HTTPS" | b"SSMTP" | b"ASMTPS"
        | b"POP3S" | b"IMAPS" | b"ESMTPTLS" => Some(Protocol::Encrypted),
        _ => None,
    }
}

fn version_in_protocol(with: &[u8]) -> Option<TlsVersion> {
    with.split(|b| *b == b'/').find_map(version)
}

/// Whether a comment states TLS: the version, where one is named.
fn stated(comment: &[u8]) -> Option<Option<TlsVersion>> {
    let (first, second) = (comment.first()?.to_ascii_lowercase(), comment.get(1)?.to_ascii_lowercase());
    match (first, second) {
        // (using TLSv1.3 with cipher ..) Postfix, (Using TLS) Mimecast
        (b'u', b's') => encryption(strip(comment, b"using ")?),
        // (version=TLS1_2, cipher=..) Exchange, Google, Sendmail; `=3D` where a bounce was quoted-printable
        (b'v', b'e') => {
            let rest = strip(comment, b"version=")?;
            encryption(strip(rest, b"3D").unwrap_or(rest))
        }
        // (TLS1.2), (TLSv1.2:cipher:256) Exim, (TLS) Exchange 2010, (TLSv1.3:cipher:256:NO) OpenSMTPD
        (b't', b'l') | (b's', b's') => encryption(comment),
        // (Cipher TLSv1:DES-CBC3-SHA:168) Exim 3
        (b'c', b'i') => encryption(strip(comment, b"cipher ")?),
        // (AUTH: LOGIN user, TLS: TLSv1/SSLv3,256bits,AES256-SHA) Courier
        (b'a', b'u') | (b'i', b'd') => {
            let at = find(comment, b", TLS: ").or_else(|| find(comment, b", SSL: "))?;
            encryption(comment.get(at + 7..)?)
        }
        // (over SMTP, TLS-1.3, envelope from "..") chasquid
        (b'o', b'v') => encryption(comment.get(find(comment, b", TLS-")? + 2..)?),
        // (Generic MTA with TLSv1.2 ..), (Cellopoint E-mail Firewall .. with TLS)
        (b'g', b'e') | (b'c', b'e') => encryption(comment.get(find(comment, b" with TLS")? + 6..)?),
        _ => None,
    }
}

/// A text that begins with `TLS` or `SSL` as a word of its own.
fn encryption(text: &[u8]) -> Option<Option<TlsVersion>> {
    let name = text.get(..3)?;
    if !name.eq_ignore_ascii_case(b"TLS") && !name.eq_ignore_ascii_case(b"SSL") {
        return None;
    }
    let plausible = match text.get(3) {
        None => true,
        Some(b) => {
            b.is_ascii_digit() || matches!(b, b'v' | b'V' | b' ' | b',' | b':' | b'_' | b'=' | b')' | b'/' | b'-')
        }
    };
    plausible.then(|| match text.strip_prefix(b"TLS: ") {
        Some(rest) => version(rest),
        None => version(text),
    })
}

/// The version at the start of a text. `TLSv1/SSLv3` is OpenSSL's name for a family of ciphers, not a version.
fn version(text: &[u8]) -> Option<TlsVersion> {
    let ends = |b: &u8| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    let end = text.iter().position(ends).unwrap_or(text.len());
    if text.get(end) == Some(&b'/') {
        return None;
    }
    TlsVersion::parse(str::from_utf8(text.get(..end)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Option<bool>, Option<&'static str>) {
        let line = format!("from a (b [192.0.2.1]) {text}");
        let stated = read(&Clauses::read(line.as_bytes()));
        (stated.encrypted, stated.version.map(TlsVersion::as_str))
    }

    #[test]
    fn every_way_of_stating_tls() {
        let cases = [
            ("(using TLSv1.3 with cipher X (256/256 bits)) by c (Postfix) with ESMTPS", Some("TLS 1.3")),
            ("by c with esmtps  (TLS1.2) tls TLS_ECDHE_RSA (Exim 4.93)", Some("TLS 1.2")),
            ("by c with esmtps (TLSv1.2:X:256) (Exim 4.90_1)", Some("TLS 1.2")),
            ("by c with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.1.2", Some("TLS 1.2")),
            ("by c with Microsoft SMTP Server (TLS) id 14.3.468.0", None),
            ("by c with ESMTP with STARTTLS (version=TLSv1.2, cipher=X)", Some("TLS 1.2")),
            ("by c (8.14.4/8.14.4) with ESMTP id 1 (version=TLSv1/SSLv3 cipher=X)", None),
            ("(AUTH: LOGIN u, TLS: TLSv1.2,256bits,X) by c with ESMTPSA", Some("TLS 1.2")),
            ("by c with ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384", None),
            ("by c (CommuniGate Pro SMTP 4.2) with ESMTP-TLS", None),
            ("by c with UTF8SMTPS", None),
            ("by c with HTTPS", None),
            ("by c with ECDHE-RSA-AES256-GCM-SHA384 encrypted SMTP", None),
            ("(Using TLS) by relay.mimecast.com with ESMTP", None),
        ];
        for (text, version) in cases {
            assert_eq!(of(text), (Some(true), version), "{text}");
        }
    }

    #[test]
    fn plain_and_silent_are_not_the_same() {
        for text in ["by c with ESMTPA", "by c with SMTP", "by c with lmtp", "by c with Microsoft SMTP Server id 15.1"]
        {
            assert_eq!(of(text), (Some(false), None), "{text}");
        }
        for text in
            ["by c", "by c with mapi id 15.20", "by c with local (Exim 4.92)", "by c with Microsoft SMTPSVC(6.0)"]
        {
            assert_eq!(of(text), (None, None), "{text}");
        }
    }

    #[test]
    fn what_a_client_chose_states_nothing() {
        for text in ["(envelope-from <TLS@x>) by c with SMTP", "(x TLS-CIPHER: <none>) by c with SMTP"] {
            assert_eq!(of(text).0, Some(false), "{text}");
        }
    }
}
