//! What a host says of its software.

use std::net::IpAddr;

use memchr::memchr;

use super::names_software;
use crate::trace::{
    bytes::starts,
    tokens::{Clauses, Place},
};

/// The comment in which the receiving host names its software: one that begins as a known program does, else the first
/// behind `by` that is neither an address nor about the message, and no single word in lower case, which is a machine's name.
pub(in crate::trace) fn software<'a>(clauses: &Clauses<'a>, by_ip: Option<IpAddr>) -> Option<&'a [u8]> {
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
    clauses.own_comments().find(|text| names_software(text) && plain(text)).or_else(|| {
        let digit = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'[' | b']' | b'%');
        let of_host = |text: &&[u8]| by_ip.is_none() || !(text.iter().all(digit) || memchr(b'[', text).is_some());
        behind_host().map(|comment| comment.text).find(|text| plain(text) && of_host(text))
    })
}
