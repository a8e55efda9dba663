//! Filters in front of a mail system: appliances and filtering services.
//!
//! Sources: delivered mail, and the vendors' pages named at each row. All of them write the client's HELO first and its
//! address in a comment; Mimecast repeats the address where it knows no name.

use super::{Dialect, PLAIN};

pub(super) const DIALECTS: &[Dialect] = &[
    // community.mimecast.com, "Reading message headers"
    Dialect {
        name: "mimecast",
        host: &["relay.mimecast.com", ".mimecast.com", ".mimecast.co.za", "relay.mimecast-offshore.com"],
        sample: "from mx1.sender.example (mx1.sender.example [192.0.2.10]) (Using TLS) by relay.mimecast.com with ESMTP \
                 with STARTTLS (version=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384) id uk-mta-234-VJwiHrKHPaOBTCMo7rm5ew-1; \
                 Mon, 03 Nov 2025 10:00:00 +0000",
        ..PLAIN
    },
    // Proofpoint Protection Server: the sendmail of its filter, and PPS itself
    Dialect {
        name: "proofpoint",
        software: &["PPS"],
        host: &[".pphosted.com", ".ppops.net"],
        sample: "from mx1.sender.example (mx1.sender.example [192.0.2.10]) by mx0a-00000001.pphosted.com (PPS) with \
                 ESMTPS id 4a619tvjuw-1 (version=TLSv1.2 cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 verify=NOT) for \
                 <bob@victim.example>; Mon, 03 Nov 2025 10:00:00 +0000",
        ..PLAIN
    },
    Dialect {
        name: "messagelabs",
        host: &[".messagelabs.com"],
        sample: "from [192.0.2.10] (using TLSv1.2 with cipher DHE-RSA-AES256-GCM-SHA384 (256 bits)) by \
                 server-2.bemta-22.messagelabs.com id 00/00-00000-00000225; Mon, 03 Nov 2025 10:00:00 +0000",
        ..PLAIN
    },
    // Raptor and Symantec Enterprise Firewall: the name in the comment is where the mail goes
    Dialect {
        name: "raptor",
        shape: Some(|clauses| clauses.via.word == b"smtpd" && clauses.own_comments().any(|c| c.starts_with(b"for "))),
        sample: "from [192.0.2.10] by fw.victim.example via smtpd (for mail.victim.example [192.168.1.17]) with SMTP; \
                 Mon, 29 Jul 2002 19:31:22 -0500",
        ..PLAIN
    },
    Dialect {
        name: "tumbleweed",
        software: &["Tumbleweed", "Email Firewall", "welcome. (Email Firewall"],
        sample: "from 192.0.2.10 by smtpgw1.victim.example with ESMTP ( Tumbleweed Email Firewall SMTP Relay (Email Firewall \
                 v6.1.1)); Mon, 16 Apr 2007 22:09:42 -0400",
        ..PLAIN
    },
    Dialect {
        name: "interscan",
        protocol: &["InterScan"],
        software: &["InterScan"],
        sample: "from 192.0.2.10 by gw.victim.example (InterScan E-Mail VirusWall NT); Mon, 29 Jul 2002 11:33:24 +0200",
        ..PLAIN
    },
    Dialect {
        name: "mimesweeper",
        software: &["Content Technologies SMTPRS"],
        sample: "from scv4.sender.example (scv4.sender.example) by gw.victim.example (Content Technologies SMTPRS 4.2.5) \
                 with ESMTP id <T5e9f6cb05a229175f24d5@gw.victim.example> for <bob@victim.example>; Thu, 26 Sep 2002 \
                 16:45:31 -0700",
        ..PLAIN
    },
    Dialect {
        name: "barracuda",
        software: &["Spam Firewall", "Spam & Virus Firewall", "Barracuda"],
        sample: "from mx1.sender.example (mx1.sender.example [192.0.2.10]) by mx.victim.example (Spam Firewall) with \
                 ESMTP id 51FA2283D6; Mon, 03 Nov 2008 10:00:00 +0000 (GMT)",
        ..PLAIN
    },
    Dialect {
        name: "sophos",
        software: &["Sophos", "Astaro"],
        sample: "from mx1.sender.example (mx1.sender.example [192.0.2.10]) by sea.victim.example (Sophos Email \
                 Appliance) with ESMTPS id E767E7E4150_532FC9F for <bob@victim.example>; Thu, 18 Mar 2021 10:47:37 +0000",
        ..PLAIN
    },
    Dialect {
        name: "trustwave",
        protocol: &["MailMarshal", "Trustwave SEG"],
        sample: "from ex1.sender.example (Not Verified[192.0.2.10]) by seg.victim.example with Trustwave SEG \
                 (v7,5,8,10121) id <B5e4af1030000>; Tue, 18 Feb 2020 09:01:07 +1300",
        ..PLAIN
    },
    Dialect {
        name: "symantec-smtp",
        software: &["SMSSMTP "],
        sample: "(from relay.sender.example [192.0.2.10]) by mx.victim.example (SMSSMTP 4.0.0.59) with SMTP id \
                 M2007041616090812917; Mon, 16 Apr 2007 16:09:08 -0400",
        ..PLAIN
    },
    Dialect {
        name: "cellopoint",
        software: &["Cellopoint ", "Generic MTA"],
        shape: Some(|clauses| {
            super::client_comment(clauses, b"Cellopoint ") || super::client_comment(clauses, b"Generic MTA")
        }),
        sample: "from relay.sender.example [(192.0.2.10)] by gw.victim.example (envelope-from <a@sender.example>) \
                 (Generic MTA with TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 128/128) with ESMTP id 125060061; Thu, 06 Apr \
                 2023 10:58:17 +0800",
        ..PLAIN
    },
    Dialect {
        name: "huawei-gateway",
        software: &["SkyGuard"],
        sample: "from EX1.sender.example (unknown [192.0.2.10]) by gw.victim.example (SkyGuard) with ESMTP id \
                 4ChLDd3ZhdzVhZH; Thu, 26 Nov 2020 09:45:21 +0800 (CST)",
        ..PLAIN
    },
    Dialect {
        name: "securemx",
        software: &["mx-"],
        host: &[".securemx.jp"],
        sample: "from mx1.sender.example (mx1.sender.example [192.0.2.10]) by relay.victim.example (mx-mr1111) id \
                 11NNBXDv000778 (version=TLSv1.2 cipher=AES128-GCM-SHA256 bits=128 verify=NOT); Wed, 24 Feb 2021 \
                 08:11:34 +0900",
        ..PLAIN
    },
    Dialect {
        name: "security-gateway",
        software: &["SecurityGateway "],
        sample: "from ex1.sender.example (192.0.2.10) by mx.victim.example (SecurityGateway 9.5.3) with ESMTP id \
                 1cac70c5211f498cafc5a9aa5109e877; Sun, 02 Jun 2024 10:46:12 +0200",
        ..PLAIN
    },
    Dialect {
        name: "mailfoundry",
        software: &["MAILFOUNDRY", "MFA, port"],
        sample: "From localhost (127.0.0.1) by mx.victim.example (MAILFOUNDRY) id 000000000000ffff; Thu, 29 Apr 2012 \
                 23:45:10 -0000 (GMT)",
        ..PLAIN
    },
    Dialect {
        name: "vade",
        protocol: &["ngmta"],
        sample: "from relay.sender.example ([192.0.2.10]) by smtp.victim.example ESMTP x1nmtao01p with ngmta id \
                 ecc3d021-17137fe7d802f664; Sat, 10 Sep 2022 12:35:21 +0000",
        ..PLAIN
    },
    Dialect {
        name: "tessian",
        // what it did with a mail of the host
        internal: Some(|clauses| !clauses.from.stated),
        software: &["\"Tessian outbound"],
        sample: "(\"Tessian outbound 826a6d8e58c3:v113\"); Wed, 16 Feb 2022 13:49:12 +0000",
        ..PLAIN
    },
];
