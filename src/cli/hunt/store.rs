//! Messages of the evidence store, one after the other.

use std::ops::ControlFlow;

use crate::{
    clock::Timestamp,
    evidence::{Party, Reader, Span as Seconds, StoreError, Stored},
    hunt::{Facts, Found, Passage, Place, Span, Wanted},
};

/// Hands on every message that crossed what is looked for, in the order of their time, until `each` breaks off.
pub(super) fn search(
    reader: &Reader,
    wanted: &Wanted,
    span: Span,
    each: &mut dyn FnMut(Passage) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let hops = reader.hops_of(wanted)?;
    if hops.is_empty() {
        return Ok(());
    }
    let second = |time: Timestamp| {
        // A moment within a second belongs to the next one: the store knows seconds only.
        time.as_second() + i64::from(time.subsec_nanosecond() > 0)
    };
    let seconds = Seconds { since: span.since.map_or(i64::MIN, second), until: span.until.map_or(i64::MAX, second) };
    reader.messages(Some(&hops), seconds, |stored| match passage(stored, wanted) {
        Some(passage) => each(passage),
        None => ControlFlow::Continue(()),
    })
}

/// What is to be said of a stored message that shows something.
fn passage(stored: Stored, wanted: &Wanted) -> Option<Passage> {
    let sightings = wanted.sightings(stored.hops.iter().map(Facts::from));
    if sightings.kept.is_empty() {
        return None;
    }
    let (seen, more) = Passage::seen(sightings, stored.border_hop);
    let address = |party: Party| party.address.unwrap_or_else(|| "(forgotten)".to_owned());
    Some(Passage {
        found: match stored.offset {
            Some(offset) => Found::File(Place { path: stored.source, index: 0, offset, many: offset > 0 }),
            None => Found::Store(stored.queue_id),
        },
        time: Timestamp::from_second(stored.time).ok(),
        sender: stored.sender.map(address),
        from: stored.header_from.map(address),
        recipients: stored.recipients.into_iter().map(address).collect(),
        message_id: stored.message_id.map(|id| format!("<{id}>")),
        seen,
        more,
    })
}
