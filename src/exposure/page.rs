//! The report as one page that stands by itself.
//!
//! Takes the result, gives HTML without a script and without anything from elsewhere; a policy in the page forbids both, so that foreign text
//! that got past the escaping would still do nothing. People are named only where that is asked for: a page is published.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest;

use super::{
    chart::{chart, key},
    drawing::drawing,
    report::{Counts, Exposure, Hour, Person},
    words::{self, number},
};
use crate::text::printable;

const STYLE: &str = include_str!("page.css");
/// People that a page shows; the rest are in the CSV.
const MOST_PEOPLE: usize = 1000;
/// Hours that a page shows one by one; of longer times only those with mail through the relay.
const MOST_HOURS: usize = 800;

/// The page.
pub fn page(exposure: &Exposure, people: bool) -> String {
    let window = &exposure.window;
    let policy = format!("default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'", hash(STYLE));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                title { "Exposure report: mail through " (shown(&words::relay(exposure))) }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                header {
                    h1 { "Exposure report" }
                    p.sub {
                        "Mail that apparently came through " (shown(&words::relay(exposure))) ", written from " span.t { (window.begins.minute()) } " to "
                        span.t { (window.ends.minute()) } ". All times are in " (window.time_zone) "."
                    }
                }
                (warnings(exposure))
                p.headline { (shown(&words::headline(exposure))) }
                (cards(exposure))
                (segments(exposure))
                (timeline(exposure))
                (path(exposure))
                (normal(exposure))
                @if people {
                    (listed("Senders", exposure.senders.iter().map(|sender| &sender.person)))
                    (listed("Recipients", exposure.recipients.iter()))
                }
                (coverage(exposure))
                section {
                    h2 { "What this report cannot know" }
                    @for sentence in exposure.not_known { p { (sentence) } }
                }
                footer {
                    p {
                        "Made " (exposure.made_at) " by " (exposure.tool.name) " " (exposure.tool.version) ". The files that came with this page \
                         are listed with their SHA-256 in " code { "manifest.json" } "; " code { "sha256sum -c SHA256SUMS" } " checks them."
                    }
                }
            } }
        }
    };
    page.into_string()
}

/// Foreign text; maud escapes what HTML would take for its own, and this what could turn the line around.
fn shown(text: &str) -> String {
    printable(text, 4000)
}

fn warnings(exposure: &Exposure) -> Markup {
    html! {
        @if !exposure.warnings.is_empty() {
            aside.warnings aria-labelledby="warnings" {
                h2 #warnings { "Read this first" }
                ul { @for warning in &exposure.warnings { li { (shown(warning)) } } }
            }
        }
    }
}

fn cards(exposure: &Exposure) -> Markup {
    let counts = &exposure.recorded;
    html! {
        dl.cards {
            @for (what, count) in [("Messages", counts.messages), ("Senders", counts.senders), ("Recipients", counts.recipients)] {
                div { dt { (what) } dd { (number(count)) } }
            }
        }
    }
}

fn segments(exposure: &Exposure) -> Markup {
    html! {
        section {
            h2 { "Who wrote when" }
            table.wide {
                caption { "By what our own servers recorded: the address that handed them the mail" }
                thead { tr {
                    th scope="col" { "Written" }
                    th.n scope="col" { "Messages" }
                    th.n scope="col" { "Senders" }
                    th.n scope="col" { "Added senders" }
                    th.n scope="col" { "Recipients" }
                    th scope="col" { "Arrived" }
                } }
                tbody {
                    @for part in &exposure.parts {
                        tr {
                            th scope="row" {
                                (words::title(part.segment))
                                span.small {
                                    @match (&part.begins, &part.ends) {
                                        (Some(begins), Some(ends)) => { span.t { (begins) } " to " span.t { (ends) } },
                                        _ => "none",
                                    }
                                }
                                span.small { (words::explained(exposure, part.segment)) }
                            }
                            (cells(&part.recorded, Some(part.added_senders)))
                        }
                    }
                    tr.sum { th scope="row" { "All three" } (cells(&exposure.recorded, Some(exposure.recorded.senders))) }
                }
            }
            p { "\"Added senders\" are those that the window does not have; of the tail, those that neither the window nor the time before has." }
            @if exposure.recorded.refused > 0 {
                p { "Beside these messages, " (number(exposure.recorded.refused)) " attempts to deliver were refused. The relay had that mail all the same; its \
                     senders are counted." }
            }
            @if exposure.claimed.messages + exposure.claimed.refused > 0 {
                table.wide {
                    caption { "By what only lines and names written by others say; these can be forged, and are not counted above" }
                    thead { tr {
                        th scope="col" { "Written" }
                        th.n scope="col" { "Messages" }
                        th.n scope="col" { "Senders" }
                        th.n scope="col" { "Recipients" }
                        th scope="col" { "Arrived" }
                    } }
                    tbody {
                        @for part in exposure.parts.iter().filter(|part| part.claimed.messages + part.claimed.refused > 0) {
                            tr { th scope="row" { (words::title(part.segment)) } (cells(&part.claimed, None)) }
                        }
                        tr.sum { th scope="row" { "All three" } (cells(&exposure.claimed, None)) }
                    }
                }
            }
        }
    }
}

fn cells(counts: &Counts, added: Option<u64>) -> Markup {
    html! {
        td.n data-label="Messages" { (number(counts.messages)) }
        td.n data-label="Senders" { (number(counts.senders)) }
        @if let Some(added) = added { td.n data-label="Added senders" { (number(added)) } }
        td.n data-label="Recipients" { (number(counts.recipients)) }
        td data-label="Arrived" { span { (arrived(counts)) } }
    }
}

