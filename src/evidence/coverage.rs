//! What a store holds, and what it lacks.

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Messages.
    pub messages: u64,
    /// The time of the oldest one.
    pub first: Option<i64>,
    /// The time of the newest one.
    pub last: Option<i64>,
    /// Stretches in which messages were inspected and could not be stored.
    pub gaps: Vec<Gap>,
    /// When somebody was writing.
    pub runs: Vec<Run>,
}

/// A stretch in which messages were inspected and could not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// When the first was lost.
    pub since: i64,
    /// When the last was lost.
    pub until: i64,
    /// How many.
    pub lost: u64,
    /// Why.
    pub reason: String,
}

/// A stretch in which somebody was writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// `serve` or `scan`.
    pub writer: String,
    /// When it began.
    pub started: i64,
    /// When it was told to stop; nothing where it was not, or still runs.
    pub ended: Option<i64>,
}
