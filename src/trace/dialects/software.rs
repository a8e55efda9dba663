//! What a host says of its software.

use std::net::IpAddr;

use memchr::memchr;

use super::names_software;
use crate::trace::{
    bytes::starts,
    tokens::{Clauses, Place},
};

/// The comment in which the receiving host names its software: one that begins as a known program does, else the first
/// behind `by` that is neither an address nor about the message, and no single word in lower case, which is a machine's name,
/// else one behind `with` that is a name and a version.
pub(in crate::trace) fn software<'a>(clauses: &Clauses<'a>, by_ip: Option<IpAddr>) -> Option<&'a [u8]> {
    const OTHERS: [&[u8]; 17] = [
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
        b"via ",
        // what somebody took out: `((D))`
        b"(",
    ];
    let plain = |text: &&[u8]| {
        let first = text.first().map(u8::to_ascii_lowercase);
        let node = !text.iter().any(|byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'/' | b'.' | b','));
        // `(0000/0000000000)`
        let blotted = text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'/');
        let other =
            || OTHERS.iter().any(|start| start.first().map(u8::to_ascii_lowercase) == first && starts(text, start));
        !(node || blotted || other()) || matches!(*text, b"mshttpd" | b"chasquid")
    };
    let of_place = |places: &'static [Place]| {
        let comments = clauses.comments.iter().filter(move |comment| places.contains(&comment.place));
        comments.map(|comment| comment.text)
    };
    let known = || clauses.own_comments().find(|text| names_software(text) && plain(text));
    let behind_host = || {
        let digit = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'[' | b']' | b'%');
        // Exchange writes its address there, also one that somebody maimed: `(127.0.01)`.
        let addressed = by_ip.is_some() || clauses.with.text.starts_with(b"Microsoft SMTP Server");
        let of_host = |text: &&[u8]| !addressed || !(text.iter().all(digit) || memchr(b'[', text).is_some());
        of_place(&[Place::By, Place::Via]).find(|text| plain(text) && of_host(text))
    };
    let behind_protocol = || of_place(&[Place::With]).find(|text| plain(text) && names_a_version(text));
    known().or_else(behind_host).or_else(behind_protocol)
}

/// `Relay-Software 4.52`, `Eudora Internet Mail Server X 3.2.6`, `MailShield v1.5`: a name, and a number with a dot in it.
fn names_a_version(text: &[u8]) -> bool {
    let mut words = text.split(|byte| *byte == b' ');
    let name = words.next().unwrap_or_default();
    let named = name.len() > 2 && name.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
    let version = |word: &[u8]| {
        let number = word.strip_prefix(b"v").unwrap_or(word);
        number.first().is_some_and(u8::is_ascii_digit)
            && number.contains(&b'.')
            && number.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
    };
    named && name.first().is_some_and(u8::is_ascii_uppercase) && words.any(version)
}
