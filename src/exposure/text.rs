//! The report for a terminal.
//!
//! Takes the result and how text is laid out, gives text. Foreign text goes through [`crate::text`]. People are named only where that is
//! asked for: the numbers are to be passed on, the names are not.

use std::io::{self, Write};

use super::{
    query::Segment,
    report::{Counts, Exposure, Hour, Person},
    words::{self, number},
};
use crate::{
    finding::Level,
    text::printable,
    view::{
        Ink, Style,
        fit::{keep_start, pad, width, wrap},
    },
};

/// Columns that labels take.
const LABEL: usize = 20;
/// Columns that the bars of the hours may take.
const BAR: usize = 30;
/// People that are shown; the rest are in the CSV.
const MOST_PEOPLE: usize = 200;

/// Writes the report.
pub fn write(out: &mut dyn Write, exposure: &Exposure, people: bool, style: &Style) -> io::Result<()> {
    let mut page = Page { out, style };
    let exposed = exposure.recorded.messages + exposure.recorded.refused > 0;
    let level = if exposed { Level::Malicious } else { Level::Clean };
    for warning in &exposure.warnings {
        page.paragraph(Ink::Level(Level::Suspicious), "! ", warning)?;
    }
    if !exposure.warnings.is_empty() {
        page.blank()?;
    }
    page.paragraph(Ink::Level(level), "", &words::headline(exposure))?;
    page.blank()?;
    let window = &exposure.window;
    page.fact("Relay", &window.indicators.join(", "))?;
    page.fact("Changed", &window.changed_at.to_string())?;
    page.fact("Put right", &window.fixed_at.to_string())?;
    page.fact(
        "Counted as exposed",
        &format!("written {} to {}, times in {}", window.begins, window.ends, window.time_zone),
    )?;
    page.blank()?;
    page.segments(exposure)?;
    page.blank()?;
    page.path(exposure)?;
    page.heading("By other ways")?;
    page.paragraph(Ink::Plain, "  ", &words::normal(exposure))?;
    page.fact(
        "Arrived",
        &match (&exposure.normal.first, &exposure.normal.last) {
            (Some(first), Some(last)) => format!("{first} to {last}"),
            _ => "none".to_owned(),
        },
    )?;
    page.fact("Bounces", &number(exposure.normal.bounces))?;
    page.blank()?;
    page.hours(exposure)?;
    if people {
        page.people("Senders", exposure.senders.iter().map(|sender| &sender.person))?;
        page.people("Recipients", exposure.recipients.iter())?;
    }
    page.heading("What the store holds")?;
    let coverage = &exposure.coverage;
    let held = match (&coverage.first, &coverage.last) {
        (Some(first), Some(last)) => format!("{}, {first} to {last}", words::many(coverage.messages, "message")),
        _ => "nothing".to_owned(),
    };
    page.fact("Messages", &held)?;
    page.blank()?;
    page.heading("What this report cannot know")?;
    for sentence in exposure.not_known {
        page.paragraph(Ink::Plain, "  ", sentence)?;
    }
    page.blank()?;
    let made = format!("Made {} by {} {}.", exposure.made_at, exposure.tool.name, exposure.tool.version);
    page.paragraph(Ink::Faint, "", &made)
}

struct Page<'a> {
    out: &'a mut dyn Write,
    style: &'a Style,
}

