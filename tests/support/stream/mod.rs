//! The incident of 2020 played over ten days: a plausible stream of mail with the hijacked mails hidden in it.
//!
//! Takes a [`Config`], gives a [`Stream`]: an iterator of [`StreamMail`] by arrival that holds nothing but its people and
//! hosts, so that ten million mails take no more memory than ten thousand. The same configuration gives the same bytes
//! everywhere. [`Truth`] counts what was planted, without any code of relaywatch. README.md says what is plausible about
//! it. A test or bench takes it in by `#[path = "support/stream/mod.rs"] mod stream;`.

#![allow(dead_code, reason = "each test binary and bench uses its own part of this")]

mod calendar;
mod draft;
mod hosts;
mod mail;
mod ordinary;
mod people;
mod planted;
mod random;
mod received;
mod rhythm;
mod truth;
mod world;

use std::{iter::Peekable, net::IpAddr, vec};

#[allow(unused_imports, reason = "each test binary and bench uses its own part of this")]
pub(crate) use self::{
    calendar::{jst, jst_hour},
    hosts::{BACKUP, BACKUP_IP, BORDER, BORDER_IP},
    mail::{StreamMail, Way},
    planted::Planted,
    truth::{Count, Crossing, Normal, Share, Truth},
};
use self::{planted::Plant, rhythm::Rhythm, world::World};

/// What stream is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// Another seed is another stream.
    pub(crate) seed: u64,
    /// How many mails in all, the planted ones among them.
    pub(crate) messages: u64,
    /// When the ordinary stream begins, in unix seconds.
    pub(crate) start: i64,
    /// How many days it lasts.
    pub(crate) days: i64,
    /// When the delegation was changed.
    pub(crate) changed: i64,
    /// When it was put right.
    pub(crate) fixed: i64,
    /// How long a resolver may hold the false delegation, in seconds.
    pub(crate) ns_ttl: i64,
    /// How long before the change mail may have been written that was delivered after it, in seconds.
    pub(crate) pre_window: i64,
    /// The relay.
    pub(crate) relay: IpAddr,
    /// What it calls itself.
    pub(crate) relay_helo: &'static str,
    /// Its verified name.
    pub(crate) relay_name: &'static str,
    /// How many mails go through it.
    pub(crate) planted: Planted,
}

impl Config {
    /// The incident: 40,000 mails over ten days, 300 of them through the relay.
    pub(crate) fn incident() -> Self {
        Self {
            seed: 2020,
            messages: 40_000,
            start: jst(2020, 5, 27, 0, 0),
            days: 10,
            changed: jst(2020, 5, 31, 0, 5),
            fixed: jst(2020, 6, 1, 20, 52),
            ns_ttl: 360_000,
            pre_window: 6 * 3600,
            relay: IpAddr::from([45, 77, 24, 250]),
            relay_helo: "mail.coincheck.com",
            relay_name: "45.77.24.250.vultrusercontent.com",
            planted: Planted { pre_window: 100, window: 160, tail: 40 },
        }
    }

    /// The same with another number of mails; what is planted stays.
    pub(crate) fn with_messages(messages: u64) -> Self {
        Self { messages, ..Self::incident() }
    }

    /// The last moment at which a resolver may hold the false delegation.
    pub(crate) fn tail_end(&self) -> i64 {
        self.fixed + self.ns_ttl
    }

    /// The time before anything that has to do with the incident, first and last second.
    fn quiet_before(&self) -> (i64, i64) {
        (self.start, self.changed - self.pre_window - 1)
    }
}

/// The mails, by arrival.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    config: Config,
    world: World,
    ordinary: Peekable<Rhythm>,
    planted: Peekable<vec::IntoIter<Plant>>,
    /// How many mails went out, and how many of them were ordinary.
    number: u64,
    ordinary_number: u64,
}

impl Stream {
    /// The stream from its beginning. It has the planted mails at least.
    pub(crate) fn new(config: Config) -> Self {
        let world = World::new(config.seed);
        let ordinary = config.messages.saturating_sub(planted::planted(&config));
        let rhythm = Rhythm::new(config.seed, ordinary, config.start, config.days);
        let planted = planted::plan(&config, &world).into_iter().peekable();
        Self { ordinary: rhythm.peekable(), planted, config, world, number: 0, ordinary_number: 0 }
    }
}

impl Iterator for Stream {
    type Item = StreamMail;

    fn next(&mut self) -> Option<StreamMail> {
        let ordinary = self.ordinary.peek().copied();
        let mail = match self.planted.next_if(|plant| ordinary.is_none_or(|arrival| plant.arrival <= arrival)) {
            Some(plant) => planted::grow(&self.config, &self.world, &plant),
            None => {
                let arrival = self.ordinary.next()?;
                self.ordinary_number += 1;
                ordinary::ordinary(&self.world, self.ordinary_number - 1, arrival)
            }
        };
        let number = self.number;
        self.number += 1;
        Some(StreamMail { number, queue_id: queue_id(self.config.seed, number), ..mail })
    }
}

/// A queue id of our border: Postfix's short form, microseconds and an inode that no other mail of 16 million has.
fn queue_id(seed: u64, number: u64) -> String {
    let micros = random::Random::of(seed, 12, number).below(1_000_000);
    format!("{micros:05X}{:06X}", number.wrapping_mul(0x5bd1) & 0xff_ffff)
}
