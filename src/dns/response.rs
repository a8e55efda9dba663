//! What a response says.
//!
//! Takes a response without error, gives the answer, or the name to ask for instead: a server that does not recurse shows an
//! alias and leaves its target to others.

use std::time::Duration;

use hickory_resolver::proto::{
    op::{DnsResponse, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};

use super::{Answer, Kind, Said, zone};

/// How long records are kept at most, whatever they say.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long "there is none" is kept at most; RFC 2308, 5 suggests one to three hours.
const LONGEST_NEGATIVE: Duration = Duration::from_secs(3600);

/// Aliases that one response may lead through.
const ALIASES: usize = 16;

/// What a response says of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The answer.
    Answer(Answer),
    /// It is an alias of this name, for so long; nothing is said of that.
    Alias(Name, Duration),
    /// Nothing that can be read.
    Broken,
}

/// Reads a response to a question for `name`, which stays what it is for `ttl` at most.
pub(super) fn read(response: &DnsResponse, name: &Name, kind: Kind, mut ttl: Duration) -> Reading {
    let (mut owner, mut is_alias) = (name, false);
    for _ in 0..ALIASES {
        let Some((target, seconds)) = response.answers.iter().find_map(|record| alias(record, owner)) else { break };
        (owner, is_alias) = (target, true);
        ttl = ttl.min(seconds);
    }
    // RFC 2308, 5: no SOA, not kept.
    let negative = response.negative_ttl().map(|negative| seconds(negative).min(ttl).min(LONGEST_NEGATIVE));
    let none = |said| Reading::Answer(Answer { said, ttl: negative.unwrap_or_default() });
    if response.response_code == ResponseCode::NXDomain {
        // It is the last name of the chain that does not exist (RFC 6604, 3).
        return none(Said::NoName);
    }
    let wanted = |record: &&Record| {
        record.dns_class == DNSClass::IN && record.record_type() == record_type(kind) && record.name == *owner
    };
    let records: Vec<_> = response.answers.iter().filter(wanted).collect();
    let Some(least) = records.iter().map(|record| record.ttl).min() else {
        let is_told = !is_alias || negative.is_some();
        return if is_told { none(Said::NoData) } else { Reading::Alias(owner.clone(), ttl) };
    };
    let data: Vec<_> = records.into_iter().filter_map(|record| zone::data(&record.data)).collect();
    if data.is_empty() {
        return Reading::Broken;
    }
    Reading::Answer(Answer { said: Said::Records(data), ttl: seconds(least).min(ttl).min(LONGEST) })
}

fn alias<'r>(record: &'r Record, owner: &Name) -> Option<(&'r Name, Duration)> {
    match &record.data {
        RData::CNAME(target) if record.dns_class == DNSClass::IN && record.name == *owner => {
            Some((&target.0, seconds(record.ttl)))
        }
        _ => None,
    }
}

/// The type as hickory names it.
pub(super) fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Mx => RecordType::MX,
        Kind::Txt => RecordType::TXT,
        Kind::Ptr => RecordType::PTR,
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::{
        op::{Message, OpCode},
        rr::rdata,
    };

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn reading(asked: &str, records: Vec<Record>) -> Reading {
        let mut message = Message::response(1, OpCode::Query);
        message.add_answers(records);
        read(&DnsResponse::from_message(message).unwrap(), &name(asked), Kind::A, Duration::MAX)
    }

    fn a(owner: &str, ttl: u32) -> Record {
        Record::from_rdata(name(owner), ttl, RData::A(rdata::A::new(192, 0, 2, 1)))
    }

    fn cname(owner: &str, target: &str) -> Record {
        Record::from_rdata(name(owner), 10, RData::CNAME(rdata::CNAME(name(target))))
    }

    #[test]
    fn the_least_time_on_the_way_counts() {
        let said = Said::Records(vec![std::net::Ipv4Addr::new(192, 0, 2, 1).into(); 2]);
        let answer = |ttl| Reading::Answer(Answer { said: said.clone(), ttl: seconds(ttl) });
        assert_eq!(reading("x.example.", vec![a("X.example.", 30), a("x.example.", 40)]), answer(30));
        let chain = vec![a("y.example.", 30), cname("x.example.", "y.example."), a("y.example.", 40)];
        assert_eq!(reading("x.example.", chain), answer(10));
    }

    #[test]
    fn records_of_others_are_no_answer() {
        let none = Reading::Answer(Answer { said: Said::NoData, ttl: Duration::ZERO });
        assert_eq!(reading("x.example.", vec![a("y.example.", 30), cname("y.example.", "x.example.")]), none);
        assert_eq!(
            reading("x.example.", vec![cname("x.example.", "y.example."), a("x.example.", 30)]),
            Reading::Alias(name("y.example."), seconds(10))
        );
    }

    #[test]
    fn records_without_data_are_no_answer() {
        let record = Record::from_rdata(name("x.example."), 30, RData::Update0(RecordType::A));
        assert_eq!(reading("x.example.", vec![record]), Reading::Broken);
    }
}
