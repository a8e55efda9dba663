//! Errors of TOML itself, in words that help.

use super::MAX_PROBLEMS;
use crate::{
    problem::{Problem, Source},
    text::printable,
};

/// The first syntax error, because what follows is most often its echo; or else everything that is written twice.
pub(super) fn syntax(source: &Source<'_>, errors: &[toml::de::Error]) -> Vec<Problem> {
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
