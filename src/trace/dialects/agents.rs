//! Smaller servers, content filters, list managers and programs that inject mail.
//!
//! Sources: each program's own source (named at the row where it helps).

use super::{Dialect, PLAIN, client_comment};
use crate::trace::{
    bytes::find,
    client::Naming,
    remark::is_user_of_webmail,
    tokens::{Clauses, Place},
};

pub(super) const DIALECTS: &[Dialect] = &[
    // amavisd, Amavis::In::SMTP
    Dialect {
        name: "amavis",
        software: &["amavisd-new", "amavis,", "Amavis"],
        sample: "from mx.victim.example ([127.0.0.1]) by localhost (mx.victim.example [127.0.0.1]) (amavis, port 10024) \
                 with ESMTP id Rk9PnQaeI454 for <bob@victim.example>; Mon, 3 Nov 2025 10:00:00 +0100 (CET)",
        ..PLAIN
    },
    // fetchmail, transact.c: the host is the one that was polled
    Dialect {
        name: "fetchmail",
        software: &["fetchmail-"],
        sample: "from pop.sender.example [192.0.2.10] by localhost with POP3 (fetchmail-6.4.20) for <bob@localhost> \
                 (single-drop); Mon, 03 Nov 2025 10:00:00 +0100 (CET)",
        ..PLAIN
    },
    // ZMailer, smtpserver/smtpdata.c: the name is the verified one
    Dialect {
        name: "zmailer",
        naming: Naming::Verified,
        shape: Some(is_zmailer),
        sample: "from mx1.sender.example ([192.0.2.10]:38468 \"EHLO relay.sender.example\" rhost-flags-OK-OK-OK-FAIL) by \
                 lists.victim.example with ESMTP id S1726223AbfD2AOo (ORCPT <rfc822;list@lists.victim.example>); Sun, 28 \
                 Apr 2019 20:14:44 -0400",
        ..PLAIN
    },
    // courier, submit.C: the id follows the date
    Dialect {
        name: "courier",
        shape: Some(is_courier),
        sample: "from relay ([::ffff:192.0.2.10]) (AUTH: LOGIN bob, TLS: TLSv1.2,256bits,AES256-SHA) by victim.example \
                 with ESMTPSA; Sat, 14 Apr 2007 04:13:31 -0600 id 030003E7.4620A94B.000018D6",
        ..PLAIN
    },
    Dialect {
        name: "opensmtpd",
        software: &["OpenSMTPD"],
        sample: "from relay.sender.example (mx1.sender.example [192.0.2.10]) by victim.example (OpenSMTPD) with ESMTPS id \
                 779db95a (TLSv1.3:AEAD-AES256-GCM-SHA384:256:NO) for <bob@victim.example>; Fri, 28 Feb 2025 11:13:09 \
                 +0100 (CET)",
        ..PLAIN
    },
    Dialect {
        name: "haraka",
        software: &["Haraka"],
        shape: Some(|clauses| clauses.comments_in(Place::Head).any(|c| c.starts_with(b"Haraka "))),
        sample: "from relay.sender.example (mx1.sender.example [192.0.2.10]) by victim.example (Haraka/3.0.3) with ESMTPS \
                 id 52E5A3F0-1B11-4E5C.1 envelope-from <a@sender.example> tls TLS_AES_256_GCM_SHA384; Mon, 03 Nov 2025 \
                 10:00:00 +0000",
        ..PLAIN
    },
    Dialect {
        name: "stalwart",
        software: &["Stalwart"],
        sample: "from relay.sender.example (mx1.sender.example [192.0.2.10]) (using TLSv1.3 with cipher \
                 TLS13_AES_256_GCM_SHA384) by victim.example (Stalwart SMTP) with ESMTPS id 2F1C0A; Mon, 3 Nov 2025 \
                 10:00:00 +0000",
        ..PLAIN
    },
    Dialect {
        // the name is that of the connected address; it writes no HELO
        name: "james",
        naming: Naming::Verified,
        software: &["JAMES SMTP Server"],
        sample: "from 192.0.2.10 (EHLO relay.sender.example) ([192.0.2.10]) by victim.example (JAMES SMTP Server ) with \
                 ESMTPA ID -1145992316; Wed, 20 Jan 2021 17:42:20 +0000 (UTC)",
        ..PLAIN
    },
    Dialect {
        name: "dovecot",
        software: &["Dovecot"],
        shape: Some(is_dovecot),
        sample: "from mx1.victim.example ([192.0.2.10]) by imap3-int with LMTP id lKMtNBFit2C0WgAALh3uQQ (envelope-from \
                 <a@sender.example>) for <bob@victim.example>; Wed, 02 Jun 2021 10:48:49 +0000",
        ..PLAIN
    },
    Dialect {
        // it takes mail from users of its host only
        name: "dma",
        names_user: true,
        internal: Some(|clauses| clauses.from.stated),
        software: &["DragonFly Mail Agent"],
        sample: "from rob (uid 1000) (envelope-from rob@victim.example) id 22040c by victim.example (DragonFly Mail Agent \
                 v0.13); Wed, 15 Jan 2020 08:35:21 -0600",
        ..PLAIN
    },
    // getmail6, getmailcore/message.py: its own words follow the protocol
    Dialect {
        name: "getmail",
        shape: Some(|clauses| {
            let more = clauses.with.text.len() > clauses.with.word.len();
            more && find(clauses.with.text, b" getmail6").is_some()
        }),
        sample: "from pop.sender.example by laptop with POP3-SSL getmail6 msgid:UID1-2 for <bob@victim.example>; 05 Jan 2024 \
                 10:11:12 -0000",
        ..PLAIN
    },
    // chasquid, internal/smtpsrv/conn.go: the address first, the HELO in a comment; of who logged in the HELO alone
    Dialect {
        name: "chasquid",
        naming: Naming::Address,
        software: &["chasquid"],
        sample: "from [192.0.2.10] (relay.sender.example) by mx.victim.example (chasquid) with ESMTPS tls \
                 TLS_AES_128_GCM_SHA256 (over SMTP, TLS-1.3, envelope from \"a@sender.example\") ; Mon, 03 Nov 2025 10:00:00 \
                 +0000",
        ..PLAIN
    },
    // masqmail, src/accept.c
    Dialect {
        name: "masqmail",
        names_user: true,
        software: &["masqmail "],
        sample: "from bob by host.victim.example with local (masqmail 0.2.21) id 1ABcde-0Fg-00 for <a@sender.example>; Mon, 03 \
                 Nov 2025 10:00:00 +0100",
        ..PLAIN
    },
    Dialect {
        name: "halon",
        software: &["Halon"],
        sample: "from [10.0.23.114] (unknown [192.0.2.10]) by mta-2.victim.example (Halon) with ESMTP id \
                 d3882b98-0cf2-5e6a-c48e-765e7a31b21b; Tue, 03 Feb 2026 21:07:12 +0000 (UTC)",
        ..PLAIN
    },
    Dialect {
        name: "horde",
        software: &["Horde "],
        sample: "from dial-7.isp.example (dial-7.isp.example [192.0.2.10]) by webmail.victim.example (Horde MIME library) \
                 with HTTP; Mon, 23 Apr 2007 20:53:31 -0400",
        ..PLAIN
    },
    Dialect {
        name: "listserv",
        software: &["LISTSERV"],
        sample: "from LISTS.VICTIM.EXAMPLE by LISTS.VICTIM.EXAMPLE (LISTSERV release 1.8c) with NJE id 12302 for \
                 LIST@LISTS.VICTIM.EXAMPLE; Fri, 27 Sep 1996 18:44:32 +0200",
        ..PLAIN
    },
    Dialect {
        name: "mini-sendmail",
        software: &["mini_sendmail/"],
        sample: "(from alice@www.victim.example) by www.victim.example (mini_sendmail/1.3.6 29jun2005); Thu, 19 Apr 2007 \
                 05:39:27 GMT (sender userid 48@www.victim.example)",
        ..PLAIN
    },
    // Andrew Message System: a program of the host hands over to its server, and either names its version
    Dialect {
        name: "andrew",
        internal: Some(|_| true),
        shape: Some(|clauses| clauses.from.word.starts_with(b"Messages.") && clauses.via.word.starts_with(b"MS.")),
        sample: "from Messages.8.0.N.CUILIB.3.45.SNAP.NOT.LINKED.pc.victim.example.sun4.41 via MS.5.6.pc.victim.example.sun4_41; \
                 Tue, 24 Dec 1991 08:14:27 -0500 (EST)",
        ..PLAIN
    },
    // a filter of qmail: the client's address stands in its own comment, and a `:` before the date
    Dialect {
        name: "qfscan",
        record: Some(remote_ip),
        software: &["qfscan "],
        sample: "(qfscan 0.5. spam=2/0/0/0 remoteip=192.0.2.10): 29 Aug 2002 03:27:47 -0000",
        ..PLAIN
    },
    Dialect {
        name: "nullmailer",
        shape: Some(|clauses| clauses.comments_in(Place::Head).any(|c| c.starts_with(b"nullmailer "))),
        sample: "(nullmailer pid 30678 invoked by uid 1000); Thu, 06 May 2010 06:59:44 -0000",
        ..PLAIN
    },
    Dialect {
        name: "ssmtp",
        software: &["sSMTP sendmail"],
        sample: "by localhost (sSMTP sendmail emulation); Thu, 02 Apr 2020 07:23:58 -0700",
        ..PLAIN
    },
    Dialect {
        name: "zx2c4",
        software: &["ZX2C4 Mail Server"],
        sample: "by mail.victim.example (ZX2C4 Mail Server) with ESMTPSA id e9256d7b \
                 (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256:NO); Fri, 3 Jan 2020 13:20:43 +0000 (UTC)",
        ..PLAIN
    },
    Dialect {
        name: "webmail",
        shape: Some(|clauses| clauses.comments_in(Place::From).any(is_user_of_webmail)),
        sample: "from 192.0.2.10 (SquirrelMail authenticated user bob) by webmail.victim.example with HTTP; Sat, 5 May \
                 2007 11:12:45 +0100 (BST)",
        ..PLAIN
    },
    Dialect {
        name: "listexpand",
        shape: Some(|clauses| clauses.via.word == b"listexpand"),
        sample: "(majordomo@lists.victim.example) by lists.victim.example via listexpand id S1726290AbfFVP70 convert \
                 rfc822-to-8bit (ORCPT <rfc822;list@victim.example>); Sat, 22 Jun 2019 11:59:26 -0400",
        ..PLAIN
    },
    Dialect {
        name: "simscan",
        shape: Some(|clauses| clauses.by.word == b"simscan"),
        sample: "by simscan 1.2.0 ppid: 13009, pid: 13019, t: 0.0560s scanners:none",
        ..PLAIN
    },
    Dialect {
        name: "debbugs",
        shape: Some(|clauses| {
            clauses.via.word == b"spool" || clauses.comments_in(Place::Head).any(|c| c.starts_with(b"at "))
        }),
        sample: "via spool by 691896-submit@bugs.victim.example id=B691896.13541424145158 (code B ref 691896); Wed, 28 Nov \
                 2012 22:42:02 +0000",
        ..PLAIN
    },
    Dialect {
        name: "indimail",
        shape: Some(|clauses| clauses.head.text.starts_with(b"indimail-mta queue")),
        sample: "indimail-mta queue 58880 by host mx.victim.example (invoked by uid 0); Wed, 26 Jun 2024 15:20:58 +0900",
        ..PLAIN
    },
];

