//! The daemon's judge: what happens with each message between its last header field and the answer to the MTA.
//!
//! Inspect, count, stamp, rule, keep, log. It holds the configuration in use, which a reload swaps as a whole; a message is judged by
//! one configuration from start to end.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use crate::{
    clock::Clock,
    config::{Config, MilterSettings},
    dns::Dns,
    events::{self, Events},
    evidence::{Circumstances, Keeper, Origin, Record},
    finding::Level,
    ingest::{Judge, Judging, Ruling},
    inspect::{Report, inspect},
    message::RawMessage,
    metrics::{Fault, Metrics},
    policy::{Action, Policy},
    stamp::stamp,
    suspects::Suspects,
    trace::HopKind,
};

/// Where reports are sent besides the usual outputs. Full or closed, it is passed over.
pub type Observer = mpsc::Sender<(RawMessage, Report<'static>, Ruling)>;

/// The daemon's state while it watches mail.
pub struct Watch {
    config: ArcSwap<Config>,
    milter: watch::Sender<Arc<MilterSettings>>,
    metrics: Metrics,
    suspects: Mutex<Suspects>,
    /// Held while a page is made: two at once would see each other's half-filled suspects table.
    page: Mutex<()>,
    clock: Arc<dyn Clock>,
    dns: Arc<dyn Dns>,
    outputs: Outputs,
}

/// Where reports go beside the metrics and the log.
pub struct Outputs {
    /// The evidence store.
    pub keeper: Keeper,
    /// The event log.
    pub events: Events,
    /// Who else sees each report; the demonstration does.
    pub observer: Option<Observer>,
}

impl Watch {
    /// Begins with a configuration.
    pub fn new(config: Config, metrics: Metrics, clock: Arc<dyn Clock>, dns: Arc<dyn Dns>, outputs: Outputs) -> Self {
        let suspects = Mutex::new(Suspects::new(config.suspects.clone()));
        let milter = watch::Sender::new(Arc::new(config.milter.clone()));
        let watch = Self {
            config: ArcSwap::from_pointee(config),
            milter,
            metrics,
            suspects,
            page: Mutex::default(),
            clock,
            dns,
            outputs,
        };
        watch.say_loaded();
        watch
    }

    /// The configuration in use.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// The milter's part of the configuration in use, for connections to come.
    pub fn milter_settings(&self) -> watch::Receiver<Arc<MilterSettings>> {
        self.milter.subscribe()
    }

    /// Puts another configuration in use, from the next message on.
    pub fn replace(&self, config: Config) {
        self.lock_suspects().configure(config.suspects.clone());
        self.milter.send_replace(Arc::new(config.milter.clone()));
        self.outputs.keeper.configure(config.evidence.clone());
        self.config.store(Arc::new(config));
        self.say_loaded();
    }

    /// Says that a configuration was refused.
    pub fn refuse(&self) {
        self.metrics.reload_failed();
    }

    /// Where events go.
    pub fn events(&self) -> &Events {
        &self.outputs.events
    }

    /// The page for Prometheus.
    pub fn metrics_page(&self) -> Result<String, prometheus::Error> {
        let _page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        let table = self.lock_suspects().table();
        self.metrics
            .suspects(table.top.iter().map(|(peer, messages, seen)| (peer.as_str(), *messages, *seen)), table.other);
        self.metrics.render()
    }

    fn say_loaded(&self) {
        let config = self.config.load();
        self.metrics.reload_succeeded(self.now());
        self.metrics.indicators("network", config.policy.indicators.network_count());
        self.metrics.indicators("name", config.policy.indicators.name_count());
    }

    fn now(&self) -> f64 {
        self.clock.now().as_duration().as_secs_f64()
    }

    /// A panic while the table was locked leaves it whole: every change to it is a single step.
    fn lock_suspects(&self) -> std::sync::MutexGuard<'_, Suspects> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rule(&self, message: &RawMessage, report: &Report<'_>, policy: &Policy) -> Ruling {
        let stamp = stamp(message, report, &policy.stamp);
        if stamp.stripped > 0 {
            self.metrics.stripped(stamp.stripped);
            events::log::forged_headers(message, report, stamp.stripped);
        }
        let action = policy.actions.of(report.verdict.level);
        let reply = matches!(action, Action::Tempfail | Action::Reject)
            .then(|| "Message refused: unexpected mail relay in its path".to_owned());
        Ruling { action, reply, changes: stamp.changes }
    }

    fn count(&self, message: &RawMessage, report: &Report<'_>) {
        self.metrics.message(report.verdict.level, report.took, self.now());
        self.metrics.boundary(report.boundary.strategy, report.boundary.place.kind());
        let authentication = &report.authentication;
        if let Some(peer) = &authentication.peer {
            self.metrics.spf(peer.result);
        }
        self.metrics.forged_results(authentication.stated.forged as u64);
        if let Some(said) = authentication.shortfall() {
            self.metrics.shortfall(said);
        }
        for (code, outcome) in &report.outcomes {
            self.metrics.outcome(*code, outcome.kind());
        }
        for finding in &report.verdict.findings {
            self.metrics.finding(finding.code, finding.severity);
        }
        for kind in HopKind::ALL {
            let hops = report.trace.hops.iter().filter(|hop| hop.received.kind == kind).count();
            self.metrics.hops(kind, hops as u64);
        }
        for seen in message.headers.breaks() {
            self.metrics.header_break(*seen);
        }
        if report.verdict.level >= Level::Suspicious {
            self.lock_suspects().note(report.boundary.peer().map(|(_, ip)| ip), self.clock.now());
        }
    }
}

impl Judge for Watch {
    fn judge<'a>(&'a self, message: &'a RawMessage) -> Judging<'a> {
        Box::pin(self.watch(message))
    }
}

impl Watch {
    async fn watch(&self, message: &RawMessage) -> Ruling {
        let config = self.config();
        let report = inspect(message, &config.policy, &*self.dns).await;
        self.count(message, &report);
        let ruling = self.rule(message, &report, &config.policy);
        self.metrics.action(ruling.action);
        let (now, outputs) = (self.clock.now(), &self.outputs);
        if config.evidence.on {
            let about = Circumstances { origin: Origin::Milter, now, action: Some(ruling.action) };
            outputs.keeper.keep(Record::of(message, &report, &about, &config.evidence.privacy)).await;
        }
        events::log::message(message, &report, ruling.action);
        outputs.events.hand_over(message, &report, ruling.action, now, &config.evidence.privacy);
        if let Some(observer) = &outputs.observer
            && observer.try_send((message.clone(), report.into_owned(), ruling.clone())).is_err()
        {
            self.metrics.fault(Fault::Output);
        }
        ruling
    }
}
