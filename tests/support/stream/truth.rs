//! What a report on the incident has to say of the stream, counted from the mails themselves.
//!
//! Nothing here asks what was planted, and nothing of relaywatch is used: who came through the relay is told by the
//! session's client, a forged trace by the bytes of the header section, the part of the window by the time of writing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Config, StreamMail, Way, calendar::jst_hour};

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    /// All mails of the stream.
    pub(crate) messages: u64,
    /// Of each way.
    pub(crate) ways: BTreeMap<Way, u64>,
    /// Through the relay, written within the pre-window, the window or its tail.
    pub(crate) relay: Crossing,
    /// Of these, what was written in `[changed - pre_window, changed)`.
    pub(crate) pre_window: Share,
    /// In `[changed, fixed]`.
    pub(crate) window: Share,
    /// In `(fixed, fixed + ns_ttl]`.
    pub(crate) tail: Share,
    /// Through the relay, written at any other time.
    pub(crate) outside: Share,
    /// Came by another peer, but its header section names the relay's address.
    pub(crate) decoys: u64,
    /// The decoys that arrived in `[changed, fixed + ns_ttl]`.
    pub(crate) decoys_within: u64,
    /// Came by normal ways from outside, and arrived in `[changed, fixed + ns_ttl]`.
    pub(crate) normal: Normal,
}

/// Mails through a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Crossing {
    pub(crate) messages: u64,
    /// Distinct envelope senders.
    pub(crate) senders: BTreeSet<String>,
    /// Distinct envelope recipients.
    pub(crate) recipients: BTreeSet<String>,
    /// The first arrival, in unix seconds.
    pub(crate) first: i64,
    /// The last.
    pub(crate) last: i64,
    /// How many arrived in each hour of Japan, `2020-05-31 13:00`; hours without any are left out.
    pub(crate) by_hour: BTreeMap<String, u64>,
}

/// A part of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) messages: u64,
    /// Distinct envelope senders.
    pub(crate) senders: BTreeSet<String>,
}

/// Mail by normal ways; spam and decoys came so as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Normal {
    pub(crate) messages: u64,
    /// Of these, those with an empty envelope sender.
    pub(crate) bounces: u64,
    /// Distinct envelope senders as they came (SRS and VERP as written); the empty one is none.
    pub(crate) senders: usize,
    /// Of these, those that are not among [`Truth::relay`]'s senders.
    pub(crate) senders_never_relayed: usize,
    /// Their messages.
    pub(crate) messages_never_relayed: u64,
    /// Distinct addresses in `From`.
    pub(crate) authors: usize,
    /// Of these, those that are not among [`Truth::relay`]'s senders.
    pub(crate) authors_never_relayed: usize,
}

/// Counts while the mails go by.
#[derive(Debug, Clone)]
pub(crate) struct Count {
    config: Config,
    needle: Vec<u8>,
    truth: Truth,
    /// Messages of each envelope sender by normal ways.
    senders: HashMap<String, u64>,
    authors: HashSet<String>,
}

impl Truth {
    /// The truth of a whole stream.
    pub(crate) fn of<'a>(config: &Config, mails: impl IntoIterator<Item = &'a StreamMail>) -> Self {
        let mut count = Count::new(config);
        mails.into_iter().for_each(|mail| count.add(mail));
        count.finish()
    }
}

impl Count {
    pub(crate) fn new(config: &Config) -> Self {
        let needle = config.relay.to_string().into_bytes();
        let (truth, senders, authors) = (Truth::default(), HashMap::new(), HashSet::new());
        Self { config: config.clone(), needle, truth, senders, authors }
    }

    /// The next mail of the stream.
    pub(crate) fn add(&mut self, mail: &StreamMail) {
        self.truth.messages += 1;
        *self.truth.ways.entry(mail.way).or_default() += 1;
        if mail.peer == Some(self.config.relay) {
            self.relayed(mail);
        } else {
            self.normal(mail);
        }
    }

    fn relayed(&mut self, mail: &StreamMail) {
        let Config { changed, fixed, pre_window, .. } = self.config;
        let (truth, written) = (&mut self.truth, mail.written);
        let share = if (changed - pre_window..changed).contains(&written) {
            &mut truth.pre_window
        } else if (changed..=fixed).contains(&written) {
            &mut truth.window
        } else if (fixed + 1..=self.config.tail_end()).contains(&written) {
            &mut truth.tail
        } else {
            truth.outside.add(mail);
            return;
        };
        share.add(mail);
        let relay = &mut truth.relay;
        relay.first = if relay.messages == 0 { mail.arrival } else { relay.first.min(mail.arrival) };
        relay.last = relay.last.max(mail.arrival);
        relay.messages += 1;
        relay.senders.insert(mail.mail_from.clone());
        relay.recipients.extend(mail.recipients.iter().cloned());
        *relay.by_hour.entry(jst_hour(mail.arrival)).or_default() += 1;
    }

    fn normal(&mut self, mail: &StreamMail) {
        let within = (self.config.changed..=self.config.tail_end()).contains(&mail.arrival);
        if mail.headers.windows(self.needle.len()).any(|bytes| bytes == self.needle) {
            self.truth.decoys += 1;
            self.truth.decoys_within += u64::from(within);
        }
        if !within || mail.way == Way::Internal {
            return;
        }
        let normal = &mut self.truth.normal;
        normal.messages += 1;
        if mail.mail_from.is_empty() {
            normal.bounces += 1;
        } else {
            *self.senders.entry(mail.mail_from.clone()).or_default() += 1;
        }
        self.authors.insert(mail.author.clone());
    }

    /// What came of it.
    pub(crate) fn finish(mut self) -> Truth {
        let (relayed, normal) = (&self.truth.relay.senders, &mut self.truth.normal);
        normal.senders = self.senders.len();
        normal.authors = self.authors.len();
        self.senders.retain(|sender, _| !relayed.contains(sender));
        normal.senders_never_relayed = self.senders.len();
        normal.messages_never_relayed = self.senders.values().sum();
        normal.authors_never_relayed = self.authors.iter().filter(|author| !relayed.contains(*author)).count();
        self.truth
    }
}

impl Share {
    fn add(&mut self, mail: &StreamMail) {
        self.messages += 1;
        self.senders.insert(mail.mail_from.clone());
    }
}
