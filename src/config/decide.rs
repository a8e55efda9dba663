//! From the configuration as written to the configuration as decided.
//!
//! Takes what stands in the file, fills in every default, and keeps every problem it meets. What concerns two keys at once
//! is looked at last, in `agree.rs`, and only when each key for itself is right.

use std::net::SocketAddr;

use ipnetwork::IpNetwork;
use toml::Spanned;

use super::{
    Address, Config, HttpSettings, LogFormat, LogLevel, LogSettings, MilterSettings, SuspectSettings,
    address::tcp,
    authentication, events, evidence, forwarders,
    lists::{self, Reader},
    operators, provider,
    take::{At, Take, expected},
    written::{self, Text, Written},
};
use crate::{
    finding::{Code, Severity},
    names::{Domain, registrable},
    policy::{
        Action, Actions, BoundaryStrategy, DetectorSettings, DkimSource, IngressRule, Operators, Policy, StampSettings,
        Topology,
    },
    schema::nearest,
    text::printable,
};

/// Loopback, RFC 1918, RFC 6598, RFC 4193 and link-local: what the word `private` stands for.
const PRIVATE: [&str; 9] = [
    "127.0.0.0/8",
    "::1",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
    "169.254.0.0/16",
    "fe80::/10",
];

/// What was decided with its places in the file, for the checks across keys.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) config: Config,
    pub(super) rules: Vec<DecidedRule>,
    pub(super) milter_listen: Vec<At<Address>>,
    pub(super) http_listen: Option<At<SocketAddr>>,
}

/// An ingress rule with its places in the file.
#[derive(Debug)]
pub(super) struct DecidedRule {
    pub(super) at: std::ops::Range<usize>,
    pub(super) recipients: Vec<At<Domain>>,
    pub(super) must_pass: Vec<At<IpNetwork>>,
    pub(super) may_pass: Vec<At<IpNetwork>>,
}

/// Decides everything; problems are left in `take`.
pub(super) fn decide(take: &mut Take<'_>, written: &Written, read: Reader<'_>) -> Decided {
    let networks = topology_networks(take, written);
    let domains = take.domains("topology.domains", &written.topology.domains);
    let hosts = take.domains("topology.hosts", &written.topology.hosts);
    let exchangers = take.domains("topology.exchangers", &written.topology.exchangers);
    let provider = provider::choose(take, written);
    let rules = written.ingress.iter().map(|rule| ingress(take, rule)).collect::<Vec<_>>();
    let milter_listen = milter_listen(take, &written.milter);
    let http_listen = http_listen(take, &written.http);
    let (detectors, operators) = detectors(take, written);

    let policy = Policy {
        topology: Topology {
            networks: networks.iter().map(|(_, network)| *network).collect(),
            domains: domains.iter().map(|(_, domain)| domain.clone()).collect(),
            hosts: hosts.into_iter().map(|(_, host)| host).collect(),
            exchangers: exchangers.into_iter().map(|(_, host)| host).collect(),
            provider,
        },
        boundary: take.word(
            "boundary.strategy",
            written.boundary.strategy.as_ref(),
            &BoundaryStrategy::ALL,
            BoundaryStrategy::as_str,
            BoundaryStrategy::default(),
        ),
        ingress: rules.iter().map(DecidedRule::rule).collect(),
        indicators: crate::rules::indicators::Indicators::default(),
        authentication: authentication::decide(take, written),
        forwarding: forwarders::decide(take, &written.forwarding),
        operators,
        detectors,
        actions: actions(take, &written.actions),
        stamp: stamp(take, &written.header),
    };
    let evidence = evidence::decide(take, written, read);
    let mut config = Config {
        policy,
        evidence: evidence.settings,
        dns: authentication::dns(take, &written.dns),
        milter: milter(take, &written.milter, &milter_listen),
        http: HttpSettings { listen: http(written, http_listen.as_ref()) },
        log: log(take, &written.log),
        events: events::decide(take, &written.events),
        suspects: suspects(&written.suspects),
        ..Config::default()
    };
    if let Some(provider) = &config.policy.topology.provider {
        // What the provider writes above its own ingress is as good as ours.
        let ids = provider.authserv_ids.iter().flat_map(|id| [id.to_string(), format!(".{id}")]);
        config.policy.authentication.authserv_ids.extend(ids);
    }
    if config.policy.authentication.dkim == DkimSource::Verify && config.dns.on {
        config.milter.body_bytes = config.policy.authentication.max_body_bytes;
    }
    let lists = lists::read(take, &written.indicators, &networks, &domains, read);
    config.policy.indicators = lists.indicators;
    config.sources = lists.sources;
    config.sources.extend(evidence.source);
    Decided { config, rules, milter_listen, http_listen }
}

