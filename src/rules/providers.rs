//! Providers of mailboxes: which hosts of theirs take mail in from outside, and which only pass it on within.
//!
//! Takes the shipped list, or entries of the configuration in the same form, gives [`Provider`]s. docs/configuration.md holds
//! the keys and what is shipped for admins, and a test holds it to this file.

use std::{collections::HashSet, net::IpAddr, ops::Range, sync::Arc};

use ipnetwork::IpNetwork;
use serde::Deserialize;
use toml::{Spanned, value::Datetime};

use crate::{
    names::{Domain, DomainSet},
    net::{NetworkSet, parse_literal, parse_network},
    problem::{Problem, Source},
    schema::{
        self,
        Fallback::{Required, Said, Value},
        Key,
        Kind::{Date, Number, Text, Texts},
    },
    text::printable,
};

/// The shipped list, compiled in.
const SHIPPED: &str = include_str!("../../rules/providers/mailbox.toml");
const SHIPPED_NAME: &str = "rules/providers/mailbox.toml";

/// A provider of mailboxes.
#[derive(Debug, Clone, Default)]
pub struct Provider {
    /// The name that the configuration chooses it by.
    pub id: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
    /// What its hosts that take mail in from outside write behind `by`.
    pub ingress_by: Hosts,
    /// What its inner hosts write behind `by`.
    pub internal_by: Hosts,
    /// Where its own hosts send from when they pass mail on within, and nobody else can.
    pub internal_networks: NetworkSet,
    /// The authserv-ids of its `Authentication-Results` (RFC 8601, 2.5), with all names below them.
    pub authserv_ids: DomainSet,
}

/// Hosts as they call themselves: by names, or by addresses.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    names: DomainSet,
    networks: NetworkSet,
}

impl Hosts {
    /// Whether a `by` is one of them.
    pub fn hold(&self, by: &str) -> bool {
        match parse_literal(by) {
            Some(ip) => self.networks.contains(ip),
            None => self.names.covering(by).is_some(),
        }
    }
}

impl Provider {
    /// Whether its own hosts send from this address, and nobody else can.
    pub fn sends_from(&self, ip: IpAddr) -> bool {
        self.internal_networks.contains(ip)
    }
}

/// The keys of a provider in the configuration, in the order of the page.
pub const PROVIDER_KEYS: [Key; 6] = [
    Key::new(
        "provider[].id",
        Text("an id"),
        Required,
        r#""example-mail""#,
        "The id that `boundary.provider` names: lower-case letters, digits and `-`. The id of a shipped provider takes its place.",
    ),
    Key::new(
        "provider[].name",
        Text("a name"),
        Said("the id"),
        r#""Example Mail""#,
        "The provider's name, as it is shown.",
    ),
    Key::new(
        "provider[].ingress_by",
        Texts(HOST),
        Required,
        r#"["mx.provider.example"]"#,
        "What its hosts that take mail in from outside write behind `by`, with all names below it.",
    ),
    Key::new(
        "provider[].internal_by",
        Texts(HOST),
        Value("[]"),
        r#"["store.provider.example", "10.0.0.0/8"]"#,
        "What its inner hosts write behind `by`, with all names below it.",
    ),
    Key::new(
        "provider[].internal_networks",
        Texts("an address or a network such as `10.0.0.0/8`"),
        Value("[]"),
        r#"["10.0.0.0/8"]"#,
        "The addresses from which its own hosts pass mail on within, and from which nobody else can send to it. Never a network that it rents out, or from which all its customers send.",
    ),
    Key::new(
        "provider[].authserv_ids",
        Texts("a domain such as `mx.google.com`"),
        Value("[]"),
        r#"["mx.provider.example"]"#,
        "The authserv-ids of the `Authentication-Results` that it writes, with all names below them.",
    ),
];

