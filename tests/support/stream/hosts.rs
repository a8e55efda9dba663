//! The hosts of the stream: who has which, what they call themselves, and how they write `Received`.
//!
//! All names are `example` names, all addresses documentation or private ones; ours and the relay's are those of the
//! replay (`tests/e2e`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use relaywatch::tls::TlsVersion;

use super::{calendar::JST, random::Random};

/// Our border.
pub(crate) const BORDER: &str = "gw.coincheck.com";
/// Our border's address.
pub(crate) const BORDER_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 5));
/// Our backup MX.
pub(crate) const BACKUP: &str = "mx2.coincheck.com";
/// Our backup MX's address.
pub(crate) const BACKUP_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

/// Which MTA wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postfix,
    Exim,
    Sendmail,
    Exchange,
    Qmail,
    /// A provider that states no client within its own house.
    Google,
}

/// A host that sends or hands on mail.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) ip: IpAddr,
    pub(crate) dialect: Dialect,
    /// What it agrees on with us when it connects; an old host speaks in clear.
    pub(crate) tls: Option<TlsVersion>,
    /// Its clock's zone, in seconds ahead of UTC.
    pub(crate) zone: i64,
    /// Whether its name leads to its address and back.
    pub(crate) verified: bool,
}

/// A provider of mailboxes with a pool of outbound hosts, or an organisation with one.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) domain: String,
    pub(crate) pool: Vec<Host>,
    /// Hosts that take mail from its people; mail goes from these to the pool. Empty: the pool does that as well.
    pub(crate) inner: Vec<Host>,
    /// Whether a content scanner on the same host sees each mail.
    pub(crate) scans: bool,
}

/// Everybody's hosts.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    pub(crate) providers: Vec<Operator>,
    pub(crate) organisations: Vec<Operator>,
    pub(crate) forwarders: Vec<Operator>,
    pub(crate) lists: Vec<Operator>,
    pub(crate) bulk: Vec<Operator>,
}

const PACIFIC_SUMMER: i64 = -7 * 3600;
const TLS13: Option<TlsVersion> = Some(TlsVersion::Tls13);
const TLS12: Option<TlsVersion> = Some(TlsVersion::Tls12);

pub(crate) fn v4(a: u8, b: u8, c: u8, d: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, u8::try_from(d).unwrap_or(u8::MAX)))
}

/// An address of 2001:db8::/32.
pub(crate) fn v6(net: u16, host: u64) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from((0x2001_0db8_u128 << 96) | (u128::from(net) << 80) | u128::from(host)))
}

fn host(name: String, ip: IpAddr, dialect: Dialect, tls: Option<TlsVersion>, zone: i64) -> Host {
    Host { name, ip, dialect, tls, zone, verified: true }
}

fn operator(domain: &str, pool: Vec<Host>, inner: Vec<Host>) -> Operator {
    Operator { domain: domain.to_owned(), pool, inner, scans: false }
}

impl Hosts {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            providers: providers(),
            organisations: (1..=220).map(|number| organisation(seed, number)).collect(),
            forwarders: forwarders(),
            lists: lists(),
            bulk: bulk(),
        }
    }
}

fn providers() -> Vec<Operator> {
    let big = (0..100).map(|n| {
        let name = format!("mail-{}{}-f{}.bigmail.example", ["ab", "ed", "io", "lf"][n % 4], n / 30 + 1, 41 + n % 27);
        let ip = if n % 3 == 0 { v4(192, 0, 2, 1 + n / 3) } else { v6(0x4860, 0x2000 + n as u64) };
        host(name, ip, Dialect::Google, TLS13, PACIFIC_SUMMER)
    });
    let mobile = (0..12)
        .map(|n| host(format!("out-{}.mobile.example", n + 1), v4(192, 0, 2, 41 + n), Dialect::Postfix, TLS12, JST));
    let mobile_inner = (0..4)
        .map(|n| host(format!("smtp-{}.mobile.example", n + 1), v4(192, 0, 2, 53 + n), Dialect::Postfix, TLS12, JST));
    let free = (0..20).map(|n| {
        let name = format!("omggw{:04}-vm{}.mail.free.example", 7000 + n / 4, n % 4);
        host(name, v4(192, 0, 2, 57 + n), Dialect::Qmail, if n < 6 { None } else { TLS12 }, 0)
    });
    let office = (0..24).map(|n| {
        let name = format!("ty1-obe.outbound-{:02}.office.example", n + 1);
        let ip = if n % 2 == 0 { v4(192, 0, 2, 77 + n / 2) } else { v6(0x0111, 0xf400 + n as u64) };
        host(name, ip, Dialect::Exchange, TLS12, 0)
    });
    let office_inner = (0..12).map(|n| {
        host(
            format!("TY1PR01MB{:04}.jpnprd01.office.example", 1100 + 7 * n),
            v6(0x0112, 0x19 + n),
            Dialect::Exchange,
            TLS12,
            0,
        )
    });
    let isp =
        (0..8).map(|n| host(format!("mo{:02}.isp.example", n + 1), v4(192, 0, 2, 90 + n), Dialect::Exim, TLS12, JST));
    vec![
        operator("bigmail.example", big.collect(), vec![]),
        operator("mobile.example", mobile.collect(), mobile_inner.collect()),
        operator("free.example", free.collect(), vec![]),
        operator("office.example", office.collect(), office_inner.collect()),
        operator("isp.example", isp.collect(), vec![]),
    ]
}

