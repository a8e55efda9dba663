//! A real Prometheus scrapes the running daemon, and every query of every dashboard and alert is put to it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::{fs, path::Path};

use relaywatch::metrics::Metrics;
use serde_json::Value;

use support::{
    prometheus::{Prometheus, promtool},
    traffic::Traffic,
};

const ALERTS: &str = "rules/prometheus/alerts.yml";

/// Queries that may find nothing although all is well: panel and reason.
const MAY_BE_EMPTY: &[(&str, &str)] = &[];

#[test]
fn prometheus_answers_every_query_of_dashboards_and_alerts() {
    let traffic = Traffic::start();
    let mut prometheus = Prometheus::start(traffic.metrics_address(), Path::new(ALERTS));
    prometheus.wait_for("ordinary mail to be seen", |prometheus| {
        let seen = prometheus.query("count_over_time(relaywatch_messages_total{verdict=\"clean\"}[1m]) > 2").ok()?;
        (!seen.is_empty()).then_some(())
    });
    traffic.hijack();

    let fires = |alert: &Value| alert["name"] == "RelaywatchMaliciousRelay" && alert["state"] == "firing";
    prometheus.wait_for("the first hijacked message to raise its alert", |prometheus| {
        prometheus.alerts().ok()?.iter().any(fires).then_some(())
    });
    let alerts = prometheus.wait_for("every alert to be evaluated", |prometheus| {
        let alerts = prometheus.alerts().ok()?;
        alerts.iter().all(|alert| alert["health"] != "unknown").then_some(alerts)
    });
    for alert in alerts {
        let name = &alert["name"];
        assert_eq!(alert["health"], "ok", "{name}: {}", alert["lastError"]);
        prometheus.query(alert["query"].as_str().unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = if name == "RelaywatchForgedHeaders" || fires(&alert) { "firing" } else { "inactive" };
        assert_eq!(alert["state"], expected, "{name}, with ordinary mail and one hijacked, forged message");
    }

    let mut empty = Vec::new();
    for (dashboard, title, target) in targets() {
        let query = target["expr"].as_str().unwrap();
        let query = query.replace("$__rate_interval", "10s").replace("$__range", "60s");
        assert!(!query.contains("$_"), "{dashboard}, {title}: this test does not know a variable of {query}");
        let found = if target["instant"] == true { prometheus.query(&query) } else { prometheus.query_range(&query) };
        let found = found.unwrap_or_else(|error| panic!("{dashboard}, {title}: {error}\n{query}"));
        if found.is_empty() {
            empty.push(title);
        }
    }
    let allowed: Vec<&str> = MAY_BE_EMPTY.iter().map(|(title, _)| *title).collect();
    assert_eq!(empty, allowed, "panels without one series, and those that may be so");
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    let output = promtool(&["check", "metrics"], &Metrics::new().unwrap().render().unwrap());
    let said = [output.stdout, output.stderr].concat();
    assert_eq!((output.status.success(), String::from_utf8_lossy(&said).trim()), (true, ""));
}

#[test]
fn promtool_finds_nothing_wrong_with_the_alert_rules() {
    succeeds(&["check", "rules", ALERTS]);
}

#[test]
fn the_alert_rules_pass_their_own_tests() {
    let mut files: Vec<String> = list("rules/prometheus/tests", "yml");
    files.sort();
    let arguments: Vec<&str> = ["test", "rules"].into_iter().chain(files.iter().map(String::as_str)).collect();
    succeeds(&arguments);
}

fn succeeds(arguments: &[&str]) {
    let output = promtool(arguments, "");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {}:\n{}", arguments.join(" "), String::from_utf8_lossy(&said));
}

/// Every query of every panel: dashboard, panel, target.
fn targets() -> Vec<(String, String, Value)> {
    let mut targets = Vec::new();
    for file in list("dashboards", "json") {
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            let own = panel["targets"].as_array().unwrap().iter();
            targets.extend(own.map(|target| (file.clone(), title.to_owned(), target.clone())));
        }
    }
    assert!(targets.len() > 10, "the dashboards have queries");
    targets
}

fn list(folder: &str, extension: &str) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    files.map(|path| path.display().to_string()).collect()
}
