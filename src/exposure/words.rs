//! The sentences of a report, the same in every format.
//!
//! Takes the numbers, gives plain English that a regulator can quote.

use super::{
    query::{Segment, show_length},
    report::{Counts, Exposure, Part},
    top::Top,
};

/// What no report of this kind can know.
pub(super) const NOT_KNOWN: &[&str] = &[
    "This report counts mail that reached these servers and was inspected by relaywatch. It does not know which of it the relay kept, read \
     or changed; \"apparently\" stands for that.",
    "It does not know of mail that the relay took and did not pass on, nor of mail that came into the domain by other servers.",
    "A message is placed by when it was written, as its Date field and the oldest line of its trace say. Its sender, and the relay, could \
     write there what they liked; what arrived, when, and from which address is what our own servers recorded.",
];

/// What the report says in one sentence.
pub fn headline(exposure: &Exposure) -> String {
    let counts = &exposure.recorded;
    let relay = relay(exposure);
    let said = claimed(exposure);
    if counts.messages + counts.refused == 0 {
        return format!("No message is recorded that came through {relay} in the time asked for.{said}");
    }
    let (messages, senders) = (many(counts.messages, "message"), many(counts.senders, "sender"));
    let recipients = many(counts.recipients, "recipient");
    let refused = match counts.refused {
        0 => String::new(),
        refused => format!(
            " {} more {} refused here, but the relay had that mail all the same.",
            number(refused),
            if refused == 1 { "attempt was" } else { "attempts were" }
        ),
    };
    format!("{messages} from {senders} to {recipients} apparently came through {relay}.{refused}{said}")
}

fn claimed(exposure: &Exposure) -> String {
    match exposure.claimed.messages + exposure.claimed.refused {
        0 => String::new(),
        claimed => format!(
            " Not among them {} {} of which only lines and names written by others say so.",
            if claimed == 1 { "is" } else { "are" },
            many(claimed, "message")
        ),
    }
}

/// The relay as it was asked for.
pub(super) fn relay(exposure: &Exposure) -> String {
    match exposure.window.indicators.as_slice() {
        [] => "the relay".to_owned(),
        [one] => one.clone(),
        [one, another] => format!("{one} or {another}"),
        [one, rest @ ..] => format!("{one} or {} others", rest.len()),
    }
}

/// What whoever reads the numbers must know first, the gravest first.
pub(super) fn warnings(exposure: &Exposure) -> Vec<String> {
    let (coverage, window) = (&exposure.coverage, &exposure.window);
    let mut warnings = Vec::new();
    let begins = window.begins.second();
    match (&coverage.first, &coverage.last) {
        (Some(first), _) if first.second() > window.ends.second() => warnings.push(format!(
            "The store holds nothing of the time asked for: its oldest message is of {first}. No number below says that nobody was exposed."
        )),
        (Some(first), Some(last)) => {
            if first.second() > begins {
                warnings.push(format!(
                    "The store begins after the time asked for: its oldest message is of {first}, the time begins {}. Whoever wrote before that \
                     is not in this report.",
                    window.begins
                ));
            }
            // A quiet hour at the end is no loss; what is missing for longer is told.
            let end = window.ends.second().min(exposure.made_at.second());
            if last.second() < end - 3600 {
                warnings.push(format!(
                    "The store ends before the time asked for: its newest message is of {last}, the time ends {}.",
                    window.ends
                ));
            }
        }
        _ => warnings.push("The store is empty. No number below says that nobody was exposed.".to_owned()),
    }
    if window.ends.second() > exposure.made_at.second() {
        warnings.push(format!(
            "The time asked for has not ended: resolvers may hold the false delegation until {}. Make the report again after that.",
            window.ends
        ));
    }
    for gap in &coverage.gaps {
        warnings.push(format!(
            "Between {} and {}, {} inspected and could not be stored ({}).",
            gap.from,
            gap.until,
            if gap.lost == 1 { "1 message was".to_owned() } else { format!("{} messages were", number(gap.lost)) },
            gap.reason
        ));
    }
    for silence in &coverage.silent {
        warnings.push(format!("Nobody was writing into the store from {} to {}.", silence.from, silence.until));
    }
    for unclear in &coverage.unclear {
        warnings.push(format!(
            "The daemon that was started {} ended without saying so, at some time before {}.",
            unclear.from, unclear.until
        ));
    }
    if !coverage.watched && coverage.messages > 0 {
        warnings.push(
            "The store does not say that a daemon ever wrote into it; of mail from files nothing can tell whether it is all of that time."
                .to_owned(),
        );
    }
    let outside = &exposure.outside;
    for (counts, when, option) in [
        (&outside.earlier, "written before the time asked for", "--pre-window or --changed-at"),
        (&outside.later, "written after the time asked for", "--ns-ttl or --fixed-at"),
    ] {
        let all = counts.messages + counts.refused;
        if let (Some(first), Some(last), true) = (&counts.first, &counts.last, all > 0) {
            let verb = if all == 1 { "was" } else { "were" };
            warnings.push(format!(
                "{} through the relay {verb} {when} (arrived {first} to {last}) and {verb} not counted as exposed; {option} may be too small.",
                many(all, "message")
            ));
        }
    }
    let without = exposure.claimed.without_border;
    if without > 0 {
        let (messages, it, it_is, it_was) = match without {
            1 => ("1 message that names the relay".to_owned(), "it", "it is", "it was"),
            more => (format!("{} messages that name the relay", number(more)), "them", "they are", "they were"),
        };
        warnings.push(format!(
            "Of {messages} it is not known which of our servers took {it} from outside, so that {it_is} counted by what others say; was the \
             topology configured with which {it_was} inspected?"
        ));
    }
    let without = exposure.recorded.without_sender;
    if without > 0 {
        warnings.push(format!(
            "Of {} the store keeps no sender; the senders are counted without.",
            many(without, "message")
        ));
    }
    warnings
}

