//! The spine: the way of a message, in one function.
//!
//! Takes a raw message, the policy and a DNS, gives a [`Report`]. It knows no socket and no file; the one thing that it may wait
//! for is an answer of the DNS that it was handed. The milter, the archive scanner, the terminal and the tests all
//! call the same [`inspect`].

use crate::{
    authentication::{Authentication, Subject},
    boundary::Boundary,
    clock::Stopwatch,
    context::Context,
    detect::{DETECTORS, Outcome},
    dns::{Dns, Offline, at_once},
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
    /// What is known of the sender's authorisation.
    pub authentication: Authentication,
    /// What each detector that is on answered.
    pub outcomes: Vec<(Code, Outcome)>,
    /// What all of it amounts to.
    pub verdict: Verdict,
    /// How long it took.
    pub took: std::time::Duration,
}

impl Report<'_> {
    /// What would be a finding, but that an ordinary way of mail explains it.
    pub fn explained(&self) -> impl Iterator<Item = &Finding> {
        self.outcomes.iter().flat_map(|(_, outcome)| match outcome {
            Outcome::Explained(found) => found.as_slice(),
            _ => &[],
        })
    }

    /// The same, without a borrow of the message.
    pub fn into_owned(self) -> Report<'static> {
        Report { trace: self.trace.into_owned(), envelope: self.envelope.into_owned(), ..self }
    }
}

/// Inspects one message without any DNS.
pub fn inspect_offline<'a>(message: &'a RawMessage, policy: &Policy) -> Report<'a> {
    at_once(inspect(message, policy, &Offline))
}

/// Inspects one message.
pub async fn inspect<'a>(message: &'a RawMessage, policy: &Policy, dns: &dyn Dns) -> Report<'a> {
    let stopwatch = Stopwatch::start();
    let trace = Trace::read(message);
    let boundary = Boundary::find(&trace, policy.boundary, &policy.topology);
    let envelope = Envelope::find(message, &trace, &boundary);
    let subject = Subject { message, trace: &trace, boundary: &boundary, envelope: &envelope };
    let authentication = Authentication::find(subject, policy, dns).await;
    let outcomes = detect(&Context { subject, authentication: &authentication, policy });
    let verdict = Verdict::of(findings(&outcomes, policy));
    Report { trace, boundary, envelope, authentication, outcomes, verdict, took: stopwatch.elapsed() }
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
