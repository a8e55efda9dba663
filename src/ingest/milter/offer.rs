//! What an MTA can do: the first thing it says, and the numbers that it says it in.

use bytes::{BufMut, BytesMut};

use super::frame::take_u32;

/// The newest version of the protocol that is spoken; Postfix and Sendmail have none newer.
pub const VERSION: u32 = 6;
/// The oldest (Sendmail 8.12).
pub const OLDEST: u32 = 2;

/// What a filter may do to a message (`SMFIF_*`).
pub mod action {
    /// Add header fields.
    pub const ADD_HEADERS: u32 = 0x01;
    /// Change and delete header fields.
    pub const CHANGE_HEADERS: u32 = 0x10;
    /// Put the message into quarantine.
    pub const QUARANTINE: u32 = 0x20;
    /// Say which macros it wants.
    pub const SET_MACROS: u32 = 0x100;
    /// All that Postfix and Sendmail know.
    pub const ALL: u32 = 0x1ff;
    /// What we do when ruled so.
    pub const NEEDED: u32 = ADD_HEADERS | CHANGE_HEADERS | QUARANTINE;
}

/// What an MTA need not send, or need not wait for (`SMFIP_*`).
pub mod protocol {
    /// Send no body.
    pub const NO_BODY: u32 = 0x10;
    /// Send no end of header.
    pub const NO_END_OF_HEADER: u32 = 0x40;
    /// Expect no answer to a header field.
    pub const NO_REPLY_HEADER: u32 = 0x80;
    /// Send no unknown SMTP commands.
    pub const NO_UNKNOWN: u32 = 0x100;
    /// Send no DATA.
    pub const NO_DATA: u32 = 0x200;
    /// Expect no answer to a connection.
    pub const NO_REPLY_CONNECT: u32 = 0x1000;
    /// Expect no answer to HELO.
    pub const NO_REPLY_HELO: u32 = 0x2000;
    /// Expect no answer to MAIL.
    pub const NO_REPLY_MAIL: u32 = 0x4000;
    /// Expect no answer to RCPT.
    pub const NO_REPLY_RCPT: u32 = 0x8000;
    /// Expect no answer to DATA.
    pub const NO_REPLY_DATA: u32 = 0x1_0000;
    /// Expect no answer to an unknown SMTP command.
    pub const NO_REPLY_UNKNOWN: u32 = 0x2_0000;
    /// Expect no answer to the end of header.
    pub const NO_REPLY_END_OF_HEADER: u32 = 0x4_0000;
    /// Expect no answer to a piece of the body.
    pub const NO_REPLY_BODY: u32 = 0x8_0000;
    /// Leave the space behind the colon in header values, both ways.
    pub const LEADING_SPACE: u32 = 0x10_0000;
    /// All that version 6 has.
    pub const ALL: u32 = 0x1f_ffff;
    /// All that versions before 6 have.
    pub const BEFORE_6: u32 = 0x37f;
    /// What we ask for.
    pub const WANTED: u32 = NO_BODY
        | NO_END_OF_HEADER
        | NO_UNKNOWN
        | NO_DATA
        | NO_REPLY_HEADER
        | NO_REPLY_CONNECT
        | NO_REPLY_HELO
        | NO_REPLY_MAIL
        | NO_REPLY_RCPT
        | NO_REPLY_DATA
        | NO_REPLY_UNKNOWN
        | NO_REPLY_END_OF_HEADER
        | NO_REPLY_BODY
        | LEADING_SPACE;
}

/// What an MTA can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Its protocol version.
    pub version: u32,
    /// What it lets a filter do ([`action`]).
    pub actions: u32,
    /// What it can leave out ([`protocol`]).
    pub protocol: u32,
}

impl Offer {
    /// What Postfix offers by default.
    pub fn full() -> Self {
        Self { version: VERSION, actions: action::ALL, protocol: protocol::ALL }
    }
}

impl Offer {
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let mut rest = payload;
        let mut number = || take_u32(&mut rest);
        Some(Self { version: number()?, actions: number()?, protocol: number()? })
    }

    pub(super) fn encode(self, out: &mut BytesMut) {
        out.put_u32(self.version);
        out.put_u32(self.actions);
        out.put_u32(self.protocol);
    }
}
