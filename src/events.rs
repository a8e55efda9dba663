//! The log: one line an anomaly.
//!
//! Takes a report and writes it through `tracing`, as text or JSON as configured. Foreign text has been made printable
//! before it gets here, or is made so here; the mail's subject and body are never logged.

use crate::{
    detect::Outcome,
    finding::{Code, Level},
    inspect::Report,
    message::RawMessage,
    policy::Action,
    text::printable,
};

/// Logs one judged message: suspicious and malicious ones as warnings, the others for debugging.
pub fn message(message: &RawMessage, report: &Report, action: Action) {
    let session = message.session.as_ref();
    let queue_id = session.and_then(|session| session.queue_id.as_deref()).unwrap_or("-");
    let queue_id = printable(queue_id, 64);
    for (code, outcome) in &report.outcomes {
        if let Outcome::Error(error) = outcome {
            tracing::error!(detector = code.as_str(), queue_id, error, "a detector failed on a message");
        }
    }
    let level = report.verdict.level;
    let peer = report.boundary.peer().map(|(_, ip)| ip.to_string());
    let peer = peer.as_deref().unwrap_or("-");
    if level < Level::Suspicious {
        tracing::debug!(verdict = level.as_str(), peer, queue_id, action = action.as_str(), "message inspected");
        return;
    }
    let codes: Vec<&str> = report.verdict.codes().into_iter().map(Code::as_str).collect();
    let sender = printable(report.envelope.sender.as_deref().unwrap_or("-"), 320);
    let recipients = &report.envelope.recipients;
    let recipient = printable(recipients.first().map_or("-", String::as_str), 320);
    let sentence = report.verdict.findings.first().map_or("", |worst| worst.sentence.as_str());
    tracing::warn!(
        verdict = level.as_str(),
        codes = codes.join(","),
        peer,
        queue_id,
        sender,
        recipient,
        recipients = recipients.len(),
        action = action.as_str(),
        "relay anomaly: {sentence}"
    );
}

/// Logs that copies of our own header fields came with a mail and were taken out.
pub fn forged_headers(message: &RawMessage, report: &Report, count: u64) {
    let queue_id = message.session.as_ref().and_then(|session| session.queue_id.as_deref()).unwrap_or("-");
    let peer = report.boundary.peer().map(|(_, ip)| ip.to_string());
    tracing::warn!(
        peer = peer.as_deref().unwrap_or("-"),
        queue_id = printable(queue_id, 64),
        count,
        "forged copies of our header fields were taken out"
    );
}
