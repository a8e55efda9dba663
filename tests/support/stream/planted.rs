//! What is hidden in the stream: the mails through the relay, those through it long after, and forged traces of it.

use std::net::IpAddr;

use super::{
    Config,
    draft::{Draft, only, recipients, subject},
    hosts::{Dialect, v4},
    mail::{StreamMail, Way},
    ordinary::{forged_line, spam},
    random::Random,
    received::{Client, Step, postfix, queue_id},
    rhythm::is_likely,
    world::World,
};
use relaywatch::tls::TlsVersion;

/// How many wrote both just before the window and in it; twice in it; in it and again in its tail.
const WROTE_AGAIN: [usize; 3] = [8, 5, 4];

/// Spam that names the relay in a forged line: how many within the window and its tail, and how many outside.
const DECOYS: [usize; 2] = [4, 3];

/// When mail came through the relay although nothing led there any more: seconds after the window's tail.
const STRAGGLERS: [i64; 3] = [3600, 5 * 3600 + 1234, 26 * 3600 + 17];

/// One planted mail, not yet made.
#[derive(Debug, Clone)]
pub(super) struct Plant {
    pub(super) arrival: i64,
    written: i64,
    /// Its place among the planted; the same number gives the same mail.
    number: u64,
    /// Who wrote it, by the place in the world's people; nobody of them wrote spam.
    author: Option<usize>,
}

/// All that is planted, by arrival.
pub(super) fn plan(config: &Config, world: &World) -> Vec<Plant> {
    let mut random = Random::of(config.seed, 10, 0);
    let mut times = before(config, &mut random);
    times.extend(within(config, &mut random));
    times.extend(after(config, &mut random));
    let authors = authors(config, world);
    let mut plan: Vec<_> =
        times.into_iter().zip(authors).map(|((written, arrival), author)| (written, arrival, Some(author))).collect();

    let (end, all) = (config.tail_end(), plan.len());
    let strangers = world.customers(all + STRAGGLERS.len()).into_iter().rev();
    let used: Vec<_> = plan.iter().map(|(_, _, author)| *author).collect();
    let strangers = strangers.filter(|author| !used.contains(&Some(*author)));
    plan.extend(STRAGGLERS.iter().zip(strangers).map(|(late, author)| (end + late - 40, end + late, Some(author))));

    let [inside, outside] = DECOYS;
    let spans = (0..inside).map(|_| (config.changed, end));
    let spans = spans.chain((0..outside).map(|n| if n == 0 { (end + 1, end + 90_000) } else { config.quiet_before() }));
    for (first, last) in spans {
        let arrival = random.between(first, last);
        plan.push((arrival, arrival, None));
    }
    let numbered = plan.into_iter().zip(0..);
    let mut plan: Vec<_> =
        numbered.map(|((written, arrival, author), number)| Plant { arrival, written, number, author }).collect();
    plan.sort_by_key(|plant| (plant.arrival, plant.number));
    plan
}

/// How many mails are planted in all.
pub(super) fn planted(config: &Config) -> u64 {
    (config.planted.messages() + STRAGGLERS.len() + DECOYS.iter().sum::<usize>()) as u64
}

/// Written before the change, delivered after it: a queue, greylisting. The first is as old as the pre-window allows, the
/// second came in its last second.
fn before(config: &Config, random: &mut Random) -> Vec<(i64, i64)> {
    let first = config.changed - config.pre_window;
    let one = |n| {
        let written = match n {
            0 => first,
            1 => config.changed - 1,
            _ => random.between(first, config.changed - 1),
        };
        let late = if random.percent(60) { random.between(30, 3600) } else { random.between(3600, 5 * 3600) };
        (written, config.changed + late)
    };
    (0..config.planted.pre_window).map(one).collect()
}

/// Written while the false delegation stood, by day more than by night. The first came in its first second, the second in
/// its last.
fn within(config: &Config, random: &mut Random) -> Vec<(i64, i64)> {
    let one = |n| {
        let written = match n {
            0 => config.changed,
            1 => config.fixed,
            _ => loop {
                let time = random.between(config.changed, config.fixed);
                if is_likely(time, random) {
                    break time;
                }
            },
        };
        let under_way = if random.percent(90) { random.between(8, 90) } else { random.between(300, 3000) };
        (written, written + under_way)
    };
    (0..config.planted.window).map(one).collect()
}

