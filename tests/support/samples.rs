//! A page of /metrics as numbers.

use std::collections::BTreeMap;

/// Every sample of a page, by its name with its labels as they stand: `relaywatch_messages_total{verdict="clean"}`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// Reads a page.
    pub(crate) fn parse(page: &str) -> Self {
        let lines = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line:?}")))
        };
        Self(lines.map(sample).collect())
    }

    /// One sample; it must be there.
    pub(crate) fn value(&self, sample: &str) -> f64 {
        self.0.get(sample).copied().unwrap_or_else(|| panic!("/metrics has no {sample}; it has {:#?}", self.0))
    }

    /// The sum of all samples of a name.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let of_name =
            |sample: &str| sample.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'));
        self.0.iter().filter(|(sample, _)| of_name(sample)).map(|(_, value)| value).sum()
    }

    /// How far each sample moved since an earlier page; those that stand still are left out.
    pub(crate) fn since(&self, before: &Self) -> BTreeMap<&str, f64> {
        let moved =
            self.0.iter().map(|(name, value)| (name.as_str(), value - before.0.get(name).copied().unwrap_or(0.0)));
        moved.filter(|(_, change)| *change != 0.0).collect()
    }
}