/// Every key of the shipped list.
pub const KEYS: &[Key] = &[
    Key::new("format", Number(1, 1), Required, "1", "The version of this format."),
    Key::new("name", Text("a name"), Required, r#""mailbox""#, "The list's name."),
    Key::new("description", Text("some words"), Said("nothing"), r#""Large providers""#, "What the list is."),
    Key::new("updated", Date, Required, "2026-11-23", "When the list was last held against real mail."),
    PROVIDER_KEYS[0],
    PROVIDER_KEYS[1],
    PROVIDER_KEYS[2],
    PROVIDER_KEYS[3],
    PROVIDER_KEYS[4],
    PROVIDER_KEYS[5],
    Key::new(
        "provider[].source",
        Text("some words"),
        Required,
        r#""seen in public headers, 2026-11-23""#,
        "Where it is written down, or when it was seen.",
    ),
];

const HOST: &str =
    "a host name such as `mx.google.com`, or a network such as `10.0.0.0/8` where hosts write their address";

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenList {
    #[serde(rename = "format")]
    _format: i64,
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "description")]
    _description: String,
    #[serde(rename = "updated")]
    _updated: Option<Datetime>,
    provider: Vec<Spanned<Written>>,
}

/// A provider as written, in the shipped list or in the configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Written {
    id: Option<Spanned<String>>,
    name: Option<String>,
    ingress_by: Option<Spanned<Vec<Spanned<String>>>>,
    internal_by: Vec<Spanned<String>>,
    internal_networks: Vec<Spanned<String>>,
    authserv_ids: Vec<Spanned<String>>,
    #[serde(rename = "source")]
    _source: Option<String>,
}

impl Written {
    /// The id as written, right or wrong.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_ref().map(|id| id.get_ref().as_str())
    }
}

/// Every shipped provider; problems are added to `problems`, and a test holds the list to none.
pub fn shipped(problems: &mut Vec<Problem>) -> Vec<Provider> {
    read(&Source { name: SHIPPED_NAME, text: SHIPPED }, problems)
}

/// Reads a list of providers; problems are added to `problems`.
pub fn read(source: &Source<'_>, problems: &mut Vec<Problem>) -> Vec<Provider> {
    let list = schema::read::<WrittenList>(source, KEYS, problems).unwrap_or_default();
    decide(source, &list.provider, problems)
}

/// Decides entries as written; problems are added to `problems`, and an entry that has one is left out.
pub(crate) fn decide(source: &Source<'_>, written: &[Spanned<Written>], problems: &mut Vec<Problem>) -> Vec<Provider> {
    let mut providers = Vec::new();
    let mut ids = HashSet::new();
    for entry in written {
        let before = problems.len();
        let mut deciding = Deciding { source, problems };
        let provider = deciding.provider(entry);
        let Some(id) = &entry.get_ref().id else { continue };
        if !ids.insert(id.get_ref()) {
            let message = format!("the provider `{}` stands twice", printable(id.get_ref(), 60));
            problems.push(source.error(id.span(), message).expected("expected an id of its own"));
        }
        if problems.len() == before {
            providers.push(provider);
        }
    }
    providers
}

struct Deciding<'a, 'b> {
    source: &'a Source<'a>,
    problems: &'b mut Vec<Problem>,
}

impl Deciding<'_, '_> {
    fn provider(&mut self, entry: &Spanned<Written>) -> Provider {
        let written = entry.get_ref();
        let id = written.id.as_ref().map(|id| self.id(id)).unwrap_or_default();
        let name = written.name.as_deref().map(|name| printable(name, 60)).filter(|name| !name.trim().is_empty());
        if let Some(ingress) = written.ingress_by.as_ref().filter(|list| list.get_ref().is_empty()) {
            let problem = self.source.error(ingress.span(), "this provider takes mail in nowhere");
            self.problems.push(problem.expected(format!("expected {HOST}")));
        }
        let ingress = written.ingress_by.as_ref().map(|list| list.get_ref().as_slice()).unwrap_or_default();
        Provider {
            name: name.map_or_else(|| id.clone(), Arc::from),
            id,
            ingress_by: self.hosts(ingress),
            internal_by: self.hosts(&written.internal_by),
            internal_networks: written.internal_networks.iter().filter_map(|text| self.network(text)).collect(),
            authserv_ids: written.authserv_ids.iter().filter_map(|text| self.name(text)).collect(),
        }
    }