/// Written afterwards, where a resolver still held the false delegation; fewer and fewer. The first came in the first
/// second, the last arrives in the last.
fn after(config: &Config, random: &mut Random) -> Vec<(i64, i64)> {
    let (first, last) = (config.fixed + 1, config.tail_end() - 60);
    let one = |n| {
        let span = last - first;
        let written = match n {
            0 => first,
            1 => return (config.tail_end() - 40, config.tail_end()),
            _ => first + random.between(0, span).min(random.between(0, span)),
        };
        (written, written + random.between(8, 59))
    };
    (0..config.planted.tail).map(one).collect()
}

/// Who wrote each of the mails through the relay: before, within, after, in that order.
fn authors(config: &Config, world: &World) -> Vec<usize> {
    let planted = &config.planted;
    let [both, twice, again] = planted.wrote_again();
    let mut fresh = world.customers(planted.senders()).into_iter();
    let mut authors: Vec<usize> = fresh.by_ref().take(planted.pre_window).collect();
    authors.extend_from_within(..both);
    let window = authors.len();
    authors.extend(fresh.by_ref().take(planted.window - both - twice));
    authors.extend_from_within(window..window + twice);
    authors.extend_from_within(window + twice..window + twice + again);
    authors.extend(fresh);
    authors
}

/// How many mails go through the relay, by when they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planted {
    /// Before the change, but delivered after it.
    pub(crate) pre_window: usize,
    /// While the false delegation stood.
    pub(crate) window: usize,
    /// Afterwards, out of caches.
    pub(crate) tail: usize,
}

impl Planted {
    /// All of them.
    pub(crate) fn messages(&self) -> usize {
        self.pre_window + self.window + self.tail
    }

    /// How many people wrote them.
    pub(crate) fn senders(&self) -> usize {
        self.messages() - self.wrote_again().iter().sum::<usize>()
    }

    /// [`WROTE_AGAIN`], as far as there are mails.
    fn wrote_again(&self) -> [usize; 3] {
        let fourth = self.window / 4;
        [
            WROTE_AGAIN[0].min(self.pre_window).min(fourth),
            WROTE_AGAIN[1].min(fourth),
            WROTE_AGAIN[2].min(self.tail).min(fourth),
        ]
    }
}

/// Makes a planted mail.
pub(super) fn grow(config: &Config, world: &World, plant: &Plant) -> StreamMail {
    let mut random = Random::of(config.seed, 11, plant.number);
    let draft = match plant.author {
        Some(author) => relayed(config, world, plant, author, &mut random),
        None => decoy(config, plant, &mut random),
    };
    draft.finish(&mut random)
}

/// Through the relay, which keeps its own line, or takes that away, or all of them.
fn relayed(config: &Config, world: &World, plant: &Plant, author: usize, random: &mut Random) -> Draft {
    let person = &world.people[author];
    let mut draft = Draft::of_person(person, Way::Relay, plant.arrival, plant.written, &recipients(random));
    draft.skew = 0; // what tells when it was written is `Date`
    draft.subject = subject(random);
    let to = only(&draft.mail.recipients).map(str::to_owned);
    let taken = plant.arrival - random.between(1, 4);
    let out = draft.leave_home(world, person, to.as_deref(), taken, random);
    let encrypted = random.percent(50).then_some(TlsVersion::Tls13);
    match random.below(100) {
        0..55 => {
            let step = Step {
                client: Client::host(out),
                by: config.relay_helo,
                by_ip: config.relay,
                dialect: Dialect::Postfix,
                zone: 0,
                tls: encrypted.and(out.tls),
                login: false,
                sender: &person.address,
                recipient: to.as_deref(),
                time: taken,
            };
            draft.trail.push(postfix(&step, &queue_id(random)));
        }
        55..85 => {}
        _ => draft.trail.clear(),
    }
    draft.handed_by(relay(config), encrypted);
    draft
}

fn relay(config: &Config) -> Client<'_> {
    Client { helo: config.relay_helo, name: Some(config.relay_name), ip: config.relay }
}

/// Spam that some other host brought, with a line below that names the relay.
fn decoy(config: &Config, plant: &Plant, random: &mut Random) -> Draft {
    let mut draft = spam(config.seed, plant.arrival, random);
    let peer = draft.mail.peer.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let by = Client { helo: "mx.decoy.example", name: None, ip: v4(198, 51, 100, 200) };
    let sender = draft.mail.mail_from.clone();
    assert_ne!(peer, config.relay, "a decoy came by another way");
    draft.trail.clear();
    draft.trail.push(forged_line(relay(config), by, &sender, draft.mail.written, random));
    draft
}
