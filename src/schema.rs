//! What keys a TOML file may have, and the check of a file against them.
//!
//! Takes a slice of [`Key`]s and a parsed file, gives every unknown key, wrong type and missing key as a problem, and takes
//! the offending entries out. What is left fits the types as written, so that one run names the errors of form *and* the
//! errors of value. The pages under docs/ are held to the same slices.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    detect::Code,
    problem::{Problem, Source},
    text::printable,
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
        problems.extend(syntax(source, &errors));
        return None;
    }
    problems.extend(check(source, keys, &mut tree));
    match T::deserialize(toml::Deserializer::from(tree)) {
        Ok(written) => Some(written),
        Err(error) => {
            // `check` lets nothing through that does not fit; should it err, the admin still gets a place.
            problems.push(source.error(error.span().unwrap_or(0..0), error.message()));
            None
        }
    }
}

/// The first syntax error, because what follows is most often its echo; or else everything that is written twice.
fn syntax(source: &Source<'_>, errors: &[toml::de::Error]) -> Vec<Problem> {
    let is_twice = |error: &toml::de::Error| error.message().starts_with("duplicate key");
    let begin = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    if let Some(first) = errors.iter().filter(|error| !is_twice(error)).min_by_key(|error| begin(error)) {
        return vec![not_toml(source, first)];
    }
    let twice = errors.iter().map(|error| {
        let span = error.span().unwrap_or(0..0);
        let name = source.text.get(span.clone()).unwrap_or_default();
        let problem = source.error(span, format!("`{}` is written twice", printable(name, 60)));
        problem.expected("expected each key and each table once")
    });
    twice.take(MAX_PROBLEMS).collect()
}

fn not_toml(source: &Source<'_>, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let found = source.text.get(span.clone()).unwrap_or_default();
    let bare = found.starts_with(|c: char| c.is_ascii_alphabetic())
        && found.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let (what, wanted) = match error.message().split_once(", expected ") {
        Some((what, wanted)) => (what, Some(wanted)),
        None => (error.message(), None),
    };
    if bare && (what == "string values must be quoted" || what.starts_with("invalid float")) {
        let problem = source.error(span, format!("`{}` has no quotes", printable(found, 60)));
        return problem.expected(format!("expected `\"{}\"`", printable(found, 60)));
    }
    let problem = source.error(span, format!("this is not TOML: {what}"));
    let problem = match wanted {
        Some(wanted) => problem.expected(format!("expected {wanted}")),
        None => problem,
    };
    if what == "missing comma between array elements" {
        return problem.help("if the list should have ended before this, its `]` is missing");
    }
    problem
}

