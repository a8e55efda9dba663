//! Host and domain names.
//!
//! Takes names as configured (checked by the rules of DNS) or as found in mail (never trusted to be valid), and
//! answers the two questions asked of them: is this name inside that domain, and what is its registrable
//! domain by the public suffix list.

use std::{borrow::Cow, collections::HashMap, fmt, net::IpAddr};

use hickory_proto::rr::Name;
use memchr::{memchr, memrchr};

/// A domain name as an admin wrote it: valid by DNS, in lower case, as A-labels, without the trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(String);

/// Why a text is no domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a domain name: {reason}")]
pub struct DomainError {
    text: String,
    reason: String,
}

impl Domain {
    /// Reads a domain name; U-labels become A-labels (RFC 5891).
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let fail = |reason: &str| DomainError { text: crate::text::printable(text, 80), reason: reason.to_owned() };
        let text = text.trim_end_matches('.');
        if text.is_empty() {
            return Err(fail("it is empty"));
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(fail("it is an address"));
        }
        if text.contains(['*', '/', ':', '@', '[', ']', ' ', '\\']) {
            return Err(fail(
                "only letters, digits, `-`, `_` and dots are allowed; a domain stands for all names below it",
            ));
        }
        if text.starts_with('.') || text.contains("..") {
            return Err(fail("there is nothing between two of its dots"));
        }
        let name = Name::from_utf8(text).map_err(|e| fail(&e.to_string()))?;
        Ok(Self(name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a suffix under which the public registers (`com`, `co.jp`), and so nobody's own domain.
    pub fn is_public_suffix(&self) -> bool {
        let suffix = psl::suffix(self.0.as_bytes());
        suffix.is_some_and(|suffix| suffix.as_bytes() == self.0.as_bytes() && suffix.typ() == Some(psl::Type::Icann))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Values by name; asks of a name from mail whether it is there, or lies below one that is.
///
/// A name of a mail is asked for with each of its parents, and nearly all of them are not there: most are told by small
/// sketches of all names, before anything is hashed. All parents of a name end as it does, so that one look at its end is
/// most often enough.
#[derive(Debug, Clone)]
pub struct NameMap<T> {
    values: HashMap<Box<str>, T>,
    /// A bit for each name, by its length, first and last byte.
    sketch: Sketch,
    /// A bit for each name, by how it ends.
    tails: Sketch,
    /// Whether a name of a single label is there, below which any name may lie.
    single: bool,
}

impl<T> Default for NameMap<T> {
    fn default() -> Self {
        Self { values: HashMap::new(), sketch: Sketch::default(), tails: Sketch::default(), single: false }
    }
}

impl<T> NameMap<T> {
    /// Adds a name; where it is there already, `replaces` decides by the old value.
    pub fn insert(&mut self, name: &Domain, value: T, replaces: impl FnOnce(&T) -> bool) {
        self.sketch.add(whole(&name.0));
        match tail(&name.0) {
            Some(tail) => self.tails.add(tail),
            None => self.single = true,
        }
        match self.values.get_mut(name.as_str()) {
            Some(old) if !replaces(old) => {}
            Some(old) => *old = value,
            None => drop(self.values.insert(name.as_str().into(), value)),
        }
    }

    /// The value of exactly this name, which must be [`normal`].
    pub fn get(&self, name: &str) -> Option<&T> {
        if self.sketch.may_hold(whole(name)) { self.values.get(name) } else { None }
    }

    /// Whether a name that ends so, or a parent of it, can be there at all.
    pub fn may_cover(&self, ending: Ending) -> bool {
        self.single || ending.0.is_some_and(|tail| self.tails.may_hold(tail))
    }

    /// The value of this name, which must be [`normal`], or of its closest parent.
    pub fn covering(&self, name: &str) -> Option<&T> {
        let mut rest = Some(name);
        while let Some(name) = rest {
            if let Some(value) = self.get(name) {
                return Some(value);
            }
            rest = memchr(b'.', name.as_bytes()).and_then(|dot| name.get(dot + 1..));
        }
        None
    }

    /// Whether no name is there.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many names are there.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}

/// How a name ends, in any form in which mail writes it: looked at once, and asked of each map.
#[derive(Debug, Clone, Copy)]
pub struct Ending(Option<usize>);

impl Ending {
    /// That of this name.
    pub fn of(name: &str) -> Self {
        Self(tail(name))
    }
}

/// Which of a few hashes occur: what it does not hold is not there; what it holds may be.
#[derive(Debug, Clone, Default)]
struct Sketch([u64; 16]);

impl Sketch {
    fn add(&mut self, hash: usize) {
        if let Some(word) = self.0.get_mut(hash / 64 % 16) {
            *word |= 1 << (hash % 64);
        }
    }

    fn may_hold(&self, hash: usize) -> bool {
        self.0.get(hash / 64 % 16).is_some_and(|word| word & (1 << (hash % 64)) != 0)
    }
}

/// A name's place in a sketch by its length and both ends.
fn whole(name: &str) -> usize {
    let bytes = name.as_bytes();
    let at = |byte: Option<&u8>| byte.copied().map_or(0, usize::from);
    bytes.len() + 37 * at(bytes.first()) + 331 * at(bytes.last())
}

/// A name's place in a sketch by its last two labels, in any case and without trailing dots: those that it shares with each
/// of its parents of two labels and more. Nothing where it has but one.
fn tail(name: &str) -> Option<usize> {
    let (mut dots, mut hash) = (0, 0_usize);
    for byte in name.trim_end_matches('.').bytes().rev() {
        if byte == b'.' {
            dots += 1;
            if dots == 2 {
                break;
            }
        }
        hash = hash.wrapping_mul(31).wrapping_add(usize::from(byte.to_ascii_lowercase()));
    }
    (dots > 0).then_some(hash)
}

/// A set of domains; asks of a name whether it is one of them or below one of them.
#[derive(Debug, Clone, Default)]
pub struct DomainSet(NameMap<Domain>);

impl DomainSet {
    /// The domain of the set that `name` lies in (itself or a parent), the longest first.
    pub fn covering(&self, name: &str) -> Option<&Domain> {
        if name.len() > 255 || !self.0.may_cover(Ending::of(name)) {
            return None;
        }
        self.0.covering(&normal(name))
    }

    /// Whether the set holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many domains the set holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Every domain, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Domain> {
        self.0.values.values()
    }
}

impl Extend<Domain> for DomainSet {
    fn extend<I: IntoIterator<Item = Domain>>(&mut self, domains: I) {
        for domain in domains {
            self.0.insert(&domain.clone(), domain, |_| false);
        }
    }
}

impl FromIterator<Domain> for DomainSet {
    fn from_iter<I: IntoIterator<Item = Domain>>(domains: I) -> Self {
        let mut set = Self::default();
        set.extend(domains);
        set
    }
}

/// A name from mail in the form names are compared in: ASCII lower case, no trailing dot.
pub fn normal(name: &str) -> Cow<'_, str> {
    let name = name.trim_end_matches('.');
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

/// The registrable domain of a [`normal`] name (`mx1.sender.example` gives `sender.example`), or nothing for an address, a
/// bare label, or a name whose suffix the public suffix list does not know.
///
/// The suffix `example` (RFC 2606) is taken as known: our own documentation lives there.
pub fn registrable(name: &str) -> Option<&str> {
    // No top-level domain is a number (RFC 3696, 2); the end of every IPv4 address is one.
    let last = memrchr(b'.', name.as_bytes()).and_then(|dot| name.get(dot + 1..))?;
    if last.bytes().all(|byte| byte.is_ascii_digit()) || memchr(b':', name.as_bytes()).is_some() {
        return None;
    }
    let domain = psl::domain(name.as_bytes())?;
    let suffix = domain.suffix();
    // The domain is the end of the name.
    let start = name.len() - domain.as_bytes().len();
    name.get(start..).filter(|_| suffix.is_known() || suffix.as_bytes() == b"example")
}

/// Whether two names lie in one registrable domain.
pub fn same_owner(a: &str, b: &str) -> bool {
    let (a, b) = (normal(a), normal(b));
    registrable(&a).is_some_and(|owner| Some(owner) == registrable(&b))
}

/// The domain part of a mail address, without angle brackets.
pub fn domain_of(address: &str) -> Option<&str> {
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    address.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_names_are_checked_and_normalised() {
        assert_eq!(Domain::parse("Coincheck.COM.").unwrap().as_str(), "coincheck.com");
        assert_eq!(Domain::parse("bücher.example").unwrap().as_str(), "xn--bcher-kva.example");
        for bad in ["", ".", "192.0.2.1", "*.example", "a b.example", "a..example", "user@example.org"] {
            assert!(Domain::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn public_suffixes_are_known_as_such() {
        for (name, suffix) in
            [("com", true), ("co.jp", true), ("example.co.jp", false), ("lan", false), ("github.io", false)]
        {
            assert_eq!(Domain::parse(name).unwrap().is_public_suffix(), suffix, "{name}");
        }
    }

    #[test]
    fn a_domain_covers_names_below_it_by_label_not_by_letters() {
        let ours: DomainSet = [Domain::parse("victim.example").unwrap()].into_iter().collect();
        assert!(ours.covering("MAIL.victim.example.").is_some());
        assert!(ours.covering("victim.example").is_some());
        assert!(ours.covering("notvictim.example").is_none());
        assert!(ours.covering("victim.example.attacker.test").is_none());
    }

    #[test]
    fn a_single_label_covers_whatever_lies_below_it() {
        let ours: DomainSet = ["lan", "sub.victim.example"].iter().map(|name| Domain::parse(name).unwrap()).collect();
        for name in ["lan", "LAN.", "a.lan", "a.b.Lan", "sub.victim.example", "x.Sub.VICTIM.example.."] {
            assert!(ours.covering(name).is_some(), "{name}");
        }
        for name in ["", ".", "victim.example", "notsub.victim.example", "lan.example"] {
            assert!(ours.covering(name).is_none(), "{name}");
        }
    }

    #[test]
    fn the_registrable_domain_follows_the_public_suffix_list() {
        assert_eq!(registrable("mx.mail.example.co.jp"), Some("example.co.jp"));
        assert_eq!(registrable("mx1.sender.example"), Some("sender.example"));
        assert_eq!(registrable("1.2.3.4"), None);
        assert_eq!(registrable("localhost"), None);
        assert_eq!(registrable("host.internal-only-suffix"), None);
    }

    #[test]
    fn the_domain_of_an_address() {
        assert_eq!(domain_of("<bob@victim.example>"), Some("victim.example"));
        assert_eq!(domain_of("\"a@b\"@victim.example"), Some("victim.example"));
        assert_eq!(domain_of("postmaster"), None);
    }
}
