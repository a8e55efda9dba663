//! `Received` fields in the words of the MTAs that the stream's hosts run.

use std::net::IpAddr;

use relaywatch::tls::TlsVersion;

use super::{
    calendar::{JST, date, qmail_date},
    hosts::{Dialect, Host},
    random::Random,
};

/// Who handed the mail to the host that writes the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) helo: &'a str,
    /// The name that leads to the address and back.
    pub(crate) name: Option<&'a str>,
    pub(crate) ip: IpAddr,
}

impl<'a> Client<'a> {
    /// A host under its own name.
    pub(crate) fn host(host: &'a Host) -> Self {
        Self { helo: &host.name, name: host.verified.then_some(host.name.as_str()), ip: host.ip }
    }
}

/// One step of a mail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) client: Client<'a>,
    pub(crate) by: &'a str,
    pub(crate) by_ip: IpAddr,
    pub(crate) dialect: Dialect,
    pub(crate) zone: i64,
    pub(crate) tls: Option<TlsVersion>,
    /// Whether the client logged in.
    pub(crate) login: bool,
    pub(crate) sender: &'a str,
    /// The only recipient; where there are more, an MTA names none.
    pub(crate) recipient: Option<&'a str>,
    pub(crate) time: i64,
}

impl<'a> Step<'a> {
    /// A host takes mail from a client.
    pub(crate) fn to(
        host: &'a Host,
        client: Client<'a>,
        sender: &'a str,
        recipient: Option<&'a str>,
        time: i64,
    ) -> Self {
        let (dialect, zone) = (host.dialect, host.zone);
        Self {
            client,
            by: &host.name,
            by_ip: host.ip,
            dialect,
            zone,
            tls: host.tls,
            login: false,
            sender,
            recipient,
            time,
        }
    }
}

/// The field, its line end included.
pub(crate) fn received(step: &Step<'_>, random: &mut Random) -> String {
    match step.dialect {
        Dialect::Postfix => postfix(step, &queue_id(random)),
        Dialect::Exim => exim(step, random),
        Dialect::Sendmail => sendmail(step, random),
        Dialect::Exchange => exchange(step),
        Dialect::Qmail => qmail(step, random),
        Dialect::Google => google(step, random),
    }
}

