//! Lines of a stream, of any length, in bounded memory.

use std::io::{self, BufRead};

use memchr::memchr;

/// Reads lines; of each the beginning is kept, the rest passed over.
#[derive(Debug)]
pub struct Lines<R> {
    inner: R,
    line: Vec<u8>,
    offset: u64,
}

impl<R: BufRead> Lines<R> {
    /// Reads the lines of `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, line: Vec::new(), offset: 0 }
    }

    /// The first `keep` bytes of the next line, its end included where it fits; nothing at the end of the stream.
    pub fn next(&mut self, keep: usize) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let mut any = false;
        loop {
            let chunk = match self.inner.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                return Ok(any.then_some(&self.line));
            }
            any = true;
            let end = memchr(b'\n', chunk);
            let length = end.map_or(chunk.len(), |at| at + 1);
            let room = keep.saturating_sub(self.line.len()).min(length);
            self.line.extend_from_slice(&chunk[..room]);
            self.inner.consume(length);
            self.offset += length as u64;
            if end.is_some() {
                return Ok(Some(&self.line));
            }
        }
    }

    /// Where the next line begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The stream behind the lines that were read.
    pub fn inner(&mut self) -> &mut R {
        &mut self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_counted() {
        let mut lines = Lines::new(io::BufReader::with_capacity(3, &b"abcdefgh\n\r\nxy"[..]));
        assert_eq!(lines.next(4).unwrap().unwrap(), b"abcd");
        assert_eq!(lines.offset(), 9);
        assert_eq!(lines.next(4).unwrap().unwrap(), b"\r\n");
        assert_eq!(lines.next(4).unwrap().unwrap(), b"xy");
        assert!(lines.next(4).unwrap().is_none());
    }
}
