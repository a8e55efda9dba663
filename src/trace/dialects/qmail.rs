//! qmail and those who write as it does: `from name (HELO said) (ident@address) by host with SMTP; 3 Nov 2025 09:00:00
//! -0000`, and `(qmail 123 invoked by uid 0); date` on the same host.
//!
//! Source: qmail-1.03, received.c and qmail-queue.c. The name is the verified one or `unknown`; the HELO is shown only
//! where it differs. `safeput` writes `?` for everything but letters, digits and `.@%+/=:-[]`. IronPort (AsyncOS) writes
//! the address in brackets. Neither writes an id or a weekday.

use super::{Dialect, PLAIN, client_comment, date_without_weekday, is_bare};
use crate::trace::{
    client::Naming,
    remark,
    tokens::{Clauses, Place},
};

pub(super) const DIALECTS: &[Dialect] = &[
    Dialect {
        name: "qpsmtpd",
        naming: Naming::Verified,
        software: &["qpsmtpd/"],
        sample: "from mx1.sender.example (HELO relay.sender.example) (192.0.2.10) by mx.victim.example (qpsmtpd/0.96) \
                 with ESMTP; Mon, 03 Nov 2025 10:00:00 +0000",
        ..PLAIN
    },
    Dialect {
        name: "qmail-ldap",
        naming: Naming::Verified,
        software: &["qmail-ldap"],
        sample: "from unknown (HELO [10.0.0.5]) ([192.0.2.10]) (envelope-sender <a@sender.example>) by \
                 mx.victim.example (qmail-ldap-1.03) with SMTP for <bob@victim.example>; 9 Oct 2002 15:54:10 -0000",
        ..PLAIN
    },
    Dialect {
        name: "ironport",
        naming: Naming::Verified,
        protocol: &["ESMTP/TLS/", "SMTP/TLS/"],
        shape: Some(is_ironport),
        sample: "from mx1.sender.example (HELO relay.sender.example) ([192.0.2.10]) by esa1.victim.example with \
                 ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384; 03 Nov 2025 05:00:00 -0500",
        ..PLAIN
    },
    Dialect {
        name: "qmail-scanner",
        protocol: &["qmail-scanner"],
        sample: "from a@sender.example by mx.victim.example by uid 71 with qmail-scanner-1.25 (clamdscan: 0.88. \
                 Clear:RC:0(192.0.2.10):. Processed in 0.7 secs); 03 Nov 2007 16:58:16 -0000",
        ..PLAIN
    },
    Dialect {
        name: "qmail",
        naming: Naming::Verified,
        shape: Some(is_qmail),
        sample: "from unknown (HELO relay.sender.example) (joe@192.0.2.10) by mx.victim.example with SMTP; 3 Nov 2025 \
                 09:00:00 -0000",
        ..PLAIN
    },
];

fn is_ironport(clauses: &Clauses<'_>) -> bool {
    is_bare(clauses) && date_without_weekday(clauses) && client_comment(clauses, b"[") && clauses.with.word == b"ESMTP"
}

fn is_qmail(clauses: &Clauses<'_>) -> bool {
    let invoked = || clauses.comments_in(Place::Head).any(|c| c.starts_with(b"qmail "));
    let spoken = || client_comment(clauses, b"HELO ");
    // Without a HELO of its own: `from name (address) by host with SMTP; 3 Nov 2025 09:00:00 -0000`.
    let silent = || {
        let utc = || clauses.date.is_some_and(|date| date.trim_ascii_end().ends_with(b"-0000"));
        (clauses.from.text == b"unknown" || (date_without_weekday(clauses) && utc()))
            && clauses.comments_in(Place::From).any(|c| !c.contains(&b'[') && remark::peer(c).is_some())
    };
    // Bulk mailers of 2007 forge the form, and write an id that qmail does not.
    (clauses.from.stated && !clauses.id.stated && (spoken() || (is_bare(clauses) && silent()))) || invoked()
}
