//! Free TCP ports on loopback, for servers that must be told their port before they start.
//!
//! They lie below the range from which the system gives ports to outgoing connections, so that no connection takes one
//! between this look and the server's start; each test process begins at a place of its own.

use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

const FIRST: u16 = 12_000;
const COUNT: u32 = 20_000;

/// A port on 127.0.0.1 that nobody listens on, and that no other call in this process gave away.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = FIRST + u16::try_from(offset).expect("below 20,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on 127.0.0.1");
}
