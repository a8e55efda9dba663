//! What the events of one message share, and those of no two messages do.
//!
//! Takes what our border recorded, and the time. A queue id alone is used again by a later message, on another host at the same time,
//! and is missing where the MTA does not tell it; a time alone is shared by messages that come at once. Nothing that names a person is
//! in it, so that it tells nothing of who is left out of an event.

use std::{fmt::Write as _, net::IpAddr};

use ring::digest;

use crate::{clock::Timestamp, session::Session};

/// The id of a message: 32 hexadecimal digits.
pub(super) fn id(session: Option<&Session>, peer: Option<IpAddr>, time: Timestamp) -> String {
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let parts = [
        text(session.and_then(|session| session.border.as_ref())),
        text(session.and_then(|session| session.queue_id.as_ref())),
        text(session.and_then(|session| session.helo.as_ref())),
        peer.map(|ip| ip.to_string()).unwrap_or_default(),
        time.as_nanosecond().to_string(),
    ];
    let mut digest = digest::Context::new(&digest::SHA256);
    for part in parts {
        // The lengths keep `ab` + `c` apart from `a` + `bc`.
        digest.update(&(part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let mut id = String::with_capacity(32);
    for byte in &digest.finish().as_ref()[..16] {
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn no_two_messages_share_an_id() {
        let mut ids = std::collections::BTreeSet::new();
        let (now, other) = (time("2020-06-01T00:03:17.25Z"), time("2020-06-01T00:03:17.250000001Z"));
        for (queue_id, border, time) in
            [("4A", "gw1", now), ("4A", "gw2", now), ("4B", "gw1", now), ("4A", "gw1", other), ("", "4Agw1", now)]
        {
            let (queue_id, border) = (Some(queue_id.to_owned()), Some(border.to_owned()));
            ids.insert(id(Some(&Session { queue_id, border, ..Session::default() }), None, time));
        }
        ids.insert(id(None, None, now));
        assert_eq!(ids.len(), 6);
        assert!(ids.iter().all(|id| id.len() == 32));
    }
}
