//! Exim: `from name ([address]:port helo=HELO ident=..) by host with esmtps (TLS1.3) tls CIPHER (Exim 4.98)
//! (envelope-from <s>) id N for r; date`.
//!
//! Source: globals.c (`received_header_text`) and host.c (`host_build_sender_fullhost`). The name is the verified one;
//! where it is unknown the address takes its place, `from [address] (helo=HELO)`. A HELO that equals the name is left
//! out. The address stands before everything the client said.

use super::{Dialect, PLAIN, client_comment};
use crate::trace::{client::Naming, tokens::Clauses};

pub(super) const DIALECTS: &[Dialect] = &[Dialect {
    name: "exim",
    naming: Naming::Verified,
    // `$sender_ident` stands where a host would stand with its address: `from bob by host with local`
    names_user: true,
    internal: Some(|clauses| clauses.from.stated && clauses.with.stated && !holds_smtp(clauses.with.word)),
    software: &["Exim", "Gmexim ", "WEB.DE(Exim)"],
    shape: Some(is_exim),
    sample: "from mx1.sender.example ([192.0.2.10]:33996 helo=relay.sender.example) by mx.victim.example with esmtps \
             (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.98) (envelope-from <a@sender.example>) \
             id 1tE6ty-0000000ERvE-1o26 for bob@victim.example; Mon, 03 Nov 2025 10:00:00 +0100",
    ..PLAIN
}];

fn holds_smtp(word: &[u8]) -> bool {
    word.windows(4).any(|part| part.eq_ignore_ascii_case(b"smtp"))
}

/// A lower-case protocol and a message id of Exim's (spec, 3.4: `tttttt-pppppp-ss`, since 4.97 `tttttt-ppppppppppp-ssss`).
fn is_exim(clauses: &Clauses<'_>) -> bool {
    let lower = clauses.with.word.first().is_some_and(u8::is_ascii_lowercase);
    let in_bracket = client_comment(clauses, b"helo=") || client_comment(clauses, b"port=");
    (lower && (in_bracket || is_exim_id(clauses.id.word))) || (in_bracket && is_exim_id(clauses.id.word))
}

fn is_exim_id(id: &[u8]) -> bool {
    let mut parts = id.split(|b| *b == b'-');
    let lengths = [parts.next(), parts.next(), parts.next()].map(|part| part.map_or(0, <[u8]>::len));
    let plain = id.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    plain && parts.next().is_none() && matches!(lengths, [6, 6, 2] | [6, 11, 4])
}
