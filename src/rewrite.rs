//! Envelope senders that somebody on the way rewrote.

/// SRS.
pub mod srs {
    /// The sender that a forwarder hid in its own address.
    pub fn original_sender(_: &str) -> Option<String> {
        None
    }
}

/// BATV.
pub mod batv {
    /// The sender without its tag.
    pub fn original_sender(_: &str) -> Option<String> {
        None
    }
}
