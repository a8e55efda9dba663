//! Mediators through whose hosts other people's mail comes on an ordinary day: cloud filters, mailbox providers, forwarders.
//!
//! Takes the dated list in rules/forwarding/mediators.toml and what an admin adds to it, gives a table from host names to providers. A
//! provider is known by the domains in which the verified names of its outbound hosts lie, never by what a client says of itself.

use serde::Deserialize;
use toml::{Spanned, value::Datetime};

use crate::{
    names::{Domain, Ending, NameMap, normal},
    problem::{Problem, Source},
    schema::{
        self,
        Fallback::{Required, Said},
        Key,
        Kind::{Date, Number, Text, Texts, Word},
    },
    text::printable,
};

/// What a provider does with other people's mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It filters mail for the recipient's or the sender's side.
    Filter,
    /// It has mailboxes, and forwards mail for their owners.
    Mailbox,
    /// It forwards, and has no mailboxes or sells none.
    Forwarder,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Filter, Self::Mailbox, Self::Forwarder];

    /// The name used in lists and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Mailbox => "mailbox",
            Self::Forwarder => "forwarder",
        }
    }
}

/// One provider.
#[derive(Debug, Clone)]
pub struct Mediator {
    /// What it is called.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// The domains in which the verified names of its outbound hosts lie.
    pub hosts: Vec<Domain>,
    /// Where that is written down.
    pub source: Option<String>,
}

/// All providers in use.
#[derive(Debug, Clone, Default)]
pub struct Mediators {
    providers: Vec<Mediator>,
    hosts: NameMap<usize>,
}

impl Mediators {
    /// Adds a provider. A domain that is there already goes to the new one, which the admin wrote.
    pub fn add(&mut self, provider: Mediator) {
        for host in &provider.hosts {
            self.hosts.insert(host, self.providers.len(), |_| true);
        }
        self.providers.push(provider);
    }

    /// The provider in whose domains a verified name lies.
    pub fn of(&self, name: &str) -> Option<&Mediator> {
        if name.len() > 255 || !self.hosts.may_cover(Ending::of(name)) {
            return None;
        }
        self.providers.get(*self.hosts.covering(&normal(name))?)
    }

    /// Each provider, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Mediator> {
        self.providers.iter()
    }
}

/// A list of providers, as read.
#[derive(Debug, Default)]
pub struct List {
    /// When it was last looked over.
    pub updated: Option<jiff::civil::Date>,
    /// The providers.
    pub providers: Vec<Mediator>,
}

/// The shipped list's file, compiled in.
pub const SHIPPED: Source<'_> =
    Source { name: "rules/forwarding/mediators.toml", text: include_str!("../../rules/forwarding/mediators.toml") };

