//! The rows of the hop table.
//!
//! Takes a report, writes one line a hop, cut to the width and never wrapped, with the reasons of a marked hop under it.
//! Columns take what their content needs; when that is too much, the widest give first. Of host names the end is kept.

use std::{
    io::{self, Write},
    ops::Range,
};

use super::{
    Ink, Style,
    fit::{keep_end, keep_start, pad, width, wrap},
};
use crate::{
    boundary::{Hosted, Place},
    finding::{Basis, Finding, Level},
    inspect::Report,
    message::RawMessage,
    text::printable,
    tls::TlsVersion,
    trace::{Hop, HopKind, Origin, Received},
};

const HEADS: [&str; COLUMNS] = ["#", "DELAY", "TLS", "ADDRESS", "VERIFIED", "HELO", "BY", "WITH"];
const COLUMNS: usize = 8;
/// The columns before the hop's text; an unread field shows its text behind them.
const FIXED: usize = 2;
/// The columns that hold host names and may be cut, down to this width.
const NAMES: [usize; 3] = [4, 5, 6];
const LEAST: usize = 12;
/// On a narrower terminal the last column, the protocol, makes room for the names.
const NARROW: usize = 100;
/// Between columns.
const GAP: &str = "  ";
/// Before every row; holds the mark of a hop with findings.
const MARGIN: usize = 3;

struct Row {
    hop: usize,
    level: Level,
    cells: [String; COLUMNS],
    /// The text of a field that could not be read, instead of the cells.
    raw: Option<String>,
}

/// Writes the table with its heading.
pub(super) fn write(out: &mut dyn Write, report: &Report<'_>, message: &RawMessage, style: &Style) -> io::Result<()> {
    let hops = &report.trace.hops;
    if hops.is_empty() {
        writeln!(out, "There is no Received field: nothing says which way this mail came.")?;
        return reasons(out, report, None, style);
    }
    let title = format!("The way of the mail, newest hop first ({} hop{}):", hops.len(), plural(hops.len()));
    writeln!(out, "{}", style.paint(Ink::Strong, title))?;
    reasons(out, report, None, style)?;

    let folds = if style.all_hops { Vec::new() } else { folds(report) };
    let folded = |hop: usize| folds.iter().any(|fold| fold.contains(&hop));
    let rows: Vec<Row> =
        (0..hops.len()).filter(|hop| !folded(*hop)).filter_map(|hop| row(report, message, hop)).collect();
    let widths = widths(&rows, style.width);
    let heads = HEADS.map(str::to_owned);
    writeln!(out, "{}", style.paint(Ink::Faint, keep_start(&line("", &heads, &widths), style.width)))?;
    if matches!(report.boundary.place, Place::NotFound(_)) {
        rule(out, &["boundary not found: all of this can be forged"], style)?;
    }
    for row in &rows {
        for fold in folds.iter().filter(|fold| fold.end == row.hop) {
            write_fold(out, report, fold, style)?;
        }
        write_row(out, row, &widths, style)?;
        reasons(out, report, Some(row.hop), style)?;
        open_questions(out, report, row.hop, style)?;
        if let Place::Peer { hop, ip } = report.boundary.place
            && hop == row.hop
        {
            let us = match &report.boundary.hosted {
                None => "our hosts".to_owned(),
                Some(hosted) if hosted.internal_hops < hop => format!("{} and our hosts", name_of(hosted)),
                Some(hosted) => name_of(hosted),
            };
            let long = format!("boundary · ↑ recorded by {us} · peer {ip} · ↓ written by others, can be forged");
            let short = format!("boundary · ↑ recorded by {us} · ↓ can be forged");
            rule(out, &[&long, &short, "boundary"], style)?;
        }
    }
    Ok(())
}

/// Runs of hops within the provider that say nothing more than that: one line stands for each. A hop with a finding is shown,
/// and so is the one below a run, at which the mail came in or was made.
fn folds(report: &Report<'_>) -> Vec<Range<usize>> {
    let internal = report.boundary.hosted.as_ref().map_or(0, |hosted| hosted.internal_hops);
    let silent = |hop: &usize| report.verdict.findings.iter().all(|finding| finding.hop != Some(*hop));
    let mut folds: Vec<Range<usize>> = Vec::new();
    for hop in (0..internal).filter(silent) {
        match folds.last_mut().filter(|fold| fold.end == hop) {
            Some(fold) => fold.end = hop + 1,
            None => folds.push(hop..hop + 1),
        }
    }
    folds.retain(|fold| fold.len() > 1);
    folds
}

