//! Why a mail may come by way of a third host on an ordinary day: forwarders, lists, filters, second MX.
//!
//! Takes the facts of one message, gives [`Sign`]s, each from a small function of its own in [`SIGNS`]. A sign names the forwarder
//! and how it was known, and says who could have forged it: most signs are header fields, which anybody below the
//! boundary writes. What a sign is worth is decided by the detector that asks.

mod sign;

pub use sign::{Facts, Forgery, Sign, SignKind};

/// Every sign that is looked for; a new one is its file and a line here.
pub const SIGNS: &[fn(&Facts<'_>) -> Option<Sign>] = &[];

/// All signs of a message, in the order of [`SIGNS`].
pub fn signs(facts: &Facts<'_>) -> Vec<Sign> {
    SIGNS.iter().filter_map(|sign| sign(facts)).collect()
}