fn arrived(counts: &Counts) -> Markup {
    html! {
        @if let (Some(first), Some(last)) = (&counts.first, &counts.last) {
            span.t { (first.minute()) } " to " span.t { (last.minute()) }
        } @else { "none" }
    }
}

fn timeline(exposure: &Exposure) -> Markup {
    let whole = exposure.hours.len() <= MOST_HOURS;
    let shown = |hour: &&Hour| whole || hour.relayed() + hour.refused + hour.claimed > 0;
    html! {
        section {
            h2 { "When it arrived" }
            figure {
                div.scroll tabindex="0" role="group" aria-label="Timeline" { (chart(exposure)) }
                (key(exposure))
            }
            details {
                summary { "By hour" }
                table.hours {
                    caption {
                        "Messages by hour of arrival; the columns of the relay by when they were written"
                        @if !whole { ". Hours without mail through the relay are left out; report.json has them" }
                    }
                    thead { tr {
                        th scope="col" { "Hour" }
                        @for head in ["Before", "Window", "Tail", "Refused", "Claimed", "Other ways"] { th.n scope="col" { (head) } }
                    } }
                    tbody {
                        @for hour in exposure.hours.iter().filter(shown) {
                            tr {
                                th scope="row" { (hour.begins.minute()) }
                                @for count in [hour.pre_window, hour.window, hour.tail, hour.refused, hour.claimed, hour.normal] {
                                    td.n { (number(count)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn path(exposure: &Exposure) -> Markup {
    let path = &exposure.path;
    let handed = match path.handed_by_unknown {
        0 => words::top(&path.handed_by, 5),
        unknown if path.handed_by.messages() == 0 => format!("not stated ({})", number(unknown)),
        unknown => format!("{}, not stated ({})", words::top(&path.handed_by, 5), number(unknown)),
    };
    html! {
        @if path.addresses.messages() > 0 {
            section {
                h2 { "Which way it came" }
                figure { div.scroll tabindex="0" role="group" aria-label="The way of the mail" { (drawing(exposure)) } }
                dl.facts {
                    dt { "The relay's address" } dd { (words::top(&path.addresses, 5)) }
                    dt { "Its name in DNS" } dd { (words::top(&path.names, 5)) }
                    dt { "It called itself" } dd { (words::top(&path.helos, 5)) }
                    dt { "It spoke to us" } dd { (words::tls(exposure)) }
                    dt { "Our servers that took it" } dd { (words::top(&path.borders, 5)) }
                    dt { "Handed to it by" } dd { (handed) span.small { "as the lines below ours say, which the relay could write as it liked" } }
                }
            }
        }
    }
}

fn normal(exposure: &Exposure) -> Markup {
    let normal = &exposure.normal;
    html! {
        section {
            h2 { "Mail by other ways" }
            p { (words::normal(exposure)) }
            dl.facts {
                dt { "Arrived" }
                dd { @if let (Some(first), Some(last)) = (&normal.first, &normal.last) { (first) " to " (last) } @else { "none" } }
                dt { "Bounces among them" } dd { (number(normal.bounces)) }
                dt { "Distinct From addresses" } dd { (number(normal.authors)) ", of which " (number(normal.authors_not_relayed)) " are no sender through the relay" }
                dt { "Our servers that took it" } dd { (words::top(&exposure.path.normal_borders, 5)) }
            }
        }
    }
}

fn listed<'p>(title: &str, people: impl Iterator<Item = &'p Person>) -> Markup {
    let exposed: Vec<&Person> = people.filter(|person| person.is_exposed()).collect();
    html! {
        section {
            h2 { (title) " (" (number(exposed.len() as u64)) ")" }
            table.wide {
                thead { tr {
                    th scope="col" { "Address" }
                    @for head in ["Before", "Window", "Tail", "Refused"] { th.n scope="col" { (head) } }
                    th scope="col" { "Arrived" }
                } }
                tbody {
                    @for person in exposed.iter().take(MOST_PEOPLE) {
                        tr {
                            th scope="row" {
                                @match &person.address {
                                    Some(address) => (shown(address)),
                                    None => { "(forgotten " (person.forgotten.unwrap_or_default()) ")" },
                                }
                            }
                            td.n data-label="Before" { (number(person.pre_window)) }
                            td.n data-label="Window" { (number(person.window)) }
                            td.n data-label="Tail" { (number(person.tail)) }
                            td.n data-label="Refused" { (number(person.refused)) }
                            td data-label="Arrived" { span { span.t { (person.first.minute()) } " to " span.t { (person.last.minute()) } } }
                        }
                    }
                }
            }
            @if exposed.len() > MOST_PEOPLE {
                p { (number((exposed.len() - MOST_PEOPLE) as u64)) " more are in " code { "affected.csv" } "." }
            }
        }
    }
}

fn coverage(exposure: &Exposure) -> Markup {
    let coverage = &exposure.coverage;
    html! {
        section {
            h2 { "What the evidence holds" }
            p {
                @if let (Some(first), Some(last)) = (&coverage.first, &coverage.last) {
                    (words::many(coverage.messages, "message")) ", from " (first) " to " (last) "."
                } @else { "Nothing." }
                @if coverage.gaps.is_empty() { " No message is known to have been lost on the way into the store." }
                @if coverage.watched && coverage.silent.is_empty() && coverage.unclear.is_empty() { " Somebody was writing all that time." }
            }
        }
    }
}

/// SHA-256 in base64, as a policy wants it.
fn hash(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut shown = String::new();
    for three in digest.as_ref().chunks(3) {
        let bits = three.iter().chain([0, 0].iter()).take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            shown.push(if at > three.len() { '=' } else { char::from(letter) });
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_as_a_browser_makes_them() {
        assert_eq!(hash(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(hash("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert!(!STYLE.contains("</"), "it would end the element");
    }
}
