//! What occurs most often.
//!
//! Takes names as they come, gives the few most frequent ones and how much the rest is. Others choose the names, so that only so many are
//! told apart.

use std::collections::HashMap;

use serde::Serialize;

/// Names that are told apart.
const KEPT: usize = 10_000;

/// The most frequent names, and the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Top {
    /// The most frequent ones, first the most frequent.
    pub first: Vec<Counted>,
    /// Messages of all others.
    pub others: u64,
    /// How many others there are; `None` where there are too many to count.
    pub others_named: Option<usize>,
}

/// A name and its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The name; foreign text.
    pub name: String,
    /// Its messages.
    pub messages: u64,
}

impl Top {
    /// Messages in all.
    pub fn messages(&self) -> u64 {
        self.first.iter().map(|counted| counted.messages).sum::<u64>() + self.others
    }
}

/// Counts names.
#[derive(Debug, Clone, Default)]
pub(super) struct Tallied {
    counts: HashMap<Box<str>, u64>,
    beyond: u64,
}

impl Tallied {
    pub(super) fn add(&mut self, name: &str) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += 1;
        } else if self.counts.len() < KEPT {
            self.counts.insert(name.into(), 1);
        } else {
            self.beyond += 1;
        }
    }

    /// The most frequent ones; of equally frequent ones the first by name.
    pub(super) fn top(self, most: usize) -> Top {
        let mut all: Vec<(Box<str>, u64)> = self.counts.into_iter().collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rest = all.split_off(all.len().min(most));
        Top {
            first: all.into_iter().map(|(name, messages)| Counted { name: name.into(), messages }).collect(),
            others: self.beyond + rest.iter().map(|(_, messages)| messages).sum::<u64>(),
            others_named: (self.beyond == 0).then_some(rest.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_come_first_and_memory_is_bounded() {
        let mut tallied = Tallied::default();
        for name in ["b", "a", "c", "c", "d"] {
            tallied.add(name);
        }
        let top = tallied.clone().top(2);
        let first: Vec<_> = top.first.iter().map(|counted| (counted.name.as_str(), counted.messages)).collect();
        assert_eq!((first, top.others, top.others_named), (vec![("c", 2), ("a", 1)], 2, Some(2)));
        (0..20_000).for_each(|number| tallied.add(&number.to_string()));
        assert_eq!(tallied.counts.len(), KEPT);
        let top = tallied.top(1);
        assert_eq!((top.messages(), top.others_named), (20_005, None));
    }
}
