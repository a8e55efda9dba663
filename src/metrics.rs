//! Every metric, named in this one file.
//!
//! Labels are bounded: their values come from enums of ours, except the suspects table, which holds at most as many
//! addresses as the configuration says and sums the rest as `other` (see [`crate::suspects`]). Dashboards, alert
//! rules and docs/metrics.md are held to [`NAMES`] by a test.

use std::time::Duration;

use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};

use crate::{
    authentication::SpfResult,
    boundary::BoundaryKind,
    detect::OutcomeKind,
    dns::{self, Said},
    finding::{Code, Level, Severity},
    message::Break,
    policy::{Action, BoundaryStrategy},
    trace::HopKind,
};

/// Name and help of every metric of ours; the process metrics (`process_*`) come from the client library.
pub const NAMES: &[(&str, &str)] = &[
    ("relaywatch_build_info", "Always 1; the label says which version runs."),
    ("relaywatch_messages_total", "Messages inspected, by verdict."),
    ("relaywatch_findings_total", "Findings, by detector code and severity."),
    ("relaywatch_detector_outcomes_total", "What each detector answered: finding, explained, clean, no_data or error."),
    ("relaywatch_boundary_total", "Where the boundary was found: peer, internal or not_found, by strategy."),
    ("relaywatch_hops_total", "Hops read, by kind."),
    ("relaywatch_header_breaks_total", "Messages whose header section breaks RFC 5322, by how."),
    ("relaywatch_inspection_duration_seconds", "Time from a whole header section to its verdict."),
    ("relaywatch_actions_total", "What the MTA was told to do, by action."),
    ("relaywatch_forged_headers_stripped_total", "Copies of our own header fields taken out of incoming mail."),
    ("relaywatch_faults_total", "Faults of our own; each such message was accepted."),
    ("relaywatch_last_message_timestamp_seconds", "When the last message of each verdict was inspected; 0 before it."),
    ("relaywatch_suspect_messages", "Suspicious or malicious messages by peer, the top ones; the rest is `other`."),
    ("relaywatch_suspect_last_seen_timestamp_seconds", "When a suspect of the top ones was last seen."),
    ("relaywatch_milter_connections_total", "Milter connections, by how they ended."),
    ("relaywatch_milter_connections_open", "Milter connections open now."),
    ("relaywatch_milter_errors_total", "Milter protocol errors and limits reached, by kind."),
    (
        "relaywatch_milter_message_duration_seconds",
        "Time from a message's sender to our answer, the MTA's own included.",
    ),
    (
        "relaywatch_spf_results_total",
        "What SPF said of peers, by result; of messages with an outside peer and a known sender.",
    ),
    (
        "relaywatch_forged_results_total",
        "Fields under a pinned authserv-id that its host cannot have written; ignored.",
    ),
    ("relaywatch_dns_answers_total", "Questions that servers were asked, by what they answered."),
    ("relaywatch_dns_cache_hits_total", "Questions that the cache answered."),
    ("relaywatch_dns_turned_away_total", "Questions that nobody was asked, because too many were open."),
    ("relaywatch_dns_query_duration_seconds", "Time from a question to the servers' answer, or to giving up."),
    (
        "relaywatch_dns_shortfalls_total",
        "Messages of which DNS left a question open, by why; their findings may lack something.",
    ),
    (
        "relaywatch_evidence_records_total",
        "Messages whose evidence was to be kept: stored, or lost because the store could not be written to for too long.",
    ),
    ("relaywatch_evidence_buffered_records", "Messages whose evidence waits in memory for the store."),
    ("relaywatch_evidence_errors_total", "Attempts to write to the evidence store that failed, by why."),
    ("relaywatch_evidence_late_total", "Messages that were answered before their evidence was stored."),
    (
        "relaywatch_evidence_commit_duration_seconds",
        "Time that one commit to the evidence store took, of one or many messages.",
    ),
    (
        "relaywatch_evidence_pruned_messages_total",
        "Messages that were taken out of the evidence store, by age or by size.",
    ),
    ("relaywatch_evidence_store_bytes", "What the evidence store takes on the disk; looked at once a minute."),
    ("relaywatch_events_total", "Events, by output and by what became of them: written or lost."),
    ("relaywatch_indicators_loaded", "Indicators in use, by kind."),
    (
        "relaywatch_config_last_reload_successful",
        "1 when the configuration in use is the one on disk, 0 when the last reload was refused.",
    ),
    ("relaywatch_config_last_reload_success_timestamp_seconds", "When the configuration in use was loaded."),
];