/// A small organisation: one MX, which also sends; some have a host for their people behind it, some a scanner.
fn organisation(seed: u64, number: usize) -> Operator {
    const KINDS: [&str; 8] = ["shop", "clinic", "law", "works", "school", "design", "trade", "print"];
    let mut random = Random::of(seed, 3, number as u64);
    let domain = format!("{}{number}.example", random.pick(&KINDS));
    let dialect = *random.weighted(&[
        (55, Dialect::Postfix),
        (18, Dialect::Exim),
        (12, Dialect::Sendmail),
        (10, Dialect::Exchange),
        (5, Dialect::Qmail),
    ]);
    let tls = *random.weighted(&[(42, TLS13), (40, TLS12), (4, Some(TlsVersion::Tls10)), (14, None)]);
    let zone = *random.weighted(&[(88, JST), (8, 0), (4, 8 * 3600)]);
    let label = random.pick(&["mx1", "mail", "smtp", "mta"]);
    let mut mx = host(format!("{label}.{domain}"), v4(203, 0, 113, 10 + number), dialect, tls, zone);
    mx.verified = random.percent(92);
    let inner_ip = v4(10, 0, u8::try_from((number - 1) % 250).unwrap_or(0), 20);
    let inner = random.percent(25).then(|| host(format!("files.{domain}"), inner_ip, Dialect::Postfix, TLS12, zone));
    let scans = dialect == Dialect::Postfix && random.percent(20);
    Operator { scans, ..operator(&domain, vec![mx], inner.into_iter().collect()) }
}

/// Hosts that hand on mail for old addresses of our people.
fn forwarders() -> Vec<Operator> {
    let one = |domain: &str, n: usize, dialect, tls| {
        operator(domain, vec![host(format!("mx.{domain}"), v4(192, 0, 2, 100 + n), dialect, tls, JST)], vec![])
    };
    vec![
        one("fwd.example", 0, Dialect::Postfix, TLS13),
        one("alumni.example", 1, Dialect::Exim, TLS12),
        one("society.example", 2, Dialect::Postfix, TLS12),
        one("oldhost.example", 3, Dialect::Sendmail, None),
    ]
}

fn lists() -> Vec<Operator> {
    let names = ["lists.example", "users.example", "announce.example", "forum.example"];
    let one = |(n, domain): (usize, &&str)| {
        let tls = if n == 2 { None } else { TLS13 };
        operator(domain, vec![host(format!("mail.{domain}"), v4(192, 0, 2, 110 + n), Dialect::Postfix, tls, 0)], vec![])
    };
    names.iter().enumerate().map(one).collect()
}

/// Senders for others, by the thousand.
fn bulk() -> Vec<Operator> {
    let pool = |domain: &str, label: &str, first: usize, count: usize, dialect| {
        let one = |n| host(format!("{label}{}.{domain}", n + 1), v4(192, 0, 2, first + n), dialect, TLS12, 0);
        operator(domain, (0..count).map(one).collect(), vec![])
    };
    vec![
        pool("bulk.example", "o", 120, 40, Dialect::Postfix),
        pool("newsletter.example", "mta-", 160, 24, Dialect::Exim),
        pool("notify.example", "a8-", 184, 30, Dialect::Sendmail),
    ]
}
