//! The indicator lists that a configuration names, read and joined.
//!
//! Takes paths and something that reads files, gives one set of indicators. Problems of a list carry the list's own name
//! and line; a list that names our own hosts is a warning, because such an entry would report every mail of ours.

use std::{
    collections::HashMap,
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use ipnetwork::IpNetwork;

use super::{
    overlap::Ranges,
    take::{At, Take},
    written::{self, Text},
};
use crate::{
    names::{Domain, DomainSet},
    problem::{Problem, Source},
    rules::indicators::{Confidence, Indicator, Indicators, PlainList, Value, described, plain},
    text::printable,
};

/// What reads a file. Handed in, so that tests and fuzzing touch no disk.
pub type Reader<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// The list of the 2020 incident, compiled in.
const SHIPPED: &str = include_str!("../../rules/indicators/incident-2020.toml");
const SHIPPED_NAME: &str = "rules/indicators/incident-2020.toml";

/// All lists together.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) indicators: Indicators,
    /// The files that were asked for, readable or not: they are watched, so that a repaired one is seen.
    pub(super) sources: Vec<PathBuf>,
}

/// Reads every list.
pub(super) fn read(
    take: &mut Take<'_>,
    written: &written::Indicators,
    networks: &[At<IpNetwork>],
    domains: &[At<Domain>],
    read: Reader<'_>,
) -> Lists {
    let mut joining = Joining {
        lists: Lists::default(),
        ids: HashMap::new(),
        plain_names: HashMap::new(),
        networks: Ranges::new(networks.iter().map(|(_, network)| *network)),
        domains: domains.iter().map(|(_, domain)| domain.clone()).collect(),
    };
    if written.shipped.unwrap_or(true) {
        joining.described(take, &Source { name: SHIPPED_NAME, text: SHIPPED }, None);
    }
    for list in &written.list {
        let confidence = take.word(
            "indicators.list[].confidence",
            list.confidence.as_ref(),
            &Confidence::ALL,
            Confidence::as_str,
            Confidence::Medium,
        );
        if let Some(path) = &list.path {
            joining.file(take, path, confidence, list.confidence.as_ref(), read);
        }
    }
    joining.lists
}

struct Joining {
    lists: Lists,
    /// Each id and the list that has it.
    ids: HashMap<String, String>,
    plain_names: HashMap<String, PathBuf>,
    networks: Ranges,
    domains: DomainSet,
}

impl Joining {
    fn file(
        &mut self,
        take: &mut Take<'_>,
        written: &Text,
        confidence: Confidence,
        stated: Option<&Text>,
        read: Reader<'_>,
    ) {
        let path = Path::new(written.get_ref());
        let shown = printable(written.get_ref(), 200);
        let mut refuse = |message: String, expected: &str| {
            take.errors.push(take.source.error(written.span(), message).expected(expected));
        };
        if !path.is_absolute() || path.file_name().is_none() {
            return refuse(
                format!("`{shown}` is no absolute path to a file"),
                "expected a path that begins with `/`, because a daemon has no folder of its own",
            );
        }
        if self.lists.sources.iter().any(|known| known == path) {
            return refuse(format!("`{shown}` is listed twice"), "expected each list once");
        }
        self.lists.sources.push(path.to_owned());
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                return refuse(format!("cannot read the indicator list `{shown}`"), &reason(&error));
            }
        };
        let name = path.display().to_string();
        if path.extension().is_some_and(|extension| extension == "toml") {
            if let Some(stated) = stated {
                let message = "`confidence` is for plain lists";
                let problem = take.source.error(stated.span(), message);
                take.errors.push(problem.expected("each entry of a list in TOML states its own"));
            }
            match std::str::from_utf8(&bytes) {
                Ok(text) => self.described(take, &Source { name: &name, text }, Some(written.span())),
                Err(error) => take.errors.push(not_utf8(&name, &bytes, error.valid_up_to())),
            }
        } else {
            // Only numbers count in a plain list; a comment in another character set is no reason to refuse it.
            let text = String::from_utf8_lossy(&bytes);
            self.plain(take, &Source { name: &name, text: &text }, written, confidence);
        }
    }

    fn described(&mut self, take: &mut Take<'_>, source: &Source<'_>, at: Option<Range<usize>>) {
        let indicators = described::read(source, &mut take.errors);
        let mut ours = 0;
        let mut first = None;
        for indicator in indicators {
            if let Some(other) = self.ids.get(&indicator.get_ref().id) {
                let message = format!("the id `{}` is in the list `{other}` as well", indicator.get_ref().id);
                let problem = source.error(indicator.span(), message).expected("expected an id that no other list has");
                take.errors
                    .push(problem.help("rename it, or leave one of the lists out (`indicators.shipped = false`)"));
                continue;
            }
            let indicator = indicator.into_inner();
            self.ids.insert(indicator.id.clone(), source.name.to_owned());
            if self.is_ours(&indicator) {
                ours += 1;
                first.get_or_insert_with(|| format!("`{}`", indicator.id));
            }
            self.lists.indicators.add(indicator);
        }
        warn_of_ours(take, at, source.name, ours, first);
    }

    fn plain(&mut self, take: &mut Take<'_>, source: &Source<'_>, written: &Text, confidence: Confidence) {
        let path = Path::new(written.get_ref());
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(other) = self.plain_names.insert(name.clone(), path.to_owned()) {
            let message = format!("two plain lists are called `{}`", printable(&name, 100));
            let problem = take.source.error(written.span(), message);
            let expected = "expected another file name, because findings name the list by it";
            take.errors.push(
                problem
                    .expected(expected)
                    .help(format!("the other one is `{}`", printable(&other.to_string_lossy(), 200))),
            );
            return;
        }
        let networks = plain::read(source, &mut take.errors);
        let ours = networks.iter().filter(|(_, network)| self.networks.touch(*network));
        let first = ours.clone().next().map(|(line, network)| format!("`{network}` in line {line}"));
        let count = ours.count();
        self.lists.indicators.add_plain(PlainList { name, confidence }, networks);
        warn_of_ours(take, Some(written.span()), source.name, count, first);
    }

    fn is_ours(&self, indicator: &Indicator) -> bool {
        match &indicator.value {
            Value::Network(network) => self.networks.touch(*network),
            Value::Host(name) | Value::Domain(name) => self.domains.covering(name.as_str()).is_some(),
        }
    }
}

fn warn_of_ours(take: &mut Take<'_>, at: Option<Range<usize>>, list: &str, count: usize, first: Option<String>) {
    let Some(first) = first else { return };
    let message = match count {
        1 => format!("an entry of `{}` is in our own topology: {first}", printable(list, 200)),
        _ => format!("{count} entries of `{}` are in our own topology, the first is {first}", printable(list, 200)),
    };
    let problem = match at {
        Some(at) => take.source.warning(at, message).expected("hops of ours that match would be reported"),
        None => Problem::warning(message),
    };
    take.warnings.push(problem.help("take such entries out of the list (bogon lists hold the private networks)"));
}

/// The problem of a file that is not UTF-8, at its first wrong byte.
pub(super) fn not_utf8(name: &str, bytes: &[u8], valid_up_to: usize) -> Problem {
    let text = String::from_utf8_lossy(bytes);
    let source = Source { name, text: &text };
    source.error(valid_up_to..valid_up_to + 1, "the file is not UTF-8").expected("this byte does not belong here")
}

/// Why a file cannot be read, without the error's number.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied; the daemon reads it as its own user".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => printable(&error.to_string(), 200),
    }
}
