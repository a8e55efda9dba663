//! A mail of an ordinary day.

use super::{
    calendar::JST,
    draft::{Draft, only, recipients, subject},
    hosts::{BACKUP, BACKUP_IP, Dialect, v4},
    mail::{StreamMail, Way},
    people::{Habit, Home, Person, STAFF},
    random::Random,
    received::{Client, Step, made_here, received},
    world::World,
};
use relaywatch::tls::TlsVersion;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Person,
    Bulk,
    Bounce,
    Internal,
    Spam,
}

/// What a day brings, in hundredths.
const MIX: [(u64, Kind); 5] =
    [(71, Kind::Person), (12, Kind::Bulk), (8, Kind::Internal), (8, Kind::Spam), (1, Kind::Bounce)];

/// The mail of that number that arrives then; the same number gives the same mail.
pub(super) fn ordinary(world: &World, number: u64, arrival: i64) -> StreamMail {
    let mut random = Random::of(world.seed, 6, number);
    let draft = match random.weighted(&MIX) {
        Kind::Person => person(world, world.regular(&mut random), arrival, &mut random),
        Kind::Bulk => bulk(world, arrival, &mut random),
        Kind::Bounce => bounce(world, arrival, &mut random),
        Kind::Internal => internal(arrival, &mut random),
        Kind::Spam => spam(world.seed, arrival, &mut random),
    };
    draft.finish(&mut random)
}

/// How long a mail was under way: seconds as a rule, minutes where somebody greylisted, hours in a queue.
fn under_way(random: &mut Random) -> i64 {
    let (first, last) =
        *random.weighted(&[(900, (12, 45)), (70, (300, 1300)), (25, (1300, 14_400)), (5, (14_400, 150_000))]);
    random.between(first, last)
}

fn person(world: &World, person: &Person, arrival: i64, random: &mut Random) -> Draft {
    let written = arrival - under_way(random);
    match &person.habit {
        Habit::Plain => plain(world, person, written, arrival, random),
        Habit::Forwarded { host, old, to } => {
            let forwarder = &world.hosts.forwarders[*host];
            let by = &forwarder.pool[0];
            let mut draft = Draft::of_person(person, Way::Forwarded, arrival, written, &[to]);
            old.clone_into(&mut draft.to);
            draft.subject = subject(random);
            let out = draft.leave_home(world, person, Some(old), arrival - 4, random);
            let step = Step::to(by, Client::host(out), &person.address, Some(old), arrival - 2);
            draft.trail.push(received(&Step { tls: out.tls.and(by.tls), ..step }, random));
            // The oldest of them hands on mail as it came.
            if *host != 3 {
                draft.mail.mail_from = srs(&person.address, &forwarder.domain, arrival);
            }
            draft.handed_by(Client::host(by), by.tls);
            draft
        }
        Habit::Member { list } => {
            let operator = &world.hosts.lists[*list];
            let (by, domain) = (&operator.pool[0], &operator.domain);
            let subscriber = *random.pick(&STAFF);
            let post = format!("dev@{domain}");
            let mut draft = Draft::of_person(person, Way::List, arrival, written, &[subscriber]);
            draft.subject = format!("[dev] {}", subject(random));
            let out = draft.leave_home(world, person, Some(&post), arrival - 6, random);
            let step = Step::to(by, Client::host(out), &person.address, Some(&post), arrival - 4);
            draft.trail.push(received(&Step { tls: out.tls.and(by.tls), ..step }, random));
            draft.trail.push(made_here(&by.name, by.zone, None, arrival - 1, random));
            draft.mail.mail_from = format!("dev-bounces+{}@{domain}", subscriber.replace('@', "="));
            draft.fields = format!(
                "List-Id: <dev.{domain}>\nList-Post: <mailto:{post}>\nList-Unsubscribe: <mailto:dev-leave@{domain}>\nPrecedence: list\n"
            );
            draft.to = post;
            draft.handed_by(Client::host(by), by.tls);
            draft
        }
    }
}

/// From home to us; three in a hundred by our backup MX.
fn plain(world: &World, person: &Person, written: i64, arrival: i64, random: &mut Random) -> Draft {
    let way = if matches!(person.home, Home::Provider(_)) { Way::Provider } else { Way::Direct };
    let held = if random.percent(3) { random.between(20, 1800) } else { 0 };
    let mut draft = Draft::of_person(person, way, arrival, written - held, &recipients(random));
    draft.subject = subject(random);
    let to = only(&draft.mail.recipients).map(str::to_owned);
    let out = draft.leave_home(world, person, to.as_deref(), arrival - held - 1, random);
    if held > 0 {
        draft.by_backup(out, arrival - held, random);
    } else {
        draft.handed_by(Client::host(out), out.tls);
    }
    draft
}