fn help(name: &str) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == name).map_or("", |(_, help)| help)
}

/// How a milter connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The MTA quit, or closed between messages.
    Quit,
    /// The MTA went away in the middle of a message.
    Lost,
    /// We closed it: something malformed came.
    Malformed,
    /// We closed it: nothing came for too long.
    Timeout,
    /// We closed it at once: too many were open.
    Refused,
    /// We closed it: we are stopping.
    Stopped,
}

impl ConnectionEnd {
    /// Every way.
    pub const ALL: [Self; 6] = [Self::Quit, Self::Lost, Self::Malformed, Self::Timeout, Self::Refused, Self::Stopped];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Lost => "lost",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// What went wrong, or was cut short, in a milter conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MilterError {
    /// A frame that the protocol does not allow: empty, too large, or with a payload that cannot be read.
    Frame,
    /// A command that makes no sense where it came.
    Sequence,
    /// A command byte that no version of the protocol knows.
    UnknownCommand,
    /// A protocol version we do not speak, or an MTA that lacks what we need.
    Negotiation,
    /// The header section was longer than is kept; the message was judged by what was kept.
    HeaderLimit,
    /// More recipients than are kept; the message was judged with the first ones.
    RecipientLimit,
    /// More body than is kept came; its DKIM signatures are not verified.
    BodyLimit,
    /// A macro or value longer than is kept was cut.
    ValueLimit,
    /// Reading or writing the socket failed.
    Io,
}

impl MilterError {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Frame,
        Self::Sequence,
        Self::UnknownCommand,
        Self::Negotiation,
        Self::HeaderLimit,
        Self::RecipientLimit,
        Self::BodyLimit,
        Self::ValueLimit,
        Self::Io,
    ];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Sequence => "sequence",
            Self::UnknownCommand => "unknown_command",
            Self::Negotiation => "negotiation",
            Self::HeaderLimit => "header_limit",
            Self::RecipientLimit => "recipient_limit",
            Self::BodyLimit => "body_limit",
            Self::ValueLimit => "value_limit",
            Self::Io => "io",
        }
    }
}

/// What is wrong with the evidence store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// No space is left, or the file may not grow.
    Full,
    /// Somebody else holds it.
    Locked,
    /// We may not write to it, or not open it.
    Denied,
    /// It is damaged, or no store of ours.
    Damaged,
    /// A newer program made it.
    Future,
    /// It is not there, and may not be made here.
    Missing,
    /// Reading or writing failed in another way.
    Other,
}

impl Trouble {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Full, Self::Locked, Self::Denied, Self::Damaged, Self::Future, Self::Missing, Self::Other];

    /// The name used in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Locked => "locked",
            Self::Denied => "denied",
            Self::Damaged => "damaged",
            Self::Future => "future",
            Self::Missing => "missing",
            Self::Other => "other",
        }
    }
}

/// Where a fault of our own happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// In the spine.
    Inspection,
    /// In the milter's own work.
    Milter,
    /// In writing results out.
    Output,
    /// In keeping evidence.
    Evidence,
}

impl Fault {
    /// Every place.
    pub const ALL: [Self; 4] = [Self::Inspection, Self::Milter, Self::Output, Self::Evidence];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inspection => "inspection",
            Self::Milter => "milter",
            Self::Output => "output",
            Self::Evidence => "evidence",
        }
    }
}

