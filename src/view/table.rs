//! The hop table: one message's report as an admin reads it in a terminal, like a traceroute.
//!
//! The verdict comes first, with the worst finding's sentence; then what the message says of itself; then the hops,
//! newest first, with the boundary drawn between what our hosts recorded and what others wrote; then what each detector
//! answered, because "no data" must not be taken for "clean".

use std::io::{self, Write};

use super::{
    Ink, Style,
    fit::{keep_start, wrap},
    hops,
};
use crate::{
    boundary::Place,
    detect::Outcome,
    envelope::Envelope,
    finding::{Code, Level},
    inspect::Report,
    message::RawMessage,
    text::printable,
};

/// Columns that the labels of the message's facts take.
const LABEL: usize = 12;

/// Writes the report of one message.
pub fn write(out: &mut dyn Write, report: &Report<'_>, message: &RawMessage, style: &Style) -> io::Result<()> {
    verdict(out, report, style)?;
    writeln!(out)?;
    facts(out, report, message, style)?;
    writeln!(out)?;
    hops::write(out, report, message, style)?;
    writeln!(out)?;
    fact(out, "Checked", &answers(report), style)
}

fn verdict(out: &mut dyn Write, report: &Report<'_>, style: &Style) -> io::Result<()> {
    let verdict = &report.verdict;
    let level = verdict.level.as_str().to_uppercase();
    let head = style.paint(Ink::Level(verdict.level), level);
    if verdict.findings.is_empty() {
        writeln!(out, "{head}  {}", nothing_found(report))?;
    } else {
        writeln!(out, "{head}  {}", style.paint(Ink::Strong, verdict.codes_joined(", ")))?;
    }
    let Some(worst) = verdict.findings.first() else { return Ok(()) };
    let ink = if verdict.level >= Level::Suspicious { Ink::Strong } else { Ink::Plain };
    for line in wrap(&printable(&worst.sentence, 2000), style.width.saturating_sub(2)) {
        writeln!(out, "  {}", style.paint(ink, line))?;
    }
    Ok(())
}

/// How much "clean" is worth: what could not look has seen nothing either.
fn nothing_found(report: &Report<'_>) -> String {
    let looked =
        report.outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Clean | Outcome::Explained(_))).count();
    match report.outcomes.len() {
        all if looked == all && all > 0 => "no detector found anything".to_owned(),
        _ if looked == 0 => "only because no detector had anything to judge by".to_owned(),
        all => format!("no detector found anything; {} of {all} had nothing to judge by", all - looked),
    }
}

fn facts(out: &mut dyn Write, report: &Report<'_>, message: &RawMessage, style: &Style) -> io::Result<()> {
    let headers = &message.headers;
    let claims = [
        ("From", headers.from_address()),
        ("Subject", headers.text("Subject")),
        ("Message-ID", headers.text("Message-ID")),
        ("Envelope", envelope(&report.envelope)),
    ];
    let room = style.width.saturating_sub(LABEL);
    for (label, value) in claims {
        let value = value.filter(|value| !value.trim().is_empty());
        let value = value.map_or_else(|| "none".to_owned(), |value| printable(value.trim(), 500));
        fact(out, label, &keep_start(&value, room), style)?;
    }
    fact(out, "Boundary", &boundary(report), style)?;
    if let Some(sender) = sender(report) {
        fact(out, "Sender", &sender, style)?;
    }
    if !headers.breaks().is_empty() {
        let breaks: Vec<&str> = headers.breaks().iter().map(|seen| seen.as_str()).collect();
        fact(out, "Header", &format!("not as RFC 5322 says: {}", breaks.join(", ")), style)?;
    }
    Ok(())
}

fn fact(out: &mut dyn Write, label: &str, value: &str, style: &Style) -> io::Result<()> {
    let mut label = label;
    for line in wrap(value, style.width.saturating_sub(LABEL)) {
        writeln!(out, "{}{line}", style.paint(Ink::Faint, format_args!("{label:<LABEL$}")))?;
        label = "";
    }
    Ok(())
}

