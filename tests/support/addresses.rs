//! What an address in a `Received` field is held against: for the tests of the reader and its fuzz target alike.

use std::net::IpAddr;

/// Every address that a text holds in any form that a reader could take for one.
pub(crate) fn addresses_in(text: &[u8]) -> Vec<IpAddr> {
    let text = String::from_utf8_lossy(text);
    let breaks = |c: char| !(c.is_ascii_hexdigit() || matches!(c, ':' | '.'));
    let mut found = Vec::new();
    // `[192.0.2.1]:25`, `IPv6:2001:db8::1` and `192.0.2.1:25` leave colons and ports at the ends.
    for word in text.split(breaks).filter(|word| word.len() < 100) {
        let starts = std::iter::once(0).chain(word.match_indices(':').map(|(at, _)| at + 1));
        for start in starts {
            let part = &word[start..];
            let ends = std::iter::once(part.len()).chain(part.match_indices([':', '.']).map(|(at, _)| at));
            // `192.0.02.1` is read too.
            let plain = |end: usize| {
                let numbers = part[..end].split('.').map(|number| match number.trim_start_matches('0') {
                    "" => &number[number.len().saturating_sub(1)..],
                    number => number,
                });
                numbers.collect::<Vec<_>>().join(".")
            };
            let either = |end: usize| [part[..end].to_owned(), plain(end)];
            let read = ends.flat_map(either).filter_map(|text| text.parse::<IpAddr>().ok());
            found.extend(read.map(|ip| ip.to_canonical()));
        }
    }
    found
}
