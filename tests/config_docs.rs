//! docs/configuration.md, docs/indicators.md and docs/forwarding.md against the code, both ways.
//!
//! The tables between `<!-- keys: .. -->`, `<!-- operators -->` or `<!-- providers -->` and `<!-- end -->` are made from the code; `RELAYWATCH_BLESS=1 cargo test
//! --test config_docs` writes them. Everything else on the pages is held to the code by the tests below.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, io, path::Path};

use relaywatch::{
    config::{self, Config, KEYS, SHIPPED_OPERATORS},
    finding::Code,
    problem::Source,
    rules::{indicators::described, mediators, providers},
    schema::{Fallback, Key, key},
};

const LIST: &str = "format = 1\nname = \"list\"\n";

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

fn read(text: &str) -> Config {
    let lists = |path: &Path| match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(LIST.into()),
        Some("key") => Ok(vec![7; 32]),
        _ => Ok::<_, io::Error>(b"192.0.2.0/24\n".to_vec()),
    };
    let config = config::from_text("page", text.as_bytes(), &lists);
    config.unwrap_or_else(|error| panic!("{}\n{text}", error.render(false)))
}

fn table(keys: impl Iterator<Item = &'static Key>) -> String {
    let mut lines =
        vec!["| key | takes | default | example | meaning |".to_owned(), "|---|---|---|---|---|".to_owned()];
    for key in keys {
        let default = match key.default {
            Fallback::Required => "required".to_owned(),
            Fallback::Value(value) => format!("`{value}`"),
            Fallback::Said(words) => words.to_owned(),
        };
        let path = key.path.replace("[]", "");
        lines.push(format!("| `{path}` | {} | {default} | `{}` | {} |", key.kind.words(), key.example, key.doc));
    }
    lines.join("\n")
}

fn operators() -> String {
    let groups = SHIPPED_OPERATORS.iter().map(|group| {
        let names = group.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        format!("- {}", names.join(", "))
    });
    groups.collect::<Vec<_>>().join("\n")
}

fn shipped_mediators() -> String {
    let mut problems = Vec::new();
    let list = mediators::read(&mediators::SHIPPED, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    let updated = list.updated.map(|date| date.to_string()).unwrap_or_default();
    let mut lines = vec![format!("As of {updated}:\n\n| provider | role | hosts below |"), "|---|---|---|".to_owned()];
    for provider in &list.providers {
        let name = match &provider.source {
            Some(source) => format!("[{}]({source})", provider.name),
            None => provider.name.clone(),
        };
        let hosts = provider.hosts.iter().map(|host| format!("`{host}`")).collect::<Vec<_>>().join(", ");
        lines.push(format!("| {name} | {} | {hosts} |", provider.role.as_str()));
    }
    lines.join("\n")
}

fn shipped_providers() -> String {
    let mut providers = providers::shipped(&mut Vec::new());
    providers.sort_by(|a, b| a.id.cmp(&b.id));
    providers.iter().map(|provider| format!("- `{}`: {}", provider.id, provider.name)).collect::<Vec<_>>().join("\n")
}

/// The page with every marked part made anew.
fn made(page: &str) -> String {
    let mut made = String::new();
    let mut rest = page;
    let markers = ["<!-- keys: ", "<!-- operators -->", "<!-- providers -->", "<!-- mediators -->"];
    while let Some(start) = markers.iter().filter_map(|marker| rest.find(marker)).min() {
        let (before, marked) = rest.split_at(start);
        let (marker, after) = marked.split_once('\n').unwrap();
        let (_, after) = after.split_once("<!-- end -->").unwrap();
        let part = match marker.trim_start_matches("<!-- ").trim_end_matches(" -->") {
            "operators" => operators(),
            "mediators" => shipped_mediators(),
            "providers" => shipped_providers(),
            "keys: described" => table(described::KEYS.iter()),
            "keys: mediators" => table(mediators::KEYS.iter()),
            name => table(KEYS.iter().filter(|key| key.path.split(['.', '[']).next() == name.strip_prefix("keys: "))),
        };
        made.push_str(&format!("{before}{marker}\n\n{part}\n\n<!-- end -->"));
        rest = after;
    }
    made + rest
}

#[test]
fn the_tables_of_the_pages_are_those_of_the_code() {
    for name in ["configuration.md", "indicators.md", "forwarding.md"] {
        let (page, made) = (page(name), made(&page(name)));
        if std::env::var_os("RELAYWATCH_BLESS").is_some() {
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name), made).unwrap();
        } else {
            assert_eq!(page, made, "docs/{name}: run RELAYWATCH_BLESS=1 cargo test --test config_docs");
        }
    }
}

