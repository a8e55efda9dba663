//! One written value at a time to one decided value, for the values that several kinds of files have.

use toml::{Spanned, value::Datetime};

use super::{nearest, quoted};
use crate::{
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
