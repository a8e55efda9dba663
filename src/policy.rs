//! What inspection is told: the configuration as decided.
//!
//! Everything here is valid by construction. [`crate::config`] makes it from the file that an admin wrote;
//! the spine and its stages read it and know nothing of files.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    dns::Budget,
    finding::{Code, Level, Severity},
    names::{Domain, DomainSet, normal, registrable},
    net::{NetworkSet, is_public},
    rules::{indicators::Indicators, mediators::Mediators, providers::Provider},
};

/// All that decides how a message is judged.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Which hosts, networks and names are ours.
    pub topology: Topology,
    /// How the boundary is found.
    pub boundary: BoundaryStrategy,
    /// What way mail for our domains must take.
    pub ingress: Vec<IngressRule>,
    /// Known bad networks, hosts and domains.
    pub indicators: Indicators,
    /// Where facts of the sender's authorisation come from.
    pub authentication: AuthenticationSettings,
    /// Who hands on mail for our users on an ordinary day.
    pub forwarding: Forwarding,
    /// Names that are one operator's, for `broken-chain`.
    pub operators: Operators,
    /// What the admin decided of each detector.
    pub detectors: DetectorSettings,
    /// What is done with a message of each level.
    pub actions: Actions,
    /// What is written into the mail.
    pub stamp: StampSettings,
}

/// What is ours.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// Our own hosts' networks, and those of filters and backup MX that take mail for us. A hop recorded by one of
    /// them is as good as recorded by our border.
    pub networks: NetworkSet,
    /// Our domains. A host that calls itself by a name in them must have an address of ours.
    pub domains: DomainSet,
    /// Names of our border hosts, for the strategy `hosts`.
    pub hosts: DomainSet,
    /// Names of the mail exchangers that our domains are meant to have.
    pub exchangers: DomainSet,
    /// The provider of our mailboxes, for the strategy `hosted`.
    pub provider: Option<Arc<Provider>>,
}

impl Topology {
    /// Whether the admin named any address of ours that the Internet can reach; where not, nothing can be said to be none of ours.
    pub fn has_public_networks(&self) -> bool {
        self.networks.iter().any(|network| is_public(network.ip()))
    }
}

/// How the boundary between our records and foreign ones is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoundaryStrategy {
    /// By the SMTP session that a milter reports; goes on by networks when the peer is one of ours.
    #[default]
    Session,
    /// By our networks: the newest hop whose client is none of ours.
    Networks,
    /// By our border hosts' names: the oldest of the uninterrupted run of hops taken by one of them.
    Hosts,
    /// By the lines of the provider of our mailboxes: the hop at which it took the mail in.
    Hosted,
}

impl BoundaryStrategy {
    /// Every strategy.
    pub const ALL: [Self; 4] = [Self::Session, Self::Networks, Self::Hosts, Self::Hosted];

    /// The name used in output, configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Networks => "networks",
            Self::Hosts => "hosts",
            Self::Hosted => "hosted",
        }
    }
}

/// The way that mail for some recipient domains must take.
#[derive(Debug, Clone, Default)]
pub struct IngressRule {
    /// The recipient domains it is about; empty means every recipient.
    pub recipients: DomainSet,
    /// Mail must come through one of these (a filter); empty when there is none.
    pub must_pass: NetworkSet,
    /// Other hosts that may hand mail to us all the same.
    pub may_pass: NetworkSet,
}

/// Where facts of a sender's authorisation come from.
#[derive(Debug, Clone, Default)]
pub struct AuthenticationSettings {
    /// Who is believed in `Authentication-Results`, `Received-SPF` and ARC: the authserv-ids (RFC 8601, 2.5) of hosts of
    /// ours or of the provider of our mailboxes.
    pub authserv_ids: Vec<String>,
    /// Where DKIM comes from.
    pub dkim: DkimSource,
    /// How much of a body is kept to verify DKIM.
    pub max_body_bytes: usize,
    /// What one message may ask of DNS.
    pub budget: Budget,
}

/// Where DKIM comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DkimSource {
    /// From what pinned hosts wrote; the body is never looked at.
    #[default]
    Results,
    /// From the message itself: its body is asked for, and its signatures are verified.
    Verify,
}

impl DkimSource {
    /// Every source.
    pub const ALL: [Self; 2] = [Self::Results, Self::Verify];

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Results => "results",
            Self::Verify => "verify",
        }
    }
}

