//! What the rules folder holds, as decided: indicator lists and the providers of mailboxes.

pub mod indicators;
pub mod providers;
