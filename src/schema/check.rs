//! The check of a parsed file against its keys.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Fallback, Key, Kind, MAX_PROBLEMS, nearest, quoted, segments};
use crate::{
    problem::{Problem, Source},
    text::printable,
};

/// Takes out of the tree whatever `keys` do not allow, and says of each what was expected.
pub(super) fn check(source: &Source<'_>, keys: &'static [Key], root: &mut Spanned<DeTable<'_>>) -> Vec<Problem> {
    let mut checker = Checker { source, keys, problems: Vec::new() };
    let span = root.span();
    let children = checker.children(&[]);
    checker.table(root.get_mut(), span, &[], &children);
    checker.problems
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
