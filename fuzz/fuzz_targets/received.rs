//! The Received reader is total, and an address that it gives stands in the text.

#![no_main]

#[path = "../../tests/support/addresses.rs"]
mod addresses;

use libfuzzer_sys::fuzz_target;
use relaywatch::trace::read_received;

use addresses::addresses_in;

fuzz_target!(|data: &[u8]| {
    let received = read_received(data);
    let stated = addresses_in(data);
    for ip in [received.ip, received.by_ip].into_iter().flatten() {
        assert!(stated.contains(&ip), "{ip} does not stand in the text");
    }
});