fn topology_networks(take: &mut Take<'_>, written: &Written) -> Vec<At<IpNetwork>> {
    let private = |at: std::ops::Range<usize>| {
        PRIVATE.iter().filter_map(move |text| text.parse().ok().map(|network| (at.clone(), network)))
    };
    let Some(list) = &written.topology.networks else { return private(0..0).collect() };
    let mut networks = Vec::new();
    for item in list.get_ref() {
        let text = item.get_ref().as_str();
        if text == "private" {
            networks.extend(private(item.span()));
        } else if nearest(text, ["private"]).is_some() {
            let message = format!("`{}` is no network", printable(text, 60));
            let problem = take.source.error(item.span(), message).expected(expected("topology.networks"));
            take.errors.push(problem.help("did you mean `private`?"));
        } else {
            networks.extend(take.network("topology.networks", item));
        }
    }
    networks
}

fn ingress(take: &mut Take<'_>, rule: &Spanned<written::Ingress>) -> DecidedRule {
    let written = rule.get_ref();
    DecidedRule {
        at: rule.span(),
        recipients: take.domains("ingress[].recipients", &written.recipients),
        must_pass: take.networks("ingress[].must_pass", &written.must_pass),
        may_pass: take.networks("ingress[].may_pass", &written.may_pass),
    }
}

impl DecidedRule {
    fn rule(&self) -> IngressRule {
        IngressRule {
            recipients: self.recipients.iter().map(|(_, domain)| domain.clone()).collect(),
            must_pass: self.must_pass.iter().map(|(_, network)| *network).collect(),
            may_pass: self.may_pass.iter().map(|(_, network)| *network).collect(),
        }
    }
}

fn detectors(take: &mut Take<'_>, written: &Written) -> (DetectorSettings, Operators) {
    let mut settings = DetectorSettings::default();
    let mut groups = operators::shipped();
    for code in Code::ALL {
        let Some(detector) = written.detectors.get(code.as_str()) else { continue };
        if detector.enabled == Some(false) {
            settings.turn_off(code);
        }
        if detector.severity.is_some() {
            let path = format!("detectors.{}.severity", code.as_str());
            let severity = detector.severity.as_ref();
            let severity = take.word(&path, severity, &Severity::ALL, Severity::as_str, Severity::Notice);
            settings.set_severity(code, severity);
        }
        for group in detector.aliases.iter().flatten() {
            groups.push(alias_group(take, group));
        }
    }
    (settings, Operators::new(operators::merge(groups)))
}

fn alias_group(take: &mut Take<'_>, written: &Spanned<Vec<Text>>) -> Vec<String> {
    const PATH: &str = "detectors.broken-chain.aliases";
    if written.get_ref().len() < 2 {
        let problem = take.source.error(written.span(), "a group of aliases needs two names or more");
        take.errors.push(problem.expected("expected a list such as `[\"mail-a.example\", \"mail-b.example\"]`"));
    }
    let mut group = Vec::new();
    for item in written.get_ref() {
        let Some((at, domain)) = take.domain(PATH, item) else { continue };
        match registrable(domain.as_str()) {
            Some(whole) if whole == domain.as_str() => group.push(whole.to_owned()),
            Some(whole) => {
                let problem = take.source.error(at, format!("`{domain}` is a name inside `{whole}`"));
                take.errors.push(problem.expected(expected(PATH)).help(format!("write `{whole}`")));
            }
            None => {
                let problem = take.source.error(at, format!("`{domain}` has no known public suffix"));
                take.errors.push(problem.expected(expected(PATH)));
            }
        }
    }
    group
}

fn actions(take: &mut Take<'_>, written: &written::Actions) -> Actions {
    let mut action = |path, written: &Option<Text>| {
        take.word(path, written.as_ref(), &Action::ALL, Action::as_str, Action::default())
    };
    Actions {
        notice: action("actions.notice", &written.notice),
        suspicious: action("actions.suspicious", &written.suspicious),
        malicious: action("actions.malicious", &written.malicious),
    }
}

