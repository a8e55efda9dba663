//! Bytes on a milter socket that no MTA would send. A new kind is one more line.

/// What a peer might send that no MTA sends: what it is, and its bytes.
pub(crate) fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let after = |frames: &[Vec<u8>]| [&[negotiation()], frames].concat().concat();
    let connect = || frame(b'C', b"mx1.sender.example\x004\x04\xd2203.0.113.10\0");
    let mail = || frame(b'M', b"<alice@sender.example>\0");
    let recipient = || frame(b'R', b"<bob@coincheck.com>\0");
    vec![
        ("nothing", Vec::new()),
        ("half a length", b"\0\0".to_vec()),
        ("a length and no frame", b"\0\0\0\x0d".to_vec()),
        ("an empty frame", b"\0\0\0\0".to_vec()),
        ("half a frame", b"\0\0\0\x0dO\0\0".to_vec()),
        ("4 GB to come", b"\xff\xff\xff\xffO".to_vec()),
        ("2 GB to come", b"\x7f\xff\xff\xffL".to_vec()),
        ("more than a frame may have", [&0x0100_0001u32.to_be_bytes()[..], &vec![b'x'; 2 << 20]].concat()),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("SMTP", b"EHLO x\r\n".to_vec()),
        ("zeros", vec![0; 100_000]),
        ("ones", vec![0xff; 100_000]),
        ("negotiation without a version", frame(b'O', b"")),
        ("negotiation cut", frame(b'O', b"\0\0\0\x06\0\0")),
        ("version 0", frame(b'O', b"\0\0\0\0\0\0\0\0\0\0\0\0")),
        ("version 1", frame(b'O', b"\0\0\0\x01\0\0\0\x3f\0\0\0\x7f")),
        ("version 4294967295", frame(b'O', &[0xff; 12])),
        ("no action allowed", frame(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0")),
        ("negotiation with more behind", frame(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xffabc")),
        ("two negotiations", after(&[negotiation()])),
        ("commands before the negotiation", [connect(), mail(), recipient()].concat()),
        ("an unknown command", after(&[frame(b'?', b"x")])),
        ("command 0", after(&[frame(0, b"")])),
        ("command 255", after(&[frame(255, &[255; 64])])),
        ("connect without a NUL", after(&[frame(b'C', b"name")])),
        ("connect with an unknown family", after(&[frame(b'C', b"name\0Zxx")])),
        ("connect without an address", after(&[frame(b'C', b"name\x004\0")])),
        ("connect with a bad address", after(&[frame(b'C', b"name\x004\0\x19999.999.999.999\0")])),
        ("connect with an address that is no text", after(&[frame(b'C', b"name\x006\0\x19\xff\xfe\0")])),
        ("connect, empty", after(&[frame(b'C', b"")])),
        ("HELO without a NUL", after(&[connect(), frame(b'H', b"helo")])),
        ("HELO, empty", after(&[connect(), frame(b'H', b"")])),
        ("macros for nothing", after(&[frame(b'D', b"")])),
        ("macros without a value", after(&[frame(b'D', b"Cj\0")])),
        ("macros without an end", after(&[frame(b'D', b"Cj\0value\0{x")])),
        ("macros for a command that does not exist", after(&[frame(b'D', b"\xffj\0value\0")])),
        ("10,000 macros", after(&[frame(b'D', &[b"C".to_vec(), b"{m}\0v\0".repeat(10_000)].concat())])),
        ("sender without brackets", after(&[connect(), frame(b'M', b"alice\0"), recipient(), frame(b'N', b"")])),
        ("sender, empty", after(&[connect(), frame(b'M', b""), recipient(), frame(b'N', b"")])),
        (
            "sender with bytes",
            after(&[connect(), frame(b'M', b"<\xff\x1b[31m@\0a\0b\0"), recipient(), frame(b'N', b"")]),
        ),
        ("recipient before the sender", after(&[connect(), recipient(), mail()])),
        ("header before the sender", after(&[connect(), frame(b'L', b"A\0b\0")])),
        ("header without a value", after(&[connect(), mail(), recipient(), frame(b'L', b"A\0")])),
        ("header without a NUL", after(&[connect(), mail(), recipient(), frame(b'L', b"A")])),
        ("header, empty", after(&[connect(), mail(), recipient(), frame(b'L', b"")])),
        ("header without a name", after(&[connect(), mail(), recipient(), frame(b'L', b"\0\0"), frame(b'N', b"")])),
        ("end of headers with a payload", after(&[connect(), mail(), recipient(), frame(b'N', b"payload")])),
        ("end of message at once", after(&[frame(b'E', b"")])),
        ("body that nobody asked for", after(&[connect(), mail(), recipient(), frame(b'B', &[b'x'; 65_535])])),
        ("10,000 aborts", after(&[frame(b'A', b"").repeat(10_000)])),
        ("10,000 ends of message", after(&[frame(b'E', b"").repeat(10_000)])),
        ("quit with a payload", after(&[frame(b'Q', b"now")])),
        ("frames behind quit", after(&[frame(b'Q', b""), connect()])),
        ("new connection after new connection", after(&[frame(b'K', b"").repeat(1000)])),
        (
            "100,000 recipients",
            after(&[connect(), mail(), recipient().repeat(100_000), frame(b'N', b""), frame(b'E', b"")]),
        ),
        (
            "64 MB of headers",
            after(&[
                connect(),
                mail(),
                recipient(),
                frame(b'L', &[b"A\0".to_vec(), vec![b'x'; 500_000], vec![0]].concat()).repeat(128),
            ]),
        ),
    ]
}

/// A milter frame: length, command, payload.
fn frame(command: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 1).expect("a short payload");
    [&length.to_be_bytes(), &[command][..], payload].concat()
}

/// An ordinary negotiation: version 6, all actions, all protocol flags.
fn negotiation() -> Vec<u8> {
    frame(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff")
}
