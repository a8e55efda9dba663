//! Addresses and networks.
//!
//! Takes addresses as mail and configuration write them, gives canonical ones, and looks them up in prefix
//! tables that stay fast with several hundred thousand entries.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use memchr::memchr;
use prefix_trie::PrefixMap;

/// The one form of an address: an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is that IPv4 address.
pub fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// Reads an address literal as mail writes it: `192.0.2.1`, `[192.0.2.1]`, `IPv6:2001:db8::1`,
/// `[fe80::1%5]`. No port, no guessing; anything else is nothing.
pub fn parse_literal(text: &str) -> Option<IpAddr> {
    let text = text.trim_ascii();
    let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let text = match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => &text[5..],
        _ => text,
    };
    let zone = memchr(b'%', text.as_bytes());
    let unzoned = zone.and_then(|zone| text.get(..zone)).unwrap_or(text);
    if zone.is_some() || memchr(b':', unzoned.as_bytes()).is_some() {
        let ip = groups(unzoned.as_bytes()).or_else(|| unzoned.parse().ok())?;
        return Some(canonical(ip.into()));
    }
    unzoned.parse::<Ipv4Addr>().ok().map(IpAddr::from)
}

/// Reads an IPv4 address as nearly everybody writes it: four numbers without leading zeros, and nothing else. It says what
/// [`Ipv4Addr`] says of a text, but of bytes, which need not be text first.
pub fn dotted(text: &[u8]) -> Option<Ipv4Addr> {
    let (a, rest) = octet(text)?;
    let (b, rest) = octet(rest.strip_prefix(b".")?)?;
    let (c, rest) = octet(rest.strip_prefix(b".")?)?;
    let (d, rest) = octet(rest.strip_prefix(b".")?)?;
    rest.is_empty().then_some(Ipv4Addr::new(a, b, c, d))
}

/// The number that a text begins with, and what stands behind it.
fn octet(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |at: usize| text.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| u16::from(byte - b'0'));
    let (number, digits) = match (digit(0)?, digit(1), digit(2)) {
        (a, None, _) => (a, 1),
        (0, Some(_), _) => return None,
        (a, Some(b), None) => (a * 10 + b, 2),
        (a, Some(b), Some(c)) => (a * 100 + b * 10 + c, 3),
    };
    Some((u8::try_from(number).ok()?, text.get(digits..)?))
}

/// Reads an IPv6 address of nothing but groups of digits, with at most one `::` among them (RFC 4291, 2.2). What it reads,
/// [`Ipv6Addr`] reads the same way, and takes several times as long for it.
fn groups(text: &[u8]) -> Option<Ipv6Addr> {
    let (mut groups, mut count) = ([0_u16; 8], 0);
    let mut gap = text.starts_with(b"::").then_some(0);
    let mut rest = text.strip_prefix(b"::").unwrap_or(text);
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (group, behind) = rest.split_at_checked(digits).filter(|_| (1..=4).contains(&digits))?;
        *groups.get_mut(count)? = group.iter().fold(0, |sum, byte| sum << 4 | hex(*byte));
        count += 1;
        rest = match behind {
            [] => behind,
            [b':', b':', behind @ ..] if gap.is_none() => {
                gap = Some(count);
                behind
            }
            // A single colon at the end says nothing.
            [b':', behind @ ..] if !behind.is_empty() => behind,
            _ => return None,
        };
    }
    match gap {
        // What stands behind the gap are the last groups; the gap is one of them at least.
        Some(gap) if count < 8 => groups.get_mut(gap..)?.rotate_right(8 - count),
        None if count == 8 => {}
        _ => return None,
    }
    Some(groups.into())
}

fn hex(digit: u8) -> u16 {
    u16::from(if digit.is_ascii_digit() { digit - b'0' } else { (digit | 0x20) - b'a' + 10 })
}

/// Whether an address can belong to a host on the public Internet.
///
/// Documentation networks (RFC 5737, RFC 3849) count as public: our tests and demonstration live there.
pub fn is_public(ip: IpAddr) -> bool {
    match canonical(ip) {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b); // RFC 6598
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || shared
                || ip.is_multicast()
                || a == 0
                || a >= 240)
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_multicast())
        }
    }
}

/// A table from networks to values, answered by longest prefix.
#[derive(Debug, Clone)]
pub struct PrefixTable<T> {
    v4: PrefixMap<Ipv4Network, T>,
    v6: PrefixMap<Ipv6Network, T>,
}

impl<T> Default for PrefixTable<T> {
    fn default() -> Self {
        Self { v4: PrefixMap::new(), v6: PrefixMap::new() }
    }
}

impl<T> PrefixTable<T> {
    /// Adds a network; the value it had before, if any, comes back.
    pub fn insert(&mut self, network: IpNetwork, value: T) -> Option<T> {
        match network {
            IpNetwork::V4(network) => self.v4.insert(network, value),
            IpNetwork::V6(network) => self.v6.insert(network, value),
        }
    }

    /// The value already stored for exactly this network.
    pub fn get_mut(&mut self, network: IpNetwork) -> Option<&mut T> {
        match network {
            IpNetwork::V4(network) => self.v4.get_mut(&network),
            IpNetwork::V6(network) => self.v6.get_mut(&network),
        }
    }

    /// The longest network that holds `ip`, and its value.
    pub fn lookup(&self, ip: IpAddr) -> Option<(IpNetwork, &T)> {
        match canonical(ip) {
            IpAddr::V4(ip) => self.v4.get_lpm(&Ipv4Network::from(ip)).map(|(net, value)| (net.into(), value)),
            IpAddr::V6(ip) => self.v6.get_lpm(&Ipv6Network::from(ip)).map(|(net, value)| (net.into(), value)),
        }
    }

