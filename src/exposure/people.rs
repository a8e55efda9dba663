//! Who wrote a message, and to whom.
//!
//! Takes the parties of a stored message, gives people that can be told apart and counted. Case is not kept: hosts that tell `Alice` from
//! `alice` are rarer than people who write both. The original of a rewritten envelope sender (SRS) is the one who wrote.

use ring::digest;

use crate::{
    envelope::srs::original_sender,
    evidence::{Party, Stored},
};

/// Somebody with a mail address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Who {
    /// Under this address, or the hash that is kept instead of it.
    Address(Box<str>),
    /// Whose address was forgotten; still one person.
    Forgotten(i64),
}

impl Who {
    fn of(party: &Party) -> Self {
        match &party.address {
            Some(address) => Self::Address(address.to_lowercase().into()),
            None => Self::Forgotten(party.id),
        }
    }

    /// What tells this one from anybody else, in few bytes: a store may hold tens of millions of people.
    pub(super) fn mark(&self) -> Mark {
        let hash = match self {
            Self::Address(address) => digest::digest(&digest::SHA256, address.as_bytes()),
            // No address begins with a NUL: what is stored is printable.
            Self::Forgotten(id) => digest::digest(&digest::SHA256, &[&[0], &id.to_be_bytes()[..]].concat()),
        };
        hash.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

/// See [`Who::mark`]: 128 bits of SHA-256, so that nobody can make two people count as one.
pub(super) type Mark = [u8; 16];

/// The sender of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) who: Who,
    /// Whether it is the address in `From`, because the envelope names none: a bounce has none.
    pub(super) by_author: bool,
}

/// Who sent a message: the envelope's sender, else the author; nobody where neither is kept.
pub(super) fn writer(message: &Stored) -> Option<Writer> {
    let author = || Some(Writer { who: author(message)?, by_author: true });
    let Some(sender) = &message.sender else { return author() };
    match sender.address.as_deref() {
        Some("") => author(),
        Some(address) => {
            let original = original_sender(address).unwrap_or_else(|| address.to_owned());
            Some(Writer { who: Who::Address(original.to_lowercase().into()), by_author: false })
        }
        None => Some(Writer { who: Who::Forgotten(sender.id), by_author: false }),
    }
}

/// The address in `From`.
pub(super) fn author(message: &Stored) -> Option<Who> {
    message.header_from.as_ref().filter(|from| from.address.as_deref() != Some("")).map(Who::of)
}

/// The recipients.
pub(super) fn recipients(message: &Stored) -> impl Iterator<Item = Who> {
    message.recipients.iter().map(Who::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::gather::sample::stored;

    fn party(id: i64, address: &str) -> Option<Party> {
        Some(Party { id, address: Some(address.to_owned()) })
    }

    #[test]
    fn the_one_who_wrote_is_found_behind_what_carries_the_mail() {
        let written = |sender: Option<Party>, from: Option<Party>| {
            writer(&Stored { sender, header_from: from, ..stored(0) }).map(|writer| (writer.who, writer.by_author))
        };
        let who = |address: &str| Who::Address(address.into());
        let from = || party(2, "Ann@sender.example");
        assert_eq!(written(party(1, "Bob@a.example"), from()), Some((who("bob@a.example"), false)));
        let srs = "SRS0=HHH=TT=orig.example=Alice@fwd.example";
        assert_eq!(written(party(1, srs), from()), Some((who("alice@orig.example"), false)));
        assert_eq!(written(party(1, ""), from()), Some((who("ann@sender.example"), true)), "a bounce");
        assert_eq!(written(None, from()), Some((who("ann@sender.example"), true)), "not kept");
        let forgotten = Some(Party { id: 7, address: None });
        assert_eq!(written(forgotten, from()), Some((Who::Forgotten(7), false)));
        assert_eq!(written(party(1, ""), None), None);
        assert_eq!(written(party(1, ""), party(2, "")), None);
    }

    #[test]
    fn marks_tell_people_apart() {
        let who = |address: &str| Who::Address(address.into());
        assert_eq!(who("a@b.example").mark(), who("a@b.example").mark());
        assert_ne!(who("a@b.example").mark(), who("a@c.example").mark());
        assert_ne!(Who::Forgotten(1).mark(), Who::Forgotten(2).mark());
        assert_ne!(Who::Forgotten(1).mark(), who("1").mark());
    }
}
