//! Described lists: TOML in which every indicator has an id and says where it comes from.
//!
//! Takes the text, gives indicators. docs/indicators.md holds the format for admins, and a test holds it to [`KEYS`].

use std::{collections::HashMap, net::IpAddr, ops::Range};

use ipnetwork::IpNetwork;
use serde::Deserialize;
use toml::{Spanned, value::Datetime};

use super::{Confidence, Indicator, Value};
use crate::{
    names::Domain,
    net::parse_network,
    problem::{Problem, Source},
    schema::{
        self,
        Fallback::{self, Required, Said},
        Key,
        Kind::{Date, Number, Text, Word},
    },
    text::printable,
};

/// What a value is, as a list says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// One address.
    Ip,
    /// A network.
    Network,
    /// One host name.
    Host,
    /// A domain and all names below it.
    Domain,
}

impl ValueKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Ip, Self::Network, Self::Host, Self::Domain];

    /// The name used in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Network => "network",
            Self::Host => "host",
            Self::Domain => "domain",
        }
    }
}

/// Every key of a described list.
pub const KEYS: &[Key] = &[
    Key::new("format", Number(1, 1), Required, "1", "The version of this format."),
    Key::new("name", Text("a name"), Required, r#""incident-2020""#, "The list's name."),
    Key::new(
        "description",
        Text("some words"),
        Said("nothing"),
        r#""Hosts of the 2020 incident""#,
        "What the list is and where it comes from.",
    ),
    Key::new(
        "indicator[].id",
        Text("an id"),
        Required,
        r#""relay-2020-1""#,
        "An id that survives edits: letters, digits, `.`, `_` and `-`; unique over all lists in use. Findings name it.",
    ),
    Key::new(
        "indicator[].kind",
        Word(|| ValueKind::ALL.map(ValueKind::as_str).to_vec()),
        Required,
        r#""ip""#,
        "What the value is: one address, a network, one host name, or a domain with all names below it.",
    ),
    Key::new("indicator[].value", Text("a value"), Required, r#""192.0.2.66""#, "The address, network or name."),
    Key::new(
        "indicator[].confidence",
        Word(|| Confidence::ALL.map(Confidence::as_str).to_vec()),
        Fallback::Value(r#""medium""#),
        r#""high""#,
        "How sure the source is. At the border `high` is malicious, `medium` suspicious, `low` a notice; deeper in the trace one step less, and never less than a notice.",
    ),
    Key::new("indicator[].first_seen", Date, Said("unknown"), "2020-05-31", "When it was first seen in use."),
    Key::new("indicator[].last_seen", Date, Said("unknown"), "2020-06-03", "When it was last seen in use."),
    Key::new(
        "indicator[].reference",
        Text("some words"),
        Said("nothing"),
        r#""report of the responder, June 2020""#,
        "Where it is written down.",
    ),
    Key::new(
        "indicator[].note",
        Text("some words"),
        Said("nothing"),
        r#""apparently relayed mail""#,
        "What it is, for the sentence that the admin reads.",
    ),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenList {
    #[serde(rename = "format")]
    _format: i64,
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "description")]
    _description: String,
    indicator: Vec<Written>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    id: Option<Spanned<String>>,
    kind: Option<Spanned<String>>,
    value: Option<Spanned<String>>,
    confidence: Option<Spanned<String>>,
    first_seen: Option<Spanned<Datetime>>,
    last_seen: Option<Spanned<Datetime>>,
    reference: Option<String>,
    note: Option<String>,
}

/// Reads a described list; problems are added to `problems`. Each indicator has the place of its id.
pub fn read(source: &Source<'_>, problems: &mut Vec<Problem>) -> Vec<Spanned<Indicator>> {
    let before = problems.len();
    let Some(list) = schema::read::<WrittenList>(source, KEYS, problems) else { return Vec::new() };
    let mut reading = Reading { source, problems };
    let mut ids: HashMap<String, Range<usize>> = HashMap::new();
    let mut indicators = Vec::new();
    for written in list.indicator {
        if schema::is_enough(source, before, reading.problems) {
            break;
        }
        let Some(indicator) = reading.indicator(written) else { continue };
        match ids.insert(indicator.get_ref().id.clone(), indicator.span()) {
            None => indicators.push(indicator),
            Some(first) => {
                let line = source.line(first.start);
                let message = format!("the id `{}` is used twice", indicator.get_ref().id);
                let problem = source.error(indicator.span(), message).expected("expected an id of its own");
                reading.problems.push(problem.help(format!("the first one is in line {line}")));
            }
        }
    }
    schema::in_order(&mut problems[before..]);
    indicators
}

struct Reading<'a> {
    source: &'a Source<'a>,
    problems: &'a mut Vec<Problem>,
}

impl Reading<'_> {
    /// The indicator with the place of its id; nothing when a part is wrong, which is then told, or was by the schema.
    fn indicator(&mut self, written: Written) -> Option<Spanned<Indicator>> {
        let id = written.id.and_then(|id| self.id(id));
        let confidence = match &written.confidence {
            Some(text) => {
                schema::word(self.source, text, "confidence", &Confidence::ALL, Confidence::as_str, self.problems)
            }
            None => Some(Confidence::Medium),
        };
        let first_seen = written.first_seen.as_ref().and_then(|date| schema::date(self.source, date, self.problems));
        let last_seen = written.last_seen.as_ref().and_then(|date| schema::date(self.source, date, self.problems));
        if let (Some(first), Some(last), Some(at)) = (first_seen, last_seen, &written.last_seen)
            && last < first
        {
            let problem = self.source.error(at.span(), "`last_seen` is before `first_seen`");
            self.problems.push(problem.expected(format!("expected {first} or later")));
        }
        let word = |kind| schema::word(self.source, kind, "kind", &ValueKind::ALL, ValueKind::as_str, self.problems);
        let kind = written.kind.as_ref().and_then(word);
        let value = written.value.zip(kind).and_then(|(value, kind)| self.value(&value, kind));
        let (id, value, confidence) = (id?, value?, confidence?);
        let (reference, note) = (written.reference, written.note);
        let at = id.span();
        let id = id.into_inner();
        Some(Spanned::new(at, Indicator { id, value, confidence, first_seen, last_seen, reference, note }))
    }

    fn id(&mut self, id: Spanned<String>) -> Option<Spanned<String>> {
        let text = id.get_ref();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !text.is_empty() && text.len() <= 100 && text.chars().all(allowed) {
            return Some(id);
        }
        let problem = self.source.error(id.span(), format!("`{}` is no id", printable(text, 100)));
        self.problems.push(problem.expected("expected up to 100 letters, digits, `.`, `_` or `-`"));
        None
    }

    fn value(&mut self, written: &Spanned<String>, kind: ValueKind) -> Option<Value> {
        let text = written.get_ref().as_str();
        let read = match kind {
            ValueKind::Ip => text
                .parse::<IpAddr>()
                .map(|ip| Value::Network(IpNetwork::from(ip.to_canonical())))
                .map_err(|_| format!("`{}` is not an address", printable(text, 80))),
            ValueKind::Network => match parse_network(text) {
                Ok(network) if network.prefix() > 0 => Ok(Value::Network(network)),
                Ok(network) => Err(format!("`{network}` holds every address there is")),
                Err(error) => Err(error.to_string()),
            },
            ValueKind::Host => Domain::parse(text).map(Value::Host).map_err(|error| error.to_string()),
            ValueKind::Domain => match Domain::parse(text) {
                Ok(domain) if domain.is_public_suffix() || !domain.as_str().contains('.') => {
                    Err(format!("`{domain}` is a public suffix, under which anyone registers"))
                }
                Ok(domain) => Ok(Value::Domain(domain)),
                Err(error) => Err(error.to_string()),
            },
        };
        read.map_err(|message| {
            let expected = match kind {
                ValueKind::Ip => "expected an address such as `192.0.2.66`, because `kind` is `ip`",
                ValueKind::Network => "expected a network such as `192.0.2.0/24`, because `kind` is `network`",
                ValueKind::Host => "expected a host name such as `mx.example.net`, because `kind` is `host`",
                ValueKind::Domain => "expected a domain such as `example.net`, because `kind` is `domain`",
            };
            self.problems.push(self.source.error(written.span(), message).expected(expected));
        })
        .ok()
    }
}
