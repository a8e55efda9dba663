//! Mail providers with software of their own.
//!
//! Sources: delivered mail. Where a web interface took the mail, the address of the browser stands in place of a name.

use super::{Dialect, PLAIN, client_comment, has_no_client};
use crate::trace::client::{Literal, Naming};

pub(super) const DIALECTS: &[Dialect] = &[
    Dialect {
        name: "yahoo",
        naming: Naming::Verified,
        software: &["Yahoo Inc. Hermes", "VZM Hermes"],
        protocol: &["NNFMP"],
        host: &[".yahoo.com", ".yahoo.co.jp"],
        sample: "by hermes--production-bf1-57c96c66f6-l6456 (Yahoo Inc. Hermes SMTP Server) with ESMTPA ID \
                 bdb06917d6d3b6d20e175dd442e568c2; Thu, 26 Jan 2023 03:25:53 +0000 (UTC)",
        ..PLAIN
    },
    Dialect {
        name: "kundenserver",
        software: &["Nemesis"],
        sample: "from relay.sender.example ([192.0.2.10]) by mail.victim.example (mrgmx104 [198.51.100.7]) with ESMTPSA \
                 (Nemesis) id 1MA7GM-1lCsPx42DS-00Bd1n; Mon, 18 Jan 2021 01:43:40 +0100",
        ..PLAIN
    },
    Dialect {
        name: "gmx",
        naming: Naming::Verified,
        host: &[".gmx.net", ".gmx.com"],
        sample: "from unknown (EHLO relay.sender.example) [192.0.2.10] by mail.gmx.net (mp051) with SMTP; 27 Apr 2010 \
                 17:19:36 +0200",
        ..PLAIN
    },
    Dialect {
        name: "strato",
        // What a user of its said; his address is not recorded.
        literal: Literal::Helo,
        software: &["RZmta "],
        shape: Some(|clauses| client_comment(clauses, b"RZmta ")),
        sample: "from [192.0.2.10] by smtp.victim.example (RZmta 47.9.2 DYNA|AUTH) with ESMTPSA id h07c8dwBHNeG43B \
                 (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256 bits)); Fri, 18 Dec 2020 00:40:16 +0100 (CET)",
        ..PLAIN
    },
    Dialect {
        name: "yandex",
        software: &["smtp/Yandex", "nwsmtp/Yandex"],
        host: &[".yandex.net", ".yandex.ru"],
        sample: "by mail-1.victim.example (smtp/Yandex) with ESMTPSA id KAZlHoFMpGk0-YLjjREcj; Wed, 04 Dec 2024 \
                 09:10:21 +0300 (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))",
        ..PLAIN
    },
    Dialect {
        // its web pages: `alice$sender.example ( [A] )`
        name: "coremail",
        account: Some(b'$'),
        software: &["Coremail"],
        sample: "from relay.sender.example (unknown [192.0.2.10]) by mx1 (Coremail) with SMTP id \
                 _____wBHf1PU295kS9vhDQ--.11029S2; Fri, 18 Aug 2023 10:47:49 +0800 (CST)",
        ..PLAIN
    },
    // The name is what the client said; its address is not recorded, the by-host's own is.
    Dialect {
        name: "alibaba",
        literal: Literal::Helo,
        shape: Some(|clauses| client_comment(clauses, b"mailfrom:")),
        sample: "from relay.sender.example(mailfrom:a@sender.example fp:SMTPD_---0UNCgIG9_1611905828) by \
                 smtp.victim.example(127.0.0.1); Fri, 29 Jan 2021 15:37:08 +0800",
        ..PLAIN
    },
    Dialect {
        name: "qq",
        host: &[".qq.com"],
        sample: "from relay.sender.example ( [192.0.2.10]) by newxmesmtplogic.qq.com (NewEsmtp) with SMTP id 5F3A0001; \
                 Mon, 03 Nov 2025 18:00:00 +0800",
        ..PLAIN
    },
    Dialect {
        name: "aol",
        internal: Some(has_no_client),
        naming: Naming::Verified,
        software: &["Outbound Mail Relay", "Internet Inbound", "v86_r"],
        sample: "from mx1.sender.example (mx1.sender.example [192.0.2.10]) by omr-m04.victim.example (Outbound Mail \
                 Relay) with ESMTP id 07391702BF4DC for <bob@victim.example>; Fri, 21 Nov 2014 17:15:27 -0500 (EST)",
        ..PLAIN
    },
    Dialect {
        name: "hotmail",
        host: &[".hotmail.com", ".hotmail.msn.com"],
        sample: "from 192.0.2.10 by lw15fd.law15.hotmail.msn.com with HTTP; Thu, 19 Sep 2002 13:34:36 GMT",
        ..PLAIN
    },
    Dialect {
        name: "fastmail",
        software: &["MEProxy"],
        sample: "from relay-04 ([192.0.2.10]) by compute-01.internal (MEProxy); Sun, 18 Jan 2026 18:23:37 -0500",
        ..PLAIN
    },
    Dialect {
        name: "comcast",
        software: &["sccrmhc", "alnrmhc", "rwcrmhc", "resomta", "comcast"],
        sample: "from relay.sender.example (c-198-51-100-7.isp.example[192.0.2.10]) by isp.example (sccrmhc15) with \
                 ESMTP id <20070420205924015008a8ebre>; Fri, 20 Apr 2007 20:59:25 +0000",
        ..PLAIN
    },
    Dialect {
        name: "apple",
        software: &["Apple Secure Mail Relay"],
        host: &[".apple.com", ".me.com"],
        sample: "from relay.sender.example (relay.sender.example [192.0.2.10]) by mail-in12.apple.com (Apple Secure \
                 Mail Relay) with SMTP id 14.24.06920.F64EABB4; Tue, 6 Apr 2010 00:36:16 -0700",
        ..PLAIN
    },
];
