//! Configuration folders: each holds a `config.toml` and what reading it must say.
//!
//! - `tests/config/bad/NN-slug/`: `expected.txt` is what an admin sees, with every caret;
//! - `tests/config/good/slug/`: `expected.txt` is the configuration as decided and its warnings.
//!
//! Indicator lists named as `/lists/NAME` are read from the folder itself. `RELAYWATCH_BLESS=1 cargo test --test config`
//! rewrites every `expected.txt`; look at the difference before you commit it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use relaywatch::{
    config::{self, Config, ConfigError},
    net::parse_literal,
    policy::{DeclaredForwarder, Forwarding, Policy},
};

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(kind);
    let mut cases = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    cases.sort();
    cases
}

fn read_case(case: &Path) -> Result<Config, ConfigError> {
    let bytes = fs::read(case.join("config.toml")).unwrap();
    let lists = |path: &Path| match path.strip_prefix("/lists") {
        Ok(name) if case.join(name).is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(name) => fs::read(case.join(name)),
        Err(_) => Err(io::ErrorKind::NotFound.into()),
    };
    config::from_text("config.toml", &bytes, &lists)
}

/// Holds what was said to what was expected, or writes it down; gives a report of the difference.
fn compare(case: &Path, said: &str) -> Option<String> {
    let file = case.join("expected.txt");
    if std::env::var_os("RELAYWATCH_BLESS").is_some() {
        fs::write(&file, said).unwrap();
        return None;
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    (expected != said).then(|| format!("{}\n--- expected\n{expected}\n--- said\n{said}", case.display()))
}

#[test]
fn bad_configurations_are_refused_for_the_stated_reason() {
    let cases = cases("bad");
    assert!(cases.len() >= 20, "{} bad configurations", cases.len());
    let mut failures = Vec::new();
    for case in cases {
        match read_case(&case) {
            Ok(_) => failures.push(format!("{} was taken", case.display())),
            Err(error) => failures.extend(compare(&case, &error.render(false))),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn good_configurations_are_decided_as_stated() {
    let mut failures = Vec::new();
    for case in cases("good") {
        match read_case(&case) {
            Ok(config) => failures.extend(compare(&case, &shown(&config))),
            Err(error) => failures.push(format!("{} was refused:\n{}", case.display(), error.render(false))),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The decided configuration in a stable form, and every warning.
fn shown(config: &Config) -> String {
    let policy = &config.policy;
    let mut lines = vec![
        format!(
            "topology: {} networks, {} domains, {} hosts, {} exchangers",
            policy.topology.networks.len(),
            policy.topology.domains.len(),
            policy.topology.hosts.len(),
            policy.topology.exchangers.len()
        ),
        format!("boundary: {}{}", policy.boundary.as_str(), provider(policy)),
        format!("ingress: {} rules", policy.ingress.len()),
        format!("indicators: {} networks, {} names", policy.indicators.network_count(), policy.indicators.name_count()),
        format!("forwarding: {}", forwarding(&policy.forwarding)),
        format!("detectors: {:?}", relaywatch::finding::Code::ALL.map(|code| policy.detectors.is_on(code))),
        format!("actions: {:?}", policy.actions),
        format!("stamp: {:?}", policy.stamp),
        format!("milter: {:?}", config.milter),
        format!("http: {:?}", config.http),
        format!("log: {:?}", config.log),
        format!("events: {:?}", config.events),
        format!("suspects: {:?}", config.suspects),
        format!("sources: {:?}", config.sources),
    ];
    lines.extend(config.warnings.iter().map(|warning| format!("\n{}", warning.render(false).trim_end())));
    lines.join("\n") + "\n"
}

fn forwarding(forwarding: &Forwarding) -> String {
    let declared = forwarding.declared.iter().map(|forwarder| {
        let DeclaredForwarder { name, networks, hosts, spf_domains } = forwarder;
        format!("{name} ({} networks, {} hosts, {} spf)", networks.len(), hosts.len(), spf_domains.len())
    });
    let added = forwarding.filters.iter().filter(|provider| provider.source.is_none());
    format!(
        "sealers {:?}, declared {:?}, {} providers, added {:?}",
        forwarding.arc_sealers,
        declared.collect::<Vec<_>>(),
        forwarding.filters.iter().count(),
        added.map(|provider| provider.name.as_str()).collect::<Vec<_>>()
    )
}

fn provider(policy: &Policy) -> String {
    let provider = policy.topology.provider.as_ref();
    provider.map(|provider| format!(", mailboxes at {} ({})", provider.id, provider.name)).unwrap_or_default()
}

#[test]
fn the_example_configuration_is_taken() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/relaywatch.toml");
    let config = config::load(&path).unwrap_or_else(|error| panic!("{}", error.render(false)));
    assert_eq!(config.sources, [path]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn what_is_wrong_ten_thousand_times_is_told_some_times() {
    let list = "[[indicator]]\nid = \"a b\"\nkind = \"ip\"\nvalue = \"192.0.2.1\"\nttl = 5\n".repeat(10_000);
    let text = format!("format = 1\nname = \"l\"\n{list}");
    let read = |_: &Path| Ok(text.clone().into_bytes());
    let config = b"[[indicators.list]]\npath = \"/lists/l.toml\"\n";
    let error = config::from_text("config.toml", config, &read).unwrap_err();
    assert!((20..200).contains(&error.problems().len()), "{}", error.problems().len());
    assert!(error.render(false).contains("`/lists/l.toml` has more problems, which are not shown"));
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let nothing = |_: &Path| Err(io::ErrorKind::NotFound.into());
    for text in [format!("a = {}", "[".repeat(100_000)), format!("a{} = 1", ".a".repeat(100_000))] {
        assert!(config::from_text("config.toml", text.as_bytes(), &nothing).is_err());
    }
}

#[test]
fn a_file_and_its_lists_are_read_and_named_as_sources() {
    let folder = tempfile::tempdir().unwrap();
    let (file, list) = (folder.path().join("relaywatch.toml"), folder.path().join("drop.netset"));
    let write = |path: &Path| {
        let text = format!("[[indicators.list]]\npath = \"{}\"\nconfidence = \"low\"\n", path.display());
        fs::write(&file, text).unwrap();
    };
    fs::write(&list, "192.0.2.0/24\n").unwrap();
    write(&list);
    let config = config::load(&file).unwrap();
    assert_eq!(config.sources, [file.clone(), list]);
    assert_eq!(config.policy.indicators.address(parse_literal("192.0.2.66").unwrap()).unwrap().id, "drop.netset:1");

    for (path, reason) in [(folder.path(), "it is a folder"), (Path::new("/dev/zero"), "it is no regular file")] {
        write(path);
        let error = config::load(&file).unwrap_err().to_string();
        assert!(error.ends_with(reason), "{error}");
    }
    assert!(config::load(folder.path()).unwrap_err().to_string().ends_with("it is a folder"));
}

#[test]
fn a_missing_file_is_named() {
    let error = config::load(Path::new("/nonexistent/relaywatch.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the configuration `/nonexistent/relaywatch.toml`; there is no such file"
    );
}

#[test]
fn the_defaults_know_the_relay_and_private_networks() {
    let config = config::defaults();
    let ip = |text| parse_literal(text).unwrap();
    assert_eq!(config.policy.indicators.address(ip("45.77.24.250")).unwrap().id, "incident-2020-relay-1");
    assert_eq!(config.policy.indicators.address(ip("202.182.115.48")).unwrap().id, "incident-2020-relay-2");
    assert!(config.policy.indicators.name("ns-650.awsdns-017.net").is_some());
    for name in ["ns-650.awsdns-17.net", "mail.coincheck.com", "mail.bitcoinbank.co.jp"] {
        assert!(config.policy.indicators.name(name).is_none(), "{name}");
    }
    for ours in ["127.0.0.1", "10.1.2.3", "100.64.0.1", "fe80::1", "fd00::1", "192.168.1.1"] {
        assert!(config.policy.topology.networks.contains(ip(ours)), "{ours}");
    }
    assert!(!config.policy.topology.networks.contains(ip("203.0.113.1")));
    assert_eq!(config.policy.operators.same("mx.google.com", "mail.gmail.com"), Some(true));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        look(&bytes);
    }

    #[test]
    fn anything_like_a_configuration_is_taken_or_refused(
        text in r#"(\[{0,2}(topology|ingress|milter|detectors\.(own-name|x)|indicators\.list)\]{0,2}\n|(networks|listen|path|enabled|recipients|top|idle_timeout) = ("[a-z0-9:/.]{0,12}"|\[("[0-9./:a-z]{0,9}",? ?){0,3}\]|-?[0-9]{1,20}|true|\{\})\n){0,8}"#
    ) {
        look(text.as_bytes());
    }
}

fn look(bytes: &[u8]) {
    let lists = |_: &Path| Ok(bytes.to_vec());
    if let Err(error) = config::from_text("config.toml", bytes, &lists) {
        assert!(!error.problems().is_empty());
        assert!(!error.render(false).is_empty() && !error.render(true).is_empty());
    }
}
