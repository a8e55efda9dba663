//! Where the bytes are by which a value is cut.
//!
//! Takes raw bytes, looks at them in blocks of 64 with a bit for each, and says where the next byte of a kind is. Words are short:
//! a search of its own for the end of each would cost more than the words do.

use std::marker::PhantomData;

/// A kind of bytes.
pub(super) trait Kind {
    /// Whether a byte is of the kind.
    fn holds(byte: u8) -> bool;
}

/// White space, line ends of folds and NUL, which no MTA writes on purpose.
#[derive(Debug)]
pub(super) struct Space;

impl Kind for Space {
    #[inline]
    fn holds(byte: u8) -> bool {
        matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
    }
}

/// What comments and the date are told by.
#[derive(Debug)]
pub(super) struct Structure;

impl Kind for Structure {
    #[inline]
    fn holds(byte: u8) -> bool {
        matches!(byte, b'(' | b')' | b';')
    }
}

/// Where the bytes of one kind are in a value.
#[derive(Debug)]
pub(super) struct Marks<'a, K> {
    value: &'a [u8],
    /// The block that was looked at last, and a bit for each of its bytes.
    block: usize,
    bits: u64,
    kind: PhantomData<K>,
}

impl<'a, K: Kind> Marks<'a, K> {
    /// Those in this value.
    pub(super) fn of(value: &'a [u8]) -> Self {
        let mut marks = Self { value, block: 0, bits: 0, kind: PhantomData };
        marks.look(0);
        marks
    }

    /// The first of them at a place or behind it, or the value's end.
    #[inline]
    pub(super) fn next(&mut self, place: usize) -> usize {
        self.find(place, 0)
    }

    /// The first other byte at a place or behind it, or the value's end.
    #[inline]
    pub(super) fn next_other(&mut self, place: usize) -> usize {
        self.find(place, u64::MAX)
    }

    #[inline]
    fn find(&mut self, mut place: usize, flip: u64) -> usize {
        while place < self.value.len() {
            if place / 64 != self.block {
                self.look(place / 64);
            }
            let bits = (self.bits ^ flip) >> (place % 64);
            if bits != 0 {
                return (place + bits.trailing_zeros() as usize).min(self.value.len());
            }
            place = (place / 64 + 1) * 64;
        }
        self.value.len()
    }

    fn look(&mut self, block: usize) {
        let rest = self.value.get(block * 64..).unwrap_or_default();
        self.block = block;
        self.bits = match rest.first_chunk() {
            Some(bytes) => bits::<K>(bytes),
            None => {
                let mut padded = [0; 64];
                padded.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
                bits::<K>(&padded)
            }
        };
    }
}

/// A bit for each byte of the kind. There is no branch in it, so that the compiler takes many bytes at a time.
fn bits<K: Kind>(bytes: &[u8; 64]) -> u64 {
    // The product brings the lowest bits of eight bytes together in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let flags = bytes.map(|byte| u8::from(K::holds(byte)));
    let (eights, _) = flags.as_chunks::<8>();
    eights.iter().rev().fold(0, |bits, eight| bits << 8 | u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_where_a_plain_search_finds_it() {
        for length in [0, 1, 63, 64, 65, 127, 128, 129, 300] {
            // Blanks at all distances, NUL among them, and a run of other bytes that is longer than a block.
            let value: Vec<u8> =
                (0..length).map(|at| if at % 97 < 20 && at % 7 < 2 { b" \0"[at % 2] } else { b'x' }).collect();
            let mut marks = Marks::<Space>::of(&value);
            for place in (0..=length).chain((0..=length).rev()) {
                let behind = |blank: bool| value[place..].iter().position(|byte| Space::holds(*byte) == blank);
                assert_eq!(marks.next(place), behind(true).map_or(length, |at| place + at), "{length} {place}");
                assert_eq!(marks.next_other(place), behind(false).map_or(length, |at| place + at), "{length} {place}");
            }
        }
    }

    #[test]
    fn a_bit_is_set_for_each_byte_of_the_kind_and_for_no_other() {
        for byte in 0..=u8::MAX {
            for at in 0..64 {
                let mut bytes = [b'x'; 64];
                bytes[at] = byte;
                assert_eq!(bits::<Structure>(&bytes), u64::from(b"();".contains(&byte)) << at, "{byte} at {at}");
                assert_eq!(bits::<Space>(&bytes), u64::from(b" \t\r\n\0".contains(&byte)) << at, "{byte} at {at}");
            }
        }
    }
}
