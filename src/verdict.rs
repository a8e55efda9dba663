//! The verdict: the only place that combines findings.
//!
//! Takes the detectors' findings and gives one word, the highest severity among them, with the findings in a
//! stable order: what rests on harder facts first. It never lowers a finding; a detector that knows an
//! explanation says so itself, and the configuration may set a code's severity (see [`crate::policy`]).

use crate::finding::{Code, Finding, Level};

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

    /// [`Self::codes`] as one text.
    pub fn codes_joined(&self, separator: &str) -> String {
        let codes: Vec<&str> = self.codes().into_iter().map(Code::as_str).collect();
        codes.join(separator)
    }
}