/// Every key of a list.
pub const KEYS: &[Key] = &[
    Key::new("format", Number(1, 1), Required, "1", "The version of this format."),
    Key::new("updated", Date, Required, "2026-11-23", "When the list was last looked over."),
    Key::new("mediator[].name", Text("a name"), Required, r#""Cloud filter""#, "What the provider is called."),
    Key::new(
        "mediator[].role",
        Word(|| Role::ALL.map(Role::as_str).to_vec()),
        Required,
        r#""filter""#,
        "What it does with other people's mail.",
    ),
    Key::new(
        "mediator[].hosts",
        Texts("a domain such as `filter.example`"),
        Required,
        r#"["filter.example"]"#,
        "The domains in which the verified names of its outbound hosts lie.",
    ),
    Key::new(
        "mediator[].source",
        Text("some words"),
        Said("nothing"),
        r#""https://filter.example/ips""#,
        "Where that is written down.",
    ),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenList {
    #[serde(rename = "format")]
    _format: i64,
    updated: Option<Spanned<Datetime>>,
    mediator: Vec<Written>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    name: Option<Spanned<String>>,
    role: Option<Spanned<String>>,
    hosts: Option<Spanned<Vec<Spanned<String>>>>,
    source: Option<String>,
}

/// Reads a list; problems are added to `problems`.
pub fn read(source: &Source<'_>, problems: &mut Vec<Problem>) -> List {
    let before = problems.len();
    let Some(list) = schema::read::<WrittenList>(source, KEYS, problems) else { return List::default() };
    let updated = list.updated.as_ref().and_then(|date| schema::date(source, date, problems));
    let mut providers: Vec<Mediator> = Vec::new();
    for written in &list.mediator {
        if schema::is_enough(source, before, problems) {
            break;
        }
        providers.extend(provider(source, written, &providers, problems));
    }
    schema::in_order(&mut problems[before..]);
    List { updated, providers }
}

/// The provider; nothing when a part is missing or wrong, which is then told, or was by the schema.
fn provider(
    source: &Source<'_>,
    written: &Written,
    before: &[Mediator],
    problems: &mut Vec<Problem>,
) -> Option<Mediator> {
    let word = |role| schema::word(source, role, "role", &Role::ALL, Role::as_str, problems);
    let role = written.role.as_ref().and_then(word);
    let (name, listed) = (written.name.as_ref()?, written.hosts.as_ref()?);
    if before.iter().any(|other| other.name == *name.get_ref()) {
        let message = format!("`{}` is in the list twice", printable(name.get_ref(), 60));
        problems.push(source.error(name.span(), message).expected("expected each provider once"));
    }
    if listed.get_ref().is_empty() {
        let problem = source.error(listed.span(), "this provider has no host");
        problems.push(problem.expected("expected at least one domain"));
    }
    let mut hosts = Vec::new();
    for host in listed.get_ref() {
        const EXPECTED: &str = "expected a domain such as `filter.example`";
        let Some(domain) = schema::domain(source, host, EXPECTED, problems) else { continue };
        if !domain.as_str().contains('.') {
            problems.push(schema::public_suffix(source, host, &domain).expected(EXPECTED));
        } else if before.iter().any(|other| other.hosts.contains(&domain)) || hosts.contains(&domain) {
            let message = format!("`{domain}` is in the list twice");
            problems.push(source.error(host.span(), message).expected("expected each domain once"));
        } else {
            hosts.push(domain);
        }
    }
    Some(Mediator { name: name.get_ref().clone(), role: role?, hosts, source: written.source.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        read(&Source { name: "filters.toml", text }, &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_shipped_list_is_in_order() {
        let mut problems = Vec::new();
        let list = read(&SHIPPED, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        assert!(list.updated.is_some() && list.providers.len() > 10);
        for provider in &list.providers {
            assert!(provider.source.as_ref().is_some_and(|source| source.starts_with("https://")), "{}", provider.name);
        }
    }

    #[test]
    fn a_name_has_the_provider_of_its_closest_domain() {
        let provider = |name: &str, host| Mediator {
            name: name.to_owned(),
            role: Role::Filter,
            hosts: vec![Domain::parse(host).unwrap()],
            source: None,
        };
        let mut providers = Mediators::default();
        providers.add(provider("wide", "cloud.example"));
        providers.add(provider("narrow", "mail.cloud.example"));
        let of = |name: &str| providers.of(name).map(|provider| provider.name.as_str());
        assert_eq!(of("OUT1.mail.Cloud.example."), Some("narrow"));
        assert_eq!(of("www.cloud.example"), Some("wide"));
        for name in ["notcloud.example", "cloud.example.attacker.test", "", &"a.".repeat(200)] {
            assert_eq!(of(name), None, "{name}");
        }
        providers.add(provider("the admin's", "cloud.example"));
        assert_eq!(providers.of("cloud.example").map(|provider| provider.name.as_str()), Some("the admin's"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let list = "format = 1\nupdated = 2026-11-23\n";
        let entry =
            |name, role, hosts| format!("[[mediator]]\nname = \"{name}\"\nrole = \"{role}\"\nhosts = {hosts}\n");
        for (text, line, said) in [
            (entry("a", "filer", "[\"a.example\"]"), 5, "did you mean `filter`?"),
            (entry("a", "filter", "[]"), 6, "this provider has no host"),
            (entry("a", "filter", "[\"co.jp\"]"), 6, "public suffix"),
            (entry("a", "filter", "[\"*.a.example\"]"), 6, "is not a domain name"),
            (entry("a", "filter", "[\"a.example\", \"A.example\"]"), 6, "twice"),
            (entry("a", "filter", "[\"a.example\"]").repeat(2), 8, "`a` is in the list twice"),
            ("[[mediator]]\nname = \"a\"\n".to_owned(), 3, "is missing"),
            ("[[mediator]]\nnam = \"a\"\n".to_owned(), 4, "unknown key"),
        ] {
            let said_all = problems(&format!("{list}{text}"));
            let wanted = format!("filters.toml:{line}:");
            assert!(said_all.iter().any(|one| one.starts_with(&wanted) && one.contains(said)), "{said_all:?}");
        }
        assert_eq!(problems(&format!("{list}{}", entry("a", "filter", "[\"a.example\"]"))), [""; 0]);
        assert!(problems(&(list.to_owned() + &"[[mediator]]\nx = 1\n".repeat(10_000))).len() < 200);
    }
}
