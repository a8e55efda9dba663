//! How that which names a person is shown in an event.
//!
//! Takes the text and what it is, gives what may be shown. Events leave the host, so it is the admin who decides whether they
//! hold addresses in clear, as a keyed hash, or not at all; whoever makes events hands that decision in as a [`Privacy`].

use std::borrow::Cow;

/// What names a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Personal {
    /// The envelope sender.
    Sender,
    /// An envelope recipient.
    Recipient,
    /// The address in the `From` field.
    From,
    /// The `Message-ID`.
    MessageId,
    /// An address inside a finding's words, which may be anybody's: a recipient's elsewhere, a forwarder's.
    Mentioned,
}

/// Decides how that which names a person is shown.
pub trait Privacy: Send + Sync {
    /// What is shown in its place; nothing where it is left out. The text is foreign and of any length.
    fn show<'a>(&self, what: Personal, text: &'a str) -> Option<Cow<'a, str>>;
}

/// Shows everything as it stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clear;

impl Privacy for Clear {
    fn show<'a>(&self, _: Personal, text: &'a str) -> Option<Cow<'a, str>> {
        Some(Cow::Borrowed(text))
    }
}

/// A text with every address in it as it may be shown. What is left out becomes `[address]`.
pub fn in_words<'a>(text: &'a str, privacy: &dyn Privacy) -> Cow<'a, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(ends_word).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        // The full stop of a sentence is none of the address's.
        let bare = word.trim_end_matches('.');
        match bare.contains('@').then(|| privacy.show(Personal::Mentioned, bare)) {
            Some(address) => {
                shown.push_str(address.as_deref().unwrap_or("[address]"));
                shown.push_str(&word[bare.len()..]);
            }
            None => shown.push_str(word),
        }
        let next = after.chars().next().map_or(0, char::len_utf8);
        shown.push_str(&after[..next]);
        rest = &after[next..];
    }
    Cow::Owned(shown)
}

/// Whether a character stands between words, not within an address.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"' | '|')
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hidden;

    impl Privacy for Hidden {
        fn show<'a>(&self, what: Personal, text: &'a str) -> Option<Cow<'a, str>> {
            (text == "bob@b.example").then(|| Cow::Owned(format!("{what:?}-1")))
        }
    }

    #[test]
    fn addresses_within_words_are_found_wherever_they_stand() {
        for (text, shown) in [
            ("it was forwarded (for <bob@b.example>).", "it was forwarded (for <Mentioned-1>)."),
            ("carol@c.example, then bob@b.example.", "[address], then Mentioned-1."),
            ("mailto:carol@c.example", "mailto:[address]"),
            ("ünïcode carol@ü.example → end", "ünïcode [address] → end"),
            ("192.0.2.66 is none of your addresses.", "192.0.2.66 is none of your addresses."),
        ] {
            assert_eq!(in_words(text, &Hidden), shown);
            assert_eq!(in_words(text, &Clear), text);
        }
    }
}