fn envelope(envelope: &Envelope<'_>) -> Option<String> {
    const SHOWN: usize = 3;
    if envelope.sender.is_none() && envelope.recipients.is_empty() {
        return None;
    }
    let sender = match envelope.sender.as_deref() {
        None => "?",
        Some("") => "<> (a bounce)",
        Some(sender) => sender,
    };
    let mut recipients: Vec<&str> = envelope.recipients.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let more = envelope.recipients.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    if recipients.is_empty() {
        recipients.push("?");
    }
    Some(format!("{sender} → {}{more}", recipients.join(", ")))
}

fn boundary(report: &Report<'_>) -> String {
    let boundary = &report.boundary;
    let strategy = boundary.strategy.as_str();
    let reason = boundary.place.reason();
    match boundary.place {
        Place::Peer { hop, ip } => format!("{ip} handed us the mail (hop {hop}, by strategy {strategy})"),
        Place::Internal(_) => format!("the mail did not come from outside: {reason} (by strategy {strategy})"),
        Place::NotFound(_) => format!("not found: {reason} (by strategy {strategy})"),
    }
}

/// What is known of the sender's authorisation; nothing where nobody was asked.
fn sender(report: &Report<'_>) -> Option<String> {
    let found = &report.authentication;
    let (sender, peer) = (found.sender.as_ref()?, found.peer.as_ref()?);
    let mut text = format!("SPF of {} says {} of the peer", printable(&sender.domain, 100), peer.result.as_str());
    if let Some(inner) = &found.inner {
        text.push_str(&format!(", and pass of {} (hop {})", inner.ip, inner.hop));
    }
    for signature in &found.intact {
        let domain = signature.domain.as_deref().unwrap_or("?");
        text.push_str(&format!("; signature of {} intact", printable(domain, 100)));
    }
    Some(text)
}

fn answers(report: &Report<'_>) -> String {
    if report.outcomes.is_empty() {
        return "nothing: every detector is off".to_owned();
    }
    let answer = |(code, outcome): &(Code, Outcome)| match outcome {
        Outcome::Findings(found) => format!("{code} {count} found", code = code.as_str(), count = found.len()),
        Outcome::Explained(found) => format!("{} {} explained", code.as_str(), found.len()),
        Outcome::Clean => format!("{} clean", code.as_str()),
        Outcome::NoData(reason) => format!("{} no data ({reason})", code.as_str()),
        Outcome::Error(reason) => format!("{} FAILED ({})", code.as_str(), printable(reason, 200)),
    };
    report.outcomes.iter().map(answer).collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{text::is_unsafe, view::sample};

    fn shown(sample: (RawMessage, Report<'static>), style: &Style) -> String {
        let mut out = Vec::new();
        write(&mut out, &sample.1, &sample.0, style).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// tests/view/NAME.txt holds what is shown; `RELAYWATCH_BLESS=1` writes it anew.
    fn golden(name: &str, shown: &str) {
        let path = format!("tests/view/{name}.txt");
        if std::env::var_os("RELAYWATCH_BLESS").is_some() {
            std::fs::write(&path, shown).unwrap();
        }
        assert_eq!(shown, std::fs::read_to_string(&path).unwrap_or_default(), "{path}");
    }

    #[test]
    fn the_table_looks_as_agreed() {
        let style = |width| Style { width, ..Style::default() };
        golden("hijacked-120", &shown(sample::hijacked(), &style(120)));
        golden("hijacked-80", &shown(sample::hijacked(), &style(80)));
        golden("hijacked-color", &shown(sample::hijacked(), &Style { color: true, ..Style::default() }));
        golden("hosted-120", &shown(sample::hosted(), &style(120)));
        golden("hosted-80", &shown(sample::hosted(), &style(80)));
        golden("hosted-all-120", &shown(sample::hosted(), &Style { all_hops: true, ..Style::default() }));
        golden("hostile-120", &shown(sample::hostile(), &style(120)));
        golden("empty-120", &shown(sample::empty(), &style(120)));
    }

    #[test]
    fn nothing_foreign_reaches_the_terminal_and_no_line_is_longer_than_it() {
        for width in [80, 100, 120, 200] {
            let shown = shown(sample::hostile(), &Style { width, ..Style::default() });
            assert!(!shown.contains(|c| c != '\n' && is_unsafe(c)), "{shown:?}");
            for line in shown.lines() {
                assert!(super::super::fit::width(line) <= width, "{width}: {line}");
                assert!(line.chars().count() <= 2 * width, "{width}: {line}");
            }
        }
    }
}