    fn id(&mut self, id: &Spanned<String>) -> Arc<str> {
        let text = id.get_ref();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 60 || !text.chars().all(allowed) {
            self.refuse(id.span(), format!("`{}` is no id of a provider", printable(text, 60)), ID);
        }
        Arc::from(text.as_str())
    }

    fn hosts(&mut self, written: &[Spanned<String>]) -> Hosts {
        let mut hosts = Hosts::default();
        for text in written {
            // What looks like a network is meant as one, also where it is a wrong one.
            let numeric = text.get_ref().contains(['/', ':']) || parse_literal(text.get_ref()).is_some();
            if numeric {
                hosts.networks.extend(self.network(text));
            } else {
                hosts.names.extend(self.name(text));
            }
        }
        hosts
    }

    fn name(&mut self, text: &Spanned<String>) -> Option<Domain> {
        schema::domain(self.source, text, "expected a host name such as `mx.google.com`", self.problems)
    }

    fn network(&mut self, text: &Spanned<String>) -> Option<IpNetwork> {
        match parse_network(text.get_ref()) {
            Ok(network) if network.prefix() > 0 => return Some(network),
            Ok(network) => {
                self.refuse(text.span(), format!("`{network}` holds every address there is"), NETWORK);
            }
            Err(error) => self.refuse(text.span(), error.to_string(), NETWORK),
        }
        None
    }

    fn refuse(&mut self, at: Range<usize>, message: String, expected: &str) {
        self.problems.push(self.source.error(at, message).expected(expected));
    }
}

const ID: &str = "expected up to 60 lower-case letters, digits or `-`";
const NETWORK: &str = "expected an address or a network such as `10.0.0.0/8`";

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(id: &str) -> Provider {
        let mut problems = Vec::new();
        let providers = shipped(&mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        providers.into_iter().find(|provider| *provider.id == *id).unwrap()
    }

    #[test]
    fn the_shipped_hosts_are_told_by_label_and_by_address() {
        let (google, microsoft) = (provider("google-workspace"), provider("microsoft-365"));
        assert!(google.ingress_by.hold("mx.google.com") && google.ingress_by.hold("MX.Google.com."));
        assert!(google.internal_by.hold("10.1.2.3") && google.internal_by.hold("2002:a05:6a10:9999:b0:4a2:1:2"));
        for other in ["xmx.google.com", "smtp.gmail.com", "mx.google.com.evil.example", "192.0.2.1", ""] {
            assert!(!google.ingress_by.hold(other) && !google.internal_by.hold(other), "{other}");
        }
        assert!(microsoft.ingress_by.hold("DB1PEPF00000001.mail.protection.outlook.com"));
        assert!(!microsoft.ingress_by.hold("EUR05-DB8-obe.outbound.protection.outlook.com"));
        assert!(microsoft.internal_by.hold("LO2P123MB0002.GBRP123.PROD.OUTLOOK.COM"));
    }

    /// Whoever rents a host of the provider, or is its customer, must not count as one of its inner hosts.
    #[test]
    fn no_network_of_customers_is_internal() {
        let rented =
            ["40.107.22.100", "209.85.220.41", "2603:1020:201::1", "2603:1030:20e::1", "54.240.27.5", "74.6.131.41"];
        for id in ["google-workspace", "microsoft-365", "amazon-workmail", "fastmail", "yahoo"] {
            let provider = provider(id);
            for ip in rented {
                assert!(!provider.sends_from(ip.parse().unwrap()), "{id}: {ip}");
            }
        }
    }
}
