//! DNS from a zone file (RFC 1035, 5): for tests, the demonstration, and for asking what would be.
//!
//! The file may hold names of any number of zones. What it does not hold does not exist.
//! A name that exists only above others is an empty non-terminal, and has no data (RFC 8020, 2).

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use hickory_proto::{
    rr::{Name, RData},
    serialize::txt::Parser,
};

use super::{Answer, Data, Dns, Kind, Pending, Question, Said};

/// Records from a zone file.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    records: HashMap<Question, Arc<Answer>>,
    names: BTreeSet<Box<str>>,
    /// Names whose every question ends like this.
    faults: HashMap<Box<str>, Said>,
}

/// Why a text is no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a zone file: {0}")]
pub struct ZoneError(String);

impl Zone {
    /// Reads a zone file. Comments of the form `;! NAME refused|failed|timeout` make every question about a name end so.
    pub fn read(text: &str) -> Result<Self, ZoneError> {
        let mut zone = Self::default();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix(";!")) {
            let (name, said) =
                line.trim().split_once(' ').ok_or_else(|| ZoneError(format!("`{line}` names no fault")))?;
            let said = match said.trim() {
                "refused" => Said::Refused,
                "failed" => Said::Failed,
                "timeout" => Said::Timeout,
                other => return Err(ZoneError(format!("`{other}` is none of refused, failed, timeout"))),
            };
            zone.faults.insert(name.trim_end_matches('.').to_ascii_lowercase().into(), said);
        }
        let parser = Parser::new(text, None::<PathBuf>, Some(Name::root()));
        let (_, sets) = parser.parse().map_err(|error| ZoneError(error.to_string()))?;
        for set in sets.values() {
            let name = plain(set.name());
            let mut ttl = Duration::from_secs(u64::from(set.ttl()));
            let records: Vec<_> = set.records_without_rrsigs().filter_map(|record| data(&record.data)).collect();
            let Some(kind) = records.first().map(kind_of) else { continue };
            if ttl.is_zero() {
                ttl = Duration::from_secs(1);
            }
            zone.name(&name);
            let answer = Arc::new(Answer { said: Said::Records(records), ttl });
            zone.records.insert(Question { name: name.into(), kind }, answer);
        }
        Ok(zone)
    }

    fn name(&mut self, name: &str) {
        let mut rest = Some(name);
        while let Some(name) = rest {
            self.names.insert(name.into());
            rest = name.split_once('.').map(|(_, parent)| parent);
        }
    }

    fn answer(&self, question: &Question) -> Arc<Answer> {
        if let Some(fault) = self.faults.get(&question.name) {
            return Answer::unkept(fault.clone());
        }
        if let Some(answer) = self.records.get(question) {
            return Arc::clone(answer);
        }
        let said = if self.names.contains(&question.name) { Said::NoData } else { Said::NoName };
        Arc::new(Answer { said, ttl: Duration::from_secs(60) })
    }
}

impl Dns for Zone {
    fn ask(&self, question: Question, _: Duration) -> Pending<'_> {
        Box::pin(std::future::ready(self.answer(&question)))
    }
}

fn plain(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

/// The data of a record of a type that is ever asked for.
pub(super) fn data(data: &RData) -> Option<Data> {
    Some(match data {
        RData::A(ip) => Data::from(ip.0),
        RData::AAAA(ip) => Data::from(ip.0),
        RData::MX(mx) => Data::Mx { preference: mx.preference, exchange: plain(&mx.exchange).into() },
        RData::TXT(text) => Data::Txt(text.txt_data.concat().into()),
        RData::PTR(name) => Data::Ptr(plain(name).into()),
        _ => return None,
    })
}

fn kind_of(data: &Data) -> Kind {
    match data {
        Data::Address(ip) if ip.is_ipv4() => Kind::A,
        Data::Address(_) => Kind::Aaaa,
        Data::Mx { .. } => Kind::Mx,
        Data::Txt(_) => Kind::Txt,
        Data::Ptr(_) => Kind::Ptr,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "$TTL 300\n\
        ;! broken.example failed\n\
        sender.example. TXT \"v=spf1 \" \"mx -all\"\n\
        sender.example. MX 10 mx1.sender.example.\n\
        mx1.sender.example. 60 A 203.0.113.10\n\
        a.b.deep.example. A 192.0.2.1\n";

    fn said(name: &str, kind: Kind) -> Said {
        Zone::read(ZONE).unwrap().answer(&Question::new(name, kind).unwrap()).said.clone()
    }

    #[test]
    fn what_is_there_is_told_from_what_is_not() {
        assert_eq!(said("sender.example", Kind::Txt), Said::Records(vec![Data::Txt((*b"v=spf1 mx -all").into())]));
        let mx = Data::Mx { preference: 10, exchange: "mx1.sender.example".into() };
        assert_eq!(said("SENDER.example.", Kind::Mx), Said::Records(vec![mx]));
        assert_eq!(said("sender.example", Kind::A), Said::NoData);
        assert_eq!(said("deep.example", Kind::A), Said::NoData);
        assert_eq!(said("other.example", Kind::A), Said::NoName);
        assert_eq!(said("broken.example", Kind::A), Said::Failed);
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        assert!(Zone::read("sender.example. A not-an-address\n").is_err());
        assert!(Zone::read(";! x.example sulks\n").is_err());
    }
}
