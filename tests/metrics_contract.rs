//! Holds docs, dashboards, alert rules, their tests and their runbooks to the metrics that the program exports, both ways.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use relaywatch::metrics::{Metrics, NAMES};

const DOCS: &str = "docs/metrics.md";
const ALERTS: &str = "rules/prometheus/alerts.yml";
const RULES: &str = "rules/prometheus";
const RULE_TESTS: &str = "rules/prometheus/tests";
const RUNBOOKS: &str = "docs/runbooks";
const DASHBOARDS: &str = "dashboards";
const SAMPLE: &str = "dashboards/check/sample.py";

#[test]
fn every_metric_that_is_named_anywhere_exists() {
    let histograms: Vec<String> = exported().into_iter().filter(|m| m.kind == "histogram").map(|m| m.name).collect();
    let mut files = vec![DOCS.into(), SAMPLE.into()];
    for (folder, extension) in [(RULES, "yml"), (RULE_TESTS, "yml"), (RUNBOOKS, "md"), (DASHBOARDS, "json")] {
        files.extend(files_of(folder, extension));
    }
    for file in files {
        for word in words(&read(&file)).filter(|word| word.starts_with("relaywatch_")) {
            let part = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
            let whole = part.filter(|name| histograms.iter().any(|histogram| histogram == name)).unwrap_or(word);
            // runbooks shorten names for grep
            let known = NAMES.iter().any(|(name, _)| *name == whole || is_runbook(&file) && name.starts_with(whole));
            assert!(known, "{} names {word}, which src/metrics.rs does not", file.display());
        }
    }
}

#[test]
fn every_metric_is_documented_with_its_type_and_label_values() {
    let page = read(Path::new(DOCS));
    let row = |name: &str| {
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with(&format!("| `{name}` |"))).collect();
        assert_eq!(rows.len(), 1, "{DOCS} should have one row for {name}");
        rows[0]
    };
    for (name, _) in NAMES {
        row(name);
    }
    for metric in exported() {
        let row = row(&metric.name);
        assert!(row.contains(&format!("| {} |", metric.kind)), "{DOCS}: {} is a {}", metric.name, metric.kind);
        let said: BTreeSet<&str> = row.split('|').nth(3).unwrap_or_default().split('`').skip(1).step_by(2).collect();
        let mut real: BTreeSet<&str> = metric.labels.keys().map(String::as_str).collect();
        real.extend(metric.labels.values().flatten().map(String::as_str));
        assert_eq!(said, real, "{DOCS}: labels and values of {}", metric.name);
    }
}

#[test]
fn every_alert_has_a_runbook_and_the_other_way_round() {
    let alerts: BTreeSet<String> = alerts().into_iter().collect();
    let pages = files_of(RUNBOOKS, "md");
    let named: BTreeSet<String> =
        pages.iter().filter_map(|page| Some(page.file_stem()?.to_str()?.to_owned())).collect();
    assert_eq!(alerts, named, "alerts of {ALERTS} and pages of {RUNBOOKS}");
    let pointers: BTreeSet<String> = values_of("runbook:", &read(Path::new(ALERTS))).into_iter().collect();
    let expected = alerts.iter().map(|alert| format!("{RUNBOOKS}/{alert}.md")).collect();
    assert_eq!(pointers, expected, "`runbook` annotations of {ALERTS}");
    for page in pages {
        let title = format!("# {}\n", page.file_stem().unwrap().to_str().unwrap());
        assert!(read(&page).starts_with(&title), "{} should begin with its alert's name", page.display());
    }
}

#[test]
fn every_alert_is_tested_silent_first_and_then_firing() {
    let mut seen: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for file in files_of(RULE_TESTS, "yml") {
        let mut alert = String::new();
        for line in read(&file).lines() {
            if let Some((_, rest)) = line.split_once("alertname: ") {
                alert = rest.split(',').next().unwrap_or_default().trim().to_owned();
            }
            if let Some((_, expected)) = line.split_once("exp_alerts:") {
                let state = if expected.trim_start().starts_with("[]") { "silent" } else { "fires" };
                seen.entry(alert.clone()).or_default().push(state);
            }
        }
    }
    let tested: Vec<&String> = seen.keys().collect();
    let mut alerts = alerts();
    alerts.sort();
    assert_eq!(tested, alerts.iter().collect::<Vec<_>>(), "alerts in {RULE_TESTS} and in {ALERTS}");
    for (alert, states) in seen {
        assert_eq!(states[0], "silent", "the first test of {alert} should expect silence");
        assert!(states.contains(&"fires"), "no test expects {alert} to fire");
    }
}

#[test]
fn every_panel_says_what_it_shows_and_where_its_data_comes_from() {
    for file in files_of(DASHBOARDS, "json") {
        let dashboard: serde_json::Value = serde_json::from_str(&read(&file)).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        let ids: BTreeSet<u64> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), panels.len(), "{}: each panel has an id of its own", file.display());
        for panel in panels {
            let title = panel["title"].as_str().unwrap();
            assert!(panel["description"].as_str().is_some_and(|text| text.len() > 20), "{title} lacks a description");
            let kind = panel["type"].as_str().unwrap();
            assert!(["timeseries", "stat", "gauge", "bargauge", "table"].contains(&kind), "{title} is a {kind}");
            assert_eq!(panel["fieldConfig"]["defaults"]["noValue"], "no data", "{title}: no data must not look like 0");
            for source in std::iter::once(panel).chain(panel["targets"].as_array().unwrap()) {
                assert_eq!(
                    source["datasource"]["uid"], "${datasource}",
                    "{title}: the data source is the user's choice"
                );
            }
        }
    }
}

/// A metric as the program exports it.
struct Exported {
    name: String,
    kind: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// What a fresh process exports of our own; labels whose values are not ours to list keep only their name.
fn exported() -> Vec<Exported> {
    let text = Metrics::new().unwrap().render().unwrap();
    let mut metrics: Vec<Exported> = Vec::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            metrics.push(Exported { name: name.to_owned(), kind: kind.to_owned(), labels: BTreeMap::new() });
        } else if let Some((_, rest)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let labels = &mut metrics.last_mut().unwrap().labels;
            for pair in rest.split_once('}').unwrap().0.split(',') {
                let (label, value) = pair.split_once('=').unwrap();
                let value = value.trim_matches('"');
                match label {
                    "le" => {}
                    "version" => drop(labels.entry(label.to_owned()).or_default()),
                    _ => drop(labels.entry(label.to_owned()).or_default().insert(value.to_owned())),
                }
            }
        }
    }
    metrics.retain(|metric| metric.name.starts_with("relaywatch_"));
    assert!(metrics.len() + 2 >= NAMES.len(), "nearly every metric is there from the start");
    metrics
}

fn alerts() -> Vec<String> {
    values_of("- alert:", &read(Path::new(ALERTS)))
}

/// The values behind a key, one a line.
fn values_of(key: &str, text: &str) -> Vec<String> {
    text.lines().filter_map(|line| Some(line.trim_start().strip_prefix(key)?.trim().to_owned())).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
}

fn is_runbook(file: &Path) -> bool {
    file.starts_with(RUNBOOKS)
}

fn files_of(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty(), "{folder} holds no .{extension}");
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