/// What a segment is called.
pub(super) fn title(segment: Segment) -> &'static str {
    match segment {
        Segment::Earlier => "Earlier",
        Segment::PreWindow => "Before the change",
        Segment::Window => "The window",
        Segment::Tail => "The tail",
        Segment::Later => "Later",
    }
}

/// Who a segment is about.
pub(super) fn explained(exposure: &Exposure, segment: Segment) -> String {
    match segment {
        Segment::PreWindow => format!(
            "written up to {} before the change, and delivered late",
            show_length(exposure.window.pre_window_seconds)
        ),
        Segment::Window => "written while the false delegation stood".to_owned(),
        Segment::Tail => format!(
            "written up to {} after it was put right, when resolvers may have held it still",
            show_length(exposure.window.ns_ttl_seconds)
        ),
        Segment::Earlier | Segment::Later => "written at another time".to_owned(),
    }
}

/// From when to when a segment is.
pub(super) fn times(part: &Part) -> String {
    match (&part.begins, &part.ends) {
        (Some(begins), Some(ends)) => format!("{begins} to {ends}"),
        _ => "none".to_owned(),
    }
}

/// First and last.
pub(super) fn first_and_last(counts: &Counts) -> String {
    match (&counts.first, &counts.last) {
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => "none".to_owned(),
    }
}

/// The mail by other ways.
pub(super) fn normal(exposure: &Exposure) -> String {
    let normal = &exposure.normal;
    format!(
        "{} from {} came by other ways while mail could be led astray. {} of these senders do not stand among those above. They may have been \
         read as well, if copies were diverted on the way; nothing here says that they were.",
        many(normal.messages, "message"),
        many(normal.senders, "sender"),
        number(normal.senders_not_relayed)
    )
}

/// The most frequent names with their messages: `a (200), b (95), 3 others (5)`.
pub(super) fn top(top: &Top, most: usize) -> String {
    let (shown, rest) = top.first.split_at(top.first.len().min(most));
    let mut words: Vec<String> = shown
        .iter()
        .map(|counted| format!("{} ({})", crate::text::printable(&counted.name, 255), number(counted.messages)))
        .collect();
    let others = top.others + rest.iter().map(|counted| counted.messages).sum::<u64>();
    if others > 0 {
        let named = top.others_named.map_or_else(|| "many".to_owned(), |named| number((named + rest.len()) as u64));
        words.push(format!("{named} {} ({})", if named == "1" { "other" } else { "others" }, number(others)));
    }
    if words.is_empty() { "not recorded".to_owned() } else { words.join(", ") }
}

/// How the relay spoke to us: `120 encrypted, 180 in clear`.
pub(super) fn tls(exposure: &Exposure) -> String {
    let tls = &exposure.path.tls;
    let words = [(tls.encrypted, "encrypted"), (tls.clear, "in clear"), (tls.unknown, "not recorded")];
    let words: Vec<_> = words
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", number(*count)))
        .collect();
    if words.is_empty() { "not recorded".to_owned() } else { words.join(", ") }
}

/// A count with its noun.
pub(super) fn many(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(count), if count == 1 { "" } else { "s" })
}

/// A number with commas: `40,000`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1000, 40_000, 1_234_567].map(number), ["0", "999", "1,000", "40,000", "1,234,567"]);
        assert_eq!((many(1, "sender"), many(2, "sender")), ("1 sender".to_owned(), "2 senders".to_owned()));
    }
}
