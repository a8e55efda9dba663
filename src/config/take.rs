//! One written value at a time to one decided value.
//!
//! Takes a value as written with the path of its key, gives the value as decided. Where it cannot be read, the problem
//! is kept and the default stands in, so that the rest of the file is still looked at.

use std::{ops::Range, time::Duration};

use ipnetwork::IpNetwork;
use toml::Spanned;

use super::{
    keys::KEYS,
    written::{Text, Texts},
};
use crate::{
    names::Domain,
    net::parse_network,
    problem::{Problem, Source},
    schema::{self, Key, Kind, nearest},
    text::printable,
    units::{parse_duration, parse_size},
};

/// A value and where it stands.
pub(super) type At<T> = (Range<usize>, T);

/// The file being decided, and what is wrong with it so far.
pub(super) struct Take<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Take<'_> {
    pub(super) fn word<T: Copy>(
        &mut self,
        path: &str,
        written: Option<&Text>,
        all: &[T],
        as_str: fn(T) -> &'static str,
        default: T,
    ) -> T {
        let Some(written) = written else { return default };
        let found = all.iter().find(|value| as_str(**value) == written.get_ref());
        if found.is_none() {
            let near = nearest(written.get_ref(), all.iter().map(|value| as_str(*value)));
            let problem = self.unfit(path, written);
            self.errors.push(match near {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            });
        }
        found.copied().unwrap_or(default)
    }

    pub(super) fn duration(&mut self, path: &str, written: Option<&Text>, default: Duration) -> Duration {
        let Some(written) = written else { return default };
        let bounds = match kind(path) {
            Some(Kind::Duration(least, most)) => least..=most,
            _ => 0..=u64::MAX,
        };
        match parse_duration(written.get_ref()) {
            Some(value) if bounds.contains(&value) => Duration::from_millis(value),
            Some(_) => {
                let problem = self.unfit(path, written);
                self.errors.push(problem);
                default
            }
            None => {
                let problem = self.unfit(path, written);
                self.errors
                    .push(problem.help("write a number with `ms`, `s`, `m`, `h` or `d`, such as `90s` or `1h30m`"));
                default
            }
        }
    }

    pub(super) fn size(&mut self, path: &str, written: Option<&Text>, default: usize) -> usize {
        let Some(written) = written else { return default };
        let bounds = match kind(path) {
            Some(Kind::Size(least, most)) => least..=most,
            _ => 0..=u64::MAX,
        };
        let value = parse_size(written.get_ref()).filter(|value| bounds.contains(value));
        value.and_then(|value| usize::try_from(value).ok()).unwrap_or_else(|| {
            let problem = self.unfit(path, written);
            self.errors.push(problem.help("write bytes, or a number with `KiB`, `MiB` or `GiB`"));
            default
        })
    }

    /// An access mode that leaves the owner reading and writing.
    pub(super) fn mode(&mut self, path: &str, written: Option<&Text>, default: u32) -> u32 {
        let Some(written) = written else { return default };
        let value = u32::from_str_radix(written.get_ref(), 8).ok();
        value.filter(|mode| *mode <= 0o777 && mode & 0o600 == 0o600).unwrap_or_else(|| {
            let problem = self.unfit(path, written);
            self.errors
                .push(problem.help("write three or four octal digits; the owner must be able to read and write"));
            default
        })
    }

    pub(super) fn domains(&mut self, path: &str, written: &Texts) -> Vec<At<Domain>> {
        let items = written.iter().flat_map(|list| list.get_ref());
        items.filter_map(|item| self.domain(path, item)).collect()
    }

    pub(super) fn domain(&mut self, path: &str, written: &Text) -> Option<At<Domain>> {
        let domain = schema::domain(self.source, written, &expected(path), &mut self.errors)?;
        Some((written.span(), domain))
    }

    pub(super) fn networks(&mut self, path: &str, written: &Texts) -> Vec<At<IpNetwork>> {
        let items = written.iter().flat_map(|list| list.get_ref());
        items.filter_map(|item| self.network(path, item)).collect()
    }

    pub(super) fn network(&mut self, path: &str, written: &Text) -> Option<At<IpNetwork>> {
        let problem = match parse_network(written.get_ref()) {
            Ok(network) if network.prefix() > 0 => return Some((written.span(), network)),
            Ok(network) => self.source.error(written.span(), format!("`{network}` holds every address there is")),
            Err(error) => self.source.error(written.span(), error.to_string()),
        };
        let slip = written.get_ref().trim().parse::<IpNetwork>();
        let slip = slip.ok().filter(|network| network.ip() != network.network());
        let problem = problem.expected(expected(path));
        self.errors.push(match slip {
            Some(n) => {
                problem.help(format!("the network is `{}/{}`, the host is `{}`", n.network(), n.prefix(), n.ip()))
            }
            None => problem,
        });
        None
    }

    /// A value that its key does not take.
    fn unfit(&self, path: &str, written: &Spanned<String>) -> Problem {
        let message = format!("`{}` is no value for `{}`", printable(written.get_ref(), 60), path.replace("[]", ""));
        self.source.error(written.span(), message).expected(expected(path))
    }
}

fn kind(path: &str) -> Option<Kind> {
    schema::key(KEYS, path).map(|key| key.kind)
}

/// What the key at a path, or each item of its list, should be.
pub(super) fn expected(path: &str) -> String {
    match schema::key(KEYS, path) {
        Some(Key { kind: Kind::Texts(what) | Kind::Groups(what), .. }) => format!("expected {what}"),
        Some(Key { kind: kind @ Kind::Word(_), .. }) => format!("expected {}", kind.words()),
        Some(key) => format!("expected {} such as `{}`", key.kind.words(), key.example.trim_matches('"')),
        None => String::new(),
    }
}
