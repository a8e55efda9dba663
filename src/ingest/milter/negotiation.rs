//! Negotiation: what the MTA sends, what it waits for, and what we may do to a message.
//!
//! Takes the MTA's [`Offer`], gives an [`Agreement`] that holds nothing the MTA did not offer. We ask for no body (but to verify
//! DKIM), no DATA, no end-of-header and no unknown SMTP commands, because nothing in them is read; for no wait on anything but
//! the end of the message, because every answer is a round trip of the whole mail path; and for the space behind the
//! colon to stay in header values, so that they come and go exactly as written.

use bytes::BytesMut;

use super::{
    command::Command,
    frame::{put_string, take_string, take_u32},
    macros::WANTED as WANTED_MACROS,
    offer::{OLDEST, Offer, VERSION, action, protocol},
};

/// What was agreed on a connection; on the wire, the filter's answer to an [`Offer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The protocol version.
    pub version: u32,
    /// What we may do ([`action`]).
    pub actions: u32,
    /// What is left out ([`protocol`]).
    pub protocol: u32,
    /// Which macros the MTA shall send, by stage (see [`super::macros`]); where a stage is not named, as it likes.
    pub macros: Vec<(u32, Vec<u8>)>,
}

impl Agreement {
    /// Takes of an offer what we want, with or without the body; nothing when the MTA's version is too old.
    pub fn of(offer: Offer, body: bool) -> Option<Self> {
        if offer.version < OLDEST {
            return None;
        }
        let version = offer.version.min(VERSION);
        let wanted = if body { protocol::WANTED & !protocol::NO_BODY } else { protocol::WANTED };
        let known = if version < 6 { protocol::BEFORE_6 } else { protocol::ALL };
        let actions = offer.actions & (action::NEEDED | action::SET_MACROS);
        let macros = if version >= 6 && actions & action::SET_MACROS != 0 {
            WANTED_MACROS.iter().map(|(stage, names)| (*stage, names.as_bytes().to_vec())).collect()
        } else {
            Vec::new()
        };
        let actions = if macros.is_empty() { actions & action::NEEDED } else { actions };
        Some(Self { version, actions, protocol: offer.protocol & known & wanted, macros })
    }

    /// Whether the MTA lets us do everything that a ruling may say.
    pub fn is_complete(&self) -> bool {
        self.may(action::NEEDED)
    }

    /// Whether we may do that.
    pub fn may(&self, actions: u32) -> bool {
        self.actions & actions == actions
    }

    /// Whether the MTA knows how to put a field at the top, and not only how to add one at the end.
    ///
    /// Both came with Sendmail 8.13, which did not raise the version but did offer quarantine.
    pub fn may_insert(&self) -> bool {
        self.version > OLDEST || self.may(action::QUARANTINE)
    }

    /// Whether header values come and go with the space behind the colon.
    pub fn leading_space(&self) -> bool {
        self.protocol & protocol::LEADING_SPACE != 0
    }

    /// Whether the MTA was told which macros we want, so that one that is missing has no value.
    pub fn chose_macros(&self) -> bool {
        !self.macros.is_empty()
    }

    /// Whether the MTA waits for an answer to a command. An answer too many is taken for the next command's, and one
    /// too few stops the mail until a timeout.
    pub fn expects_reply(&self, command: &Command<'_>) -> bool {
        let silent = match command {
            Command::Macros { .. } | Command::Abort | Command::Quit | Command::QuitNewConnection => return false,
            Command::Negotiate(_) | Command::EndOfMessage(_) => return true,
            Command::Connect { .. } => protocol::NO_REPLY_CONNECT,
            Command::Helo(_) => protocol::NO_REPLY_HELO,
            Command::Mail(_) => protocol::NO_REPLY_MAIL,
            Command::Rcpt(_) => protocol::NO_REPLY_RCPT,
            Command::Data => protocol::NO_REPLY_DATA,
            Command::Header { .. } => protocol::NO_REPLY_HEADER,
            Command::EndOfHeader => protocol::NO_REPLY_END_OF_HEADER,
            Command::Body(_) => protocol::NO_REPLY_BODY,
            Command::Unknown(_) => protocol::NO_REPLY_UNKNOWN,
        };
        self.protocol & silent == 0
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        Offer { version: self.version, actions: self.actions, protocol: self.protocol }.encode(out);
        for (stage, names) in &self.macros {
            out.extend_from_slice(&stage.to_be_bytes());
            put_string(out, names);
        }
    }

    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let mut rest = payload;
        let (version, actions, protocol) = (take_u32(&mut rest)?, take_u32(&mut rest)?, take_u32(&mut rest)?);
        let mut macros = Vec::new();
        while !rest.is_empty() {
            macros.push((take_u32(&mut rest)?, take_string(&mut rest)?.to_vec()));
        }
        Some(Self { version, actions, protocol, macros })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_agreed_that_was_not_offered() {
        let offer = Offer { version: 2, actions: 0x3f, protocol: 0x7f };
        let agreement = Agreement::of(offer, false).unwrap();
        assert_eq!((agreement.version, agreement.actions), (2, action::NEEDED));
        assert_eq!(agreement.protocol, protocol::NO_BODY | protocol::NO_END_OF_HEADER);
        assert!(agreement.macros.is_empty() && agreement.is_complete() && agreement.may_insert());
        assert!(agreement.expects_reply(&Command::Helo(b"")));

        let old = Agreement::of(Offer { version: 2, actions: 0x1f, protocol: protocol::ALL }, false).unwrap();
        assert!(!old.is_complete() && !old.may_insert());
        assert!(!old.leading_space(), "version 2 has no such flag, whatever the bits say");
        assert_eq!(Agreement::of(Offer { version: 1, actions: 1, protocol: 1 }, false), None);
    }

    #[test]
    fn a_newer_mta_is_answered_in_our_version() {
        let agreement = Agreement::of(Offer { version: 9, actions: u32::MAX, protocol: u32::MAX }, false).unwrap();
        assert_eq!(agreement.version, VERSION);
        assert_eq!(agreement.protocol, protocol::WANTED);
        assert!(!agreement.expects_reply(&Command::Mail(vec![b"<>"])));
        assert!(agreement.expects_reply(&Command::EndOfMessage(b"")));
    }
}