/// Where events are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutput {
    /// The JSONL file.
    File,
    /// Syslog.
    Syslog,
}

impl EventOutput {
    /// Every output.
    pub const ALL: [Self; 2] = [Self::File, Self::Syslog];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Syslog => "syslog",
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventResult {
    /// It was written.
    Written,
    /// It was not, and never will be.
    Lost,
}

impl EventResult {
    /// Every result.
    pub const ALL: [Self; 2] = [Self::Written, Self::Lost];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Lost => "lost",
        }
    }
}

/// The process's metrics; made once and handed to whoever counts.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    messages: IntCounterVec,
    findings: IntCounterVec,
    outcomes: IntCounterVec,
    boundary: IntCounterVec,
    hops: IntCounterVec,
    breaks: IntCounterVec,
    inspection: Histogram,
    actions: IntCounterVec,
    stripped: IntCounter,
    faults: IntCounterVec,
    last_message: GaugeVec,
    suspect_messages: IntGaugeVec,
    suspect_last_seen: GaugeVec,
    connections: IntCounterVec,
    connections_open: IntGauge,
    milter_errors: IntCounterVec,
    milter_message: Histogram,
    spf_results: IntCounterVec,
    forged_results: IntCounter,
    dns_answers: IntCounterVec,
    dns_cache_hits: IntCounter,
    dns_turned_away: IntCounter,
    dns_query: Histogram,
    dns_shortfalls: IntCounterVec,
    evidence_records: IntCounterVec,
    evidence_buffered: IntGauge,
    evidence_errors: IntCounterVec,
    evidence_late: IntCounter,
    evidence_commit: Histogram,
    evidence_pruned: IntCounter,
    evidence_bytes: IntGauge,
    events: IntCounterVec,
    indicators: IntGaugeVec,
    reload_successful: IntGauge,
    reload_timestamp: Gauge,
}

impl Metrics {
    /// The media type of [`Self::render`].
    pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

