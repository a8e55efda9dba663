//! Who is asked, and who is believed, about a sender: `[dns]` and `[authentication]`.

use std::net::{IpAddr, SocketAddr};

use super::{
    DnsSettings,
    take::{Take, expected},
    written::{self, Written},
};
use crate::{
    dns::{self, Budget},
    names::Domain,
    policy::{AuthenticationSettings, DkimSource},
    schema::nearest,
    text::printable,
};

/// The system's resolvers, unless others are named; nobody where none is.
pub(super) fn dns(take: &mut Take<'_>, written: &written::Dns) -> DnsSettings {
    let default = dns::Settings::default();
    let mut system = written.servers.is_none();
    let mut servers = Vec::new();
    for item in written.servers.iter().flat_map(|list| list.get_ref()) {
        match (item.get_ref().as_str(), server(item.get_ref())) {
            ("system", _) => system = true,
            (_, Some(address)) => servers.push(address),
            (text, None) => {
                let problem = take.source.error(item.span(), format!("`{}` is no name server", printable(text, 60)));
                let problem = problem.expected(expected("dns.servers"));
                take.errors.push(match nearest(text, ["system"]) {
                    Some(word) => problem.help(format!("did you mean `{word}`?")),
                    None => problem.help("names are not resolved here; write the server's address"),
                });
            }
        }
    }
    if let Some(list) = written.servers.as_ref().filter(|_| system && !servers.is_empty()) {
        let problem = take.source.error(list.span(), "`system` stands beside addresses");
        take.errors.push(problem.expected("expected either `system` alone or addresses"));
    }
    DnsSettings {
        on: system || !servers.is_empty(),
        network: dns::Settings {
            servers,
            timeout: take.duration("dns.timeout", written.timeout.as_ref(), default.timeout),
            cache_bytes: take.size("dns.cache", written.cache.as_ref(), 16 << 20) as u64,
            max_open: written.max_open.unwrap_or(default.max_open),
            ..default
        },
    }
}

/// `127.0.0.1`, `127.0.0.1:53`, `::1`, `[::1]:53`.
fn server(text: &str) -> Option<SocketAddr> {
    let ip = text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53));
    ip.or_else(|| text.parse().ok()).filter(|address| address.port() > 0)
}

/// Who is believed, and what one message may ask.
pub(super) fn decide(take: &mut Take<'_>, written: &Written) -> AuthenticationSettings {
    let default = Budget::default();
    let (dns, written) = (&written.dns, &written.authentication);
    let mut authserv_ids = Vec::new();
    for item in written.authserv_ids.iter().flat_map(|list| list.get_ref()) {
        let text = item.get_ref();
        match Domain::parse(text.strip_prefix('.').unwrap_or(text)) {
            Ok(domain) if text.starts_with('.') => authserv_ids.push(format!(".{domain}")),
            Ok(domain) => authserv_ids.push(domain.to_string()),
            Err(error) => {
                let problem = take.source.error(item.span(), error.to_string());
                take.errors.push(problem.expected(expected("authentication.authserv_ids")));
            }
        }
    }
    let dkim = take.word(
        "authentication.dkim",
        written.dkim.as_ref(),
        &DkimSource::ALL,
        DkimSource::as_str,
        DkimSource::default(),
    );
    AuthenticationSettings {
        authserv_ids,
        dkim,
        max_body_bytes: take.size("authentication.max_body_bytes", written.max_body_bytes.as_ref(), 1 << 20),
        budget: Budget {
            time: take.duration("dns.budget", dns.budget.as_ref(), default.time),
            lookups: dns.lookups.unwrap_or(default.lookups),
        },
    }
}
