//! Who writes: people with settled habits, and the houses that write to thousands.

use std::net::IpAddr;

use super::{
    hosts::{Hosts, v4, v6},
    random::Random,
};

/// How many people write now and then; their shares follow Zipf's law.
pub(crate) const REGULARS: usize = 3600;
/// People who write for the first time in the incident, and only through the relay.
pub(crate) const NEWCOMERS: usize = 60;
/// Houses whose mail a bulk sender carries.
pub(crate) const BRANDS: usize = 48;

/// Where somebody's mail goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// The place of a provider in [`Hosts`].
    Provider(usize),
    /// The place of an organisation.
    Organisation(usize),
}

/// Which way somebody's mail usually takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Habit {
    /// From home to us.
    Plain,
    /// To an old address that some host hands on to this recipient of ours.
    Forwarded { host: usize, old: String, to: &'static str },
    /// To a list.
    Member { list: usize },
}

/// One who writes.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) address: String,
    /// The name as it stands in `From`.
    pub(crate) name: String,
    pub(crate) home: Home,
    pub(crate) habit: Habit,
    /// The address of the device.
    pub(crate) client: IpAddr,
    /// What the device says in EHLO.
    pub(crate) helo: String,
    pub(crate) mailer: &'static str,
    /// How far the device's clock is ahead, in seconds. Only `Date` shows it.
    pub(crate) skew: i64,
}

/// A house that has its mail carried.
#[derive(Debug, Clone)]
pub(crate) struct Brand {
    /// The place of its bulk sender in [`Hosts`].
    pub(crate) carrier: usize,
    pub(crate) domain: String,
    /// Which hosts of the carrier's pool are its own; it keeps to them.
    pub(crate) first_host: usize,
}

/// Who gets mail, and how much of it.
pub(crate) const RECIPIENTS: [(u64, &str); 8] = [
    (52, "inquiry@coincheck.com"),
    (22, "support@coincheck.com"),
    (7, "kyc@coincheck.com"),
    (5, "press@coincheck.com"),
    (5, "tanaka@coincheck.com"),
    (4, "suzuki@coincheck.com"),
    (3, "kimura@coincheck.com"),
    (2, "recruit@coincheck.com"),
];

/// Those of them that are people.
pub(crate) const STAFF: [&str; 3] = ["tanaka@coincheck.com", "suzuki@coincheck.com", "kimura@coincheck.com"];

const FAMILY: [(&str, &str); 16] = [
    ("sato", "=?UTF-8?B?5L2Q6Jek?="),
    ("suzuki", "=?UTF-8?B?6Yi05pyo?="),
    ("takahashi", "=?UTF-8?B?6auY5qmL?="),
    ("tanaka", "=?UTF-8?B?55Sw5Lit?="),
    ("watanabe", "=?UTF-8?B?5rih6L66?="),
    ("ito", "=?UTF-8?B?5LyK6Jek?="),
    ("yamamoto", "=?UTF-8?B?5bGx5pys?="),
    ("nakamura", "=?UTF-8?B?5Lit5p2R?="),
    ("kobayashi", "Kobayashi"),
    ("kato", "Kato"),
    ("yoshida", "Yoshida"),
    ("yamada", "Yamada"),
    ("sasaki", "Sasaki"),
    ("matsumoto", "Matsumoto"),
    ("inoue", "Inoue"),
    ("smith", "Smith"),
];
const GIVEN: [&str; 12] =
    ["kenji", "yuki", "haruka", "takeshi", "aoi", "daiki", "emi", "naoko", "ryo", "sakura", "jun", "alice"];
const MAILERS: [&str; 5] = [
    "Apple Mail (2.3608.80.23.2.2)",
    "Microsoft Outlook 16.0",
    "iPhone Mail (17E262)",
    "Mozilla Thunderbird 68.8.1",
    "Android-Mail/2020.04",
];

/// All people, regulars first, most diligent first.
pub(crate) fn people(seed: u64, hosts: &Hosts) -> Vec<Person> {
    (0..REGULARS + NEWCOMERS).map(|number| person(seed, number, hosts)).collect()
}

fn person(seed: u64, number: usize, hosts: &Hosts) -> Person {
    let mut random = Random::of(seed, 4, number as u64);
    let (family, written) = *random.pick(&FAMILY);
    let given = *random.pick(&GIVEN);
    let newcomer = number >= REGULARS;
    // A third of those who write come from an organisation; customers who write for the first time do not.
    let home = if !newcomer && random.percent(36) {
        Home::Organisation(random.place(hosts.organisations.len()))
    } else {
        *random.weighted(&[
            (46, Home::Provider(0)),
            (20, Home::Provider(1)),
            (16, Home::Provider(2)),
            (10, Home::Provider(3)),
            (8, Home::Provider(4)),
        ])
    };
    let domain = match home {
        Home::Provider(place) => &hosts.providers[place].domain,
        Home::Organisation(place) => &hosts.organisations[place].domain,
    };
    // The number keeps addresses apart; so do mailboxes at large providers.
    let address = match random.below(3) {
        0 => format!("{given}.{family}{number}@{domain}"),
        1 => format!("{family}-{number}@{domain}"),
        _ => format!("{}{family}{number}@{domain}", &given[..1]),
    };
    let habit = if newcomer {
        Habit::Plain
    } else {
        match random.below(100) {
            0..6 => {
                let host = random.place(hosts.forwarders.len());
                let to = *random.pick(&STAFF);
                let (local, _) = to.split_once('@').unwrap_or((to, ""));
                Habit::Forwarded { host, old: format!("{local}@{}", hosts.forwarders[host].domain), to }
            }
            6..11 => Habit::Member { list: random.place(hosts.lists.len()) },
            _ => Habit::Plain,
        }
    };
    let (net, host) = (u8::try_from(random.below(250)).unwrap_or(0), random.place(250) + 2);
    let client = match home {
        Home::Organisation(place) => v4(10, 0, u8::try_from(place % 250).unwrap_or(0), host),
        Home::Provider(2) => v4(192, 168, net, host),
        Home::Provider(_) if random.percent(40) => v6(0xc000, random.next() >> 1),
        Home::Provider(_) => v4(172, 16, net, host),
    };
    let device = ["iphone", "ws", "desktop", "pixel"][number % 4];
    let skew = if random.percent(3) { random.between(-240, 240) } else { 0 };
    let name = format!("{written} {given}");
    Person {
        address,
        name,
        home,
        habit,
        client,
        helo: format!("{device}-{number}.local"),
        mailer: MAILERS[number % 5],
        skew,
    }
}

/// All houses with bulk mail.
pub(crate) fn brands(seed: u64, hosts: &Hosts) -> Vec<Brand> {
    let one = |number: usize| {
        let mut random = Random::of(seed, 5, number as u64);
        let carrier = random.place(hosts.bulk.len());
        let domain = format!("{}{number}.example", random.pick(&["store", "airline", "bank", "portal", "media"]));
        Brand { carrier, domain, first_host: random.place(hosts.bulk[carrier].pool.len()) }
    };
    (0..BRANDS).map(one).collect()
}