/// `5 hops within Microsoft 365 (+3 s)`: from the hop below the run to its newest.
fn write_fold(out: &mut dyn Write, report: &Report<'_>, fold: &Range<usize>, style: &Style) -> io::Result<()> {
    let time = |hop: usize| report.trace.hops.get(hop).and_then(|hop| hop.received.time);
    let took = time(fold.start).zip(time(fold.end)).map(|(newest, below)| newest.as_second() - below.as_second());
    let took = took.map(|seconds| format!(" ({})", duration(seconds))).unwrap_or_default();
    let within = report.boundary.hosted.as_ref().map(name_of).unwrap_or_default();
    let text = format!("{:MARGIN$}{} hops within {within}{took}", "", fold.len());
    writeln!(out, "{}", style.paint(Ink::Faint, keep_start(&text, style.width)))
}

fn name_of(hosted: &Hosted) -> String {
    printable(&hosted.name, 60)
}

fn row(report: &Report<'_>, message: &RawMessage, hop: usize) -> Option<Row> {
    let Hop { origin, received } = report.trace.hops.get(hop)?;
    let worst = report.verdict.findings.iter().filter(|finding| finding.hop == Some(hop)).map(|found| found.severity);
    let raw = match origin {
        Origin::Field { index } if received.kind == HopKind::Unparsed => {
            let text = message.headers.get(*index).map(|field| field.text()).unwrap_or_default();
            let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" "); // folds leave tabs behind
            Some(format!("not read: {}", printable(&text, 500)))
        }
        _ => None,
    };
    let delay = match report.trace.delay(hop) {
        Some(seconds) => duration(seconds),
        None if hop + 1 == report.trace.hops.len() => String::new(),
        None => "?".to_owned(),
    };
    let name = |text: Option<&str>| text.map(|text| printable(text, 300));
    let by = name(received.by.as_deref()).or_else(|| received.by_ip.map(|ip| format!("[{ip}]")));
    let with = name(received.with.as_deref()).unwrap_or_default();
    let cells = [
        hop.to_string(),
        delay,
        tls(received).to_owned(),
        received.ip.map_or_else(|| unknown(received), |ip| ip.to_string()),
        client(received),
        helo(received),
        by.unwrap_or_else(|| "?".to_owned()),
        if *origin == Origin::Session { format!("{with} (session)") } else { with },
    ];
    Some(Row { hop, level: worst.max().map_or(Level::Clean, Level::from), cells, raw })
}

/// `+3 m 12 s`: signed, two units at most.
fn duration(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let all = seconds.unsigned_abs();
    let (days, hours, minutes, seconds) = (all / 86_400, all / 3_600 % 24, all / 60 % 60, all % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{seconds} s"),
        (0, 0, _) => format!("{sign}{minutes} m {seconds} s"),
        (0, _, _) => format!("{sign}{hours} h {minutes} m"),
        _ => format!("{sign}{days} d {hours} h"),
    }
}

