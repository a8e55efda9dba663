//! `ARC-Authentication-Results` (RFC 8617, 4.1.1): an instance, then what [`AuthResults`] reads.

use super::{auth_results::AuthResults, syntax::Cursor};

/// Reads a field; nothing where it does not begin with an instance from 1 to 50.
pub(super) fn read(text: &str) -> Option<AuthResults<'_>> {
    let mut cursor = Cursor::new(text);
    cursor.skip()?;
    let tag = cursor.word(b"=");
    cursor.skip()?;
    if !tag.eq_ignore_ascii_case("i") || !cursor.eat(b'=') {
        return None;
    }
    cursor.skip()?;
    let instance: u8 = cursor.word(b"").parse().ok()?;
    cursor.skip()?;
    if !(1..=50).contains(&instance) || !cursor.eat(b';') {
        return None;
    }
    AuthResults::read_at(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_stands_in_front() {
        for text in [
            "i=1; mx.example.net 1; spf=pass smtp.mailfrom=sender.example; arc=none",
            " I = 50 (x) ;mx.example.net;spf=pass smtp.mailfrom=sender.example;arc=none",
        ] {
            let field = read(text).unwrap();
            assert_eq!(field.id.as_deref(), Some("mx.example.net"), "{text}");
            assert_eq!(field.results[0].property("smtp.mailfrom"), Some("sender.example"), "{text}");
            assert!(field.results[1].is("arc"), "{text}");
        }
        for text in ["mx.example.net; spf=pass", "i=0; x; spf=pass", "i=51; x", "i=1 x; spf=pass", "i=; x", "i", ""] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
