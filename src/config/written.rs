//! The configuration as written: what stands in the file, nothing filled in, each value with its place.
//!
//! [`crate::schema`] has taken out what does not fit before this is filled, so an unknown field here is a fault of ours;
//! a test fills every key of [`super::KEYS`].

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::rules::providers;

pub(super) type Text = Spanned<String>;
pub(super) type Texts = Option<Spanned<Vec<Text>>>;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    pub(super) topology: Topology,
    pub(super) boundary: Boundary,
    pub(super) provider: Vec<Spanned<providers::Written>>,
    pub(super) ingress: Vec<Spanned<Ingress>>,
    pub(super) indicators: Indicators,
    pub(super) dns: Dns,
    pub(super) authentication: Authentication,
    pub(super) forwarding: Forwarding,
    pub(super) detectors: BTreeMap<String, Detector>,
    pub(super) actions: Actions,
    pub(super) header: Header,
    pub(super) milter: Milter,
    pub(super) http: Http,
    pub(super) log: Log,
    pub(super) events: Events,
    pub(super) suspects: Suspects,
    pub(super) state: State,
    pub(super) evidence: Evidence,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Topology {
    pub(super) networks: Texts,
    pub(super) domains: Texts,
    pub(super) hosts: Texts,
    pub(super) exchangers: Texts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Boundary {
    pub(super) strategy: Option<Text>,
    pub(super) provider: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Ingress {
    pub(super) recipients: Texts,
    pub(super) must_pass: Texts,
    pub(super) may_pass: Texts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Indicators {
    pub(super) shipped: Option<bool>,
    pub(super) list: Vec<List>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct List {
    pub(super) path: Option<Text>,
    pub(super) confidence: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Dns {
    pub(super) servers: Texts,
    pub(super) timeout: Option<Text>,
    pub(super) budget: Option<Text>,
    pub(super) lookups: Option<usize>,
    pub(super) cache: Option<Text>,
    pub(super) max_open: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Forwarding {
    pub(super) arc_sealers: Texts,
    pub(super) shipped: Option<bool>,
    pub(super) declared: Vec<Spanned<Declared>>,
    pub(super) filter: Vec<Filter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Authentication {
    pub(super) authserv_ids: Texts,
    pub(super) dkim: Option<Text>,
    pub(super) max_body_bytes: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Declared {
    pub(super) name: Option<Text>,
    pub(super) networks: Texts,
    pub(super) hosts: Texts,
    pub(super) spf: Texts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filter {
    pub(super) name: Option<Text>,
    pub(super) hosts: Texts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Detector {
    pub(super) enabled: Option<bool>,
    pub(super) severity: Option<Text>,
    pub(super) aliases: Option<Vec<Spanned<Vec<Text>>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Actions {
    pub(super) notice: Option<Text>,
    pub(super) suspicious: Option<Text>,
    pub(super) malicious: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Header {
    pub(super) relaywatch: Option<bool>,
    pub(super) authentication_results: Option<bool>,
    pub(super) authserv_id: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Milter {
    pub(super) listen: Texts,
    pub(super) socket_mode: Option<Text>,
    pub(super) max_connections: Option<usize>,
    pub(super) idle_timeout: Option<Text>,
    pub(super) io_timeout: Option<Text>,
    pub(super) max_header_bytes: Option<Text>,
    pub(super) max_recipients: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Http {
    pub(super) listen: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    pub(super) format: Option<Text>,
    pub(super) level: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Events {
    pub(super) file: Option<Text>,
    pub(super) max_size: Option<Text>,
    pub(super) keep: Option<Spanned<usize>>,
    pub(super) syslog: Option<Text>,
    pub(super) level: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Suspects {
    pub(super) top: Option<Spanned<usize>>,
    pub(super) tracked: Option<Spanned<usize>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct State {
    pub(super) folder: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Evidence {
    pub(super) enabled: Option<bool>,
    pub(super) sender: Option<Text>,
    pub(super) recipients: Option<Text>,
    pub(super) header_from: Option<Text>,
    pub(super) message_id: Option<Text>,
    pub(super) subject: Option<Text>,
    pub(super) key_file: Option<Text>,
    pub(super) retention: Option<Text>,
    pub(super) max_size: Option<Text>,
    pub(super) durability: Option<Text>,
    pub(super) buffer: Option<Text>,
}
