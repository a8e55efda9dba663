//! Lines of a stream, of any length, in bounded memory.
//!
//! Takes a stream, keeps a stretch of it in memory, and hands out its lines one by one; or lets its reader look over the
//! whole stretch and pass on to where it wants to go on reading, at the speed of a search instead of that of lines.

use std::io::{self, Read};

use memchr::memchr;

/// Within the cache of one core, and large beside the cost of a read.
const STRETCH: usize = 256 * 1024;
/// What is enough for a mail in a file of its own.
const FIRST: usize = 16 * 1024;

/// Reads lines; of each the beginning is kept, the rest passed over.
#[derive(Debug)]
pub struct Lines<R> {
    inner: R,
    /// The stretch lies in `start..end` of it.
    buffer: Vec<u8>,
    capacity: usize,
    start: usize,
    end: usize,
    /// The beginning of a line that lies in several stretches.
    long: Vec<u8>,
    /// Where in the stream the stretch begins.
    offset: u64,
}

impl<R: Read> Lines<R> {
    /// Reads the lines of `inner`.
    pub fn new(inner: R) -> Self {
        Self::with_capacity(STRETCH, inner)
    }

    /// Reads the lines of `inner` with at most so many bytes of it in memory, beside the beginning of a long line.
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        let buffer = vec![0; capacity.clamp(1, FIRST)];
        Self { inner, buffer, capacity, start: 0, end: 0, long: Vec::new(), offset: 0 }
    }

    /// The first `keep` bytes of the next line, its end included where it fits; nothing at the end of the stream.
    pub fn next(&mut self, keep: usize) -> io::Result<Option<&[u8]>> {
        if let Some(end) = memchr(b'\n', self.stretch()) {
            let line = self.start..self.start + (end + 1).min(keep);
            self.pass(end + 1);
            return Ok(self.buffer.get(line));
        }
        self.long.clear();
        let mut any = false;
        loop {
            if self.stretch().is_empty() && !self.read_on()? {
                return Ok(any.then_some(&self.long));
            }
            any = true;
            let stretch = self.buffer.get(self.start..self.end).unwrap_or_default();
            let end = memchr(b'\n', stretch);
            let length = end.map_or(stretch.len(), |at| at + 1);
            let room = keep.saturating_sub(self.long.len()).min(length);
            self.long.extend(stretch.iter().take(room));
            self.pass(length);
            if end.is_some() {
                return Ok(Some(&self.long));
            }
        }
    }

    /// Where the next line begins, or else whatever was passed on to.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What was read of the stream and not yet passed.
    pub fn stretch(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Passes over the first bytes of the stretch.
    pub fn pass(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Reads on behind the stretch; false at the end of the stream, and where the stretch takes up all memory that it may.
    pub fn read_on(&mut self) -> io::Result<bool> {
        if self.end == self.buffer.len() && self.end < self.capacity {
            self.buffer.resize(self.capacity.min(4 * self.end), 0); // the file is larger than most
        }
        // What is left of a stretch is short for whoever searches it, so that this copies little.
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        loop {
            match self.inner.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_counted() {
        let mut lines = Lines::with_capacity(3, &b"abcdefgh\n\r\nxy"[..]);
        assert_eq!(lines.next(4).unwrap().unwrap(), b"abcd");
        assert_eq!(lines.offset(), 9);
        assert_eq!(lines.next(4).unwrap().unwrap(), b"\r\n");
        assert_eq!(lines.next(4).unwrap().unwrap(), b"xy");
        assert!(lines.next(4).unwrap().is_none());
    }

    #[test]
    fn a_line_of_one_stretch_is_cut_as_well() {
        let mut lines = Lines::new(&b"abcdefgh\nij\n"[..]);
        assert_eq!(lines.next(4).unwrap().unwrap(), b"abcd");
        assert_eq!((lines.offset(), lines.stretch()), (9, &b"ij\n"[..]));
        assert_eq!(lines.next(4).unwrap().unwrap(), b"ij\n");
        assert!(lines.next(4).unwrap().is_none());
    }

    #[test]
    fn what_is_kept_of_a_stretch_stands_before_what_is_read_on() {
        let mut lines = Lines::with_capacity(4, &b"abcdef"[..]);
        assert!(lines.read_on().unwrap());
        lines.pass(3);
        assert_eq!((lines.stretch(), lines.offset()), (&b"d"[..], 3));
        assert!(lines.read_on().unwrap());
        assert_eq!((lines.stretch(), lines.offset()), (&b"def"[..], 3));
        assert!(!lines.read_on().unwrap());
        assert_eq!(lines.stretch(), b"def");
    }

    #[test]
    fn a_large_file_is_read_in_larger_stretches_and_whole() {
        let text: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
        let mut lines = Lines::new(text.as_bytes());
        let mut read = Vec::new();
        while let Some(line) = lines.next(100).unwrap() {
            read.extend_from_slice(line);
        }
        assert_eq!(read, text.as_bytes());
        assert!(lines.buffer.len() > FIRST && lines.buffer.len() <= STRETCH);
    }
}
