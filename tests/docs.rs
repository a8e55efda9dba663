//! Holds the pages to the code: what they name exists, and what exists is named.

#![allow(clippy::expect_used, reason = "a broken expectation fails the test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Parser as _;
use relaywatch::{cli::Cli, config, finding::Code, forwarding::SignKind, trace::AmbiguityReason};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// Every Markdown page of the project.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(".md") {
                pages.push(path);
            }
        }
    }
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = read(&page);
        for target in links(&text).filter(|target| !target.starts_with("http") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap_or_default();
            let folder = page.parent().unwrap_or(root());
            if !folder.join(file).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn every_detector_has_its_part_of_the_page_and_its_row_in_the_readme() {
    let page = read(&root().join("docs/detectors.md"));
    let readme = read(&root().join("README.md"));
    for code in Code::ALL {
        assert!(page.contains(&format!("## `{}`\n", code.as_str())), "docs/detectors.md lacks {}", code.as_str());
        assert!(readme.contains(&format!("| `{}` |", code.as_str())), "README.md lacks {}", code.as_str());
    }
    for heading in page.lines().filter_map(|line| line.strip_prefix("## `")) {
        let code = heading.trim_end_matches('`');
        assert!(
            Code::ALL.iter().any(|known| known.as_str() == code),
            "docs/detectors.md names `{code}`, which is none"
        );
    }
}

#[test]
fn every_dialect_has_its_row_in_the_page_on_received() {
    let page = read(&root().join("docs/received.md"));
    let row = |name: &str| page.contains(&format!("\n| `{name}` |"));
    let missing: Vec<_> = relaywatch::trace::dialects().map(|(name, _)| name).filter(|name| !row(name)).collect();
    assert!(missing.is_empty(), "docs/received.md has no row for {missing:?}");
}

#[test]
fn every_reason_of_an_ambiguity_is_explained() {
    let page = read(&root().join("docs/received.md"));
    for reason in AmbiguityReason::ALL {
        assert!(page.contains(&format!("\n| `{}` | `", reason.as_str())), "{}", reason.as_str());
    }
}

#[test]
fn every_sign_of_forwarding_has_its_row_with_its_tell_and_who_forges_it() {
    let page = read(&root().join("docs/forwarding.md"));
    for kind in SignKind::ALL {
        let row = format!("\n| `{}` | {} | {} | ", kind.as_str(), kind.tell(), kind.forgery().as_str());
        assert!(page.contains(&row), "docs/forwarding.md lacks the row {row}");
    }
}

/// The blocks of a page that are fenced as this language, without the indentation of a list.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for line in page.lines() {
        let text = line.trim_start();
        block = match block {
            None => (text == format!("```{language}")).then(|| (line.len() - text.len(), String::new())),
            Some((_, whole)) if text == "```" => {
                blocks.push(whole);
                None
            }
            Some((indent, whole)) => Some((indent, whole + line.get(indent..).unwrap_or_default() + "\n")),
        };
    }
    blocks
}

/// tests/config_docs.rs holds the examples of the other pages.
#[test]
fn the_configurations_of_the_pages_are_valid() {
    let nothing = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    for page in [
        "README.md",
        "docs/detectors/interposed-relay.md",
        "docs/events.md",
        "docs/integrations/hosted.md",
        "docs/integrations/postfix.md",
    ] {
        let blocks = blocks(&read(&root().join(page)), "toml");
        assert!(!blocks.is_empty(), "{page}");
        for block in blocks {
            config::from_text(page, block.as_bytes(), &nothing)
                .unwrap_or_else(|error| panic!("{}", error.render(false)));
        }
    }
}

/// Every `relaywatch ..` of every page, as far as a pipe or a redirection.
#[test]
fn every_command_of_the_pages_exists() {
    let mut seen = 0;
    for page in pages() {
        let blocks = blocks(&read(&page), "sh").into_iter().map(|block| block.replace("\\\n", " "));
        for line in blocks.collect::<Vec<_>>().iter().flat_map(|block| block.lines()) {
            if !line.starts_with("relaywatch ") {
                continue;
            }
            let words = line.split_whitespace().take_while(|word| !word.starts_with(['|', '>', '<', '#', ';', '&']));
            Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{}: {line}\n{error}", page.display()));
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} commands");
}

/// What docs/detectors/interposed-relay.md shows is what comes of its zone and its command.
#[test]
fn the_page_on_interposed_relays_shows_what_is_said() {
    let page = read(&root().join("docs/detectors/interposed-relay.md"));
    let zone = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(zone.path(), &blocks(&page, "zone")[0]).expect("the zone is written");
    let command = blocks(&page, "sh").into_iter().find(|block| block.contains("senders.zone")).expect("the command");
    let words = command.split_whitespace().skip(1).map(|word| match word {
        "senders.zone" => zone.path().display().to_string(),
        word => word.to_owned(),
    });
    let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_relaywatch"));
    let output = run.args(words).args(["--format", "json"]).current_dir(root()).output().expect("it runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    let findings = report["findings"].as_array().expect("findings");
    let found = findings.iter().find(|finding| finding["code"] == "interposed-relay").expect("the finding");
    assert_eq!(
        found["sentence"].as_str(),
        Some(blocks(&page, "text")[0].split_whitespace().collect::<Vec<_>>().join(" ").as_str())
    );
    assert!(
        findings.iter().any(|finding| finding["code"] == "dns-cross"),
        "the page says that dns-cross sees it as well"
    );
}

#[test]
fn the_map_fits_on_a_few_screens_and_names_every_room() {
    let map = read(&root().join("ARCHITECTURE.md"));
    assert!(map.lines().count() <= 150, "ARCHITECTURE.md has {} lines", map.lines().count());
    for entry in fs::read_dir(root().join("src")).expect("src is readable") {
        let path = entry.expect("a readable entry").path();
        let room = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(room == "lib" || map.contains(&format!("`{room}")), "ARCHITECTURE.md does not name `{room}`");
    }
}
