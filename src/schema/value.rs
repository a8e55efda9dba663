//! One written value at a time to one decided value, for the values that several kinds of files have.

use toml::{Spanned, value::Datetime};

use super::{MAX_PROBLEMS, nearest, quoted};
use crate::{
    names::Domain,
    problem::{Problem, Source},
    text::printable,
};

/// One of some words; where it is none of them, the problem is added to `problems`.
pub fn word<T: Copy>(
    source: &Source<'_>,
    written: &Spanned<String>,
    name: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let found = all.iter().copied().find(|value| as_str(*value) == written.get_ref());
    if found.is_none() {
        let known = all.iter().map(|value| as_str(*value)).collect::<Vec<_>>();
        let message = format!("`{}` is no value for `{name}`", printable(written.get_ref(), 60));
        let problem = source.error(written.span(), message);
        let problem = problem.expected(format!("expected one of {}", quoted(&known)));
        problems.push(match nearest(written.get_ref(), known) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        });
    }
    found
}

/// Whether more problems than are shown came since there were `before`; then that is said, and reading can end.
pub fn is_enough(source: &Source<'_>, before: usize, problems: &mut Vec<Problem>) -> bool {
    let enough = problems.len() - before > MAX_PROBLEMS;
    if enough {
        let message = format!("`{}` has more problems, which are not shown", printable(source.name, 200));
        problems.push(Problem::error(message));
    }
    enough
}

/// Puts problems into the order of the file; those without a place, which say that there are more, come last.
pub fn in_order(problems: &mut [Problem]) {
    problems.sort_by_key(|problem| problem.place().unwrap_or((usize::MAX, 0)));
}

/// A domain under which not just anyone registers; where it is none, the problem is added to `problems`.
pub fn domain(
    source: &Source<'_>,
    written: &Spanned<String>,
    expected: &str,
    problems: &mut Vec<Problem>,
) -> Option<Domain> {
    let problem = match Domain::parse(written.get_ref()) {
        Ok(domain) if !domain.is_public_suffix() => return Some(domain),
        Ok(domain) => public_suffix(source, written, &domain),
        Err(error) => source.error(written.span(), error.to_string()),
    };
    problems.push(problem.expected(expected));
    None
}

/// The problem that a domain is nobody's own.
pub fn public_suffix(source: &Source<'_>, written: &Spanned<String>, domain: &Domain) -> Problem {
    source.error(written.span(), format!("`{domain}` is a public suffix, under which anyone registers"))
}

/// A date without a time; where it has one, the problem is added to `problems`.
pub fn date(
    source: &Source<'_>,
    written: &Spanned<Datetime>,
    problems: &mut Vec<Problem>,
) -> Option<jiff::civil::Date> {
    let Datetime { date: Some(date), time: None, offset: None } = written.get_ref() else {
        let problem = source.error(written.span(), "a date without a time is needed");
        problems.push(problem.expected("expected a date such as `2020-05-31`"));
        return None;
    };
    let year = i16::try_from(date.year).ok()?;
    let (month, day) = (i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?);
    jiff::civil::Date::new(year, month, day).ok()
}
