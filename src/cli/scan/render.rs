//! A batch of messages, inspected and written; runs on the workers.

use std::io::Write;

use super::tally::Tally;
use crate::{
    cli::answers::Answers,
    clock::{Clock as _, SystemClock},
    evidence::{Circumstances, Origin, Record, privacy::Privacy},
    finding::Level,
    ingest::files::{Item, Mail},
    inspect::Report,
    policy::Policy,
    text::printable,
    view::{
        Ink, Style,
        json::{self, SourceJson},
    },
};

/// How messages are inspected and written.
pub(super) struct Renderer {
    pub(super) answers: Answers,
    pub(super) policy: Policy,
    /// How evidence is kept, where it is.
    pub(super) privacy: Option<Privacy>,
    pub(super) json: bool,
    pub(super) show: Level,
    pub(super) style: Style,
}

/// What a batch gave.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) out: Vec<u8>,
    pub(super) err: Vec<u8>,
    pub(super) records: Vec<Record>,
    pub(super) tally: Tally,
}

impl Renderer {
    pub(super) fn batch(&self, items: Vec<Item>) -> Batch {
        let mut batch = Batch::default();
        for item in items {
            match item {
                Item::Mail(mail) => self.mail(&mail, &mut batch),
                Item::Trouble(trouble) => batch.tally.inputs.trouble(&trouble, &mut batch.err),
            }
        }
        batch
    }

    fn mail(&self, mail: &Mail, batch: &mut Batch) {
        let report = self.answers.inspect(&mail.message, &self.policy);
        batch.tally.message(&mail.message, &report);
        if let Some(privacy) = &self.privacy {
            let path = printable(&mail.source.path.to_string_lossy(), 4096);
            let origin = Origin::File { path, offset: mail.source.offset };
            let about = Circumstances { origin, now: SystemClock.now(), action: None };
            batch.records.push(Record::of(&mail.message, &report, &about, privacy));
        }
        if report.verdict.level < self.show {
            return;
        }
        let line = if self.json { json_line(mail, &report) } else { self.text_line(mail, &report) };
        let _ = writeln!(batch.out, "{line}"); // into memory
    }

    /// `FILE:OFFSET: malicious indicator,own-name 192.0.2.66: sentence`
    fn text_line(&self, mail: &Mail, report: &Report<'_>) -> String {
        let verdict = &report.verdict;
        let level = self.style.paint(Ink::Level(verdict.level), verdict.level.as_str());
        let mut line = format!("{}: {level}", mail.source);
        if !verdict.findings.is_empty() {
            line.push_str(&format!(" {}", verdict.codes_joined(",")));
        }
        if let Some((_, peer)) = report.boundary.peer() {
            line.push_str(&format!(" {peer}"));
        }
        if let Some(worst) = verdict.findings.first() {
            line.push_str(&format!(": {}", printable(&worst.sentence, 2000)));
        }
        line
    }
}

fn json_line(mail: &Mail, report: &Report<'_>) -> String {
    let mut value = json::report(report, &mail.message);
    let path = mail.source.path.to_string_lossy().into_owned();
    value.source = Some(SourceJson { path, index: mail.source.index, offset: mail.source.offset });
    // these types have text keys and finite numbers only, so that serde_json cannot fail on them
    json::line(&value).unwrap_or_default()
}