#[test]
fn every_key_is_on_its_page_and_every_key_of_the_page_exists() {
    let (configuration, indicators) = (page("configuration.md"), page("indicators.md"));
    let forwarding = page("forwarding.md");
    for key in KEYS {
        assert!(configuration.contains(&format!("| `{}` |", key.path.replace("[]", ""))), "{}", key.path);
    }
    for key in described::KEYS {
        assert!(indicators.contains(&format!("| `{}` |", key.path.replace("[]", ""))), "{}", key.path);
    }
    let tables = KEYS.iter().map(|key| key.path.split(['.', '[']).next().unwrap()).collect::<Vec<_>>();
    let mut named = 0;
    for page in [&configuration, &indicators, &forwarding] {
        // Outside of fenced blocks every second part is in backquotes.
        let prose = page.split("```").step_by(2).collect::<String>();
        for name in prose.split('`').skip(1).step_by(2) {
            let is_path = name.split_once('.').is_some_and(|(table, _)| tables.contains(&table));
            // The store's file is called like a table.
            if is_path && name != "evidence.db" && !name.contains([' ', '/', '<']) {
                let known = key(KEYS, name).is_some() || KEYS.iter().any(|key| key.path.replace("[]", "") == name);
                assert!(known, "the page names `{name}`, which does not exist");
                named += 1;
            }
        }
    }
    assert!(named > KEYS.len());
}

#[test]
fn every_example_of_the_pages_is_taken() {
    let mut seen = 0;
    for page in [page("configuration.md"), page("indicators.md"), page("forwarding.md")] {
        for block in page.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            seen += 1;
            if block.starts_with("format =") {
                let mut problems = Vec::new();
                let list = described::read(&Source { name: "page", text: block }, &mut problems);
                assert!(problems.is_empty() && !list.is_empty(), "{problems:?}");
            } else {
                let config = read(block);
                let about_the_example = config.warnings.iter().filter(|warning| warning.place().is_some());
                assert_eq!(about_the_example.count(), 0, "{:?}", config.warnings);
            }
        }
    }
    assert!(seen >= 10, "{seen} examples");
}

/// A file with one key set, and with what its table needs beside it; `value` is nothing to leave the key out.
fn with_one_key(path: &str, value: Option<&str>) -> String {
    let (table, name) = path.rsplit_once('.').unwrap();
    let header = match table.strip_suffix("[]") {
        Some(table) => format!("[[{table}]]\n"),
        None => format!("[{table}]\n"),
    };
    let beside = match table {
        "ingress[]" if name != "may_pass" => "may_pass = [\"198.51.100.8\"]\n",
        "ingress[]" => "must_pass = [\"198.51.100.8\"]\n",
        "forwarding.declared[]" if name == "name" => "hosts = [\"alumni.example\"]\n",
        "forwarding.declared[]" if name == "hosts" => "name = \"alumni office\"\nspf = [\"alumni.example\"]\n",
        "forwarding.declared[]" => "name = \"alumni office\"\nhosts = [\"alumni.example\"]\n",
        "forwarding.filter[]" if name == "name" => "hosts = [\"filter.example\"]\n",
        "forwarding.filter[]" => "name = \"Cloud filter\"\n",
        "provider[]" if name == "ingress_by" => "id = \"example-mail\"\n",
        "provider[]" if name == "id" => "ingress_by = [\"mx.provider.example\"]\n",
        "provider[]" => "id = \"example-mail\"\ningress_by = [\"mx.provider.example\"]\n",
        "evidence" if value == Some("\"keyed-hash\"") => "key_file = \"/etc/relaywatch/evidence.key\"\n",
        "indicators.list[]" if name != "path" => "path = \"/lists/drop.netset\"\n",
        "events" if name != "file" => "file = \"/var/log/relaywatch/events.jsonl\"\n",
        _ => "",
    };
    let line = value.map(|value| format!("{name} = {value}\n")).unwrap_or_default();
    format!("{header}{beside}{line}")
}

/// Every path, with `CODE` as each detector.
fn paths() -> Vec<(&'static Key, String)> {
    let each = KEYS.iter().flat_map(|key| match key.path.contains("CODE") {
        true => Code::ALL.map(|code| (key, key.path.replace("CODE", code.as_str()))).to_vec(),
        false => vec![(key, key.path.to_owned())],
    });
    each.collect()
}

#[test]
fn the_stated_defaults_are_the_real_ones() {
    // Sets and tables are unordered; their letters are not.
    let shown = |config: &Config| {
        let mut text = format!("{config:?}").chars().collect::<Vec<_>>();
        text.sort_unstable();
        text.into_iter().collect::<String>()
    };
    for (key, path) in paths() {
        let Fallback::Value(value) = key.default else { continue };
        let (with, without) = (read(&with_one_key(&path, Some(value))), read(&with_one_key(&path, None)));
        assert!(shown(&with) == shown(&without), "`{path}` is not `{value}` by default");
    }
}

#[test]
fn every_key_takes_its_example() {
    for (key, path) in paths() {
        read(&with_one_key(&path, Some(key.example)));
    }
    for key in described::KEYS.iter().filter(|key| key.path.starts_with("indicator[]")) {
        let name = key.path.rsplit_once('.').unwrap().1;
        let mut lines = vec![format!("{name} = {}", key.example)];
        for (other, value) in [("id", "\"a\""), ("kind", "\"ip\""), ("value", "\"192.0.2.66\"")] {
            if other != name {
                lines.push(format!("{other} = {value}"));
            }
        }
        let text = format!("{LIST}[[indicator]]\n{}\n", lines.join("\n"));
        let mut problems = Vec::new();
        assert_eq!(described::read(&Source { name: "list", text: &text }, &mut problems).len(), 1, "{problems:?}");
        assert!(problems.is_empty(), "{problems:?}");
    }
}
