//! The dialects: who writes `Received` fields, and by which signs one tells them apart.
//!
//! Takes the clauses of a field, gives the [`Dialect`] that wrote it, if it is known. A dialect is a row of one of the
//! lists below: its signs, what an unexplained name means in it, and a sample. Whoever adds one adds a row (or a file and
//! a line in [`REGISTRY`]), and labelled lines in `tests/received/<dialect>.jsonl`.
//!
//! Signs are looked at in this order: the software comment that the host wrote of itself, the protocol, the end of the
//! `by` name, and last the shape of the whole. All but the shape are looked up by their first byte.

mod agents;
mod exim;
mod gateways;
mod google;
mod groupware;
mod injection;
mod microsoft;
mod postfix;
mod providers;
mod qmail;
mod sendmail;
mod software;

use std::sync::LazyLock;

pub(super) use software::software;

use super::{
    client::{Literal, Naming},
    tokens::{Clauses, Place},
};

/// Finds the client's name and address as the comment of a `from` clause would have them.
type Record = for<'a> fn(&Clauses<'a>) -> Option<&'a [u8]>;

/// One way of writing `Received` fields.
#[derive(Debug)]
pub(super) struct Dialect {
    /// Its name, in lower case.
    pub(super) name: &'static str,
    /// What a name without explanation is.
    pub(super) naming: Naming,
    /// What an address in place of a name is.
    pub(super) literal: Literal,
    /// Whether a user of the host stands in place of the client's name where no address is stated.
    pub(super) names_user: bool,
    /// The byte by which an account in place of the client's name is told.
    pub(super) account: Option<u8>,
    /// Whether it calls its own transport HTTP, so that a name there is no browser's.
    pub(super) http_transport: bool,
    /// Which hops without a client's address are its own, within the host.
    pub(super) internal: Option<fn(&Clauses<'_>) -> bool>,
    /// Where it writes the client's name and address, if not in the `from` clause.
    pub(super) record: Option<Record>,
    /// How the comment begins in which the host names its software.
    software: &'static [&'static str],
    /// How the `with` clause begins.
    protocol: &'static [&'static str],
    /// How the `by` name ends.
    host: &'static [&'static str],
    /// What the whole looks like where it names no software.
    shape: Option<fn(&Clauses<'_>) -> bool>,
    /// One line of it, with example names.
    sample: &'static str,
}

/// What most rows have in common: the name is the HELO, and an address in its place is the MTA's word.
const PLAIN: Dialect = Dialect {
    name: "",
    naming: Naming::Helo,
    literal: Literal::Recorded,
    names_user: false,
    account: None,
    http_transport: false,
    internal: None,
    record: None,
    software: &[],
    protocol: &[],
    host: &[],
    shape: None,
    sample: "",
};

/// Every dialect, by family.
const REGISTRY: [&[Dialect]; 11] = [
    postfix::DIALECTS,
    exim::DIALECTS,
    sendmail::DIALECTS,
    microsoft::DIALECTS,
    google::DIALECTS,
    qmail::DIALECTS,
    gateways::DIALECTS,
    providers::DIALECTS,
    injection::DIALECTS,
    groupware::DIALECTS,
    agents::DIALECTS,
];

/// The name and a sample of every dialect, for the documentation.
pub fn dialects() -> impl Iterator<Item = (&'static str, &'static str)> {
    REGISTRY.iter().copied().flatten().map(|dialect| (dialect.name, dialect.sample))
}

