//! What a mail is made of before it is one: the steps it took and the fields its author's program wrote.

use super::{
    calendar::{JST, date},
    hosts::{BACKUP, BACKUP_IP, BORDER, Dialect, Host},
    mail::{StreamMail, Way},
    people::{Home, Person, RECIPIENTS},
    random::Random,
    received::{Client, Step, postfix, queue_id, received, scanned},
    world::World,
};
use relaywatch::tls::TlsVersion;

/// A mail in the making.
pub(super) struct Draft {
    /// The mail without its header section.
    pub(super) mail: StreamMail,
    /// `From` as a name for people.
    pub(super) name: String,
    /// What stands in `To`.
    pub(super) to: String,
    pub(super) subject: String,
    /// How far the author's clock is ahead.
    pub(super) skew: i64,
    pub(super) mailer: &'static str,
    /// The domain in the Message-ID.
    pub(super) id_domain: String,
    /// `Received` fields, oldest first.
    pub(super) trail: Vec<String>,
    /// Further fields, each with its line end.
    pub(super) fields: String,
}

impl Draft {
    /// A mail from somebody outside or inside to some of us.
    pub(super) fn new(way: Way, arrival: i64, written: i64, author: &str, recipients: &[&str]) -> Self {
        let (_, domain) = author.rsplit_once('@').unwrap_or(("", author));
        let mail = StreamMail {
            number: 0,
            arrival,
            written,
            way,
            outside: None,
            peer: None,
            peer_name: None,
            helo: String::new(),
            extended: true,
            tls: None,
            login: None,
            border: BORDER,
            queue_id: String::new(),
            mail_from: author.to_owned(),
            recipients: recipients.iter().map(|&recipient| recipient.to_owned()).collect(),
            author: author.to_owned(),
            headers: Vec::new(),
        };
        Self {
            mail,
            name: String::new(),
            to: recipients.join(", "),
            subject: String::new(),
            skew: 0,
            mailer: "",
            id_domain: domain.to_owned(),
            trail: Vec::new(),
            fields: String::new(),
        }
    }

    /// A mail of a person's; sent from home in the end.
    pub(super) fn of_person(person: &Person, way: Way, arrival: i64, written: i64, recipients: &[&str]) -> Self {
        let draft = Self::new(way, arrival, written, &person.address, recipients);
        Self { name: person.name.clone(), skew: person.skew, mailer: person.mailer, ..draft }
    }

    /// The client of the border's session, by its own name.
    pub(super) fn handed_by(&mut self, client: Client<'_>, tls: Option<TlsVersion>) {
        self.mail.peer = Some(client.ip);
        self.mail.outside = Some(client.ip);
        self.mail.peer_name = client.name.map(str::to_owned);
        client.helo.clone_into(&mut self.mail.helo);
        self.mail.tls = tls;
    }

    /// Our backup MX took it some time before, and hands it on.
    pub(super) fn by_backup(&mut self, host: &Host, taken: i64, random: &mut Random) {
        let outside = Client::host(host);
        let step = Step {
            client: outside,
            by: BACKUP,
            by_ip: BACKUP_IP,
            dialect: Dialect::Postfix,
            zone: JST,
            tls: host.tls,
            login: false,
            sender: &self.mail.mail_from,
            recipient: only(&self.mail.recipients),
            time: taken,
        };
        self.trail.push(postfix(&step, &queue_id(random)));
        self.handed_by(Client { helo: BACKUP, name: Some(BACKUP), ip: BACKUP_IP }, Some(TlsVersion::Tls13));
        self.mail.outside = Some(outside.ip);
        self.mail.way = Way::BackupMx;
    }

