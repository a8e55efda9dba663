//! All that stands still while the mails go by: hosts, people and how diligent each is.

use super::{
    hosts::Hosts,
    people::{BRANDS, Brand, Habit, Person, REGULARS, brands, people},
    random::{Random, Zipf},
};

/// A few thousand entries, made once; a stream of any length needs no more.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) hosts: Hosts,
    pub(super) people: Vec<Person>,
    pub(super) brands: Vec<Brand>,
    diligence: Zipf,
    volume: Zipf,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let hosts = Hosts::new(seed);
        let (people, brands) = (people(seed, &hosts), brands(seed, &hosts));
        Self { seed, hosts, people, brands, diligence: Zipf::new(REGULARS, 12), volume: Zipf::new(BRANDS, 3) }
    }

    /// One of those who write now and then.
    pub(super) fn regular(&self, random: &mut Random) -> &Person {
        &self.people[self.diligence.pick(random)]
    }

    /// A house with bulk mail.
    pub(super) fn brand(&self, random: &mut Random) -> (usize, &Brand) {
        let place = self.volume.pick(random);
        (place, &self.brands[place])
    }

    /// So many different people who write straight to us, in no order: first those who never wrote before.
    pub(super) fn customers(&self, count: usize) -> Vec<usize> {
        let mut random = Random::of(self.seed, 7, 0);
        let (regulars, newcomers) = self.people.split_at(REGULARS);
        let plain = regulars.iter().enumerate().filter(|(_, person)| person.habit == Habit::Plain);
        let mut plain: Vec<usize> = plain.map(|(place, _)| place).collect();
        let mut chosen: Vec<usize> = (REGULARS..REGULARS + newcomers.len().min(count)).collect();
        while chosen.len() < count && !plain.is_empty() {
            chosen.push(plain.swap_remove(random.place(plain.len())));
        }
        assert_eq!(chosen.len(), count, "the stream has not that many people");
        for place in (1..chosen.len()).rev() {
            chosen.swap(place, random.place(place + 1));
        }
        chosen
    }
}
