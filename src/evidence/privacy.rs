//! What of a mail is kept in clear, as a keyed hash, or not at all.
//!
//! Takes the text of one field, gives what is kept of it. A keyed hash (HMAC-SHA-256, RFC 2104, cut to 128 bits) of the same text is
//! the same, so that "who wrote twice" can still be asked; without the key nobody can try addresses against it.

use std::{borrow::Cow, fmt};

use ring::hmac;

use crate::events::{self, Personal};

/// How a field is kept; the later one shows less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Show {
    /// As it is.
    #[default]
    Clear,
    /// As a keyed hash.
    KeyedHash,
    /// Not at all.
    Omit,
}

impl Show {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Clear, Self::KeyedHash, Self::Omit];

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::KeyedHash => "keyed-hash",
            Self::Omit => "omit",
        }
    }
}

/// The key of the hashes. It is never shown.
#[derive(Clone)]
pub struct HashKey(hmac::Key);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

impl HashKey {
    /// The fewest bytes that a key has: as many as the hash (RFC 2104, 3).
    pub const LEAST_BYTES: usize = 32;

    /// Takes the bytes of a key file.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= Self::LEAST_BYTES).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// What stands in the store instead of the text.
    pub(super) fn hash(&self, text: &str) -> String {
        let tag = hmac::sign(&self.0, text.as_bytes());
        let mut shown = HASH.to_owned();
        for byte in tag.as_ref().iter().take(16) {
            let _ = fmt::Write::write_fmt(&mut shown, format_args!("{byte:02x}"));
        }
        shown
    }
}

/// What hashes begin with.
const HASH: &str = "hmac-";

/// Whether a stored text looks like a hash.
pub(super) fn is_hash(text: &str) -> bool {
    text.strip_prefix(HASH).is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// How each field is kept.
#[derive(Debug, Clone)]
pub struct Privacy {
    /// The envelope sender.
    pub sender: Show,
    /// The envelope recipients.
    pub recipients: Show,
    /// The author's address (`From`).
    pub header_from: Show,
    /// The `Message-ID`.
    pub message_id: Show,
    /// The subject.
    pub subject: Show,
    /// The key of the hashes; without one nothing can be kept as a hash, and is left out instead.
    pub key: Option<HashKey>,
}

impl Default for Privacy {
    fn default() -> Self {
        Self {
            sender: Show::Clear,
            recipients: Show::Clear,
            header_from: Show::Clear,
            message_id: Show::Clear,
            subject: Show::Omit,
            key: None,
        }
    }
}

impl Privacy {
    /// What is kept of an address. An empty one (a bounce's sender) says nothing of anybody, and stays.
    pub fn address(&self, show: Show, address: &str) -> Option<String> {
        if address.is_empty() {
            return (show != Show::Omit).then(String::new);
        }
        match show {
            // One person writes an address in several cases; equal ones are to stay equal.
            Show::KeyedHash => self.key.as_ref().map(|key| key.hash(&address.to_lowercase())),
            show => self.text(show, address.into()),
        }
    }

    /// What is kept of a text.
    pub fn text(&self, show: Show, text: Cow<'_, str>) -> Option<String> {
        match show {
            Show::Clear => Some(text.into_owned()),
            Show::KeyedHash => self.key.as_ref().map(|key| key.hash(&text)),
            Show::Omit => None,
        }
    }
}

/// Events leave the host: they show no more than the store keeps.
impl events::Privacy for Privacy {
    fn show<'a>(&self, what: Personal, text: &'a str) -> Option<Cow<'a, str>> {
        let show = match what {
            Personal::Sender => self.sender,
            Personal::Recipient => self.recipients,
            Personal::From => self.header_from,
            Personal::MessageId => return self.text(self.message_id, text.into()).map(Cow::Owned),
            // It may be anybody's.
            Personal::Mentioned => self.sender.max(self.recipients),
        };
        if show == Show::Clear { Some(Cow::Borrowed(text)) } else { self.address(show, text).map(Cow::Owned) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_addresses_have_equal_hashes_and_the_key_decides() {
        let privacy = |key: u8| Privacy { key: HashKey::new(&[key; 32]), ..Privacy::default() };
        let hash = |key, text| privacy(key).address(Show::KeyedHash, text).unwrap();
        assert_eq!(hash(1, "Ann@Sender.example"), hash(1, "ann@sender.example"));
        assert_ne!(hash(1, "ann@sender.example"), hash(2, "ann@sender.example"));
        assert_ne!(hash(1, "ann@sender.example"), hash(1, "bob@sender.example"));
        assert!(!hash(1, "ann@sender.example").contains("ann"));
    }

    #[test]
    fn a_bounce_stays_one_and_the_key_is_not_shown() {
        let key = HashKey::new(b"0123456789abcdef0123456789abcdef");
        let privacy = Privacy { key, ..Privacy::default() };
        assert_eq!(privacy.address(Show::KeyedHash, ""), Some(String::new()));
        assert_eq!(privacy.address(Show::Omit, "ann@sender.example"), None);
        assert!(!format!("{privacy:?}").contains("0123"));
        assert!(HashKey::new(&[0; 31]).is_none());
    }
}
