//! `list` and `precedence`: the mail came by way of a mailing list, or says that it is bulk mail.
//!
//! Takes `List-Id` (RFC 2919) and `List-Post` (RFC 2369, 3.4), which a list's host adds and most others do not; and, weaker, `Precedence: list`
//! or `bulk` (RFC 2076, 3.9: not in any standard). All of them are free to write, and an attacker's relay can add them.

use super::{Context, Sign, SignKind};
use crate::envelope::address;
use crate::message::Field;

pub(super) fn list(context: &Context<'_>) -> Option<Sign> {
    let find = |name: &str| context.came_with_it().find(|field| field.is(name));
    if let Some(text) = find("List-Id").map(|field| field.text())
        && let Some(id) = list_id(&text)
    {
        return Some(Sign::new(SignKind::List, Some(id), &format!("List-Id: {text}")));
    }
    let text = find("List-Post").as_ref().map(Field::text).filter(|text| !text.is_empty())?;
    let address = text.split(['<', '>', ',']).find_map(|part| address::strip_prefix(part.trim(), "mailto:"));
    let address = address.map(|address| address.split('?').next().unwrap_or(address));
    Some(Sign::new(
        SignKind::List,
        address.filter(|address| address::split(address).is_some()),
        &format!("List-Post: {text}"),
    ))
}

pub(super) fn precedence(context: &Context<'_>) -> Option<Sign> {
    let field = context.came_with_it().find(|field| field.is("Precedence"))?;
    let text = field.text();
    let is_bulk = ["list", "bulk"].iter().any(|word| text.eq_ignore_ascii_case(word));
    is_bulk.then(|| Sign::new(SignKind::Precedence, None, &format!("Precedence: {text}")))
}

/// The identifier of a list: within angle brackets (RFC 2919, 3), or alone, as some write it.
fn list_id(text: &str) -> Option<&str> {
    let id = match text.rsplit_once('<') {
        Some((_, rest)) => rest.split_once('>')?.0.trim(),
        None => text,
    };
    (!id.is_empty() && !id.contains(char::is_whitespace)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Forgery, sample::Sample},
        *,
    };

    #[test]
    fn a_list_is_named_by_its_identifier() {
        for (field, name) in [
            ("List-Id: Talk of the town <talk.lists.example>", Some("talk.lists.example")),
            ("list-id: talk.lists.example", Some("talk.lists.example")),
            ("List-Post: <mailto:talk@lists.example?subject=x>", Some("talk@lists.example")),
            ("List-Post: NO (posting not allowed)", None),
        ] {
            let sign = Sample::session(&format!("{field}\n\n")).ask(list).unwrap();
            assert_eq!(sign.forwarder.as_deref(), name, "{field}");
        }
    }

    #[test]
    fn a_forged_identifier_is_no_better_than_anybody_s_word() {
        let sign = Sample::session("List-Id: \u{1b}[2J<x\u{202e}.example>\r\n evil\n\n").ask(list).unwrap();
        assert_eq!(sign.forgery, Forgery::Anybody);
        assert!(!(sign.seen + &sign.forwarder.unwrap()).contains(crate::text::is_unsafe));
    }

    #[test]
    fn empty_fields_say_nothing() {
        for field in [
            "List-Id:",
            "List-Id: <>",
            "List-Id: some words",
            "List-Id: <a",
            "List-Post:",
            "List-Unsubscribe: <https://a.example>",
        ] {
            assert_eq!(Sample::session(&format!("{field}\n\n")).ask(list), None, "{field}");
        }
    }

    #[test]
    fn precedence_is_told_and_explains_nothing() {
        for (text, told) in
            [("list", true), ("Bulk", true), ("junk", false), ("first-class", false), ("bulk x", false), ("", false)]
        {
            let sign = Sample::session(&format!("Precedence: {text}\n\n")).ask(precedence);
            assert_eq!(sign.is_some(), told, "{text}");
            assert!(sign.is_none_or(|sign| !sign.kind.explains()));
        }
    }
}
