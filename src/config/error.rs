//! Why a configuration was refused: everything that is wrong with it, the file's own
//! problems in its order, then those of its indicator lists.

use std::{fmt, path::PathBuf};

use crate::problem::Problem;

/// All problems of a configuration; at least one.
#[derive(Debug, Clone)]
pub struct ConfigError {
    problems: Vec<Problem>,
    /// The files that were asked for, as far as it came; they are watched, so that a repaired one is seen.
    pub(super) sources: Vec<PathBuf>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems, sources: Vec::new() }
    }

    /// Each problem.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Every file that was asked for, readable or not; none when not even their names could be read.
    pub fn sources(&self) -> &[PathBuf] {
        &self.sources
    }

    /// Shows every problem with its line and a caret, for a terminal.
    pub fn render(&self, colour: bool) -> String {
        self.problems.iter().map(|problem| problem.render(colour)).collect::<Vec<_>>().join("\n")
    }
}

/// One line, for a log: the first problem and how many more there are.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.split_first() {
            Some((first, [])) => write!(f, "{first}"),
            Some((first, more)) => write!(f, "{first} (and {} more)", more.len()),
            None => f.write_str("the configuration is not usable"),
        }
    }
}

impl std::error::Error for ConfigError {}
