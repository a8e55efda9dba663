//! One thing that should not be, and the words for it.
//!
//! What detectors say, policy decides on and the verdict combines: a code, a severity, the fact it rests on, a sentence.

use serde::{Deserialize, Serialize};

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
    /// What it rests on beside the mail: DNS answers, as in a zone file, made printable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

/// What a finding rests on. The order is from hard to soft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

/// The stable code of a detector: part of the header field, the metrics, the logs and the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// An address or a name on an indicator list.
    Indicator,
    /// A host that calls itself by a name of ours and is none of ours.
    OwnName,
    /// Mail that did not come the way the recipient's domain prescribes.
    Ingress,
    /// A host between the sender's and ours that nothing explains.
    InterposedRelay,
    /// A peer that our own domain's DNS names as an exchanger, and that is none of ours.
    DnsCross,
    /// Neighbouring hops that do not fit together.
    BrokenChain,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 6] =
        [Self::Indicator, Self::OwnName, Self::Ingress, Self::InterposedRelay, Self::DnsCross, Self::BrokenChain];

    /// The code as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Indicator => "indicator",
            Self::OwnName => "own-name",
            Self::Ingress => "ingress",
            Self::InterposedRelay => "interposed-relay",
            Self::DnsCross => "dns-cross",
            Self::BrokenChain => "broken-chain",
        }
    }
}

/// How bad a finding is, and what a verdict amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a line in a table; happens in ordinary mail.
    Notice,
    /// Should not happen with the topology as configured; someone should look.
    Suspicious,
    /// Known bad.
    Malicious,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Self; 3] = [Self::Notice, Self::Suspicious, Self::Malicious];

    /// The name used in output, configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
        }
    }
}

/// What is said of a message as a whole: `clean`, or the highest severity found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// No detector found anything.
    Clean,
    /// See [`Severity::Notice`].
    Notice,
    /// See [`Severity::Suspicious`].
    Suspicious,
    /// See [`Severity::Malicious`].
    Malicious,
}

impl Level {
    /// Every level, the least first.
    pub const ALL: [Self; 4] = [Self::Clean, Self::Notice, Self::Suspicious, Self::Malicious];

    /// The name used in output, configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Notice => "notice",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
        }
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Notice => Self::Notice,
            Severity::Suspicious => Self::Suspicious,
            Severity::Malicious => Self::Malicious,
        }
    }
}
