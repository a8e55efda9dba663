//! A passage as text, JSON or CSV.
//!
//! Takes a passage, wherever it was found, writes it. All that it says is foreign.

use std::io::Write;

use serde::Serialize;

use crate::{
    csv_text::Table,
    finding::Basis,
    hunt::{Found, Passage, Place, Seen},
    text::printable,
    view::{
        Ink, Style,
        json::{self, SourceJson},
    },
};

/// The schema of a passage.
const PASSAGE_SCHEMA: &str = "relaywatch.passage/1";

/// Recipients that a line of text shows.
const SHOWN_RECIPIENTS: usize = 3;

/// How a passage is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Not at all.
    Nothing,
    Text(Style),
    Jsonl,
    Csv,
}

const COLUMNS: [&str; 13] = [
    "time",
    "sender",
    "from",
    "recipients",
    "message_id",
    "hop",
    "part",
    "basis",
    "indicator",
    "value",
    "sightings",
    "path",
    "offset",
];

impl Form {
    /// What stands before the first passage.
    pub(super) fn head(self) -> Vec<u8> {
        match self {
            Self::Csv => record(COLUMNS.into_iter()),
            Self::Nothing | Self::Text(_) | Self::Jsonl => Vec::new(),
        }
    }

    /// Writes a passage into memory.
    pub(super) fn write(self, passage: &Passage, out: &mut Vec<u8>) {
        match self {
            Self::Nothing => {}
            Self::Text(style) => _ = writeln!(out, "{}", text_line(passage, &style)),
            // these types have text keys and finite numbers only, so that serde_json cannot fail on them
            Self::Jsonl => _ = writeln!(out, "{}", json::line(&PassageJson::new(passage)).unwrap_or_default()),
            Self::Csv => out.extend(csv_record(passage)),
        }
    }
}

/// `TIME alice@sender.example -> bob@victim.example: hop 0 address 192.0.2.66 (border): FILE:OFFSET`
fn text_line(passage: &Passage, style: &Style) -> String {
    let time =
        passage.time.map_or_else(|| "(no time)".to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let who = match (&passage.sender, &passage.from) {
        (Some(sender), _) if sender.is_empty() => "<>".to_owned(),
        (Some(sender), _) => printable(sender, 100),
        (None, Some(from)) => format!("{} (From field)", printable(from, 100)),
        (None, None) => "(sender unknown)".to_owned(),
    };
    let mut to: Vec<String> =
        passage.recipients.iter().take(SHOWN_RECIPIENTS).map(|recipient| printable(recipient, 100)).collect();
    match passage.recipients.len() {
        0 => to.push("(recipient unknown)".to_owned()),
        count if count > SHOWN_RECIPIENTS => to.push(format!("and {} more", count - SHOWN_RECIPIENTS)),
        _ => {}
    }
    let seen = passage.best().map(seen_text).unwrap_or_default();
    let others = passage.seen.len() + passage.more - 1;
    let others = if others == 0 { String::new() } else { format!(" and {others} more") };
    let Found::File(place) = &passage.found;
    let place = place_text(place);
    let who = style.paint(Ink::Strong, who);
    format!("{time} {who} -> {}: {seen}{others}: {place}", to.join(", "))
}

/// `hop 0 address 192.0.2.66 (border)`, or with the indicator where that says more than the value.
fn seen_text(seen: &Seen) -> String {
    let sighting = &seen.sighting;
    let (part, value) = (sighting.part.as_str(), printable(&sighting.value, 100));
    let indicator = printable(&sighting.indicator, 100);
    let indicator = if indicator == value { String::new() } else { format!(" = {indicator}") };
    let border = if seen.basis == Basis::Border { " (border)" } else { "" };
    format!("hop {} {part} {value}{indicator}{border}", sighting.hop)
}

fn place_text(place: &Place) -> String {
    let path = printable(&place.path, 4096);
    if place.many { format!("{path}:{}", place.offset) } else { path }
}

fn record<'a>(cells: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut table = Table::new(Vec::new());
    // into memory, where writing cannot fail
    let _ = table.record(cells);
    table.finish().unwrap_or_default()
}

fn csv_record(passage: &Passage) -> Vec<u8> {
    let Found::File(place) = &passage.found;
    let time = passage.time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
    let best = passage.best();
    let sighting = best.map(|seen| &seen.sighting);
    let (hop, offset) = (sighting.map(|seen| seen.hop.to_string()).unwrap_or_default(), place.offset.to_string());
    let (recipients, count) = (passage.recipients.join(" "), (passage.seen.len() + passage.more).to_string());
    let cells = [
        time.as_str(),
        passage.sender.as_deref().unwrap_or_default(),
        passage.from.as_deref().unwrap_or_default(),
        &recipients,
        passage.message_id.as_deref().unwrap_or_default(),
        &hop,
        sighting.map(|seen| seen.part.as_str()).unwrap_or_default(),
        best.map(|seen| seen.basis.as_str()).unwrap_or_default(),
        sighting.map(|seen| seen.indicator.as_str()).unwrap_or_default(),
        sighting.map(|seen| seen.value.as_str()).unwrap_or_default(),
        &count,
        &place.path,
        &offset,
    ];
    record(cells.into_iter())
}

/// A passage for programs.
#[derive(Debug, Serialize)]
struct PassageJson<'a> {
    schema: &'static str,
    source: SourceJson,
    time: Option<i64>,
    sender: Option<&'a str>,
    from: Option<&'a str>,
    recipients: &'a [String],
    message_id: Option<&'a str>,
    seen: Vec<SeenJson<'a>>,
    more: usize,
}

#[derive(Debug, Serialize)]
struct SeenJson<'a> {
    hop: usize,
    part: &'static str,
    basis: &'static str,
    indicator: &'a str,
    value: &'a str,
}

impl<'a> PassageJson<'a> {
    fn new(passage: &'a Passage) -> Self {
        let Found::File(place) = &passage.found;
        let seen = passage.seen.iter().map(|Seen { sighting, basis }| SeenJson {
            hop: sighting.hop,
            part: sighting.part.as_str(),
            basis: basis.as_str(),
            indicator: &sighting.indicator,
            value: &sighting.value,
        });
        Self {
            schema: PASSAGE_SCHEMA,
            source: SourceJson { path: place.path.clone(), index: place.index, offset: place.offset },
            time: passage.time.map(|time| time.as_second()),
            sender: passage.sender.as_deref(),
            from: passage.from.as_deref(),
            recipients: &passage.recipients,
            message_id: passage.message_id.as_deref(),
            seen: seen.collect(),
            more: passage.more,
        }
    }
}
