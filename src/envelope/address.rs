//! Mail addresses in envelopes and in foreign fields: found, taken apart, and compared.
//!
//! Takes text as others wrote it, gives parts of it. A text that no mailbox can have is no address.

use std::borrow::Cow;

use crate::{
    names::{Domain, normal},
    text::is_unsafe,
};

/// How many words of a field are looked at: a field of a million of them costs no more than one of an honest forwarder.
const WORDS: usize = 64;

/// The longest address that is taken for one. RFC 5321 allows 254, and rewriting schemes do not keep to it.
const LONGEST: usize = 1000;

/// The addresses in a field's text, without angle brackets.
pub(crate) fn addresses(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '(' | ')'));
    words.filter(|word| !word.is_empty()).take(WORDS).filter(|word| split(word).is_some())
}

/// The local part and the domain of an address; a source route before it (RFC 5321, 4.1.2) falls away.
pub(crate) fn split(address: &str) -> Option<(&str, &str)> {
    let address = match address.strip_prefix('@').and_then(|routed| routed.split_once(':')) {
        Some((_, address)) => address,
        None => address,
    };
    let (local, domain) = address.rsplit_once('@')?;
    let possible = address.len() <= LONGEST && !address.contains(|c: char| is_unsafe(c) || c.is_whitespace());
    (possible && !local.is_empty() && !domain.is_empty()).then_some((local, domain))
}

/// Whether two addresses are one mailbox: the domain in any case and as U-labels or A-labels, the local part in any case,
/// because hosts that tell `Alice` from `alice` are rarer than those that change the case. An address without a domain is
/// one of ours, whose domain goes without saying.
pub(crate) fn same(a: &str, b: &str) -> bool {
    match (split(a), split(b)) {
        (Some((local_a, domain_a)), Some((local_b, domain_b))) => {
            same_local(local_a, local_b) && comparable(domain_a) == comparable(domain_b)
        }
        (Some((local, _)), None) => same_local(local, b),
        (None, Some((local, _))) => same_local(a, local),
        (None, None) => same_local(a, b),
    }
}

/// The domain inside a rewritten local part, in the form names are compared in; nothing where it can be none.
pub(crate) fn inner_domain(text: &str) -> Option<String> {
    let domain = Domain::parse(text).ok()?;
    domain.as_str().contains('.').then(|| domain.as_str().to_owned())
}

/// A prefix of a text in any case, and what follows it.
pub(crate) fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix))?;
    text.get(prefix.len()..)
}

/// What stands before and behind the first place at which a text has these letters, in any case.
pub(crate) fn split_once<'a>(text: &'a str, letters: &str) -> Option<(&'a str, &'a str)> {
    let at = text.as_bytes().windows(letters.len()).position(|part| part.eq_ignore_ascii_case(letters.as_bytes()))?;
    Some((text.get(..at)?, text.get(at + letters.len()..)?))
}

fn same_local(a: &str, b: &str) -> bool {
    let (a, b) = (unquoted(a), unquoted(b));
    a.eq_ignore_ascii_case(&b) || (!a.is_ascii() && a.to_lowercase() == b.to_lowercase())
}

/// A local part without quotes that it need not have (RFC 5321, 4.1.2).
fn unquoted(local: &str) -> Cow<'_, str> {
    match local.strip_prefix('"').and_then(|local| local.strip_suffix('"')) {
        Some(quoted) => Cow::Owned(quoted.replace('\\', "")),
        None => Cow::Borrowed(local),
    }
}

fn comparable(domain: &str) -> Cow<'_, str> {
    if domain.is_ascii() {
        return normal(domain);
    }
    Domain::parse(domain).map_or(Cow::Borrowed(domain), |domain| Cow::Owned(domain.as_str().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_is_written_in_many_ways() {
        for other in [
            "Bob@VICTIM.example.",
            "bob@victim.example",
            "\"bob\"@victim.example",
            "bob",
            "@a.example:bob@victim.example",
        ] {
            assert!(same("bob@victim.example", other) && same(other, "bob@victim.example"), "{other}");
        }
        assert!(same("Bücher@bücher.example", "bücher@xn--bcher-kva.example"));
        for other in
            ["bob+tag@victim.example", "bob@victim.example.net", "rob@victim.example", "", "bob@", "@victim.example"]
        {
            assert!(!same("bob@victim.example", other), "{other}");
        }
    }

    #[test]
    fn addresses_are_found_in_what_fields_hold() {
        let found = |text| addresses(text).collect::<Vec<_>>();
        assert_eq!(found("alice@alumni.example bob@victim.example"), ["alice@alumni.example", "bob@victim.example"]);
        assert_eq!(found("\"Alice\" <alice@alumni.example>,<x>"), ["alice@alumni.example"]);
        for none in
            ["192.0.2.1, 198.51.100.1", "", "@", "alice@", "@x.example", "a\u{1b}[1m@x.example", "a\u{202e}@x.example"]
        {
            assert_eq!(found(none), [""; 0], "{none:?}");
        }
        assert_eq!(addresses(&"a@b.example ".repeat(100_000)).count(), WORDS);
        assert_eq!(addresses(&format!("{}@b.example", "a".repeat(LONGEST))).count(), 0);
    }
}
