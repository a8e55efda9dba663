//! Microsoft: Exchange on premises, Microsoft 365, the IIS SMTP service and Exchange 5.5.
//!
//! `from HELO (address) by host (address) with Microsoft SMTP Server (version=TLS1_2, cipher=..) id 15.20.7025.34 via
//! Frontend Transport; date`. Source: learn.microsoft.com, "Received header" in the message header analyzer's notes, and
//! [MS-OXCMAIL]. The name is what the client said; a verified one is not recorded. The number behind `id` is the build of
//! the server, and no address. `with mapi` is a submission from a mailbox, `with HTTPS` a transfer between servers.

use super::{Dialect, PLAIN};

pub(super) const DIALECTS: &[Dialect] = &[
    Dialect {
        name: "exchange",
        http_transport: true,
        protocol: &["Microsoft SMTP Server", "mapi", "TransportReplication", "ShadowRedundancy"],
        sample: "from mx1.sender.example (192.0.2.10) by ex1.victim.example (198.51.100.7) with Microsoft SMTP Server \
                 (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.1.2507.39 via Frontend \
                 Transport; Mon, 3 Nov 2025 10:00:00 +0000",
        ..PLAIN
    },
    Dialect {
        name: "microsoft-365",
        http_transport: true,
        host: &[".prod.outlook.com", ".PROD.OUTLOOK.COM", ".protection.outlook.com", ".office365.com"],
        sample: "from LO0P123MB0001.GBRP123.PROD.OUTLOOK.COM (2001:db8:600:21c::9) by \
                 LO2P123MB0002.GBRP123.PROD.OUTLOOK.COM with HTTPS; Mon, 3 Nov 2025 10:00:00 +0000",
        ..PLAIN
    },
    Dialect {
        name: "iis-smtp",
        protocol: &["Microsoft SMTPSVC"],
        sample: "from mx1.sender.example ([192.0.2.10]) by mx.victim.example with Microsoft SMTPSVC(6.0.3790.4675); \
                 Mon, 3 Nov 2025 10:00:00 +0000",
        ..PLAIN
    },
    Dialect {
        name: "exchange-5",
        protocol: &["Internet Mail Service"],
        software: &["Microsoft Exchange Internet Mail"],
        sample: "by EXCH1 with Internet Mail Service (5.5.2653.19) id <29B0DT3A>; Thu, 16 May 2002 01:55:39 -0400",
        ..PLAIN
    },
];