/// The dialect that a field is written in.
pub(super) fn find(clauses: &Clauses<'_>) -> Option<&'static Dialect> {
    let index = &*INDEX;
    let by_software = || clauses.own_comments().find_map(|comment| index.software.starting(comment));
    let by_protocol = || index.protocol.starting(clauses.with.text);
    let by_host = || index.host.ending(clauses.by.word);
    let by_shape = || index.shapes.iter().find(|(shape, _)| shape(clauses)).map(|(_, dialect)| *dialect);
    by_software().or_else(by_protocol).or_else(by_host).or_else(by_shape)
}

/// Whether a comment begins as one in which a known program names itself.
fn names_software(comment: &[u8]) -> bool {
    INDEX.software.starting(comment).is_some() || sendmail::is_version(comment)
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::default();
    for dialect in REGISTRY.iter().copied().flatten() {
        dialect.software.iter().for_each(|sign| index.software.add(sign, sign.as_bytes().first(), dialect));
        dialect.protocol.iter().for_each(|sign| index.protocol.add(sign, sign.as_bytes().first(), dialect));
        dialect.host.iter().for_each(|sign| index.host.add(sign, sign.as_bytes().last(), dialect));
        index.shapes.extend(dialect.shape.map(|shape| (shape, dialect)));
    }
    index
});

type Shape = fn(&Clauses<'_>) -> bool;

#[derive(Default)]
struct Index {
    software: Signs,
    protocol: Signs,
    host: Signs,
    shapes: Vec<(Shape, &'static Dialect)>,
}

/// Signs, in buckets by their first (or last) byte.
struct Signs([Vec<(&'static [u8], &'static Dialect)>; 256]);

impl Default for Signs {
    fn default() -> Self {
        Self([const { Vec::new() }; 256])
    }
}

impl Signs {
    fn add(&mut self, sign: &'static str, key: Option<&u8>, dialect: &'static Dialect) {
        if let Some(bucket) = key.and_then(|key| self.0.get_mut(usize::from(*key))) {
            bucket.push((sign.as_bytes(), dialect));
        }
    }

    fn bucket(&self, key: Option<&u8>) -> &[(&'static [u8], &'static Dialect)] {
        key.and_then(|key| self.0.get(usize::from(*key))).map_or(&[], Vec::as_slice)
    }

    fn starting(&self, text: &[u8]) -> Option<&'static Dialect> {
        self.bucket(text.first()).iter().find(|(sign, _)| text.starts_with(sign)).map(|(_, dialect)| *dialect)
    }

    fn ending(&self, text: &[u8]) -> Option<&'static Dialect> {
        self.bucket(text.last()).iter().find(|(sign, _)| text.ends_with(sign)).map(|(_, dialect)| *dialect)
    }
}

/// Whether the date begins with the day of the month: qmail and IronPort write no weekday.
fn date_without_weekday(clauses: &Clauses<'_>) -> bool {
    clauses.date.is_some_and(|date| date.trim_ascii_start().first().is_some_and(u8::is_ascii_digit))
}

/// Whether the host wrote nothing of itself but `by`, `with` and the date.
fn is_bare(clauses: &Clauses<'_>) -> bool {
    clauses.from.stated
        && clauses.by.stated
        && clauses.with.stated
        && !clauses.id.stated
        && clauses.own_comments().next().is_none()
}

/// Whether the host states neither a client nor a protocol: pickup, bounces and forwards.
fn has_no_client(clauses: &Clauses<'_>) -> bool {
    let bare = !clauses.from.stated && clauses.comments_in(Place::Head).next().is_none();
    bare && clauses.by.stated && !clauses.with.stated
}

/// Whether a comment of the `from` clause begins so.
fn client_comment(clauses: &Clauses<'_>, start: &[u8]) -> bool {
    clauses.comments_in(Place::From).any(|comment| comment.starts_with(start))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_sample_is_told_apart() {
        for (name, sample) in dialects() {
            let received = crate::trace::read_received(sample.as_bytes());
            assert_eq!(received.dialect, Some(name), "{sample}");
            assert_ne!(received.kind, crate::trace::HopKind::Unparsed, "{sample}");
        }
    }

    #[test]
    fn no_name_is_given_twice_and_each_row_has_a_sign() {
        let mut seen = HashSet::new();
        for dialect in REGISTRY.iter().copied().flatten() {
            assert!(seen.insert(dialect.name), "{} stands twice", dialect.name);
            let signs = dialect.software.len() + dialect.protocol.len() + dialect.host.len();
            assert!(signs > 0 || dialect.shape.is_some(), "{} has no sign", dialect.name);
        }
    }
}