    /// The steps from a person's device to the host that hands the mail out, and when each was: two seconds after the one
    /// before, but not after `until`.
    pub(super) fn leave_home<'a>(
        &mut self,
        world: &'a World,
        person: &Person,
        to: Option<&str>,
        until: i64,
        random: &mut Random,
    ) -> &'a Host {
        let operator = match person.home {
            Home::Provider(place) => &world.hosts.providers[place],
            Home::Organisation(place) => &world.hosts.organisations[place],
        };
        let out = random.pick(&operator.pool);
        let first = if operator.inner.is_empty() { out } else { random.pick(&operator.inner) };
        let sender = &person.address;
        let mut time = self.mail.written.min(until);
        let device = Client { helo: &person.helo, name: None, ip: person.client };
        // A provider that states no client of its own house writes a line for programs only, not for its web page.
        if first.dialect != Dialect::Google || random.percent(35) {
            let tls = first.tls.or(Some(TlsVersion::Tls12)).filter(|_| first.dialect != Dialect::Qmail);
            let login = first.dialect != Dialect::Qmail;
            let step = Step { tls, login, ..Step::to(first, device, sender, to, time) };
            self.trail.push(received(&step, random));
        }
        let mut later = || {
            time = (time + 2).min(until);
            time
        };
        if first.dialect == Dialect::Google {
            let step = Step::to(first, device, sender, to, later());
            self.trail.push(received(&step, random));
        }
        if !std::ptr::eq(first, out) {
            let client = Client { name: Some(&first.name), ..Client::host(first) };
            let step = Step::to(out, client, sender, to, later());
            self.trail.push(received(&step, random));
        }
        if operator.scans {
            self.trail.push(scanned(out, sender, to, later(), random));
        }
        out
    }

    /// The mail, with its header section.
    pub(super) fn finish(self, random: &mut Random) -> StreamMail {
        let mut text = String::with_capacity(1600);
        for chunk in self.trail.iter().rev() {
            text.push_str(chunk);
        }
        let author = &self.mail.author;
        let from = if self.name.is_empty() { author.clone() } else { format!("{} <{author}>", self.name) };
        let id =
            format!("{}.{}.{}@{}", random.token(8), self.mail.written, random.below(1_000_000_000), self.id_domain);
        text.push_str(&format!(
            "Date: {}\nFrom: {from}\nTo: {}\nSubject: {}\nMessage-ID: <{id}>\nMIME-Version: 1.0\n",
            date(self.mail.written + self.skew, JST),
            self.to,
            self.subject
        ));
        if !self.mailer.is_empty() {
            text.push_str(&format!("X-Mailer: {}\n", self.mailer));
        }
        text.push_str(&self.fields);
        if !self.fields.contains("Content-Type:") {
            text.push_str("Content-Type: text/plain; charset=UTF-8\n");
        }
        text.push('\n');
        StreamMail { headers: text.into_bytes(), ..self.mail }
    }
}

/// The only recipient; nothing where there are more.
pub(super) fn only(recipients: &[String]) -> Option<&str> {
    if let [only] = recipients { Some(only) } else { None }
}

/// One recipient, now and then two or three.
pub(super) fn recipients(random: &mut Random) -> Vec<&'static str> {
    let count = *random.weighted(&[(93, 1), (5, 2), (2, 3)]);
    let mut chosen: Vec<&str> = Vec::with_capacity(count);
    while chosen.len() < count {
        let next = *random.weighted(&RECIPIENTS);
        if !chosen.contains(&next) {
            chosen.push(next);
        }
    }
    chosen
}

/// What a customer writes about.
pub(super) fn subject(random: &mut Random) -> String {
    const SUBJECTS: [&str; 12] = [
        "=?UTF-8?B?44GK5ZWP44GE5ZCI44KP44Gb?=",
        "=?UTF-8?B?5pys5Lq656K66KqN5pu46aGe44Gr44Gk44GE44Gm?=",
        "=?UTF-8?B?5Y+j5bqn6ZaL6Kit44Gu5Lu2?=",
        "=?UTF-8?B?44OR44K544Ov44O844OJ44Gu5YaN6Kit5a6a?=",
        "=?UTF-8?B?5YWl6YeR44GM5Y+N5pig44GV44KM44G+44Gb44KT?=",
        "=?UTF-8?B?5Ye66YeR44Gr44Gk44GE44Gm?=",
        "=?UTF-8?B?5LqM5q616ZqO6KqN6Ki844Gu6Kej6Zmk?=",
        "=?UTF-8?B?55m76Yyy5L2P5omA44Gu5aSJ5pu0?=",
        "Question about my account",
        "ID document",
        "Withdrawal pending",
        "Address change",
    ];
    let subject = random.pick(&SUBJECTS);
    match random.below(4) {
        0 => format!("Re: {subject}"),
        1 => format!("{subject} #{}", random.below(100_000)),
        _ => (*subject).to_owned(),
    }
}
