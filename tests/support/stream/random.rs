//! Chance that is the same everywhere: splitmix64 and whole numbers.
//!
//! No floating point: `powf` and its kin may differ in the last bit between machines, and the stream with them.

/// Splitmix64 (Steele, Lea, Flood 2014): small, fast, and good enough to deal mails.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The chance of one thing among many (a message, a host): what others draw does not move it.
    pub(crate) fn of(seed: u64, what: u64, number: u64) -> Self {
        let mut random = Self(seed ^ what.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let first = random.next();
        Self(first ^ number.wrapping_mul(0xa076_1d64_78bd_642f))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..end`; 0 where that is empty.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number in `first..=last`.
    pub(crate) fn between(&mut self, first: i64, last: i64) -> i64 {
        first + self.below(u64::try_from(last - first + 1).unwrap_or(0)).cast_signed()
    }

    /// A place in a list of that length.
    pub(crate) fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// True so many times of a hundred.
    pub(crate) fn percent(&mut self, times: u64) -> bool {
        self.below(100) < times
    }

    /// One of a list, which must hold something.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.place(list.len())]
    }

    /// One of a list, by the weights beside its entries.
    pub(crate) fn weighted<'a, T>(&mut self, list: &'a [(u64, T)]) -> &'a T {
        let mut left = self.below(list.iter().map(|(weight, _)| weight).sum());
        for (weight, entry) in list {
            if left < *weight {
                return entry;
            }
            left -= weight;
        }
        &list[0].1
    }

    /// So many lower case letters and digits.
    pub(crate) fn token(&mut self, len: usize) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        (0..len).map(|_| char::from(LETTERS[self.place(LETTERS.len())])).collect()
    }
}

/// Ranks by Zipf's law, shifted so that the first few do not take everything (Mandelbrot): weight 1 / (rank + shift).
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    /// The sum of the weights up to and with each rank.
    sums: Vec<u64>,
}

impl Zipf {
    pub(crate) fn new(ranks: usize, shift: u64) -> Self {
        let mut sum = 0;
        let weights = (0..ranks as u64).map(|rank| 1_000_000_000 / (rank + shift));
        Self {
            sums: weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        }
    }

    pub(crate) fn pick(&self, random: &mut Random) -> usize {
        let at = random.below(self.sums.last().copied().unwrap_or(0));
        self.sums.partition_point(|sum| *sum <= at)
    }
}
