//! The spine: the way of a message, in one function.
//!
//! Takes a raw message and the policy, gives a [`Report`]. It knows no socket and no file, and does no I/O; the milter, the
//! archive scanner, the terminal and the tests all call the same [`inspect`].

use crate::{
    boundary::Boundary,
    clock::Stopwatch,
    detect::{Context, DETECTORS, Outcome},
    envelope::Envelope,
    finding::{Code, Finding},
    message::RawMessage,
    policy::Policy,
    trace::Trace,
    verdict::Verdict,
};

/// All that was learned of one message; its text is borrowed from there.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// Every hop, newest first.
    pub trace: Trace<'a>,
    /// Where our records end and foreign ones begin.
    pub boundary: Boundary,
    /// Who sent it to whom, as far as our side recorded it.
    pub envelope: Envelope<'a>,
    /// What each detector that is on answered.
    pub outcomes: Vec<(Code, Outcome)>,
    /// What all of it amounts to.
    pub verdict: Verdict,
    /// How long it took.
    pub took: std::time::Duration,
}

impl Report<'_> {
    /// The same, without a borrow of the message.
    pub fn into_owned(self) -> Report<'static> {
        Report { trace: self.trace.into_owned(), envelope: self.envelope.into_owned(), ..self }
    }
}

/// Inspects one message.
pub fn inspect<'a>(message: &'a RawMessage, policy: &Policy) -> Report<'a> {
    let stopwatch = Stopwatch::start();
    let trace = Trace::read(message);
    let boundary = Boundary::find(&trace, policy.boundary, &policy.topology);
    let envelope = Envelope::find(message, &trace, &boundary);
    let outcomes = detect(&Context { trace: &trace, boundary: &boundary, envelope: &envelope, policy });
    let verdict = Verdict::of(findings(&outcomes, policy));
    Report { trace, boundary, envelope, outcomes, verdict, took: stopwatch.elapsed() }
}

/// Asks every detector that is on.
fn detect(context: &Context<'_>) -> Vec<(Code, Outcome)> {
    let on = DETECTORS.iter().filter(|detector| context.policy.detectors.is_on(detector.code()));
    on.map(|detector| (detector.code(), detector.detect(context))).collect()
}

/// The findings among the answers, with the severities that the admin decided.
fn findings(outcomes: &[(Code, Outcome)], policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (code, outcome) in outcomes {
        if let Outcome::Findings(found) = outcome {
            findings.extend(found.iter().map(|finding| Finding {
                severity: policy.detectors.severity(*code, finding.severity),
                ..finding.clone()
            }));
        }
    }
    findings
}
