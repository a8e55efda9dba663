//! Whether a hop was encrypted.
//!
//! Takes the clauses, gives what they say of TLS: true where a protocol name (RFC 3848, RFC 8314: `ESMTPS`, `LMTPSA`,
//! `HTTPS`) or a comment in one of the known forms states it, false where a plain protocol is named and nothing speaks of
//! TLS, nothing where the field is silent. A comment counts only where it begins as an MTA begins it, so that an
//! envelope sender or a certificate name with `TLS` in it says nothing.

use memchr::memmem;

use super::tokens::Clauses;
use crate::tls::TlsVersion;

/// What is stated of TLS, and the version.
pub(super) fn read(clauses: &Clauses<'_>) -> (Option<bool>, Option<TlsVersion>) {
    for comment in clauses.comments.iter() {
        if let Some(version) = stated(comment.text) {
            return (Some(true), version);
        }
    }
    if clauses.starttls {
        return (Some(true), None);
    }
    match protocol(clauses.with.text) {
        Some(Protocol::Encrypted) => (Some(true), version_in_protocol(clauses.with.text)),
        Some(Protocol::Plain) => (Some(false), None),
        None => (None, None),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Plain,
    Encrypted,
}

fn protocol(with: &[u8]) -> Option<Protocol> {
    if with.starts_with(b"Microsoft SMTP") {
        return Some(Protocol::Plain);
    }
    // qmail's TLS patch: `ECDHE-RSA-AES256-GCM-SHA384 encrypted SMTP`.
    if memmem::find(with, b" encrypted ").is_some() {
        return Some(Protocol::Encrypted);
    }
    let word = with.split(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).next().unwrap_or_default();
    let name_end = word.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(word.len());
    let (name, rest) = word.split_at(name_end);
    // `ESMTP/TLS/..` (IronPort), `ESMTP-TLS` (CommuniGate).
    if rest.get(1..4).is_some_and(|tls| tls.eq_ignore_ascii_case(b"TLS")) {
        return Some(Protocol::Encrypted);
    }
    let mut buffer = [0; 12];
    let upper = buffer.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    let name = upper.strip_prefix(b"UTF8").unwrap_or(upper);
    match name {
        b"SMTP" | b"ESMTP" | b"ESMTPA" | b"SMTPA" | b"ASMTP" | b"EASMTP" | b"LMTP" | b"LMTPA" | b"QMTP" | b"QMQP"
        | b"HTTP" | b"POP3" | b"IMAP" | b"IMAP4" | b"BSMTP" | b"UUCP" | b"MMS" | b"XMIT" => Some(Protocol::Plain),
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
        (b'u', b's') => encryption(without(comment, b"using ")?),
        // (version=TLS1_2, cipher=..) Exchange, Google, Sendmail; `=3D` where a bounce was quoted-printable
        (b'v', b'e') => {
            let rest = without(comment, b"version=")?;
            encryption(without(rest, b"3D").unwrap_or(rest))
        }
        // (TLS1.2), (TLSv1.2:cipher:256) Exim, (TLS) Exchange 2010, (TLSv1.3:cipher:256:NO) OpenSMTPD
        (b't', b'l') | (b's', b's') => encryption(comment),
        // (Cipher TLSv1:DES-CBC3-SHA:168) Exim 3
        (b'c', b'i') => encryption(without(comment, b"cipher ")?),
        // (AUTH: LOGIN user, TLS: TLSv1/SSLv3,256bits,AES256-SHA) Courier
        (b'a', b'u') | (b'i', b'd') => {
            let at = memmem::find(comment, b", TLS: ").or_else(|| memmem::find(comment, b", SSL: "))?;
            encryption(comment.get(at + 7..)?)
        }
        // (Generic MTA with TLSv1.2 ..), (Cellopoint E-mail Firewall .. with TLS)
        (b'g', b'e') | (b'c', b'e') => encryption(comment.get(memmem::find(comment, b" with TLS")? + 6..)?),
        _ => None,
    }
}

fn without<'a>(text: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

/// A text that begins with `TLS` or `SSL` as a word of its own.
fn encryption(text: &[u8]) -> Option<Option<TlsVersion>> {
    let name = text.get(..3)?;
    if !name.eq_ignore_ascii_case(b"TLS") && !name.eq_ignore_ascii_case(b"SSL") {
        return None;
    }
    let plausible = match text.get(3) {
        None => true,
        Some(b) => b.is_ascii_digit() || matches!(b, b'v' | b'V' | b' ' | b',' | b':' | b'_' | b'=' | b')' | b'/'),
    };
    plausible.then(|| version(text))
}

/// The version at the start of a text. `TLSv1/SSLv3` is OpenSSL's name for a family of ciphers, not a version.
fn version(text: &[u8]) -> Option<TlsVersion> {
    let ends = |b: &u8| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
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
        let (tls, version) = read(&Clauses::read(format!("from a (b [192.0.2.1]) {text}").as_bytes()));
        (tls, version.map(TlsVersion::as_str))
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
        for text in ["by c", "by c with mapi id 15.20", "by c with local (Exim 4.92)"] {
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
