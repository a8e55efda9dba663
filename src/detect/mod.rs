//! The detectors.
//!
//! Each takes the facts of one message ([`Context`]) and answers finding, clean, no data or error ([`Outcome`]). None
//! does I/O, none knows another, and "no data" is never "clean".
//!
//! A new detector is its file, one line in [`DETECTORS`], one variant of [`Code`], its cases under `tests/mail`, and its
//! part of docs/detectors.md (a test holds that page to [`Code::ALL`]).

mod broken_chain;
mod context;
mod indicator;
mod ingress;
mod own_name;

use serde::Serialize;

pub use context::{Context, Envelope};

use crate::verdict::Severity;

/// Every detector, in the order in which they run.
pub const DETECTORS: &[&dyn Detector] =
    &[&indicator::Indicator, &own_name::OwnName, &ingress::Ingress, &broken_chain::BrokenChain];

/// One way of seeing that a hop should not be there.
pub trait Detector: Sync {
    /// The stable code of its findings.
    fn code(&self) -> Code;

    /// Looks at one message.
    fn detect(&self, context: &Context<'_>) -> Outcome;
}

/// The stable code of a detector: part of the header field, the metrics, the logs and the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// An address or a name on an indicator list.
    Indicator,
    /// A host that calls itself by a name of ours and is none of ours.
    OwnName,
    /// Mail that did not come the way the recipient's domain prescribes.
    Ingress,
    /// Neighbouring hops that do not fit together.
    BrokenChain,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 4] = [Self::Indicator, Self::OwnName, Self::Ingress, Self::BrokenChain];

    /// The code as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Indicator => "indicator",
            Self::OwnName => "own-name",
            Self::Ingress => "ingress",
            Self::BrokenChain => "broken-chain",
        }
    }
}

/// What a detector answers.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Something is wrong; at least one finding.
    Findings(Vec<Finding>),
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
    /// See [`Outcome::Clean`].
    Clean,
    /// See [`Outcome::NoData`].
    NoData,
    /// See [`Outcome::Error`].
    Error,
}

impl OutcomeKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Finding, Self::Clean, Self::NoData, Self::Error];

    /// The name used in output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finding => "finding",
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

/// One thing that should not be.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The detector's code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What kind of fact it rests on.
    pub basis: Basis,
    /// The hop it is about, as an index into the trace.
    pub hop: Option<usize>,
    /// The fact itself, in a few stable words and values, for machines.
    pub fact: String,
    /// The finding in a sentence for people. Foreign text in it has been made printable.
    pub sentence: String,
}

/// What a finding rests on. The order is from hard to soft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// What our border recorded of its peer; a peer cannot forge it.
    Border,
    /// What others wrote into the trace; anyone below the boundary can forge it.
    Supporting,
}

impl Basis {
    /// The name used in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Border => "border",
            Self::Supporting => "supporting",
        }
    }
}