    /// Makes and registers every metric; each label value that can occur starts at 0, so that the first event is a
    /// rise that `rate()` sees.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let make = Maker { registry: &registry };
        let metrics = Self {
            messages: make.counters("relaywatch_messages_total", &["verdict"])?,
            findings: make.counters("relaywatch_findings_total", &["code", "severity"])?,
            outcomes: make.counters("relaywatch_detector_outcomes_total", &["code", "outcome"])?,
            boundary: make.counters("relaywatch_boundary_total", &["strategy", "result"])?,
            hops: make.counters("relaywatch_hops_total", &["kind"])?,
            breaks: make.counters("relaywatch_header_breaks_total", &["break"])?,
            inspection: make.put(Histogram::with_opts(
                HistogramOpts::new(
                    "relaywatch_inspection_duration_seconds",
                    help("relaywatch_inspection_duration_seconds"),
                )
                .buckets(vec![5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 1.0, 5.0]),
            )?)?,
            actions: make.counters("relaywatch_actions_total", &["action"])?,
            stripped: make.put(IntCounter::with_opts(make.opts("relaywatch_forged_headers_stripped_total"))?)?,
            faults: make.counters("relaywatch_faults_total", &["place"])?,
            last_message: make
                .put(GaugeVec::new(make.opts("relaywatch_last_message_timestamp_seconds"), &["verdict"])?)?,
            suspect_messages: make.gauges("relaywatch_suspect_messages", &["peer"])?,
            suspect_last_seen: make
                .put(GaugeVec::new(make.opts("relaywatch_suspect_last_seen_timestamp_seconds"), &["peer"])?)?,
            connections: make.counters("relaywatch_milter_connections_total", &["end"])?,
            connections_open: make.put(IntGauge::with_opts(make.opts("relaywatch_milter_connections_open"))?)?,
            milter_errors: make.counters("relaywatch_milter_errors_total", &["kind"])?,
            milter_message: make.put(Histogram::with_opts(
                HistogramOpts::new(
                    "relaywatch_milter_message_duration_seconds",
                    help("relaywatch_milter_message_duration_seconds"),
                )
                .buckets(vec![1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0, 30.0]),
            )?)?,
            spf_results: make.counters("relaywatch_spf_results_total", &["result"])?,
            forged_results: make.put(IntCounter::with_opts(make.opts("relaywatch_forged_results_total"))?)?,
            dns_answers: make.counters("relaywatch_dns_answers_total", &["answer"])?,
            dns_cache_hits: make.put(IntCounter::with_opts(make.opts("relaywatch_dns_cache_hits_total"))?)?,
            dns_turned_away: make.put(IntCounter::with_opts(make.opts("relaywatch_dns_turned_away_total"))?)?,
            dns_query: make.put(Histogram::with_opts(
                HistogramOpts::new(
                    "relaywatch_dns_query_duration_seconds",
                    help("relaywatch_dns_query_duration_seconds"),
                )
                .buckets(vec![1e-3, 5e-3, 2e-2, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0]),
            )?)?,
            dns_shortfalls: make.counters("relaywatch_dns_shortfalls_total", &["why"])?,
            evidence_records: make.counters("relaywatch_evidence_records_total", &["result"])?,
            evidence_buffered: make.put(IntGauge::with_opts(make.opts("relaywatch_evidence_buffered_records"))?)?,
            evidence_errors: make.counters("relaywatch_evidence_errors_total", &["trouble"])?,
            evidence_late: make.put(IntCounter::with_opts(make.opts("relaywatch_evidence_late_total"))?)?,
            evidence_commit: make.put(Histogram::with_opts(
                HistogramOpts::new(
                    "relaywatch_evidence_commit_duration_seconds",
                    help("relaywatch_evidence_commit_duration_seconds"),
                )
                .buckets(vec![5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2e-2, 0.1, 0.5, 2.0]),
            )?)?,
            evidence_pruned: make
                .put(IntCounter::with_opts(make.opts("relaywatch_evidence_pruned_messages_total"))?)?,
            evidence_bytes: make.put(IntGauge::with_opts(make.opts("relaywatch_evidence_store_bytes"))?)?,
            events: make.counters("relaywatch_events_total", &["output", "result"])?,
            indicators: make.gauges("relaywatch_indicators_loaded", &["kind"])?,
            reload_successful: make.put(IntGauge::with_opts(make.opts("relaywatch_config_last_reload_successful"))?)?,
            reload_timestamp: make
                .put(Gauge::with_opts(make.opts("relaywatch_config_last_reload_success_timestamp_seconds"))?)?,
            registry: registry.clone(),
        };
        make.gauges("relaywatch_build_info", &["version"])?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        metrics.start_at_zero();
        Ok(metrics)
    }

    fn start_at_zero(&self) {
        for level in Level::ALL {
            self.messages.with_label_values(&[level.as_str()]);
            self.last_message.with_label_values(&[level.as_str()]);
        }
        for code in Code::ALL {
            for severity in Severity::ALL {
                self.findings.with_label_values(&[code.as_str(), severity.as_str()]);
            }
            for outcome in OutcomeKind::ALL {
                self.outcomes.with_label_values(&[code.as_str(), outcome.as_str()]);
            }
        }
        for strategy in BoundaryStrategy::ALL {
            for kind in BoundaryKind::ALL {
                self.boundary.with_label_values(&[strategy.as_str(), kind.as_str()]);
            }
        }
        HopKind::ALL.iter().for_each(|kind| drop(self.hops.with_label_values(&[kind.as_str()])));
        Break::ALL.iter().for_each(|kind| drop(self.breaks.with_label_values(&[kind.as_str()])));
        Action::ALL.iter().for_each(|action| drop(self.actions.with_label_values(&[action.as_str()])));
        Fault::ALL.iter().for_each(|place| drop(self.faults.with_label_values(&[place.as_str()])));
        ConnectionEnd::ALL.iter().for_each(|end| drop(self.connections.with_label_values(&[end.as_str()])));
        MilterError::ALL.iter().for_each(|kind| drop(self.milter_errors.with_label_values(&[kind.as_str()])));
        SpfResult::ALL.iter().for_each(|result| drop(self.spf_results.with_label_values(&[result.as_str()])));
        Said::SERVED.iter().for_each(|said| drop(self.dns_answers.with_label_values(&[said])));
        Said::OPEN.iter().for_each(|said| drop(self.dns_shortfalls.with_label_values(&[said])));
        Trouble::ALL.iter().for_each(|trouble| drop(self.evidence_errors.with_label_values(&[trouble.as_str()])));
        ["stored", "lost"].iter().for_each(|result| drop(self.evidence_records.with_label_values(&[result])));
        for output in EventOutput::ALL {
            for result in EventResult::ALL {
                self.events.with_label_values(&[output.as_str(), result.as_str()]);
            }
        }
        self.suspect_messages.with_label_values(&["other"]);
    }

    /// Counts messages whose evidence was stored by one commit.
    pub fn evidence_stored(&self, messages: u64, took: Duration) {
        self.evidence_records.with_label_values(&["stored"]).inc_by(messages);
        self.evidence_commit.observe(took.as_secs_f64());
    }

    /// Counts messages whose evidence is lost.
    pub fn evidence_lost(&self, messages: u64) {
        self.evidence_records.with_label_values(&["lost"]).inc_by(messages);
    }

    /// Says how many messages' evidence waits in memory.
    pub fn evidence_buffered(&self, messages: usize) {
        self.evidence_buffered.set(i64::try_from(messages).unwrap_or(i64::MAX));
    }

    /// Counts an attempt to write to the store that failed.
    pub fn evidence_error(&self, trouble: Trouble) {
        self.evidence_errors.with_label_values(&[trouble.as_str()]).inc();
    }

    /// Counts a message that was answered before its evidence was stored.
    pub fn evidence_late(&self) {
        self.evidence_late.inc();
    }

    /// Counts messages that were taken out of the store.
    pub fn evidence_pruned(&self, messages: u64) {
        self.evidence_pruned.inc_by(messages);
    }

    /// Says what the store takes on the disk.
    pub fn evidence_bytes(&self, bytes: u64) {
        self.evidence_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Counts what SPF says of a peer.
    pub fn spf(&self, result: SpfResult) {
        self.spf_results.with_label_values(&[result.as_str()]).inc();
    }

    /// Counts fields that were forged under a pinned name.
    pub fn forged_results(&self, count: u64) {
        self.forged_results.inc_by(count);
    }

    /// Counts a message of which DNS left a question open.
    pub fn shortfall(&self, said: &Said) {
        self.dns_shortfalls.with_label_values(&[said.as_str()]).inc();
    }

    /// Counts a message and its verdict.
    pub fn message(&self, level: Level, took: Duration, unix_seconds: f64) {
        self.messages.with_label_values(&[level.as_str()]).inc();
        self.inspection.observe(took.as_secs_f64());
        self.last_message.with_label_values(&[level.as_str()]).set(unix_seconds);
    }

    /// Counts a finding.
    pub fn finding(&self, code: Code, severity: Severity) {
        self.findings.with_label_values(&[code.as_str(), severity.as_str()]).inc();
    }

    /// Counts what a detector answered.
    pub fn outcome(&self, code: Code, outcome: OutcomeKind) {
        self.outcomes.with_label_values(&[code.as_str(), outcome.as_str()]).inc();
    }

    /// Counts how the boundary was found.
    pub fn boundary(&self, strategy: BoundaryStrategy, kind: BoundaryKind) {
        self.boundary.with_label_values(&[strategy.as_str(), kind.as_str()]).inc();
    }

    /// Counts hops of a kind.
    pub fn hops(&self, kind: HopKind, count: u64) {
        self.hops.with_label_values(&[kind.as_str()]).inc_by(count);
    }

    /// Counts a message with a broken header section.
    pub fn header_break(&self, kind: Break) {
        self.breaks.with_label_values(&[kind.as_str()]).inc();
    }

    /// Counts what the MTA was told.
    pub fn action(&self, action: Action) {
        self.actions.with_label_values(&[action.as_str()]).inc();
    }

    /// Counts forged copies of our own fields taken out.
    pub fn stripped(&self, count: u64) {
        self.stripped.inc_by(count);
    }

    /// Counts a fault of our own.
    pub fn fault(&self, place: Fault) {
        self.faults.with_label_values(&[place.as_str()]).inc();
    }

    /// Counts a milter connection that was opened.
    pub fn connection_opened(&self) {
        self.connections_open.inc();
    }

    /// Counts a milter connection that ended after it was opened.
    pub fn connection_closed(&self, end: ConnectionEnd) {
        self.connections_open.dec();
        self.connections.with_label_values(&[end.as_str()]).inc();
    }

    /// Counts a milter connection that was refused before it was opened.
    pub fn connection_refused(&self) {
        self.connections.with_label_values(&[ConnectionEnd::Refused.as_str()]).inc();
    }

    /// Counts something wrong in a milter conversation.
    pub fn milter_error(&self, kind: MilterError) {
        self.milter_errors.with_label_values(&[kind.as_str()]).inc();
    }

    /// Observes the time from a message's sender to our answer.
    pub fn milter_message(&self, took: Duration) {
        self.milter_message.observe(took.as_secs_f64());
    }

    /// Counts what became of events.
    pub fn events(&self, output: EventOutput, result: EventResult, count: u64) {
        self.events.with_label_values(&[output.as_str(), result.as_str()]).inc_by(count);
    }

    /// Says how many indicators of a kind are in use.
    pub fn indicators(&self, kind: &'static str, count: usize) {
        self.indicators.with_label_values(&[kind]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Says that a configuration was loaded and is in use.
    pub fn reload_succeeded(&self, unix_seconds: f64) {
        self.reload_successful.set(1);
        self.reload_timestamp.set(unix_seconds);
    }

    /// Says that a configuration was refused and the older one stays in use.
    pub fn reload_failed(&self) {
        self.reload_successful.set(0);
    }

    /// Shows the suspects table: `(peer, messages, last seen)`; everything else is summed as `other`.
    pub fn suspects<'a>(&self, top: impl IntoIterator<Item = (&'a str, u64, f64)>, other: u64) {
        self.suspect_messages.reset();
        self.suspect_last_seen.reset();
        for (peer, messages, last_seen) in top {
            self.suspect_messages.with_label_values(&[peer]).set(i64::try_from(messages).unwrap_or(i64::MAX));
            self.suspect_last_seen.with_label_values(&[peer]).set(last_seen);
        }
        self.suspect_messages.with_label_values(&["other"]).set(i64::try_from(other).unwrap_or(i64::MAX));
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::with_capacity(16 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl dns::Observer for Metrics {
    fn answered(&self, said: &Said, took: Duration) {
        self.dns_answers.with_label_values(&[said.as_str()]).inc();
        self.dns_query.observe(took.as_secs_f64());
    }

    fn known(&self) {
        self.dns_cache_hits.inc();
    }

    fn turned_away(&self) {
        self.dns_turned_away.inc();
    }
}

/// Makes metrics with the help text of [`NAMES`] and registers them.
struct Maker<'a> {
    registry: &'a Registry,
}

impl Maker<'_> {
    fn opts(&self, name: &str) -> Opts {
        Opts::new(name, help(name))
    }

    fn put<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counters(&self, name: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.put(IntCounterVec::new(self.opts(name), labels)?)
    }

    fn gauges(&self, name: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.put(IntGaugeVec::new(self.opts(name), labels)?)
    }
}