fn stamp(take: &mut Take<'_>, written: &written::Header) -> StampSettings {
    let default = StampSettings::default();
    let authserv_id = written.authserv_id.as_ref().and_then(|text| take.domain("header.authserv_id", text));
    StampSettings {
        relaywatch: written.relaywatch.unwrap_or(default.relaywatch),
        authentication_results: written.authentication_results.unwrap_or(default.authentication_results),
        authserv_id: authserv_id.map(|(_, domain)| domain.as_str().to_owned()),
    }
}

fn milter_listen(take: &mut Take<'_>, written: &written::Milter) -> Vec<At<Address>> {
    let Some(list) = &written.listen else { return Vec::new() };
    if list.get_ref().is_empty() {
        let problem = take.source.error(list.span(), "the milter has nowhere to listen");
        take.errors.push(problem.expected("expected at least one socket").help("leave the line out for the default"));
    }
    let mut sockets: Vec<At<Address>> = Vec::new();
    for item in list.get_ref() {
        match item.get_ref().parse::<Address>() {
            Ok(address) if sockets.iter().any(|(_, known)| *known == address) => {
                let problem = take.source.error(item.span(), format!("`{address}` is listed twice"));
                take.errors.push(problem.expected("expected each socket once"));
            }
            Ok(address) => sockets.push((item.span(), address)),
            Err(error) => {
                let message = format!("`{}` is no socket: {error}", printable(item.get_ref(), 120));
                let problem = take.source.error(item.span(), message);
                take.errors.push(problem.expected(expected("milter.listen")));
            }
        }
    }
    sockets
}

fn milter(take: &mut Take<'_>, written: &written::Milter, listen: &[At<Address>]) -> MilterSettings {
    let default = MilterSettings::default();
    let listen = listen.iter().map(|(_, address)| address.clone()).collect::<Vec<_>>();
    MilterSettings {
        listen: if listen.is_empty() { default.listen } else { listen },
        socket_mode: take.mode("milter.socket_mode", written.socket_mode.as_ref(), default.socket_mode),
        max_connections: written.max_connections.unwrap_or(default.max_connections),
        idle_timeout: take.duration("milter.idle_timeout", written.idle_timeout.as_ref(), default.idle_timeout),
        io_timeout: take.duration("milter.io_timeout", written.io_timeout.as_ref(), default.io_timeout),
        max_header_bytes: take.size(
            "milter.max_header_bytes",
            written.max_header_bytes.as_ref(),
            default.max_header_bytes,
        ),
        max_recipients: written.max_recipients.unwrap_or(default.max_recipients),
        body_bytes: default.body_bytes,
    }
}

fn http_listen(take: &mut Take<'_>, written: &written::Http) -> Option<At<SocketAddr>> {
    let text = written.listen.as_ref().filter(|text| text.get_ref() != "off")?;
    match tcp(text.get_ref()) {
        Ok(address) => Some((text.span(), address)),
        Err(error) => {
            let message = format!("`{}` is no place to listen: {error}", printable(text.get_ref(), 60));
            take.errors.push(take.source.error(text.span(), message).expected(expected("http.listen")));
            None
        }
    }
}

fn http(written: &Written, listen: Option<&At<SocketAddr>>) -> Option<SocketAddr> {
    if written.http.listen.is_none() { HttpSettings::default().listen } else { listen.map(|(_, address)| *address) }
}

fn log(take: &mut Take<'_>, written: &written::Log) -> LogSettings {
    let (format, level) = (written.format.as_ref(), written.level.as_ref());
    LogSettings {
        format: take.word("log.format", format, &LogFormat::ALL, LogFormat::as_str, LogFormat::default()),
        level: take.word("log.level", level, &LogLevel::ALL, LogLevel::as_str, LogLevel::default()),
    }
}

fn suspects(written: &written::Suspects) -> SuspectSettings {
    let default = SuspectSettings::default();
    SuspectSettings {
        top: written.top.as_ref().map_or(default.top, |top| *top.get_ref()),
        tracked: written.tracked.as_ref().map_or(default.tracked, |tracked| *tracked.get_ref()),
    }
}
