//! The verdict: the only place that combines findings.
//!
//! Takes the detectors' findings and gives one word, the highest severity among them, with the findings in a
//! stable order: what rests on harder facts first. It never lowers a finding; a detector that knows an
//! explanation says so itself, and the configuration may set a code's severity (see [`crate::policy`]).

use serde::Serialize;

use crate::detect::{Code, Finding};

/// How bad a finding is, and what a verdict amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
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

/// What all detectors together say of a message.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The message's level.
    pub level: Level,
    /// Every finding, the worst first; equally bad ones by how hard a fact they rest on, then by code.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Combines findings.
    pub fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.basis, finding.code));
        let level = findings.first().map_or(Level::Clean, |worst| worst.severity.into());
        Self { level, findings }
    }

    /// The codes of the findings, each once, the worst first.
    pub fn codes(&self) -> Vec<Code> {
        let mut codes = Vec::new();
        for finding in &self.findings {
            if !codes.contains(&finding.code) {
                codes.push(finding.code);
            }
        }
        codes
    }
}