impl Page<'_> {
    fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", self.style.paint(Ink::Strong, text))
    }

    fn paragraph(&mut self, ink: Ink, mark: &str, text: &str) -> io::Result<()> {
        let indent = " ".repeat(width(mark));
        for (at, line) in wrap(&printable(text, 4000), self.style.width.saturating_sub(width(mark))).iter().enumerate()
        {
            let mark = if at == 0 { mark } else { &indent };
            writeln!(self.out, "{mark}{}", self.style.paint(ink, line))?;
        }
        Ok(())
    }

    fn fact(&mut self, label: &str, value: &str) -> io::Result<()> {
        let label = self.style.paint(Ink::Faint, pad(label, LABEL, false));
        let room = self.style.width.saturating_sub(LABEL + 3);
        let indent = " ".repeat(LABEL);
        for (at, line) in wrap(&printable(value, 4000), room).iter().enumerate() {
            writeln!(self.out, "  {} {line}", if at == 0 { &label } else { &indent })?;
        }
        Ok(())
    }

    fn segments(&mut self, exposure: &Exposure) -> io::Result<()> {
        let head = format!(
            "  {} {} {} {} {}  first to last arrival",
            pad("", LABEL, false),
            pad("messages", 9, true),
            pad("senders", 9, true),
            pad("added", 7, true),
            pad("recipients", 10, true)
        );
        self.heading("By what our own servers recorded")?;
        self.line(Ink::Faint, &head)?;
        for part in &exposure.parts {
            self.counts(words::title(part.segment), &part.recorded, Some(part.added_senders))?;
        }
        self.counts("All three", &exposure.recorded, Some(exposure.recorded.senders))?;
        self.blank()?;
        self.heading("By what only lines and names written by others say (can be forged)")?;
        for part in exposure.parts.iter().filter(|part| part.claimed.messages + part.claimed.refused > 0) {
            self.counts(words::title(part.segment), &part.claimed, None)?;
        }
        self.counts("All three", &exposure.claimed, None)?;
        self.blank()?;
        for part in &exposure.parts {
            self.fact(
                words::title(part.segment),
                &format!("{}: {}", words::times(part), words::explained(exposure, part.segment)),
            )?;
        }
        let added =
            "senders that the window does not have; of the tail, that neither the window nor the time before has";
        self.fact("added", added)
    }

    fn counts(&mut self, label: &str, counts: &Counts, added: Option<u64>) -> io::Result<()> {
        let refused = match counts.refused {
            0 => String::new(),
            refused => format!("  (and {} refused)", number(refused)),
        };
        let line = format!(
            "  {} {} {} {} {}  {}{refused}",
            pad(label, LABEL, false),
            pad(&number(counts.messages), 9, true),
            pad(&number(counts.senders), 9, true),
            pad(&added.map(number).unwrap_or_default(), 7, true),
            pad(&number(counts.recipients), 10, true),
            words::first_and_last(counts)
        );
        self.line(Ink::Plain, &line)
    }

    fn line(&mut self, ink: Ink, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", self.style.paint(ink, text.trim_end()))
    }

    fn path(&mut self, exposure: &Exposure) -> io::Result<()> {
        let path = &exposure.path;
        if path.addresses.messages() == 0 {
            return Ok(());
        }
        self.heading("The way of the mail through the relay")?;
        let handed = match path.handed_by_unknown {
            0 => words::top(&path.handed_by, 5),
            unknown if path.handed_by.messages() == 0 => format!("not stated ({})", number(unknown)),
            unknown => format!("{}, not stated ({})", words::top(&path.handed_by, 5), number(unknown)),
        };
        self.fact("Handed to it by", &format!("{handed}, by lines that the relay could write"))?;
        self.fact("Its address", &words::top(&path.addresses, 5))?;
        self.fact("Its name", &words::top(&path.names, 5))?;
        self.fact("It called itself", &words::top(&path.helos, 5))?;
        self.fact("It spoke to us", &words::tls(exposure))?;
        self.fact("Taken by", &words::top(&path.borders, 5))?;
        self.blank()
    }

    /// Each hour with mail; those without are one line for all that follow each other.
    fn hours(&mut self, exposure: &Exposure) -> io::Result<()> {
        self.heading("By hour of arrival")?;
        let head = format!(
            "  {} {} {} {} {} {} {}",
            pad("", 17, false),
            pad("before", 7, true),
            pad("window", 7, true),
            pad("tail", 7, true),
            pad("refused", 7, true),
            pad("claimed", 7, true),
            pad("other ways", 10, true)
        );
        self.line(Ink::Faint, &head)?;
        let most = exposure.hours.iter().map(Hour::relayed).max().unwrap_or(0).max(1);
        let mut quiet: Vec<&Hour> = Vec::new();
        for hour in &exposure.hours {
            if hour.relayed() + hour.refused + hour.claimed + hour.normal == 0 {
                quiet.push(hour);
                continue;
            }
            self.quiet(&mut quiet)?;
            let counts = [hour.pre_window, hour.window, hour.tail, hour.refused, hour.claimed];
            let shown =
                counts.map(|count| pad(&if count == 0 { "·".to_owned() } else { number(count) }, 7, true)).join(" ");
            let room = BAR.min(self.style.width.saturating_sub(75));
            let length = usize::try_from((hour.relayed() * room as u64).div_ceil(most)).unwrap_or(room);
            let bar = self.style.paint(Ink::Level(Level::Malicious), "█".repeat(length));
            let line = format!("  {}  {shown} {} {bar}", hour.begins.minute(), pad(&number(hour.normal), 10, true));
            writeln!(self.out, "{}", line.trim_end())?;
        }
        self.quiet(&mut quiet)?;
        self.blank()
    }

    fn quiet(&mut self, hours: &mut Vec<&Hour>) -> io::Result<()> {
        let line = match hours.as_slice() {
            [] => return Ok(()),
            [one] => format!("  {}  no mail", one.begins.minute()),
            [first, .., last] => {
                format!(
                    "  {}  no mail, {} to {}",
                    first.begins.minute(),
                    words::many(hours.len() as u64, "hour"),
                    last.begins.minute()
                )
            }
        };
        hours.clear();
        self.line(Ink::Faint, &line)
    }

    fn people<'p>(&mut self, title: &str, people: impl Iterator<Item = &'p Person>) -> io::Result<()> {
        let exposed: Vec<&Person> = people.filter(|person| person.is_exposed()).collect();
        self.heading(&format!("{title} ({})", number(exposed.len() as u64)))?;
        for person in exposed.iter().take(MOST_PEOPLE) {
            let address = match &person.address {
                Some(address) => printable(address, 400),
                None => format!("(forgotten {})", person.forgotten.unwrap_or_default()),
            };
            let segments = [
                (Segment::PreWindow, person.pre_window),
                (Segment::Window, person.window),
                (Segment::Tail, person.tail),
            ];
            let mut words: Vec<String> = segments
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(segment, count)| format!("{} {}", words::title(*segment).to_lowercase(), number(*count)))
                .collect();
            if person.refused > 0 {
                words.push(format!("refused {}", number(person.refused)));
            }
            let address = keep_start(&address, 50);
            let line = format!("  {}  {} {}", person.first, pad(&address, 50, false), words.join(", "));
            self.line(Ink::Plain, &line)?;
        }
        if exposed.len() > MOST_PEOPLE {
            self.line(
                Ink::Faint,
                &format!("  {} more are in affected.csv", number((exposed.len() - MOST_PEOPLE) as u64)),
            )?;
        }
        self.blank()
    }
}
