//! Google: `from HELO (name. [address]) by mx.google.com with ESMTPS id N for <r> (version=TLS1_3 cipher=.. bits=..);
//! date (PST)`; where it knows no name, `from HELO ([address])`.
//!
//! Source: delivered mail; support.google.com/mail/answer/29436. The name is the verified one, with its trailing dot.
//! Google writes `?` for the brackets of a HELO. `by 2002:a05:..:: with SMTP id N` is a hop between its own machines.

use super::{Dialect, PLAIN};
use crate::trace::tokens::Clauses;

pub(super) const DIALECTS: &[Dialect] = &[Dialect {
    name: "google",
    internal: Some(|clauses| !clauses.from.stated && clauses.by.stated && clauses.with.word == b"SMTP"),
    protocol: &["HTTPREST"],
    host: &[".google.com", ".gmail.com", "gmailapi.google.com"],
    shape: Some(is_internal),
    sample: "from mx1.sender.example (mx1.sender.example. [192.0.2.10]) by mx.google.com with ESMTPS id \
             d2e1a72fcca58-82f8e9d6adbsm31973702b3a.18.2025.11.03.02.00.00 for <bob@victim.example> (version=TLS1_3 \
             cipher=TLS_AES_256_GCM_SHA384 bits=256/256); Mon, 03 Nov 2025 02:00:00 -0800 (PST)",
    ..PLAIN
}];

/// `by 10.1.2.3 with SMTP id ab1234567cde`, `by 2002:a05:: with SMTP id ..`, `by wwb18 with SMTP id 18so5564927wwb.6`.
fn is_internal(clauses: &Clauses<'_>) -> bool {
    let by = clauses.by.word;
    let private = by.starts_with(b"10.") || by.starts_with(b"2002:a");
    let id = clauses.id.word;
    let numbered = id.iter().filter(|b| b.is_ascii_digit()).count() >= 5
        && id.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.')
        && id.contains(&b'.')
        && !by.contains(&b'.');
    !clauses.from.stated && matches!(clauses.with.word, b"SMTP" | b"HTTP") && (private || numbered)
}
