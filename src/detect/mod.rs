//! The detectors.
//!
//! Each takes the facts of one message ([`Context`]) and answers finding, clean, no data or error ([`Outcome`]). None
//! does I/O, none knows another, and "no data" is never "clean".
//!
//! A new detector is its file, one line in [`DETECTORS`], one variant of [`Code`], its cases under `tests/mail`, and its
//! part of docs/detectors.md (a test holds that page to [`Code::ALL`]).

mod broken_chain;
mod dns_cross;
mod indicator;
mod ingress;
mod interposed_relay;
mod own_name;

use crate::{
    context::Context,
    finding::{Code, Finding},
};

/// Every detector, in the order in which they run.
pub const DETECTORS: &[&dyn Detector] = &[
    &indicator::Indicator,
    &own_name::OwnName,
    &ingress::Ingress,
    &interposed_relay::InterposedRelay,
    &dns_cross::DnsCross,
    &broken_chain::BrokenChain,
];

/// One way of seeing that a hop should not be there.
pub trait Detector: Sync {
    /// The stable code of its findings.
    fn code(&self) -> Code;

    /// Looks at one message.
    fn detect(&self, context: &Context<'_>) -> Outcome;
}

/// What a detector answers.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Something is wrong; at least one finding.
    Findings(Vec<Finding>),
    /// It saw something that would be a finding, and that an ordinary way of mail explains; at least one. The verdict
    /// stays as it is, the fact stays in the report.
    Explained(Vec<Finding>),
    /// It looked, and all is as it should be.
    Clean,
    /// It could not look; the text says what was missing.
    NoData(&'static str),
    /// It failed; the text says how.
    Error(String),
}

/// What kind of answer it was, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// See [`Outcome::Findings`].
    Finding,
    /// See [`Outcome::Explained`].
    Explained,
    /// See [`Outcome::Clean`].
    Clean,
    /// See [`Outcome::NoData`].
    NoData,
    /// See [`Outcome::Error`].
    Error,
}

impl OutcomeKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Finding, Self::Explained, Self::Clean, Self::NoData, Self::Error];

    /// The name used in output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::Explained => "explained",
            Self::Clean => "clean",
            Self::NoData => "no_data",
            Self::Error => "error",
        }
    }
}

impl Outcome {
    /// What kind of answer it is.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Findings(_) => OutcomeKind::Finding,
            Self::Explained(_) => OutcomeKind::Explained,
            Self::Clean => OutcomeKind::Clean,
            Self::NoData(_) => OutcomeKind::NoData,
            Self::Error(_) => OutcomeKind::Error,
        }
    }
}

impl From<Vec<Finding>> for Outcome {
    fn from(findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Clean } else { Self::Findings(findings) }
    }
}
