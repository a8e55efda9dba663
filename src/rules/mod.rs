//! What the rules folder holds, as decided: indicator lists.

pub mod indicators;