/// The sender rewriting scheme: the day in two letters of base 32, a hash in four.
fn srs(sender: &str, forwarder: &str, time: i64) -> String {
    const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (local, domain) = sender.split_once('@').unwrap_or((sender, ""));
    let day = (time / 86_400).cast_unsigned() % 1024;
    let letter = |five: u64| char::from(BASE32[usize::try_from(five % 32).unwrap_or(0)]);
    let stamp: String = [letter(day / 32), letter(day)].iter().collect();
    let of = sender.bytes().fold(day, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut hash = Random::of(of, 8, 0);
    let hash: String = (0..4).map(|_| letter(hash.next())).collect();
    format!("SRS0={hash}={stamp}={domain}={local}@{forwarder}")
}

fn bulk(world: &World, arrival: i64, random: &mut Random) -> Draft {
    let (place, brand) = world.brand(random);
    let carrier = &world.hosts.bulk[brand.carrier];
    let out = &carrier.pool[(brand.first_host + random.place(3)) % carrier.pool.len()];
    let recipient = recipients(random)[0];
    let author = format!("news@{}", brand.domain);
    let mut draft = Draft::new(Way::Bulk, arrival, arrival - under_way(random), &author, &[recipient]);
    draft.mail.mail_from = format!("bounces+{place}-{}@{}", recipient.replace('@', "="), carrier.domain);
    draft.name = brand.domain.clone();
    draft.subject = format!("News of the week {}", random.below(1000));
    let app = Client { helo: "app.internal", name: None, ip: v4(10, 9, 1, 10 + place) };
    let sender = draft.mail.mail_from.clone();
    draft.trail.push(received(&Step::to(out, app, &sender, Some(recipient), draft.mail.written + 2), random));
    draft.fields = format!(
        "List-Unsubscribe: <https://{}/unsubscribe/{place}>\nPrecedence: bulk\nFeedback-ID: {place}:{}\n",
        carrier.domain, carrier.domain
    );
    draft.handed_by(Client::host(out), out.tls);
    draft
}

/// A mail of ours did not reach somebody.
fn bounce(world: &World, arrival: i64, random: &mut Random) -> Draft {
    let provider = random.percent(40);
    let operators = if provider { &world.hosts.providers[1..3] } else { &world.hosts.organisations[..] };
    let operator = random.pick(operators);
    let out = random.pick(&operator.pool);
    let way = if provider { Way::Provider } else { Way::Direct };
    let author = format!("MAILER-DAEMON@{}", out.name);
    let mut draft = Draft::new(way, arrival, arrival - 2, &author, &["support@coincheck.com"]);
    draft.mail.mail_from.clear();
    draft.name = "Mail Delivery System".to_owned();
    draft.subject = "Undelivered Mail Returned to Sender".to_owned();
    draft.trail.push(made_here(&out.name, out.zone, None, arrival - 1, random));
    draft.fields =
        "Auto-Submitted: auto-replied\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n"
            .to_owned();
    draft.handed_by(Client::host(out), out.tls);
    draft
}

/// From our own people, programs and hosts; never from outside.
fn internal(arrival: i64, random: &mut Random) -> Draft {
    let to = *random.pick(&STAFF);
    let mut draft = match random.below(10) {
        // The border's own reports, and those of the backup MX.
        0 => Draft::new(Way::Internal, arrival, arrival, "root@gw.coincheck.com", &[to]),
        1 => {
            let mut draft = Draft::new(Way::Internal, arrival, arrival - 2, "root@mx2.coincheck.com", &[to]);
            draft.trail.push(made_here(BACKUP, JST, Some(0), arrival - 1, random));
            draft.handed_by(Client { helo: BACKUP, name: Some(BACKUP), ip: BACKUP_IP }, Some(TlsVersion::Tls13));
            draft
        }
        kind => {
            let (author, ip) = match kind {
                2..5 => ("tickets@coincheck.com", v4(10, 20, 0, 9)),
                5 => (*random.pick(&STAFF), v4(203, 0, 113, 240 + random.place(10))),
                _ => (*random.pick(&STAFF), v4(10, 20, 1, 10 + random.place(60))),
            };
            let mut draft = Draft::new(Way::Internal, arrival, arrival - 1, author, &[to]);
            draft.handed_by(Client { helo: "[127.0.0.1]", name: None, ip }, Some(TlsVersion::Tls13));
            draft.mail.login = Some(author.to_owned());
            draft
        }
    };
    draft.mail.outside = None;
    draft.subject = format!("Ticket {}", random.below(1_000_000));
    draft
}

/// Spam: a machine that somebody took over, with an odd HELO, mostly without a name, often with made-up lines below.
///
/// None calls itself by a name of ours, although real spam does: who counts what `own-name` says can then count on the relay.
pub(super) fn spam(seed: u64, arrival: i64, random: &mut Random) -> Draft {
    const HELOS: [&str; 8] =
        ["User", "ylmf-pc", "localhost", "[192.168.1.5]", "WIN-8K3J2L", "mail", "vps.example", "smtp.example"];
    let mut machine = Random::of(seed, 9, random.below(150));
    let (ip, helo) = (v4(198, 51, 100, 64 + machine.place(190)), *machine.pick(&HELOS));
    let name = machine.percent(20).then(|| format!("{}.dyn.example", ip.to_string().replace('.', "-")));
    let author = format!("info{}@promo{}.example", random.below(90), random.below(50));
    let mut draft = Draft::new(Way::Spam, arrival, arrival - random.between(1, 6), &author, &recipients(random));
    draft.subject = random.pick(&["You have won", "Invoice overdue", "Re: payment", "Cheap watches"]).to_string();
    if random.percent(40) {
        let forged = Client { helo: "mail.example", name: None, ip: v4(172, 31, 4, random.place(250)) };
        let by = Client { helo: helo.trim_matches(['[', ']']), name: None, ip };
        draft.trail.push(forged_line(forged, by, &author, draft.mail.written, random));
    }
    draft.handed_by(Client { helo, name: name.as_deref(), ip }, machine.percent(20).then_some(TlsVersion::Tls12));
    draft.mail.extended = draft.mail.tls.is_some() || machine.percent(60);
    draft
}

/// A line that a spammer wrote, as of a Postfix of the spamming machine's own.
pub(super) fn forged_line(client: Client<'_>, by: Client<'_>, sender: &str, time: i64, random: &mut Random) -> String {
    let step = Step {
        client,
        by: by.helo,
        by_ip: by.ip,
        dialect: Dialect::Postfix,
        zone: 0,
        tls: None,
        login: false,
        sender,
        recipient: None,
        time,
    };
    received(&step, random)
}
