//! What a header section must hold to show an indicator.
//!
//! Takes indicators, gives a search that is much cheaper than reading the trace: where it finds nothing, no hop of the
//! section can fit any of them. It is made only of single IPv4 addresses and of names, because of these it is known how
//! they can be written. Where it cannot tell, it says that the section is worth reading:
//!
//! - An address is read from bytes that stand together in the field (`trace::remark`), never from a fold, a quoted pair
//!   or two places. Its text is the usual one; or has leading zeros, where they mean one thing; or is that of an
//!   IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), `::ffff:2d4d:18fa`, in which `ffff:` always stands.
//! - A name fits as it stands in the field, in any case of its letters, and a name below a domain ends with the domain's.
//!   A name in another script becomes ASCII before it is compared, so that a section that is not ASCII is always worth it.
//!
//! A property test holds this to the reader of `Received`.

use std::net::{IpAddr, Ipv4Addr};

use memchr::{memchr2_iter, memmem::Finder};

use crate::rules::indicators::Value;

/// A search for all indicators at once.
#[derive(Debug, Clone)]
pub struct Needle {
    addresses: Vec<Address>,
    names: Vec<AnyCase>,
    mapped: AnyCase,
}

impl Needle {
    /// How many indicators are looked for one by one; with more of them reading the trace is as fast.
    pub const MOST: usize = 24;

    /// Makes the search; nothing where an indicator is among them that can be written in too many ways.
    pub fn of(values: &[Value]) -> Option<Self> {
        let mut needle = Self { addresses: Vec::new(), names: Vec::new(), mapped: AnyCase::of("ffff:") };
        if values.is_empty() || values.len() > Self::MOST {
            return None;
        }
        for value in values {
            match value {
                Value::Network(network) => match network.ip() {
                    IpAddr::V4(ip) if network.prefix() == 32 => needle.addresses.push(Address::of(ip)),
                    _ => return None,
                },
                Value::Host(name) | Value::Domain(name) => {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
                    if !name.as_str().bytes().all(plain) {
                        return None;
                    }
                    needle.names.push(AnyCase::of(name.as_str()));
                }
            }
        }
        Some(needle)
    }

    /// Whether a hop of this header section may fit; false only where none can.
    pub fn may_be_in(&self, section: &[u8]) -> bool {
        self.addresses.iter().any(|address| address.may_be_in(section))
            || self.names.iter().any(|name| name.is_in(section))
            || (!self.addresses.is_empty() && self.mapped.is_in(section))
            || (!self.names.is_empty() && !section.is_ascii())
    }
}

/// An IPv4 address in its usual form and, where its numbers may have leading zeros, in those.
#[derive(Debug, Clone)]
struct Address {
    /// The usual form or, of an address that has others, one of its numbers with the dot behind it: every form holds it.
    finder: Finder<'static>,
    /// The numbers, where there are other forms.
    padded: Option<[Vec<u8>; 4]>,
}

impl Address {
    fn of(ip: Ipv4Addr) -> Self {
        // With a zero in front 10 would be read as 8 by some, and so by nobody here; `09` and `089` can only be decimal.
        let may_have_zeros = |octet: u8| octet < 10 || (octet < 100 && octet.to_string().contains(['8', '9']));
        if !ip.octets().into_iter().any(may_have_zeros) {
            return Self { finder: Finder::new(&ip.to_string()).into_owned(), padded: None };
        }
        let numbers = ip.octets().map(|octet| octet.to_string());
        let [first, second, third, _] = &numbers;
        let longest = [second, third].into_iter().fold(first, |a, b| if b.len() > a.len() { b } else { a });
        let finder = Finder::new(&format!("{longest}.")).into_owned();
        Self { finder, padded: Some(numbers.map(String::into_bytes)) }
    }

    fn may_be_in(&self, section: &[u8]) -> bool {
        let Some(numbers) = &self.padded else { return self.finder.find(section).is_some() };
        self.finder.find_iter(section).any(|at| is_written_around(numbers, section, at))
    }
}

/// Whether the digits and dots around a place hold four numbers in a row, whatever zeros stand before them. What stands
/// right before the first and behind the last does not matter.
fn is_written_around(numbers: &[Vec<u8>; 4], section: &[u8], at: usize) -> bool {
    /// Far more than an address takes, even the longest written; a longer run of digits is looked at this far.
    const REACH: usize = 32;
    let of_address = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
    let (before, behind) = section.split_at_checked(at).unwrap_or_default();
    let before = before.iter().rev().take(REACH).take_while(of_address).count();
    let behind = behind.iter().take(REACH).take_while(of_address).count();
    let run = section.get(at - before..at + behind).unwrap_or_default();
    let found: Vec<&[u8]> = run.split(|byte| *byte == b'.').collect();
    let bare = |text: &[u8]| text.iter().skip_while(|digit| **digit == b'0').copied().collect::<Vec<u8>>();
    let [first, second, third, last] = numbers;
    found.windows(4).any(|window| match window {
        [a, b, c, d] => {
            let (last, same) = (bare(last), |found: &[u8], number: &[u8]| bare(found) == bare(number));
            a.ends_with(first) && same(b, second) && same(c, third) && bare(d).starts_with(&last)
        }
        _ => false,
    })
}

/// A text in any case of its letters.
#[derive(Debug, Clone)]
struct AnyCase {
    text: Vec<u8>,
    /// Which of its bytes is searched for: the one that is rarest in mail.
    rarest: usize,
}

impl AnyCase {
    fn of(text: &str) -> Self {
        /// Roughly by how often they stand in header sections, the rarest first.
        const RARITY: &[u8] = b"_jqzkxwvygbfphuldcnrmtsaioe9786543210-.:";
        let text = text.to_ascii_lowercase().into_bytes();
        let rank = |byte: &u8| RARITY.iter().position(|other| other == byte).unwrap_or(RARITY.len());
        let rarest = (0..text.len()).min_by_key(|at| text.get(*at).map(rank)).unwrap_or(0);
        Self { text, rarest }
    }

    fn is_in(&self, section: &[u8]) -> bool {
        let Some(byte) = self.text.get(self.rarest) else { return true };
        memchr2_iter(*byte, byte.to_ascii_uppercase(), section).any(|at| {
            let start = at.checked_sub(self.rarest);
            let there = start.and_then(|start| section.get(start..start + self.text.len()));
            there.is_some_and(|there| there.eq_ignore_ascii_case(&self.text))
        })
    }
}

#[cfg(test)]
mod tests;