/// `with`, by RFC 3848.
fn protocol(step: &Step<'_>) -> &'static str {
    match (step.tls.is_some(), step.login) {
        (false, false) => "ESMTP",
        (true, false) => "ESMTPS",
        (false, true) => "ESMTPA",
        (true, true) => "ESMTPSA",
    }
}

/// An address as a literal (RFC 5321, 4.1.3).
fn literal(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[IPv6:{ip}]") } else { format!("[{ip}]") }
}

/// `Wed, 27 May 2020 09:15:02 +0900 (JST)`
fn commented(time: i64, zone: i64) -> String {
    let name = match zone {
        JST => " (JST)",
        0 => " (UTC)",
        -25_200 => " (PDT)",
        _ => "",
    };
    format!("{}{name}", date(time, zone))
}

/// Postfix's short queue id.
pub(crate) fn queue_id(random: &mut Random) -> String {
    format!("{:05X}{:06X}", random.below(1_000_000), random.below(1 << 24))
}

/// Postfix, also for our own border, whose queue id is known.
pub(crate) fn postfix(step: &Step<'_>, id: &str) -> String {
    let Client { helo, name, ip } = step.client;
    let name = name.unwrap_or("unknown");
    let tls = match step.tls {
        None => "",
        Some(TlsVersion::Tls13) => {
            "\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n\t key-exchange X25519 \
             server-signature RSA-PSS (2048 bits) server-digest SHA256)\n\t(No client certificate requested)"
        }
        Some(TlsVersion::Tls12) => {
            "\n\t(using TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits))\n\t(No client certificate requested)"
        }
        Some(_) => {
            "\n\t(using TLSv1 with cipher ECDHE-RSA-AES256-SHA (256/256 bits))\n\t(No client certificate requested)"
        }
    };
    let login = if step.login { format!("\n\t(Authenticated sender: {})", step.sender) } else { String::new() };
    let end = match step.recipient {
        Some(recipient) => format!("\n\tfor <{recipient}>; "),
        None => ";\n\t".to_owned(),
    };
    let (by, with, date) = (step.by, protocol(step), commented(step.time, step.zone));
    format!(
        "Received: from {helo} ({name} {}){tls}{login}\n\tby {by} (Postfix) with {with} id {id}{end}{date}\n",
        literal(ip)
    )
}

fn exim(step: &Step<'_>, random: &mut Random) -> String {
    let Client { helo, name, ip } = step.client;
    let from = match name {
        Some(name) if name == helo => format!("{name} ([{ip}])"),
        Some(name) => format!("{name} ([{ip}] helo={helo})"),
        None => format!("[{ip}] (helo={helo})"),
    };
    let tls = match step.tls {
        None => "",
        Some(TlsVersion::Tls13) => " (TLS1.3:TLS_AES_256_GCM_SHA384:256)",
        Some(_) => " (TLS1.2:ECDHE_RSA_AES_256_GCM_SHA384:256)",
    };
    let id = format!("1jd{}-000{}-{}", random.token(3), random.token(3), random.token(2));
    let recipient = step.recipient.map(|recipient| format!("\n\tfor {recipient}")).unwrap_or_default();
    let (by, with, date) = (step.by, protocol(step).to_lowercase(), date(step.time, step.zone));
    format!(
        "Received: from {from}\n\tby {by} with {with}{tls}\n\t(Exim 4.93)\n\t(envelope-from <{}>)\n\tid {id}{recipient}; {date}\n",
        step.sender
    )
}

fn sendmail(step: &Step<'_>, random: &mut Random) -> String {
    let Client { helo, name, ip } = step.client;
    let client = name.map(|name| format!("{name} ")).unwrap_or_default();
    let tls = match step.tls {
        None => "",
        Some(TlsVersion::Tls13) => "\n\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NOT)",
        Some(_) => "\n\t(version=TLSv1.2 cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 verify=NOT)",
    };
    let id = format!("04R{}{:06}", random.token(5), random.below(1_000_000));
    let end = match step.recipient {
        Some(recipient) => format!("\n\tfor <{recipient}>; "),
        None => ";\n\t".to_owned(),
    };
    let (by, with, date) = (step.by, protocol(step), date(step.time, step.zone));
    format!(
        "Received: from {helo} ({client}{})\n\tby {by} (8.15.2/8.15.2) with {with} id {id}{tls}{end}{date}\n",
        literal(ip)
    )
}

fn exchange(step: &Step<'_>) -> String {
    let Client { helo, ip, .. } = step.client;
    let (by, by_ip, date) = (step.by, step.by_ip, date(step.time, step.zone));
    if step.login {
        // The mail was made in a mailbox of the host.
        return format!("Received: from {by} ([{by_ip}]) by {by}\n ([{by_ip}]) with mapi id 15.20.3021.029; {date}\n");
    }
    let tls = if step.tls.is_some() { "\n (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)" } else { "" };
    format!(
        "Received: from {helo} ({ip})\n by {by} ({by_ip}) with Microsoft SMTP Server{tls}\n id 15.20.3021.29; {date}\n"
    )
}

fn qmail(step: &Step<'_>, random: &mut Random) -> String {
    let Client { helo, name, ip } = step.client;
    let (by, name, date) = (step.by, name.unwrap_or("unknown"), qmail_date(step.time));
    let process = 1000 + random.below(30_000);
    format!(
        "Received: (qmail {process} invoked from network); {date}\nReceived: from {name} (HELO {helo}) ({ip})\n  by {by} with SMTP; {date}\n"
    )
}

fn google(step: &Step<'_>, random: &mut Random) -> String {
    let end = match step.recipient {
        Some(recipient) => format!("\n        for <{recipient}>;\n        "),
        None => ";\n        ".to_owned(),
    };
    let (by, date) = (step.by, commented(step.time, step.zone));
    if step.login {
        let Client { helo, ip, .. } = step.client;
        let id = format!("{}sm{}", random.token(3), random.below(10_000_000));
        let tls = "\n        (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128)";
        return format!("Received: from {helo} ([{ip}])\n        by {by} with ESMTPSA id {id}{tls}{end}{date}\n");
    }
    let id = format!("{}so{:07}{}.{}", random.token(3), random.below(10_000_000), random.token(3), random.below(40));
    format!("Received: by {by} with SMTP id {id}{end}{date}\n")
}

/// A mail made on the host itself: a bounce, a report, a list's copy.
pub(crate) fn made_here(by: &str, zone: i64, user: Option<u32>, time: i64, random: &mut Random) -> String {
    let user = user.map(|user| format!(", from userid {user}")).unwrap_or_default();
    format!("Received: by {by} (Postfix{user})\n\tid {}; {}\n", queue_id(random), commented(time, zone))
}

/// A content scanner on the host took the mail and handed it back.
pub(crate) fn scanned(host: &Host, sender: &str, recipient: Option<&str>, time: i64, random: &mut Random) -> String {
    let loopback = IpAddr::from([127, 0, 0, 1]);
    let client = Client { helo: "localhost", name: Some("localhost"), ip: loopback };
    let back = Step { tls: None, dialect: Dialect::Postfix, ..Step::to(host, client, sender, recipient, time) };
    let taken = format!(
        "Received: from {0} ([127.0.0.1])\n\tby localhost ({0} [127.0.0.1]) (amavisd-new, port 10024)\n\twith ESMTP id {1}; {2}\n",
        host.name,
        random.token(12),
        commented(time, host.zone)
    );
    format!("{}{taken}", postfix(&back, &queue_id(random)))
}
