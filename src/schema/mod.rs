//! What keys a TOML file may have, and the check of a file against them.
//!
//! Takes a slice of [`Key`]s and a parsed file, gives every unknown key, wrong type and missing key as a problem, and takes
//! the offending entries out. What is left fits the types as written, so that one run names the errors of form *and* the
//! errors of value. The pages under docs/ are held to the same slices.

mod check;
mod syntax;
mod value;

pub use value::{date, domain, in_order, is_enough, public_suffix, word};

use serde::de::DeserializeOwned;
use toml::de::DeTable;

use crate::{
    finding::Code,
    problem::{Problem, Source},
    units::{show_duration, show_size},
};

/// About how many problems of one file are told; a generated file may have the same one a hundred thousand times.
pub const MAX_PROBLEMS: usize = 50;

/// One key of a file.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its tables and its name: `milter.listen`; `[]` marks a table that is repeated, `CODE` any detector's code.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds when it is left out.
    pub default: Fallback,
    /// A value that can be written there, as TOML.
    pub example: &'static str,
    /// What it means.
    pub doc: &'static str,
}

impl Key {
    /// A key, its parts in the order in which a page shows them.
    pub const fn new(
        path: &'static str,
        kind: Kind,
        default: Fallback,
        example: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { path, kind, default, example, doc }
    }
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds.
    Number(i64, i64),
    /// A date, not quoted.
    Date,
    /// One of some words.
    Word(fn() -> Vec<&'static str>),
    /// A length of time within bounds in milliseconds.
    Duration(u64, u64),
    /// A count of bytes within bounds.
    Size(u64, u64),
    /// A string of another form, named by these words.
    Text(&'static str),
    /// A list of strings, each named by these words.
    Texts(&'static str),
    /// A list of lists of strings, each of them named by these words.
    Groups(&'static str),
}

/// What holds when a key is left out.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// It must be there.
    Required,
    /// This value, as TOML.
    Value(&'static str),
    /// What these words say.
    Said(&'static str),
}

impl Kind {
    /// What is expected, in words.
    pub fn words(self) -> String {
        match self {
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Number(least, most) if least == most => format!("the number {least}"),
            Self::Number(least, most) => format!("a whole number from {least} to {most}"),
            Self::Date => "a date".to_owned(),
            Self::Word(words) => format!("one of {}", quoted(&words())),
            Self::Duration(least, most) => {
                format!("a duration from {} to {}", show_duration(least), show_duration(most))
            }
            Self::Size(least, most) => {
                format!("a size from {} to {}", show_size(least), show_size(most))
            }
            Self::Text(what) => what.to_owned(),
            Self::Texts(what) => format!("a list; each item is {what}"),
            Self::Groups(what) => format!("a list of lists; each item is {what}"),
        }
    }

    /// What type of TOML value it is.
    pub fn toml_type(self) -> &'static str {
        match self {
            Self::Flag => "a boolean",
            Self::Number(..) => "an integer",
            Self::Date => "a date without quotes",
            Self::Word(_) | Self::Duration(..) | Self::Size(..) | Self::Text(_) => "a string",
            Self::Texts(_) => "a list of strings",
            Self::Groups(_) => "a list of lists of strings",
        }
    }
}

/// Reads a file whose keys are `keys` into its type as written. Problems are added to `problems`; nothing comes back when
/// the file is no TOML at all, because guesses after a syntax error mislead more than they help.
pub fn read<T: DeserializeOwned>(source: &Source<'_>, keys: &'static [Key], problems: &mut Vec<Problem>) -> Option<T> {
    let (mut tree, errors) = DeTable::parse_recoverable(source.text);
    if !errors.is_empty() {
        problems.extend(syntax::syntax(source, &errors));
        return None;
    }
    problems.extend(check::check(source, keys, &mut tree));
    match T::deserialize(toml::Deserializer::from(tree)) {
        Ok(written) => Some(written),
        Err(error) => {
            // `check` lets nothing through that does not fit; should it err, the admin still gets a place.
            problems.push(source.error(error.span().unwrap_or(0..0), error.message()));
            None
        }
    }
}

/// The key of a path; `CODE` stands for any detector's code.
pub fn key(keys: &'static [Key], path: &str) -> Option<&'static Key> {
    let asked = path.split('.').map(|part| part.trim_end_matches("[]")).collect::<Vec<_>>();
    keys.iter().find(|key| {
        let parts = segments(key);
        parts.len() == asked.len() && parts.iter().zip(&asked).all(|(part, asked)| part.admits(asked))
    })
}

/// The name that is most like `name`, when one is like enough to be meant.
pub fn nearest<'a>(name: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let name = plain(name);
    let scored = among.into_iter().map(|known| (strsim::osa_distance(&name, &plain(known)), known));
    let (distance, known) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= (known.chars().count() / 3).max(1)).then_some(known)
}

/// Some names in backquotes, with commas.
pub fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    name: &'static str,
    repeated: bool,
}

impl Segment {
    fn admits(self, name: &str) -> bool {
        self.name == name || (self.name == "CODE" && Code::ALL.iter().any(|code| code.as_str() == name))
    }

    fn names(self) -> Vec<&'static str> {
        if self.name == "CODE" { Code::ALL.map(Code::as_str).to_vec() } else { vec![self.name] }
    }
}

fn segments(key: &'static Key) -> Vec<Segment> {
    let parts = key.path.split('.');
    parts.map(|part| Segment { name: part.trim_end_matches("[]"), repeated: part.ends_with("[]") }).collect()
}
