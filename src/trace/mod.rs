//! The trace: every hop a mail states, newest first.
//!
//! Takes a raw message, gives a [`Trace`]. Hop 0 is made from the SMTP session where there is one, because a
//! milter never sees the border's own `Received` field. A field that cannot be read is a hop all the same, marked
//! [`HopKind::Unparsed`]; none is ever dropped.

mod ambiguity;
mod bytes;
mod client;
mod date;
mod dialects;
mod hop;
mod json;
mod kind;
mod layout;
mod marks;
mod received;
mod remark;
mod tls;
mod tokens;
mod value;
mod who;

pub use ambiguity::{Ambiguity, AmbiguityReason, AmbiguousField};
pub use dialects::dialects;
pub use hop::{Hop, Origin, Received};
pub use json::{DetailsJson, FieldJson, FieldsLine, HopJson};
pub use kind::HopKind;
pub use received::{Written, read as read_received};

use std::borrow::Cow;

use crate::{clock::Timestamp, message::RawMessage, session::Session};

/// All hops of a mail, newest first.
#[derive(Debug, Clone, Default)]
pub struct Trace<'a> {
    /// The hops; index 0 is the newest.
    pub hops: Vec<Hop<'a>>,
}

/// Reads a date as header fields state it (RFC 5322, 3.3, and what is written instead); nothing where it states no moment.
pub fn read_date(text: &[u8]) -> Option<Timestamp> {
    date::read(text).time
}

/// Most mails have no more: room for so many at once, because a hop is large to move.
const USUAL_HOPS: usize = 8;

impl<'a> Trace<'a> {
    /// Reads the trace of a message.
    pub fn read(message: &'a RawMessage) -> Self {
        let from_session = message.session.iter().map(hop_of_session);
        let from_fields = message
            .headers
            .named("Received")
            .map(|(index, field)| Hop { origin: Origin::Field { index }, received: read_received(field.value) });
        let mut hops = Vec::with_capacity(USUAL_HOPS);
        hops.extend(from_session.chain(from_fields));
        Self { hops }
    }

    /// The same, without a borrow.
    pub fn into_owned(self) -> Trace<'static> {
        let owned = |hop: Hop<'_>| Hop { origin: hop.origin, received: hop.received.into_owned() };
        Trace { hops: self.hops.into_iter().map(owned).collect() }
    }

    /// The time between a hop and the next older one that states a time, in seconds.
    ///
    /// Negative when the clocks disagree; nothing when either time is unknown.
    pub fn delay(&self, hop: usize) -> Option<i64> {
        let newer = self.hops.get(hop)?.received.time?;
        let older = self.hops.get(hop + 1..)?.first()?.received.time?;
        Some(newer.as_second() - older.as_second())
    }
}

/// The hop that the border is about to record of this session.
fn hop_of_session<'a>(session: &'a Session) -> Hop<'a> {
    let text = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
    let encrypted = session.tls.is_some();
    let with = match (session.extended, encrypted, session.authenticated.is_some()) {
        (false, false, _) => "SMTP",
        (_, false, false) => "ESMTP",
        (_, true, false) => "ESMTPS",
        (_, false, true) => "ESMTPA",
        (_, true, true) => "ESMTPSA",
    };
    Hop {
        origin: Origin::Session,
        received: Received {
            kind: match session.peer_ip {
                Some(_) => HopKind::Transfer,
                None if session.local => HopKind::Local,
                None => HopKind::Opaque,
            },
            helo: text(&session.helo),
            rdns: text(&session.peer_name),
            ip: session.peer_ip,
            by: text(&session.border),
            with: Some(Cow::Borrowed(with)),
            id: text(&session.queue_id),
            recipient: session.recipients.first().map(|address| Cow::Borrowed(address.as_str())),
            time: session.time,
            tls: session.tls_known.then_some(encrypted),
            tls_version: session.tls,
            ..Received::default()
        },
    }
}