/// Who hands on mail for our users on an ordinary day.
#[derive(Debug, Clone, Default)]
pub struct Forwarding {
    /// Domains (`d=`) whose ARC seals (RFC 8617) are believed, in lower case.
    pub arc_sealers: Vec<String>,
    /// Forwarders that the admin knows.
    pub declared: Vec<DeclaredForwarder>,
    /// Cloud filters, mailbox providers and forwarders, by the names of their hosts.
    pub filters: Mediators,
}

/// A forwarder that the admin knows; each part of it is enough.
#[derive(Debug, Clone, Default)]
pub struct DeclaredForwarder {
    /// What the admin calls it.
    pub name: String,
    /// Its networks.
    pub networks: NetworkSet,
    /// Domains that its hosts' verified names lie in.
    pub hosts: DomainSet,
    /// Domains whose SPF records hold its hosts.
    pub spf_domains: Vec<Domain>,
}

/// Groups of registrable domains that one operator uses side by side (`gmail.com` and `google.com`).
#[derive(Debug, Clone, Default)]
pub struct Operators(HashMap<String, usize>);

impl Operators {
    /// Makes the table from groups of domains.
    pub fn new<G: IntoIterator<Item = String>>(groups: impl IntoIterator<Item = G>) -> Self {
        let groups = groups.into_iter().enumerate();
        Self(groups.flat_map(|(group, names)| names.into_iter().map(move |name| (name, group))).collect())
    }

    /// Whether two host names belong to one operator: the same registrable domain, or two of one group.
    /// Nothing when either name has no registrable domain.
    pub fn same(&self, a: &str, b: &str) -> Option<bool> {
        let (a, b) = (normal(a), normal(b));
        let domain = registrable(&a)?;
        // Most neighbours go by the very same name.
        if a == b {
            return Some(true);
        }
        let other = registrable(&b)?;
        Some(domain == other || self.0.get(domain).is_some_and(|group| self.0.get(other) == Some(group)))
    }
}

/// What the admin decided of each detector.
#[derive(Debug, Clone, Default)]
pub struct DetectorSettings {
    off: Vec<Code>,
    severity: HashMap<Code, Severity>,
}

impl DetectorSettings {
    /// Turns a detector off.
    pub fn turn_off(&mut self, code: Code) {
        self.off.push(code);
    }

    /// Gives all findings of a detector this severity.
    pub fn set_severity(&mut self, code: Code, severity: Severity) {
        self.severity.insert(code, severity);
    }

    /// Whether a detector runs.
    pub fn is_on(&self, code: Code) -> bool {
        !self.off.contains(&code)
    }

    /// The severity of a finding: the admin's, else the detector's own.
    pub fn severity(&self, code: Code, own: Severity) -> Severity {
        self.severity.get(&code).copied().unwrap_or(own)
    }
}

/// What an MTA is told to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Accept it.
    #[default]
    Accept,
    /// Refuse it for now (SMTP 451).
    Tempfail,
    /// Refuse it for good (SMTP 550).
    Reject,
    /// Accept it into the MTA's quarantine (Postfix: the hold queue).
    Quarantine,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Accept, Self::Tempfail, Self::Reject, Self::Quarantine];

    /// The name used in output, configuration and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Tempfail => "tempfail",
            Self::Reject => "reject",
            Self::Quarantine => "quarantine",
        }
    }
}

/// What is done with a message of each level; a clean one is always accepted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Actions {
    /// For [`Level::Notice`].
    pub notice: Action,
    /// For [`Level::Suspicious`].
    pub suspicious: Action,
    /// For [`Level::Malicious`].
    pub malicious: Action,
}

impl Actions {
    /// The action for a level.
    pub fn of(self, level: Level) -> Action {
        match level {
            Level::Clean => Action::Accept,
            Level::Notice => self.notice,
            Level::Suspicious => self.suspicious,
            Level::Malicious => self.malicious,
        }
    }
}

/// What is written into the mail.
#[derive(Debug, Clone)]
pub struct StampSettings {
    /// Whether `X-Relaywatch` is added.
    pub relaywatch: bool,
    /// Whether `Authentication-Results` with `x-relay-path` is added.
    pub authentication_results: bool,
    /// The authserv-id (RFC 8601, 2.5); the border's own name (macro `j`) when it is not set.
    pub authserv_id: Option<String>,
}

impl Default for StampSettings {
    fn default() -> Self {
        Self { relaywatch: true, authentication_results: true, authserv_id: None }
    }
}
