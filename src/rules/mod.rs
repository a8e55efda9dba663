//! What the rules folder holds, as decided: indicator lists, who hands on mail, and the providers of mailboxes.

pub mod indicators;
pub mod mediators;
pub mod providers;
