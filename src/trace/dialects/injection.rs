//! Where bulk senders put mail in: e-mail service providers and the software they run.
//!
//! Several write no `;` before the date, and the name of an HTTP client is its account, not its host.
//! Sources: docs.sendgrid.com, documentation.mailgun.com, docs.aws.amazon.com/ses, the PowerMTA and Momentum manuals.

use memchr::memchr_iter;

use super::{Dialect, PLAIN};
use crate::trace::tokens::{Clauses, Place};

pub(super) const DIALECTS: &[Dialect] = &[
    Dialect {
        name: "sendgrid",
        software: &["SG"],
        shape: Some(is_go_stamp),
        sample: "from relay.sender.example (unknown [192.0.2.10]) by geopod-ismtpd-8 (SG) with ESMTP id rOlGWm_VSP2elR \
                 Mon, 27 Apr 2026 07:11:28.740 +0000 (UTC)",
        ..PLAIN
    },
    Dialect {
        name: "mailgun",
        host: &[".mailgun.net", ".mailgun.org"],
        shape: Some(is_mailgun),
        sample: "by 27552739b708365d17c1f818bdc249b3594d71525676b94a08926cbae0fd7e0d with HTTP id \
                 69dad5779007a2d487ba0311; Sat, 11 Apr 2026 23:12:55 GMT",
        ..PLAIN
    },
    Dialect {
        name: "mandrill",
        host: &["mandrillapp.com"],
        sample: "from [192.0.2.10] by mandrillapp.com id 163e4a0faf244a2da6b0121cc7af1fe9; Fri, 10 Jul 2015 20:12:33 \
                 +0000",
        ..PLAIN
    },
    Dialect {
        name: "amazon-ses",
        host: &[".amazonses.com", ".amazonaws.com"],
        sample: "from relay.sender.example (relay.sender.example [192.0.2.10]) by email-smtp.amazonaws.com with SMTP \
                 (SimpleEmailService-d-ABCDEFGH) id xYzAbCdEfGhIjKlMnOpQ for bob@victim.example; Mon, 03 Nov 2025 \
                 10:00:00 +0000 (UTC)",
        ..PLAIN
    },
    Dialect {
        name: "powermta",
        software: &["PowerMTA"],
        sample: "from app1 (192.0.2.10) by smtp1.sender.example (PowerMTA(TM) v5.0r3) id h4ubic0c23ob for \
                 <bob@victim.example>; Thu, 19 Apr 2007 12:21:57 -0400 (envelope-from <b@sender.example>)",
        ..PLAIN
    },
    Dialect {
        name: "momentum",
        software: &["ecelerity "],
        shape: Some(|clauses| super::client_comment(clauses, b"ecelerity ")),
        sample: "from [192.0.2.10] ([192.0.2.10:38000] helo=relay.sender.example) by mta1.sender.example \
                 (envelope-from <a@sender.example>) (ecelerity 4.2.1.55028 r(Core:4.2.1.12)) with ESMTP id 41/5C-3E; \
                 Mon, 03 Nov 2025 10:00:00 +0000",
        ..PLAIN
    },
    Dialect {
        name: "strongmail",
        software: &["StrongMail Enterprise"],
        sample: "from localhost by host7.sender.example (StrongMail Enterprise 3.2.1(3.00.215)); Mon, 16 Apr 2007 \
                 06:30:23 -0400",
        ..PLAIN
    },
    Dialect {
        name: "lsmtp",
        software: &["LSMTP for"],
        sample: "from app1 (192.0.2.10) by lists.sender.example (LSMTP for Windows NT v1.1b) with SMTP id \
                 <123.000035F8@lists.sender.example>; Thu, 22 Aug 2002 11:11:42 -0500",
        ..PLAIN
    },
    Dialect {
        name: "flowmailer",
        host: &[".flowmailer.net"],
        sample: "by mta-64-227.sender.flowmailer.net with ESMTPSA id 202312041154598fee6661d2123aaf81 for \
                 <bob@victim.example>; Mon, 04 Dec 2023 12:55:00 +0100",
        ..PLAIN
    },
    Dialect {
        name: "sendinblue",
        host: &[".sendinblue.com", ".brevo.com"],
        sample: "by smtp-relay.sendinblue.com with ESMTP id cccdf50d-8593-42bb-a8c1-4deb3a28ebe0; Tue, 28 November 2023 \
                 04:09:16 +0000 (UTC)",
        ..PLAIN
    },
];

/// A date as Go prints its time, with the monotonic clock behind it.
fn is_go_stamp(clauses: &Clauses<'_>) -> bool {
    let counted = |date: &[u8], at: usize| date.get(..at).is_some_and(|date| date.ends_with(b" UTC m"));
    clauses.date.is_some_and(|date| memchr_iter(b'=', date).any(|at| counted(date, at)))
}

/// `by <container> with HTTP id <24 hex digits>`.
fn is_mailgun(clauses: &Clauses<'_>) -> bool {
    let hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    let container = clauses.by.word;
    !clauses.from.stated
        && clauses.with.word == b"HTTP"
        && matches!(container.len(), 12 | 64)
        && hex(container)
        && hex(clauses.id.word)
        && clauses.comments_in(Place::By).next().is_none()
}
