//! A milter that does nothing: the least that any milter costs Postfix, for `benches/postfix.sh` to compare with.
//!
//! `nothing SOCKET` listens on a UNIX socket, asks for what relaywatch asks for and answers only what it must: "accept" at
//! the end of each message. It needs no library, so that `rustc -O` alone builds it.
//!
//! Where sessions are used again it is the floor: two reads and a write a message. With one mail a session it is not quite:
//! a thread with 128 KB of its own is made for each, for which 16 of the session's 24 system calls are.

use std::{
    env, fs,
    io::{self, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    thread,
};

/// No body, no end of header, no unknown commands, no DATA; no answer to anything but the end of a message; header values
/// with their leading space (`mfdef.h` of libmilter).
const PROTOCOL: u32 = 0x1f_f3d0;
/// Add header fields.
const ACTIONS: u32 = 0x1;

fn talk(mut stream: UnixStream) -> io::Result<()> {
    let (mut buffer, mut held) = (vec![0; 128 * 1024], 0);
    loop {
        let read = stream.read(&mut buffer[held..])?;
        if read == 0 {
            return Ok(());
        }
        held += read;
        let mut at = 0;
        while held - at >= 5 {
            let length = u32_at(&buffer, at) as usize;
            if held - at - 4 < length {
                break;
            }
            let frame = &buffer[at + 4..at + 4 + length];
            match frame[0] {
                b'O' => {
                    let mut answer = vec![0, 0, 0, 13, b'O'];
                    for word in [6, u32_at(frame, 5) & ACTIONS, u32_at(frame, 9) & PROTOCOL] {
                        answer.extend_from_slice(&u32::to_be_bytes(word));
                    }
                    stream.write_all(&answer)?;
                }
                b'E' => stream.write_all(&[0, 0, 0, 1, b'a'])?,
                b'Q' => return Ok(()),
                _ => {}
            }
            at += 4 + length;
        }
        buffer.copy_within(at..held, 0);
        held -= at;
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn main() -> io::Result<()> {
    let path = env::args().nth(1).expect("usage: nothing SOCKET");
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || talk(stream));
    }
    Ok(())
}