/// The key of a path; `CODE` stands for any detector's code.
pub fn key(keys: &'static [Key], path: &str) -> Option<&'static Key> {
    let asked = path.split('.').map(|part| part.trim_end_matches("[]")).collect::<Vec<_>>();
    keys.iter().find(|key| {
        let parts = segments(key);
        parts.len() == asked.len() && parts.iter().zip(&asked).all(|(part, asked)| part.admits(asked))
    })
}

/// Takes out of the tree whatever `keys` do not allow, and says of each what was expected.
fn check(source: &Source<'_>, keys: &'static [Key], root: &mut Spanned<DeTable<'_>>) -> Vec<Problem> {
    let mut checker = Checker { source, keys, problems: Vec::new() };
    let span = root.span();
    let children = checker.children(&[]);
    checker.table(root.get_mut(), span, &[], &children);
    checker.problems
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

#[derive(Clone, Copy)]
enum Child {
    Value(&'static Key),
    Table { repeated: bool },
}

/// A name that may stand in a table, and what it is.
type Known = (&'static str, Child);

struct Checker<'a> {
    source: &'a Source<'a>,
    keys: &'static [Key],
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn table(&mut self, table: &mut DeTable<'_>, span: Range<usize>, path: &[&str], children: &[Known]) {
        let mut refused = Vec::new();
        for (name, value) in table.iter_mut() {
            let at = name.span();
            let name = name.get_ref().as_ref();
            let child = children.iter().find(|(known, _)| *known == name).map(|(_, child)| *child);
            let kept = match child {
                None => {
                    self.unknown(name, at, path, children);
                    false
                }
                Some(Child::Value(key)) => self.value(key, name, value),
                Some(Child::Table { repeated }) => self.nested(&[path, &[name]].concat(), repeated, at, value),
            };
            if !kept {
                refused.push(name.to_owned());
            }
        }
        for (name, child) in children {
            if let Child::Value(Key { default: Fallback::Required, example, .. }) = child
                && !table.contains_key(*name)
            {
                let problem = self.source.error(span.clone(), format!("`{name}` is missing in {}", shown(path)));
                self.problems.push(problem.expected(format!("expected a line such as `{name} = {example}` in here")));
            }
        }
        for name in refused {
            table.remove(name.as_str());
        }
    }

    /// What may stand in the table at `path`.
    fn children(&self, path: &[&str]) -> Vec<Known> {
        let mut children: Vec<Known> = Vec::new();
        for key in self.keys {
            let parts = segments(key);
            let inside = parts.len() > path.len() && parts.iter().zip(path).all(|(part, name)| part.admits(name));
            let Some(next) = parts.get(path.len()).filter(|_| inside) else { continue };
            let last = parts.len() == path.len() + 1;
            let child = if last { Child::Value(key) } else { Child::Table { repeated: next.repeated } };
            for name in next.names() {
                if children.iter().all(|(known, _)| *known != name) {
                    children.push((name, child));
                }
            }
        }
        children
    }

    fn unknown(&mut self, name: &str, at: Range<usize>, path: &[&str], children: &[Known]) {
        let known = children.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let noun = match path {
            [] => "table",
            ["detectors"] => "detector",
            _ => "key",
        };
        let message = format!("unknown {noun} `{}` in {}", printable(name, 60), shown(path));
        let problem = self.source.error(at, message).expected(format!("expected one of {}", quoted(&known)));
        let elsewhere = || {
            let parts =
                self.keys.iter().map(segments).find(|parts| parts.last().is_some_and(|last| last.name == name))?;
            let path = parts.iter().rev().skip(1).rev().map(|part| part.name).collect::<Vec<_>>();
            Some(format!("`{name}` is a key of {}", shown(&path)))
        };
        let help =
            nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?")).or_else(elsewhere);
        self.problems.push(match help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }

    fn nested(&mut self, path: &[&str], repeated: bool, at: Range<usize>, value: &mut Spanned<DeValue<'_>>) -> bool {
        let span = value.span();
        let header = |brackets: &str| format!("write it as `{brackets}`");
        match value.get_mut() {
            DeValue::Table(table) if !repeated => {
                let children = self.children(path);
                self.table(table, span, path, &children);
                true
            }
            DeValue::Array(items) if repeated && items.iter().all(|item| item.get_ref().is_table()) => {
                let children = self.children(path);
                for item in items.iter_mut() {
                    if self.problems.len() >= MAX_PROBLEMS {
                        let name = printable(self.source.name, 200);
                        self.problems.push(Problem::error(format!("`{name}` has more problems, which are not shown")));
                        return false;
                    }
                    let span = item.span();
                    if let DeValue::Table(table) = item.get_mut() {
                        self.table(table, span, path, &children);
                    }
                }
                true
            }
            other => {
                let name = path.join(".");
                let (wanted, help) = if repeated {
                    ("a repeated table", header(&format!("[[{name}]]")))
                } else {
                    ("a table", header(&format!("[{name}]")))
                };
                let message = format!("`{name}` is {}", article(other));
                self.problems.push(self.source.error(at, message).expected(format!("expected {wanted}")).help(help));
                false
            }
        }
    }

    fn value(&mut self, key: &'static Key, name: &str, value: &Spanned<DeValue<'_>>) -> bool {
        let wrong = match key.kind {
            Kind::Flag => (!value.get_ref().is_bool()).then_some(value),
            Kind::Number(..) => (!value.get_ref().is_integer()).then_some(value),
            Kind::Date => (!value.get_ref().is_datetime()).then_some(value),
            Kind::Word(_) | Kind::Duration(..) | Kind::Size(..) | Kind::Text(_) => {
                (!value.get_ref().is_str()).then_some(value)
            }
            Kind::Texts(_) => no_list(value, |item| (!item.get_ref().is_str()).then_some(item)),
            Kind::Groups(_) => no_list(value, |item| no_list(item, |item| (!item.get_ref().is_str()).then_some(item))),
        };
        if let Some(wrong) = wrong {
            let message = format!("wrong type for `{name}`");
            let found = article(wrong.get_ref());
            let expected = format!("expected {} such as `{}`, found {found}", key.kind.toml_type(), key.example);
            self.problems.push(self.source.error(wrong.span(), message).expected(expected));
            return false;
        }
        if let (Kind::Number(least, most), Some(number)) = (key.kind, value.get_ref().as_integer())
            && !i64::from_str_radix(number.as_str(), number.radix()).is_ok_and(|n| (least..=most).contains(&n))
        {
            let problem = self.source.error(value.span(), format!("`{name}` is out of range"));
            self.problems.push(problem.expected(format!("expected {}", key.kind.words())));
            return false;
        }
        true
    }
}

type Wrong<'a, 'i> = Option<&'a Spanned<DeValue<'i>>>;

/// The value itself when it is no list, else its first item that is wrong.
fn no_list<'a, 'i>(
    value: &'a Spanned<DeValue<'i>>,
    item: impl Fn(&'a Spanned<DeValue<'i>>) -> Wrong<'a, 'i>,
) -> Wrong<'a, 'i> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().find_map(item),
        _ => Some(value),
    }
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn shown(path: &[&str]) -> String {
    if path.is_empty() { "the file".to_owned() } else { format!("`[{}]`", path.join(".")) }
}
