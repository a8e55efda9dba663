//! Configuration: one TOML file, as written and as decided.
//!
//! [`Config`] is what the rest of the program sees: valid by construction, with every default filled in. The files that an
//! admin writes become one by way of the types as written ([`from_text`]), or an error that names every problem with file,
//! line and what was expected. docs/configuration.md is the page for admins.

mod address;
mod agree;
mod authentication;
mod decide;
mod error;
mod events;
mod evidence;
mod forwarders;
mod keys;
mod lists;
mod operators;
mod overlap;
mod provider;
mod settings;
mod take;
mod written;

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

pub use address::{Address, AddressError};
pub use error::ConfigError;
pub use keys::KEYS;
pub use lists::Reader;
pub use operators::SHIPPED as SHIPPED_OPERATORS;
pub use settings::{DnsSettings, HttpSettings, LogFormat, LogLevel, LogSettings, MilterSettings, SuspectSettings};

use crate::{
    events::Settings as EventSettings,
    policy::Policy,
    problem::{Problem, Source},
    schema,
};

/// The most that is read of a file: a list of five million networks is well below it, and a device file ends here.
const FILE_LIMIT: u64 = 256 * 1024 * 1024;

/// The whole configuration as decided.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// What inspection is told.
    pub policy: Policy,
    /// Who answers questions of DNS.
    pub dns: DnsSettings,
    /// The milter.
    pub milter: MilterSettings,
    /// The HTTP side: metrics and health.
    pub http: HttpSettings,
    /// The log.
    pub log: LogSettings,
    /// Where events go.
    pub events: EventSettings,
    /// The suspects table.
    pub suspects: SuspectSettings,
    /// What is kept of the mail.
    pub evidence: crate::evidence::Settings,
    /// Every file that it was read from: the configuration and its indicator lists. These are watched for changes.
    pub sources: Vec<PathBuf>,
    /// What is allowed and yet most likely not meant.
    pub warnings: Vec<Problem>,
}

/// What holds without any file: the defaults of every key and the shipped indicator list.
pub fn defaults() -> Config {
    let nothing = |_: &Path| Err(io::ErrorKind::NotFound.into());
    // An empty file has no problem, and a test holds the shipped list to that.
    let config = from_text("defaults", b"", &nothing).unwrap_or_default();
    Config { warnings: Vec::new(), ..config }
}

/// Reads a configuration file and the indicator lists it names.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let name = path.display().to_string();
    let bytes = read_file(path).map_err(|error| {
        let message = format!("cannot read the configuration `{}`", crate::text::printable(&name, 200));
        ConfigError::new(vec![Problem::error(message).help(lists::reason(&error))])
    })?;
    let mut loaded = from_text(&name, &bytes, &read_list);
    match &mut loaded {
        Ok(Config { sources, .. }) | Err(ConfigError { sources, .. }) => sources.insert(0, path.to_owned()),
    }
    loaded
}

/// Reads a configuration from memory; `read` is asked for the indicator lists.
pub fn from_text(name: &str, bytes: &[u8], read: Reader<'_>) -> Result<Config, ConfigError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => return Err(ConfigError::new(vec![lists::not_utf8(name, bytes, error.valid_up_to())])),
    };
    let source = Source { name, text };
    let mut problems = Vec::new();
    let Some(written) = schema::read::<written::Written>(&source, KEYS, &mut problems) else {
        return Err(ConfigError::new(problems));
    };
    let mut take = take::Take { source: &source, errors: problems, warnings: Vec::new() };
    let decided = decide::decide(&mut take, &written, read);
    if take.errors.is_empty() {
        agree::agree(&mut take, &written, &decided);
    }
    // Stable: a list's problems stay in the list's order, behind those of the file that names it.
    let order = |problem: &Problem| if problem.is_in(name) { (0, problem.place()) } else { (1, None) };
    take.errors.sort_by_key(order);
    take.warnings.sort_by_key(order);
    if !take.errors.is_empty() {
        let mut error = ConfigError::new(take.errors);
        error.sources = decided.config.sources;
        return Err(error);
    }
    Ok(Config { warnings: take.warnings, ..decided.config })
}

/// A list is a regular file: a pipe without a writer would hold up a reload for ever.
fn read_list(path: &Path) -> io::Result<Vec<u8>> {
    let about = std::fs::metadata(path)?;
    if about.is_file() || about.is_dir() {
        return read_file(path);
    }
    Err(io::Error::other("it is no regular file"))
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    if file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)? as u64 > FILE_LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 256 MiB"));
    }
    Ok(bytes)
}