fn tls(received: &Received<'_>) -> &'static str {
    match (received.tls_version, received.tls, received.kind) {
        (Some(TlsVersion::Ssl2), ..) => "SSL 2",
        (Some(TlsVersion::Ssl3), ..) => "SSL 3",
        (Some(TlsVersion::Tls10), ..) => "1.0",
        (Some(TlsVersion::Tls11), ..) => "1.1",
        (Some(TlsVersion::Tls12), ..) => "1.2",
        (Some(TlsVersion::Tls13), ..) => "1.3",
        (None, Some(true), _) => "TLS",
        (None, Some(false), _) => "clear",
        (None, None, HopKind::Local) => "",
        (None, None, _) => "?",
    }
}

/// Bookkeeping within a host has no client, so none is missing there.
fn unknown(received: &Received<'_>) -> String {
    if received.kind == HopKind::Local { String::new() } else { "?".to_owned() }
}

fn client(received: &Received<'_>) -> String {
    match (&received.rdns, received.kind) {
        (Some(name), _) => printable(name, 300),
        (None, HopKind::Local) => "(within the host)".to_owned(),
        (None, _) => "?".to_owned(),
    }
}

/// The HELO, where it says something that the verified name does not.
fn helo(received: &Received<'_>) -> String {
    match (&received.helo, &received.rdns) {
        (Some(helo), Some(name)) if helo.trim_end_matches('.').eq_ignore_ascii_case(name.trim_end_matches('.')) => {
            "same".to_owned()
        }
        (Some(helo), _) => printable(helo, 300),
        (None, _) => unknown(received),
    }
}

/// The columns' widths: as the content needs, the widest names cut until the line fits.
fn widths(rows: &[Row], columns: usize) -> [usize; COLUMNS] {
    let mut widths = HEADS.map(width);
    for row in rows.iter().filter(|row| row.raw.is_none()) {
        for (width_of, cell) in widths.iter_mut().zip(&row.cells) {
            *width_of = (*width_of).max(width(cell));
        }
    }
    widths[COLUMNS - 1] = if columns < NARROW { 0 } else { widths[COLUMNS - 1].min(24) };
    loop {
        let total = MARGIN + widths.iter().sum::<usize>() + GAP.len() * (COLUMNS - 1);
        let widest = NAMES.into_iter().max_by_key(|column| widths[*column]).unwrap_or(NAMES[0]);
        if total <= columns || widths[widest] <= LEAST {
            return widths;
        }
        widths[widest] -= (total - columns).div_ceil(3).min(widths[widest] - LEAST);
    }
}

fn line(mark: &str, cells: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut line = format!("{mark:<MARGIN$}");
    for (column, (cell, columns)) in cells.iter().zip(widths).enumerate() {
        if *columns == 0 {
            continue;
        }
        let cut = if NAMES.contains(&column) { keep_end(cell, *columns) } else { keep_start(cell, *columns) };
        line.push_str(if column == 0 { "" } else { GAP });
        line.push_str(&pad(&cut, *columns, column < FIXED));
    }
    line.truncate(line.trim_end().len());
    line
}

fn write_row(out: &mut dyn Write, row: &Row, widths: &[usize; COLUMNS], style: &Style) -> io::Result<()> {
    let mark = match row.level {
        Level::Malicious => "!!",
        Level::Suspicious => "!",
        Level::Notice => "~",
        Level::Clean => "",
    };
    let text = match &row.raw {
        Some(raw) => {
            let [number, delay] = [0, 1].map(|column| pad(&row.cells[column], widths[column], true));
            format!("{mark:<MARGIN$}{number}{GAP}{delay}{GAP}{raw}")
        }
        None => line(mark, &row.cells, widths),
    };
    let text = keep_start(&text, style.width);
    let ink = if row.level == Level::Clean { Ink::Plain } else { Ink::Level(row.level) };
    writeln!(out, "{}", style.paint(ink, text))
}

/// The findings about a hop, or those about none.
fn reasons(out: &mut dyn Write, report: &Report<'_>, hop: Option<usize>, style: &Style) -> io::Result<()> {
    let known = |finding: &&Finding| finding.hop.filter(|hop| *hop < report.trace.hops.len()) == hop;
    for finding in report.verdict.findings.iter().filter(known) {
        let basis = match finding.basis {
            Basis::Border => "border fact",
            Basis::Supporting => "supporting",
        };
        let sentence = printable(&finding.sentence, 2000);
        let text = format!("{} {} ({basis}): {sentence}", finding.severity.as_str(), finding.code.as_str());
        under_row(out, &text, Ink::Level(finding.severity.into()), style)?;
    }
    for finding in report.explained().filter(known) {
        let sentence = printable(&finding.sentence, 2000);
        let text = format!("{}: nothing is wrong with it. {sentence}", finding.code.as_str());
        under_row(out, &text, Ink::Faint, style)?;
    }
    Ok(())
}

/// What the field of a hop leaves open, and what it could be.
fn open_questions(out: &mut dyn Write, report: &Report<'_>, hop: usize, style: &Style) -> io::Result<()> {
    let Some(hop) = report.trace.hops.get(hop) else { return Ok(()) };
    for open in &hop.received.ambiguities {
        let candidates: Vec<_> = open.candidates.iter().map(|candidate| printable(candidate, 100)).collect();
        let which = if candidates.is_empty() { String::new() } else { format!(" ({})", candidates.join(" or ")) };
        let text = format!("ambiguous {}{which}: {}", open.field.as_str(), open.reason.sentence());
        under_row(out, &text, Ink::Faint, style)?;
    }
    Ok(())
}

/// A text under a hop's row, wrapped.
fn under_row(out: &mut dyn Write, text: &str, ink: Ink, style: &Style) -> io::Result<()> {
    let mut lead = "└ ";
    for line in wrap(text, style.width.saturating_sub(MARGIN + 5)) {
        writeln!(out, "{:MARGIN$}   {lead}{}", "", style.paint(ink, line))?;
        lead = "  ";
    }
    Ok(())
}

/// A line across the table with the longest of the texts that fits.
fn rule(out: &mut dyn Write, texts: &[&str], style: &Style) -> io::Result<()> {
    let fits = texts.iter().find(|text| width(text) + 6 <= style.width);
    let text = fits.or(texts.last()).copied().unwrap_or_default();
    let dashes = style.width.saturating_sub(width(text) + 5).max(1);
    let text = format!("── {text} {}", "─".repeat(dashes + 1));
    writeln!(out, "{}", style.paint(Ink::Boundary, text))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
