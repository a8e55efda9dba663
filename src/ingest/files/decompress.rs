//! Compressed files, told by their first bytes and not by their names.
//!
//! Takes a stream, gives the decompressed one. Both formats stream: memory is the decoder's window, which for Zstandard
//! is limited here, whatever the file asks for.

use std::io::{self, BufRead, BufReader, Cursor, Read};

/// Zstandard windows up to 128 MiB, as its own command line tool allows by default.
const ZSTD_WINDOW_LOG: u32 = 27;
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const BUFFER: usize = 128 * 1024;

/// Formats that are recognised only to say so.
const FOREIGN: &[(&[u8], usize, &str)] = &[
    (b"\xfd7zXZ\0", 0, "it is an xz file; decompress it first"),
    (b"BZh", 0, "it is a bzip2 file; decompress it first"),
    (b"PK\x03\x04", 0, "it is a zip file; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", 0, "it is a 7z file; unpack it first"),
    (b"ustar", 257, "it is a tar file; unpack it first"),
];

/// Decompresses a stream, if it is compressed.
pub(super) fn decompress(mut raw: Box<dyn Read + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let start = start(&mut raw)?;
    foreign(&start)?;
    let gzip = start.starts_with(GZIP);
    let zstd = start.starts_with(ZSTD);
    let whole = BufReader::with_capacity(BUFFER, Cursor::new(start).chain(raw));
    let mut inner: Box<dyn Read + Send> = if gzip {
        Box::new(flate2::bufread::MultiGzDecoder::new(whole))
    } else if zstd {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(whole)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG)?;
        Box::new(decoder)
    } else {
        return Ok(Box::new(whole));
    };
    let start = self::start(&mut inner)?;
    foreign(&start)?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, Cursor::new(start).chain(inner))))
}

/// As much of a stream's beginning as tells what it is. A pipe may hand it over in pieces; no more pieces are waited for
/// than that takes, because whoever writes line by line may want an answer first.
fn start(raw: &mut Box<dyn Read + Send>) -> io::Result<Vec<u8>> {
    let mut start = vec![0; 512];
    let mut length = 0;
    while length < start.len() {
        match raw.read(&mut start[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if !may_become_magic(&start[..length]) {
            break;
        }
    }
    start.truncate(length);
    Ok(start)
}

/// Whether more bytes could still make these the beginning of a known format.
fn may_become_magic(start: &[u8]) -> bool {
    let formats = FOREIGN.iter().filter(|(_, at, _)| *at == 0).map(|(magic, ..)| *magic);
    formats.chain([GZIP, ZSTD]).any(|magic| magic.len() > start.len() && magic.starts_with(start))
}

fn foreign(start: &[u8]) -> io::Result<()> {
    let known = FOREIGN.iter().find(|(magic, at, _)| start.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    match known {
        Some((_, _, reason)) => Err(io::Error::new(io::ErrorKind::Unsupported, *reason)),
        None => Ok(()),
    }
}
