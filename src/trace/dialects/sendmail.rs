//! Sendmail and its kin: `from HELO (ident@name [address] (may be forged)) by host (8.18.1/8.18.1) with ESMTPS id N
//! (version=TLSv1.3 cipher=..) for <r>; date`.
//!
//! Source: sendmail.cf, `HReceived: $?sfrom $s $.$?_($?s$|from $.$_) $.$?{auth_type}(authenticated..)$.by $j ($v/$Z)..`.
//! `(may be forged)` says that the name does not lead back to the address: it is not verified then. A line without a
//! client (`(from user@localhost)`, `/Submit`) comes from a program on the same host.

use super::{Dialect, PLAIN};
use crate::trace::{
    client::Literal,
    remark,
    tokens::{Clauses, Place},
};

pub(super) const DIALECTS: &[Dialect] = &[
    Dialect {
        name: "sendmail",
        software: &["Sendmail ", "V8/", "Debian", "Sun/", "IBM/", "AIX", "Switch-"],
        shape: Some(is_sendmail),
        sample: "from mx1.sender.example (root@mx1.sender.example [192.0.2.10] (may be forged)) by mx.victim.example \
                 (8.18.1/8.18.1) with ESMTPS id 5A3BcDeF012345 (version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 \
                 bits=256 verify=NO) for <bob@victim.example>; Mon, 3 Nov 2025 10:00:00 GMT",
        ..PLAIN
    },
    // Amazon's own mail of 2002
    Dialect {
        name: "amazon",
        literal: Literal::Helo,
        record: Some(crosscheck),
        shape: Some(|clauses| crosscheck(clauses).is_some()),
        sample: "from relay.sender.example by mx.victim.example with ESMTP (crosscheck: relay.sender.example [192.0.2.10]) id \
                 g7ELOkMd015136; Wed, 14 Aug 2002 14:24:46 -0700",
        ..PLAIN
    },
    Dialect {
        name: "mailcontrol",
        software: &["MailControl"],
        sample: "(from mailcontrol@localhost) by rly01.victim.example (MailControl) with ESMTP id 1B8HWjdj177607; \
                 Wed, 8 Dec 2021 17:32:45 GMT",
        ..PLAIN
    },
];

/// `(crosscheck: name [A])` behind the protocol, as the only comment.
///
/// What stands behind `by` is the host's, unless a HELO brought a `by` of its own: then the host's follows and is told, and only a
/// comment or a path could hide it.
fn crosscheck<'a>(clauses: &Clauses<'a>) -> Option<&'a [u8]> {
    let mut comments = clauses.comments.iter();
    let comment = comments.next().filter(|comment| comment.place == Place::With)?;
    let record = comment.text.strip_prefix(b"crosscheck: ")?;
    let path = clauses.recipient.word.iter().any(u8::is_ascii_whitespace);
    let alone = comments.next().is_none() && !clauses.rewritten && !path;
    (alone && record.ends_with(b"]") && remark::peer(record).is_some()).then_some(record)
}

/// A software comment of version and configuration version: `8.12.8/8.12.5`, `8.13.8+Sun/8.9.3`, `8.13.1/8.13.1/Submit`.
fn is_sendmail(clauses: &Clauses<'_>) -> bool {
    clauses.comments_in(Place::By).chain(clauses.comments_in(Place::With)).any(is_version)
}

pub(super) fn is_version(comment: &[u8]) -> bool {
    let end = comment.iter().position(|b| !(b.is_ascii_digit() || *b == b'.')).unwrap_or(0);
    let version = comment.get(..end).unwrap_or_default();
    end >= 3 && version.contains(&b'.') && version.first() != Some(&b'.') && comment.contains(&b'/')
}