fn is_zmailer(clauses: &Clauses<'_>) -> bool {
    clauses.comments_in(Place::From).any(|comment| {
        let after = |key: &[u8]| find(comment, key).is_some();
        comment.starts_with(b"[") && (after(b"rhost-flags") || after(b"TLS-PEER-CN1") || after(b" ident: "))
    })
}

fn remote_ip<'a>(clauses: &Clauses<'a>) -> Option<&'a [u8]> {
    let text = clauses.comments_in(Place::Head).next()?;
    let at = find(text, b" remoteip=")?;
    text.get(at + 10..)?.split(|byte| *byte == b' ').next()
}

fn is_courier(clauses: &Clauses<'_>) -> bool {
    client_comment(clauses, b"AUTH: ")
        || clauses.id.word.len() == 26
            && clauses.id.word.iter().enumerate().all(|(at, b)| match at {
                8 | 17 => *b == b'.',
                _ => b.is_ascii_hexdigit(),
            })
}

/// Dovecot's submission proxy and LMTP server: an id of 22 base64 characters and the envelope behind it.
fn is_dovecot(clauses: &Clauses<'_>) -> bool {
    clauses.id.word.len() == 22
        && clauses.own_comments().next().is_some_and(|comment| comment.starts_with(b"envelope-from "))
        && matches!(clauses.with.word, b"LMTP" | b"LMTPS" | b"ESMTP" | b"ESMTPS" | b"ESMTPA" | b"ESMTPSA")
}
