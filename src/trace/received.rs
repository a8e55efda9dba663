//! Placeholder until the tokeniser lands.
use super::{HopKind, Received};
/// Reads one unfolded field value.
pub fn read(_value: &[u8]) -> Received {
    Received { kind: HopKind::Unparsed, ..Received::default() }
}
