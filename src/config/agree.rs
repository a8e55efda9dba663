//! What two keys say to each other: contradictions are errors, and what leaves a detector blind is a warning.

use std::net::SocketAddr;

use super::{
    Address, HttpSettings, MilterSettings,
    decide::{Decided, DecidedRule},
    take::Take,
    written::Written,
};
use crate::{
    finding::Code,
    policy::{Action, BoundaryStrategy, DkimSource},
    problem::Problem,
};

/// Looks at everything that concerns more than one key.
pub(super) fn agree(take: &mut Take<'_>, written: &Written, decided: &Decided) {
    strategy(take, written, decided);
    for (index, rule) in decided.rules.iter().enumerate() {
        ingress(take, decided, &decided.rules[..index], rule);
    }
    listeners(take, decided);
    suspects(take, written, decided);
    events(take, written, decided);
    timeouts(take, written, decided);
    actions(take, written, decided);
    blind(take, decided);
}

fn strategy(take: &mut Take<'_>, written: &Written, decided: &Decided) {
    let policy = &decided.config.policy;
    if let Some(strategy) = &written.boundary.strategy
        && policy.boundary == BoundaryStrategy::Hosts
        && policy.topology.hosts.is_empty()
    {
        let problem = take.source.error(strategy.span(), "the strategy `hosts` needs the names of our border hosts");
        let help = "add `hosts = [\"gw.coincheck.com\"]` with your own names to `[topology]`";
        take.errors.push(problem.expected("but `topology.hosts` is empty").help(help));
    }
    let hosted = policy.boundary == BoundaryStrategy::Hosted;
    if let Some(strategy) = written.boundary.strategy.as_ref().filter(|_| hosted && policy.topology.provider.is_none())
    {
        let problem = take.source.error(strategy.span(), "the strategy `hosted` needs the provider of our mailboxes");
        let help = "add `provider = \"google-workspace\"` or another one to `[boundary]`";
        take.errors.push(problem.expected("but `boundary.provider` is not set").help(help));
    }
    if let Some(provider) = written.boundary.provider.as_ref().filter(|_| !hosted) {
        let problem = take.source.warning(provider.span(), "a provider is of use to the strategy `hosted` only");
        let expected = format!("`boundary.strategy` is `{}`", policy.boundary.as_str());
        take.warnings.push(problem.expected(expected));
    }
}

fn ingress(take: &mut Take<'_>, decided: &Decided, before: &[DecidedRule], rule: &DecidedRule) {
    if rule.must_pass.is_empty() && rule.may_pass.is_empty() {
        let problem = take.source.error(rule.at.clone(), "this ingress rule allows no host at all");
        let help = "every message would be reported; name your filter in `must_pass` or your hosts in `may_pass`";
        take.errors.push(problem.expected("expected `must_pass` or `may_pass` in here").help(help));
    }
    for (at, network) in &rule.may_pass {
        if rule.must_pass.iter().any(|(_, must)| must == network) {
            let problem = take.source.error(at.clone(), format!("`{network}` is in `must_pass` as well"));
            take.errors.push(problem.expected("expected it in one of the two"));
        }
    }
    for (at, recipient) in &rule.recipients {
        if before.iter().any(|rule| rule.recipients.iter().any(|(_, known)| known == recipient)) {
            let problem = take.source.warning(at.clone(), format!("`{recipient}` is in an earlier rule as well"));
            take.warnings.push(problem.expected("mail for it must satisfy both rules"));
        }
        let ours = &decided.config.policy.topology.domains;
        if !ours.is_empty() && ours.covering(recipient.as_str()).is_none() {
            let problem = take.source.warning(at.clone(), format!("`{recipient}` is no domain of ours"));
            take.warnings.push(problem.expected("not in `topology.domains`, so `own-name` does not guard it"));
        }
    }
}

fn listeners(take: &mut Take<'_>, decided: &Decided) {
    let default = MilterSettings::default().listen;
    let milter = &decided.config.milter.listen;
    let Some(http) = decided.config.http.listen else { return };
    let tcp = |address: &Address| match address {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) => None,
    };
    let Some(clash) = milter.iter().filter_map(tcp).find(|address| collide(*address, http)) else { return };
    let at_milter = decided.milter_listen.iter().find(|(_, address)| tcp(address) == Some(clash));
    let at = decided.http_listen.as_ref().map(|(at, _)| at).or(at_milter.map(|(at, _)| at)).cloned();
    let which = if at_milter.is_none() && *milter == default { " by default" } else { "" };
    let http_which =
        if decided.http_listen.is_none() && HttpSettings::default().listen == Some(http) { " by default" } else { "" };
    let message =
        format!("the milter and HTTP cannot listen at one address: `{clash}`{which} and `{http}`{http_which}");
    let problem = take.source.error(at.unwrap_or(0..0), message).expected("expected another port");
    take.errors.push(problem);
}

