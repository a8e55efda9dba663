//! Mail servers of offices and Internet providers.
//!
//! Sources: the products' manuals and delivered mail. MDaemon and IMail write `from helo [address]`; old MDaemon lines
//! record no address at all, so an address in place of the name is what the client said.

use super::{Dialect, PLAIN};
use crate::trace::{
    client::{Literal, Naming},
    tokens::Clauses,
};

pub(super) const DIALECTS: &[Dialect] = &[
    Dialect {
        name: "domino",
        software: &["Lotus Domino", "IBM Domino", "HCL Domino"],
        sample: "from mx1.sender.example ([192.0.2.10]) by notes.victim.example (Lotus Domino Release 8.5.3) with ESMTP \
                 id 2011112310000000-1234 ; Wed, 23 Nov 2011 10:00:00 +0100",
        ..PLAIN
    },
    Dialect {
        name: "groupwise",
        protocol: &["Novell_GroupWise"],
        software: &["GroupWise"],
        sample: "from victim-MTA by gw.victim.example with Novell_GroupWise; Mon, 30 Apr 2007 13:13:19 +0200",
        ..PLAIN
    },
    Dialect {
        name: "communigate",
        software: &["CommuniGate Pro"],
        sample: "from [192.0.2.10] (account henke HELO [10.168.1.130]) by victim.example (CommuniGate Pro SMTP 4.2.10) \
                 with ESMTP-TLS id 3339827 for bob@victim.example; Fri, 20 Apr 2007 15:20:24 +0200",
        ..PLAIN
    },
    Dialect {
        name: "mdaemon",
        literal: Literal::Helo,
        software: &["MDaemon"],
        shape: Some(is_mdaemon),
        sample: "from PC02.sender.example by victim.example with ESMTPA id md50000234499.msg; Fri, 09 Jun 2017 17:56:17 \
                 +0200",
        ..PLAIN
    },
    Dialect {
        name: "imail",
        software: &["SMTPD32-", "SMTPD-", "IMail"],
        sample: "from relay.sender.example [192.0.2.10] by victim.example with ESMTP (SMTPD-9.23) id AF4A0890; Fri, 23 \
                 Apr 2010 03:50:18 -0500",
        ..PLAIN
    },
    Dialect {
        name: "mailenable",
        protocol: &["MailEnable"],
        software: &["MailEnable"],
        sample: "from relay.sender.example ([192.0.2.10]) by victim.example with MailEnable ESMTP; Mon, 03 Nov 2025 \
                 10:00:00 +0100",
        ..PLAIN
    },
    Dialect {
        name: "oracle-messaging",
        internal: Some(is_channel),
        software: &["Oracle Communications", "Sun Java", "Sun Internet", "mshttpd", "iPlanet", "Netscape", "PMDF"],
        sample: "from relay.sender.example ([unknown] [192.0.2.10]) by mx.victim.example (Sun Java(tm) System Messaging \
                 Server 7u2-7.02 32bit (built Apr 16 2009)) with ESMTPA id <0L1A00C85X0U4BD6@mx.victim.example> for \
                 bob@victim.example; Thu, 22 Apr 2010 18:24:32 -0500 (CDT)",
        ..PLAIN
    },
    Dialect {
        name: "intermail",
        software: &["InterMail", "Post.Office", "authenticated as "],
        shape: Some(is_openwave),
        sample: "from relay (192.0.2.10) by mx.victim.example (8.5.014) id 4B17DDDA06175707 for bob@victim.example; Tue, \
                 11 May 2010 16:33:48 +0300",
        ..PLAIN
    },
    Dialect {
        name: "mirapoint",
        software: &["MOS ", "Mirapoint"],
        sample: "(from web.victim.example [192.0.2.10]) by mail.victim.example (MOS 3.8.3-GA) with HTTPS/1.1 id \
                 AJL19862 (AUTH bob); Tue, 15 May 2007 17:03:13 -1000 (HST)",
        ..PLAIN
    },
    Dialect {
        name: "firstclass",
        software: &["FirstClass"],
        sample: "from relay.sender.example (192.0.2.10) by mail.victim.example (FirstClass Mail Server v11.1) with SMTP \
                 transient id 4216; Mon, 26 Jun 2023 14:13:13 +0200",
        ..PLAIN
    },
    Dialect {
        name: "mail2000",
        protocol: &["Mail2000 "],
        sample: "from 192.0.2.10 by relay6.victim.example with Mail2000 ESMTP Server V4.49 (envelope-from \
                 <a@sender.example>); Fri, 30 Apr 2010 23:34:45 +0900 (JST)",
        ..PLAIN
    },
    // T-Online's web pages
    Dialect {
        name: "lisa",
        software: &["Lisa "],
        sample: "from 192.0.2.10:13017 by cmpweb28.victim.example with HTTP/1.1 (Lisa V7-5-5-0.0 on API V5-51-3-2); Thu, \
                 14 Sep 23 14:01:36 +0200",
        ..PLAIN
    },
    // Novell's, of a user who logged in: `from helo login@host [A]`
    Dialect {
        name: "netmail",
        naming: Naming::Login,
        protocol: &["NetMail "],
        sample: "from relay.sender.example bob@smtp.victim.example [192.0.2.10] by smtp.victim.example with NetMail SMTP Agent \
                 $Revision:   3.11  $ on Novell NetWare via secured & encrypted transport (TLS); Fri, 16 Aug 2002 04:15:52 \
                 -0600",
        ..PLAIN
    },
    Dialect {
        name: "mercury",
        internal: Some(|clauses| clauses.from.text.eq_ignore_ascii_case(b"spooler")),
        software: &["Mercury"],
        sample: "from spooler by victim.example (Mercury/32 v3.21c); 23 Aug 02 14:31:47 +0900",
        ..PLAIN
    },
    Dialect {
        name: "slmail",
        shape: Some(|clauses| super::client_comment(clauses, b"router,SLMail")),
        sample: "by mail.victim.example from localhost (router,SLMail V3.2); Thu, 28 Jun 2001 02:37:53 -0400",
        ..PLAIN
    },
    Dialect {
        // ZimbraLmtp: the name is the connected host's, what it said stands behind it
        name: "zimbra",
        software: &["Zimbra"],
        shape: Some(|clauses| super::client_comment(clauses, b"LHLO ")),
        sample: "from relay.sender.example (LHLO relay.sender.example) (192.0.2.10) by mail.victim.example (Zimbra) with \
                 LMTP; Mon, 3 Nov 2025 10:00:00 +0100 (CET)",
        ..PLAIN
    },
];

/// A channel of its own: `from CONVERSION-DAEMON.mail.example.org by mail.example.org`.
fn is_channel(clauses: &Clauses<'_>) -> bool {
    let channel = clauses.from.text.strip_suffix(clauses.by.word);
    channel.is_some_and(|name| name.to_ascii_lowercase().ends_with(b"-daemon."))
}

fn is_mdaemon(clauses: &Clauses<'_>) -> bool {
    let id = clauses.id.word;
    id.len() > 6 && id.get(..2).is_some_and(|md| md.eq_ignore_ascii_case(b"md")) && id.ends_with(b".msg")
}

/// Openwave: a build number alone (`7.3.105.6`), no protocol, an id of 16 hexadecimal digits.
fn is_openwave(clauses: &Clauses<'_>) -> bool {
    let id = clauses.id.word;
    !clauses.with.stated && clauses.from.stated && id.len() == 16 && id.iter().all(u8::is_ascii_hexdigit)
}