    /// How many networks the table holds.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether the table holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A set of networks.
#[derive(Debug, Clone, Default)]
pub struct NetworkSet(PrefixTable<()>);

impl NetworkSet {
    /// Whether a network of the set holds `ip`.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.0.lookup(ip).is_some()
    }

    /// Whether the set holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many networks the set holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Every network, in order.
    pub fn iter(&self) -> impl Iterator<Item = IpNetwork> {
        let v4 = self.0.v4.iter().map(|(network, ())| IpNetwork::V4(network));
        v4.chain(self.0.v6.iter().map(|(network, ())| IpNetwork::V6(network)))
    }
}

impl Extend<IpNetwork> for NetworkSet {
    fn extend<I: IntoIterator<Item = IpNetwork>>(&mut self, networks: I) {
        for network in networks {
            self.0.insert(network, ());
        }
    }
}

impl FromIterator<IpNetwork> for NetworkSet {
    fn from_iter<I: IntoIterator<Item = IpNetwork>>(networks: I) -> Self {
        let mut set = Self::default();
        set.extend(networks);
        set
    }
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkError {
    text: String,
    reason: &'static str,
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a network: {}", crate::text::Printable(&self.text), self.reason)
    }
}

impl std::error::Error for NetworkError {}

/// Reads a network as an admin writes it: `192.0.2.0/24`, `2001:db8::/32`, or one address.
///
/// Host bits that are set are refused: `192.0.2.7/24` is more often a slip than a wish.
pub fn parse_network(text: &str) -> Result<IpNetwork, NetworkError> {
    let fail = |reason| NetworkError { text: text.chars().take(80).collect(), reason };
    let network: IpNetwork = text.trim().parse().map_err(|_| {
        fail("expected an address such as `192.0.2.1` or a prefix such as `192.0.2.0/24` or `2001:db8::/32`")
    })?;
    if network.ip() != network.network() {
        return Err(fail(
            "bits are set behind the prefix; write the network's first address, or a single address without `/`",
        ));
    }
    Ok(match network {
        IpNetwork::V6(v6) if v6.prefix() >= 96 && v6.ip().to_ipv4_mapped().is_some() => {
            let v4 = v6.ip().to_ipv4_mapped().and_then(|ip| Ipv4Network::new(ip, v6.prefix() - 96).ok());
            v4.map_or(network, IpNetwork::V4)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_mail_writes_them() {
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        for text in ["192.0.2.1", "[192.0.2.1]", "::ffff:192.0.2.1", "[IPv6:::ffff:192.0.2.1]"] {
            assert_eq!(parse_literal(text), Some(v4), "{text}");
        }
        for text in ["2001:db8::1", "[IPv6:2001:db8::1]", "ipv6:2001:DB8::1", "[2001:db8::1%5]"] {
            assert_eq!(parse_literal(text), Some(v6), "{text}");
        }
        for text in ["", "x.x.x.x", "192.0.2", "192.0.2.1:25", "15.20.7025.34", "192.0.2.1%eth0"] {
            assert_eq!(parse_literal(text), None, "{text}");
        }
    }

    #[test]
    fn the_usual_forms_are_read_as_the_standard_library_reads_them() {
        for pieces in [["0", "1", "25", "256", "01", "."], ["0", "f", "dB8", "1234", ":", "::"]] {
            for length in 1..=7 {
                for mut number in 0..pieces.len().pow(length) {
                    let mut text = String::new();
                    for _ in 0..length {
                        text.push_str(pieces[number % pieces.len()]);
                        number /= pieces.len();
                    }
                    assert_eq!(dotted(text.as_bytes()), text.parse().ok(), "{text}");
                    assert_eq!(groups(text.as_bytes()), text.parse().ok(), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_gap_stands_for_what_is_missing_at_every_place() {
        let digits = ["1", "22", "333", "4444", "5", "6", "7", "8", "9"];
        for before in 0..=9 {
            for behind in 0..=9 {
                for joint in ["::", ":", ":::", ""] {
                    let text = format!("{}{joint}{}", digits[..before].join(":"), digits[..behind].join(":"));
                    assert_eq!(groups(text.as_bytes()), text.parse().ok(), "{text}");
                }
            }
        }
        for text in ["1::2::3", "12345::", "::g", "::1 ", ":1::", "::ffff:192.0.2.1x"] {
            assert_eq!(groups(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_longest_prefix_answers() {
        let mut table = PrefixTable::default();
        table.insert(parse_network("192.0.2.0/24").unwrap(), "net");
        table.insert(parse_network("192.0.2.7").unwrap(), "host");
        assert_eq!(table.lookup("192.0.2.7".parse().unwrap()).unwrap().1, &"host");
        assert_eq!(table.lookup("::ffff:192.0.2.8".parse().unwrap()).unwrap().1, &"net");
        assert!(table.lookup("198.51.100.1".parse().unwrap()).is_none());
    }

    #[test]
    fn a_network_with_host_bits_is_refused() {
        assert!(parse_network("192.0.2.7/24").is_err());
        assert!(parse_network("192.0.2.0/33").is_err());
        assert_eq!(parse_network("::ffff:192.0.2.0/120").unwrap().to_string(), "192.0.2.0/24");
    }

    #[test]
    fn private_and_special_addresses_are_not_public() {
        for ip in ["10.1.2.3", "127.0.0.1", "100.64.0.1", "fe80::1", "fd00::1", "0.0.0.0", "::1"] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["45.77.24.250", "203.0.113.10", "2001:db8::1"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
