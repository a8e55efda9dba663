//! Postfix: `from HELO (name [address]) (using TLS..) by host (Postfix) with ESMTPS id N for <r>; date`.
//!
//! Source: smtpd.c, `smtpd_message`. Postfix writes `?` for blanks, parentheses, angle brackets, quotes, `;` and `@` in a
//! HELO (NEUTER_CHARACTERS), so its clause cannot be broken up. Without a HELO it writes the client's name there.

use super::{Dialect, PLAIN, client_comment, has_no_client};

pub(super) const DIALECTS: &[Dialect] = &[Dialect {
    name: "postfix",
    internal: Some(has_no_client),
    software: &["Postfix", "ASF Mail Server at", "PPE Hosted ESMTP Server"],
    // The name of the software is configurable (`mail_name`); the note of the session's keys is not.
    shape: Some(|clauses| client_comment(clauses, b"using TLS") && !clauses.with.word.starts_with(b"LMTP")),
    sample: "from mx1.sender.example (mx1.sender.example [192.0.2.10]) (using TLSv1.3 with cipher \
             TLS_AES_256_GCM_SHA384 (256/256 bits)) (No client certificate requested) by mail.victim.example \
             (Postfix) with ESMTPS id 4XyZ123abc for <bob@victim.example>; Mon, 3 Nov 2025 10:00:00 +0100 (CET)",
    ..PLAIN
}];
