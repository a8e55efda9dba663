//! A hunt over archives passes over no header section of which a hop shows what is looked for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use relaywatch::{
    hunt::{Facts, Wanted},
    message::{HeaderSection, RawMessage},
    names::Domain,
    rules::indicators::Value,
    trace::Trace,
};

/// Hops of which what they show is looked for.
const HOPS: usize = 4;

fuzz_target!(|data: &[u8]| {
    // As one field, so that the reader of `Received` is in the way of all that comes; it may go on as it likes.
    let section = [b"Received: ", data, b"\r\n"].concat();
    let headers = HeaderSection::read(&section, section.len());
    let message = RawMessage { headers, ..RawMessage::default() };
    let trace = Trace::read(&message);
    let facts = || trace.hops.iter().map(|hop| Facts::from(&hop.received));
    for hop in facts().take(HOPS) {
        let addresses = [hop.address, hop.helo_address, hop.by_address].into_iter().flatten();
        let addresses = addresses.chain(hop.candidates.iter().copied()).map(|ip| Value::Network(ip.into()));
        let names = [hop.helo, hop.name, hop.by].into_iter().flatten().filter_map(|name| Domain::parse(name).ok());
        let names = names.flat_map(|name| [Value::Host(name.clone()), Value::Domain(name)]);
        for value in addresses.chain(names) {
            let mut wanted = Wanted::new();
            wanted.add("it", value);
            let Some(needle) = wanted.needle() else { continue };
            let seen = wanted.sightings(facts());
            assert!(
                seen.kept.is_empty() || needle.may_be_in(message.headers.raw()),
                "{:?} is shown, and the section would be passed over",
                seen.kept.first()
            );
        }
    }
});
