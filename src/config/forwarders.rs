//! Who hands on mail on an ordinary day, as decided: sealers, declared forwarders, and the shipped list of providers with what the
//! admin adds to it.

use toml::Spanned;

use super::{
    take::{At, Take, expected},
    written::{self, Text},
};
use crate::{
    names::Domain,
    policy::{DeclaredForwarder, Forwarding},
    rules::mediators::{self, Mediator, Mediators, Role},
    text::printable,
};

/// Decides everything about forwarding; problems are left in `take`.
pub(super) fn decide(take: &mut Take<'_>, written: &written::Forwarding) -> Forwarding {
    let sealers = take.domains("forwarding.arc_sealers", &written.arc_sealers);
    let mut names = Names::default();
    let declared = written.declared.iter().filter_map(|forwarder| declared(take, &mut names, forwarder)).collect();
    let mut filters = Mediators::default();
    if written.shipped.unwrap_or(true) {
        for provider in mediators::read(&mediators::SHIPPED, &mut take.errors).providers {
            filters.add(provider);
        }
    }
    let mut names = Names::default();
    for filter in &written.filter {
        if let Some(provider) = added(take, &mut names, filter) {
            filters.add(provider);
        }
    }
    Forwarding {
        arc_sealers: sealers.into_iter().map(|(_, domain)| domain.as_str().to_owned()).collect(),
        declared,
        filters,
    }
}

fn declared(
    take: &mut Take<'_>,
    names: &mut Names,
    forwarder: &Spanned<written::Declared>,
) -> Option<DeclaredForwarder> {
    let written = forwarder.get_ref();
    let name = names.take(take, "forwarding.declared[].name", written.name.as_ref());
    let networks = take.networks("forwarding.declared[].networks", &written.networks);
    let hosts = take.domains("forwarding.declared[].hosts", &written.hosts);
    let spf = take.domains("forwarding.declared[].spf", &written.spf);
    // A list whose items are all wrong is told item by item.
    let lists = [&written.networks, &written.hosts, &written.spf];
    if lists.into_iter().all(|list| list.as_ref().is_none_or(|list| list.get_ref().is_empty())) {
        let problem = take.source.error(forwarder.span(), "this declared forwarder is known by nothing");
        take.errors.push(problem.expected("expected `networks`, `hosts` or `spf` in here"));
    }
    Some(DeclaredForwarder {
        name: name?,
        networks: networks.into_iter().map(|(_, network)| network).collect(),
        hosts: domains(hosts).collect(),
        spf_domains: domains(spf).collect(),
    })
}

fn added(take: &mut Take<'_>, names: &mut Names, filter: &written::Filter) -> Option<Mediator> {
    let name = names.take(take, "forwarding.filter[].name", filter.name.as_ref());
    if let Some(list) = filter.hosts.as_ref().filter(|list| list.get_ref().is_empty()) {
        let problem = take.source.error(list.span(), "this provider has no host");
        take.errors.push(problem.expected("expected at least one domain"));
    }
    let hosts = take.domains("forwarding.filter[].hosts", &filter.hosts);
    Some(Mediator { name: name?, role: Role::Filter, hosts: domains(hosts).collect(), source: None })
}

fn domains(decided: Vec<At<Domain>>) -> impl Iterator<Item = Domain> {
    decided.into_iter().map(|(_, domain)| domain)
}

/// The names that are taken, because a finding tells forwarders apart by them.
#[derive(Default)]
struct Names(Vec<At<String>>);

impl Names {
    fn take(&mut self, take: &mut Take<'_>, path: &str, written: Option<&Text>) -> Option<String> {
        let written = written?;
        let name = written.get_ref().trim();
        if name.is_empty() {
            let problem = take.source.error(written.span(), "the name is empty");
            take.errors.push(problem.expected(expected(path)));
            return None;
        }
        if let Some((first, _)) = self.0.iter().find(|(_, known)| known == name) {
            let message = format!("the name `{}` is used twice", printable(name, 60));
            let problem = take.source.error(written.span(), message).expected("expected a name of its own");
            take.errors.push(problem.help(format!("the first one is in line {}", take.source.line(first.start))));
        }
        self.0.push((written.span(), name.to_owned()));
        Some(name.to_owned())
    }
}