/// Whether two TCP listeners take the same port of the same host.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn suspects(take: &mut Take<'_>, written: &Written, decided: &Decided) {
    let settings = &decided.config.suspects;
    if settings.top > settings.tracked {
        let at = written.suspects.top.as_ref().or(written.suspects.tracked.as_ref()).map_or(0..0, |at| at.span());
        let message =
            format!("the table of {} suspects is larger than the {} remembered", settings.top, settings.tracked);
        take.errors.push(take.source.error(at, message).expected("expected `top` to be at most `tracked`"));
    }
}

fn events(take: &mut Take<'_>, written: &Written, decided: &Decided) {
    let (written, decided) = (&written.events, &decided.config.events);
    let of_the_file = [
        ("max_size", written.max_size.as_ref().map(|at| at.span())),
        ("keep", written.keep.as_ref().map(|at| at.span())),
    ];
    let mut of_no_use = Vec::new();
    if decided.file.is_none() {
        of_no_use.extend(of_the_file.map(|(key, at)| (key, at, "no file is written; set `events.file`")));
    }
    if decided.file.is_none() && decided.syslog.is_none() {
        let at = written.level.as_ref().map(|at| at.span());
        of_no_use.push(("level", at, "no events go anywhere; set `events.file` or `events.syslog`"));
    }
    for (key, at, why) in of_no_use {
        let Some(at) = at else { continue };
        take.warnings.push(take.source.warning(at, format!("`events.{key}` is of no use")).expected(why));
    }
}

fn timeouts(take: &mut Take<'_>, written: &Written, decided: &Decided) {
    let milter = &decided.config.milter;
    if let Some(at) = written.milter.io_timeout.as_ref().or(written.milter.idle_timeout.as_ref())
        && milter.io_timeout > milter.idle_timeout
    {
        let problem = take.source.error(at.span(), "`io_timeout` is longer than `idle_timeout`");
        take.errors.push(problem.expected("expected an MTA to be given less time for a frame than for silence"));
    } else if let Some(at) = &written.milter.idle_timeout
        && milter.idle_timeout.as_secs() < 300
    {
        let problem =
            take.source.warning(at.span(), "Postfix keeps a connection silent for as long as its client thinks");
        let help = "with less than Postfix's `smtpd_timeout` (300 s), slow clients' mail passes unseen or is deferred";
        take.warnings.push(problem.expected("less than 300 s").help(help));
    }
}

fn actions(take: &mut Take<'_>, written: &Written, decided: &Decided) {
    let harshness = |action| match action {
        Action::Accept => 0,
        Action::Quarantine => 1,
        Action::Tempfail => 2,
        Action::Reject => 3,
    };
    let decided = decided.config.policy.actions;
    let steps = [
        ("suspicious", decided.suspicious, "notice", decided.notice, &written.actions.notice),
        ("malicious", decided.malicious, "suspicious", decided.suspicious, &written.actions.suspicious),
    ];
    for (worse, action, lesser, lesser_action, at) in steps {
        if let Some(at) = at
            && harshness(lesser_action) > harshness(action)
        {
            let message = format!("`{lesser}` mail is treated more harshly than `{worse}` mail");
            let expected = format!("`{worse}` is `{}`", action.as_str());
            take.warnings.push(take.source.warning(at.span(), message).expected(expected));
        }
    }
}

fn blind(take: &mut Take<'_>, decided: &Decided) {
    let policy = &decided.config.policy;
    if policy.detectors.is_on(Code::OwnName) && policy.topology.domains.is_empty() {
        let problem = Problem::warning("`topology.domains` is empty, so `own-name` sees nothing");
        take.warnings
            .push(problem.help("list your mail domains; it is the detector that knows the 2020 relay without a list"));
    }
    let config = &decided.config;
    if policy.detectors.is_on(Code::InterposedRelay) && !config.dns.on && policy.authentication.authserv_ids.is_empty()
    {
        let problem =
            Problem::warning("no DNS is asked and no authserv-id is pinned, so `interposed-relay` sees nothing");
        take.warnings.push(problem.help("name resolvers in `dns.servers`, or hosts in `authentication.authserv_ids`"));
    }
    let topology = &policy.topology;
    if policy.detectors.is_on(Code::DnsCross)
        && config.dns.on
        && !topology.domains.is_empty()
        && topology.exchangers.is_empty()
    {
        let problem = Problem::warning(
            "`topology.exchangers` is empty, so a host that our DNS names as an exchanger is a notice at most",
        );
        take.warnings.push(problem.help("list the hosts that your MX records are meant to name"));
    }
    if policy.authentication.dkim == DkimSource::Verify && !config.dns.on {
        let problem = Problem::warning("DKIM cannot be verified without DNS, which holds the keys");
        take.warnings.push(problem.help("name resolvers in `dns.servers`"));
    }
    if policy.detectors.is_on(Code::Indicator) && policy.indicators.is_empty() {
        take.warnings.push(Problem::warning("no indicator list is in use, so `indicator` sees nothing"));
    }
}
