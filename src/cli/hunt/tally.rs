//! What a hunt counted, and the summary at its end.

use std::{
    collections::HashSet,
    fmt::Write as _,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    time::Duration,
};

use crate::{
    cli::{
        inputs::Inputs,
        progress::{grouped, rate},
    },
    clock::Timestamp,
    hunt::Passage,
    view::{Ink, Style},
};

/// Senders that are told apart; with more of them their number is "at least".
const MAX_SENDERS: usize = 1_000_000;

/// Senders are kept as hashes: what is counted here is not to grow with the length of their names.
const HASHER: BuildHasherDefault<DefaultHasher> = BuildHasherDefault::new();

/// Counts of a batch, or of all.
#[derive(Debug, Default)]
pub(super) struct Tally {
    messages: u64,
    seen: u64,
    timeless: u64,
    senders: HashSet<u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Inputs that gave no message.
    pub(super) inputs: Inputs,
}

impl Tally {
    /// Counts a message that was read.
    pub(super) fn message(&mut self) {
        self.messages += 1;
    }

    /// Counts messages that did not need to be read.
    pub(super) fn passed(&mut self, count: u64) {
        self.messages += count;
    }

    /// Counts a message that showed something.
    pub(super) fn passage(&mut self, passage: &Passage) {
        self.seen += 1;
        if let Some(sender) = passage.who().filter(|_| self.senders.len() < MAX_SENDERS) {
            self.senders.insert(HASHER.hash_one(sender.to_ascii_lowercase()));
        }
        self.first = [self.first, passage.time].into_iter().flatten().min();
        self.last = self.last.max(passage.time);
    }

    /// Counts a message that showed something at a time that nobody knows, where a time was asked for.
    pub(super) fn timeless(&mut self) {
        self.timeless += 1;
    }

    /// Adds the counts of another.
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.seen += other.seen;
        self.timeless += other.timeless;
        let room = MAX_SENDERS.saturating_sub(self.senders.len());
        self.senders.extend(other.senders.into_iter().take(room));
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
        self.inputs.add(&other.inputs);
    }

    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// Messages that showed something.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// The summary, for people.
    pub(super) fn summary(&self, elapsed: Duration, interrupted: bool, style: &Style) -> String {
        let mut text = String::new();
        let rate = rate(self.messages, elapsed).filter(|rate| *rate > 0);
        let rate = rate.map(|rate| format!(", {} messages/s", grouped(rate))).unwrap_or_default();
        let seconds = elapsed.as_secs_f64();
        // The store finds what it is asked for, and does not count the rest.
        let of = if self.messages > 0 { format!(" of {}", grouped(self.messages)) } else { String::new() };
        let head = format!("{}{of} messages", grouped(self.seen));
        let ended = if interrupted { " before it was interrupted" } else { "" };
        let _ = writeln!(text, "\n{} in {seconds:.1} s{rate}{ended}", style.paint(Ink::Strong, head));
        let mut row = |label: &str, value: String| {
            if !value.is_empty() {
                let _ = writeln!(text, "{}{value}", style.paint(Ink::Faint, format_args!("{label:<19}")));
            }
        };
        let least = if self.senders.len() < MAX_SENDERS { "" } else { "at least " };
        let senders = self.senders.len() as u64;
        row("Senders", if senders == 0 { String::new() } else { format!("{least}{}", grouped(senders)) });
        row("First", moment(self.first));
        row("Last", moment(self.last));
        row(
            "Left out",
            match self.timeless {
                0 => String::new(),
                count => format!("{} that crossed it at a time that nobody states", grouped(count)),
            },
        );
        row("Inputs", self.inputs.shown(["unreadable", "no mail", "left out"]));
        text
    }
}

fn moment(time: Option<Timestamp>) -> String {
    time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunt::{Found, Place};

    fn passage(sender: &str, time: Option<&str>) -> Passage {
        let place = Place { path: "x".to_owned(), index: 0, offset: 0, many: false };
        Passage {
            found: Found::File(place),
            time: time.and_then(|time| time.parse().ok()),
            sender: Some(sender.to_owned()),
            from: None,
            recipients: Vec::new(),
            message_id: None,
            seen: Vec::new(),
            more: 0,
        }
    }

    #[test]
    fn senders_are_counted_once_and_the_span_is_that_of_all() {
        let mut all = Tally::default();
        for (sender, time) in [
            ("a@x.example", Some("2020-06-01T00:00:00Z")),
            ("A@X.example", None),
            ("b@x.example", Some("2020-05-31T00:00:00Z")),
        ] {
            let mut one = Tally::default();
            one.message();
            one.passage(&passage(sender, time));
            all.add(one);
        }
        all.passed(7);
        let summary = all.summary(Duration::from_secs(2), false, &Style::default());
        let expected = "\n3 of 10 messages in 2.0 s, 5 messages/s\nSenders            2\nFirst              \
                        2020-05-31T00:00:00Z\nLast               2020-06-01T00:00:00Z\n";
        assert_eq!(summary, expected);
    }
}
