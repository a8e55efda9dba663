//! The log: one line an anomaly, for people.
//!
//! Takes a report and writes it through `tracing`, as text or JSON as configured. Foreign text has been made printable
//! before it gets here, or is made so here; the mail's subject and body are never logged.

use crate::{detect::Outcome, finding::Level, inspect::Report, message::RawMessage, policy::Action, text::printable};

/// How many DNS answers stand in a line of the log.
const MOST_EVIDENCE: usize = 20;

/// Logs one judged message: suspicious and malicious ones as warnings, the others for debugging.
pub fn message(message: &RawMessage, report: &Report<'_>, action: Action) {
    for (code, outcome) in &report.outcomes {
        if let Outcome::Error(error) = outcome {
            tracing::error!(
                detector = code.as_str(),
                queue_id = queue_id(message),
                error,
                "a detector failed on a message"
            );
        }
    }
    let level = report.verdict.level;
    if level < Level::Suspicious {
        tracing::debug!(
            verdict = level.as_str(),
            peer = peer(report),
            queue_id = queue_id(message),
            action = action.as_str(),
            "message inspected"
        );
        return;
    }
    let sender = printable(report.envelope.sender.as_deref().unwrap_or("-"), 320);
    let recipients = &report.envelope.recipients;
    let recipient = printable(recipients.first().map_or("-", AsRef::as_ref), 320);
    let sentence = report.verdict.findings.first().map_or("", |worst| worst.sentence.as_str());
    // What DNS said then may be gone when somebody looks.
    let evidence = report.verdict.findings.iter().find(|finding| !finding.evidence.is_empty());
    let evidence = evidence.map_or_else(String::new, |finding| {
        finding.evidence.iter().take(MOST_EVIDENCE).map(String::as_str).collect::<Vec<_>>().join(" | ")
    });
    tracing::warn!(
        verdict = level.as_str(),
        codes = report.verdict.codes_joined(","),
        peer = peer(report),
        queue_id = queue_id(message),
        sender,
        recipient,
        recipients = recipients.len(),
        evidence,
        action = action.as_str(),
        "relay anomaly: {sentence}"
    );
}

/// Logs that copies of our own header fields came with a mail and were taken out.
pub fn forged_headers(message: &RawMessage, report: &Report<'_>, count: u64) {
    tracing::warn!(
        peer = peer(report),
        queue_id = queue_id(message),
        count,
        "forged copies of our header fields were taken out"
    );
}

/// The border's queue id, made printable.
fn queue_id(message: &RawMessage) -> String {
    let session = message.session.as_ref();
    printable(session.and_then(|session| session.queue_id.as_deref()).unwrap_or("-"), 64)
}

/// The peer's address.
fn peer(report: &Report<'_>) -> String {
    report.boundary.peer().map_or_else(|| "-".to_owned(), |(_, ip)| ip.to_string())
}
