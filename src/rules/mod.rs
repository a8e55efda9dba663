//! What the rules folder holds, as decided: indicator lists, and providers that hand on mail.

pub mod indicators;
pub mod mediators;
