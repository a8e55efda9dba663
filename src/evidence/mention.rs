//! Where a text of the store names somebody who is to be forgotten.
//!
//! Takes an address, and says of a stored text whether it is that address, another one made of it (SRS, BATV, VERP and their like), or a
//! text that mentions it; and gives a text without it. Case says nothing. Where it cannot be told whether a text means this address or
//! one that ends like it (`bounce-7-mary-ann=..` of a list `bounce-7-mary`?), it is cut: what is asked for is erasure.

use std::borrow::Cow;

use hickory_proto::rr::Name;
use memchr::memmem::Finder;

use super::privacy::HashKey;
use crate::{
    envelope::{address, batv, srs},
    names::Domain,
};

/// What stands where something was cut.
pub(super) const CUT: &str = "(forgotten)";

/// Rewritings of rewritings that are followed.
const LAYERS: usize = 4;

/// An address that is to be forgotten, in every form in which it is stored.
#[derive(Debug)]
pub struct Wanted {
    address: String,
    local: String,
    domains: Vec<String>,
    /// Finds the local part, which is in every form.
    finder: Finder<'static>,
    needles: Vec<Needle>,
    hashes: Vec<String>,
}

/// What a stored address is to the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// It itself, in clear or as a hash.
    Same,
    /// It, as a forwarder or its own host rewrote it: mail from there is its mail.
    Rewritten,
    /// Another's address that holds it: a list's bounce address, a mailbox that forwards to it.
    Holding,
    /// One with a tag (`ann+shop@`): most likely the same person's, and nobody can tell.
    Tagged,
    /// Another.
    Other,
}

/// A form of the address, and which characters next to it make another one of it.
#[derive(Debug)]
struct Needle {
    text: String,
    before: &'static str,
    after: &'static str,
}

/// Characters of a local part, beside letters and digits, that go on with a word.
const LOCAL: &str = "._-+";
/// In rewritten forms `+`, `-` and `=` separate.
const REWRITTEN: &str = "._";
/// Of a domain.
const DOMAIN: &str = ".-";

impl Wanted {
    /// Takes an address as a person writes it; nothing where it is none. With the key, its hashes are found as well.
    pub fn new(text: &str, key: Option<&HashKey>) -> Option<Self> {
        let text = text.trim().trim_start_matches('<').trim_end_matches('>');
        let (local, domain) = address::split(text)?;
        let (quoted, domain) = (local.to_lowercase(), domain.trim_end_matches('.').to_lowercase());
        let local = match quoted.strip_prefix('"').and_then(|local| local.strip_suffix('"')) {
            Some(inner) => inner.replace('\\', ""),
            None => quoted.clone(),
        };
        let mut domains = vec![domain.clone()];
        if let Ok(parsed) = Domain::parse(&domain) {
            let unicode = Name::from_ascii(parsed.as_str()).map(|name| name.to_utf8()).unwrap_or_default();
            domains.extend([parsed.as_str().to_owned(), unicode.trim_end_matches('.').to_lowercase()]);
        }
        domains.retain(|domain| !domain.is_empty());
        domains.sort_unstable();
        domains.dedup();
        let mut locals = vec![local.clone(), quoted, format!("\"{local}\"")];
        locals.sort_unstable();
        locals.dedup();
        let mut needles = Vec::new();
        let mut hashes = Vec::new();
        for domain in &domains {
            for local in &locals {
                let mut needle = |text: String, before, after| needles.push(Needle { text, before, after });
                needle(format!("{local}@{domain}"), LOCAL, DOMAIN);
                needle(format!("{local}={domain}"), REWRITTEN, DOMAIN);
                needle(format!("{local}%{domain}"), REWRITTEN, DOMAIN);
                needle(format!("{domain}={local}"), DOMAIN, LOCAL);
                needle(format!("{domain}!{local}"), DOMAIN, LOCAL);
                hashes.extend(key.map(|key| key.hash(&format!("{local}@{domain}"))));
            }
        }
        let address = format!("{local}@{}", domains.first().map_or(domain.as_str(), String::as_str));
        let finder = Finder::new(&local).into_owned();
        Some(Self { address, local, domains, finder, needles, hashes })
    }

    /// The address, without what need not be in it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether hashes of it are found.
    pub(super) fn has_key(&self) -> bool {
        !self.hashes.is_empty()
    }

    /// What a stored address is to this one.
    pub(super) fn likeness(&self, stored: &str) -> Likeness {
        if self.hashes.iter().any(|hash| hash == stored) {
            return Likeness::Same;
        }
        let Some((local, domain)) = address::split(stored) else { return Likeness::Other };
        if address::same(stored, &self.address) {
            return Likeness::Same;
        }
        let mut current = stored.to_owned();
        for _ in 0..LAYERS {
            let Some(before) = srs::original_sender(&current).or_else(|| batv::original_sender(&current)) else {
                break;
            };
            if address::same(&before, &self.address) {
                return Likeness::Rewritten;
            }
            current = before;
        }
        if self.is_mentioned(stored) {
            return Likeness::Holding;
        }
        let tagged = address::strip_prefix(local, &self.local).is_some_and(|tag| tag.starts_with('+'));
        let here = || self.domains.iter().any(|own| own.eq_ignore_ascii_case(domain.trim_end_matches('.')));
        // Gmail's form of a mailbox that forwards is this mailbox's own.
        let forwards = || address::split_once(local, "+caf_=").is_some();
        match tagged && here() {
            true if forwards() => Likeness::Rewritten,
            true => Likeness::Tagged,
            false => Likeness::Other,
        }
    }

    /// Whether a text mentions the address.
    pub(super) fn is_mentioned(&self, text: &str) -> bool {
        let lower = match text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Borrowed(text),
            false => Cow::Owned(text.to_lowercase()),
        };
        self.find(&lower).is_some()
    }

    /// The text without the address, and without the name of its owner where that stands before it (`Ann <ann@sender.example>`); nothing
    /// where it is not in there.
    pub(super) fn cut(&self, text: &str) -> Option<String> {
        if !self.is_mentioned(text) {
            return None;
        }
        let mut cut = String::with_capacity(text.len());
        let mut rest = text;
        let mut lowered = Lowered::of(rest);
        while let Some((from, to)) = self.find(&lowered.lower) {
            let (from, to) = (lowered.original(from), lowered.original(to));
            let before = rest.get(..from).unwrap_or_default();
            let start = named_from(before);
            cut.push_str(before.get(..start).unwrap_or(before));
            cut.push_str(CUT);
            rest = rest.get(to..).unwrap_or_default();
            if start < from {
                rest = rest.strip_prefix('>').unwrap_or(rest);
            }
            lowered = Lowered::of(rest);
        }
        cut.push_str(rest);
        Some(cut)
    }

    /// A DNS answer that a mail of this address rests on, without what the sender's SPF macros put into its name (RFC 7208, 7): the
    /// local part, or parts of it, as labels. Nothing where none is in there.
    pub(super) fn cut_answer(&self, line: &str) -> Option<String> {
        let dotted: Vec<&str> = self.local.split('.').collect();
        let parts: Vec<&str> = self.local.split(['.', '-', '+', '_', '=']).filter(|part| !part.is_empty()).collect();
        let first = parts.iter().copied().take(1).collect();
        let reversed = [&dotted, &parts].map(|parts| parts.iter().rev().copied().collect::<Vec<_>>());
        let forms = reversed.into_iter().chain([dotted, parts, first]).collect::<Vec<_>>();
        let written = self.cut(line);
        let mut changed = written.is_some();
        let words = written.as_deref().unwrap_or(line).split(' ').map(|word| {
            if !word.ends_with('.') {
                return word.to_owned();
            }
            let mut labels: Vec<&str> = word.split('.').collect();
            for form in forms.iter().filter(|form| !form.is_empty()) {
                let same = |part: &[&str]| part.iter().zip(form).all(|(a, b)| a.to_lowercase() == *b);
                while let Some(at) = labels.windows(form.len()).position(same) {
                    labels.splice(at..at + form.len(), [CUT]);
                    changed = true;
                }
            }
            labels.join(".")
        });
        let words = words.collect::<Vec<_>>().join(" ");
        changed.then_some(words)
    }

    /// The first mention in a text in lower case.
    fn find(&self, lower: &str) -> Option<(usize, usize)> {
        // In nearly every text it is not.
        self.finder.find(lower.as_bytes())?;
        let whole = self.needles.iter().filter_map(|needle| needle.find(lower));
        // A text that was cut for its length ends within the address.
        let cut_off = || {
            let end = lower.find('…')?;
            let before = lower.get(..end)?;
            let starts = self.domains.iter().map(|domain| format!("{}@{domain}", self.local));
            starts.filter_map(|start| cut_off(before, &start, self.local.len() + 1)).min().map(|at| (at, end))
        };
        whole.min_by_key(|(from, to)| (*from, usize::MAX - to)).or_else(cut_off)
    }
}

impl Needle {
    fn find(&self, lower: &str) -> Option<(usize, usize)> {
        let found = lower.match_indices(&self.text).map(|(at, text)| (at, at + text.len()));
        found.into_iter().find(|(from, to)| {
            let goes_on = |c: char, more: &str| c.is_alphanumeric() || more.contains(c);
            let before = lower.get(..*from).and_then(|text| text.chars().next_back());
            let mut after = lower.get(*to..).unwrap_or_default().chars();
            // A dot ends a sentence as well.
            let longer = match after.next() {
                Some('.') if self.after.contains('.') => after.next().is_some_and(char::is_alphanumeric),
                Some(next) => goes_on(next, self.after),
                None => false,
            };
            !before.is_some_and(|c| goes_on(c, self.before)) && !longer
        })
    }
}

/// Where a text ends with a beginning of `whole` of at least so many bytes.
fn cut_off(text: &str, whole: &str, least: usize) -> Option<usize> {
    let starts = (least..whole.len()).rev().filter_map(|end| whole.get(..end));
    starts.into_iter().find(|start| text.ends_with(start)).map(|start| text.len() - start.len())
}

/// Where the name of the address's owner begins that stands before `<`; the text's end where none does.
fn named_from(before: &str) -> usize {
    let Some(name) = before.strip_suffix('<') else { return before.len() };
    if let Some(inner) = name.trim_end().strip_suffix('"') {
        return inner.rfind('"').unwrap_or(before.len());
    }
    let ends = [": ", ", ", "; ", "(", " for "];
    let start = ends.iter().filter_map(|end| name.rfind(end).map(|at| at + end.len())).max().unwrap_or(0);
    match name.get(start..).map(str::trim) {
        // `for <ann@..>`, `field: <ann@..>`
        None | Some("" | "for") => before.len(),
        Some(_) => start,
    }
}

/// A text in lower case, with the way back to its own offsets.
struct Lowered {
    lower: String,
    /// Offsets in lower case and as written, where they part.
    offsets: Vec<(usize, usize)>,
}

impl Lowered {
    fn of(text: &str) -> Self {
        let mut lower = String::with_capacity(text.len());
        let mut offsets = Vec::new();
        for (at, c) in text.char_indices() {
            if !c.is_ascii() {
                offsets.push((lower.len(), at));
            }
            lower.extend(c.to_lowercase());
            if !c.is_ascii() {
                offsets.push((lower.len(), at + c.len_utf8()));
            }
        }
        Self { lower, offsets }
    }

    fn original(&self, offset: usize) -> usize {
        let before = self.offsets.partition_point(|(lower, _)| *lower <= offset);
        let last = before.checked_sub(1).and_then(|at| self.offsets.get(at));
        last.map_or(offset, |(lower, original)| original + (offset - lower))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Wanted {
        Wanted::new("Ann@Sender.example", HashKey::new(&[7; 32]).as_ref()).unwrap()
    }

    #[test]
    fn an_address_is_known_in_every_form() {
        for (stored, likeness) in [
            ("ann@sender.example", Likeness::Same),
            ("ANN@SENDER.example.", Likeness::Same),
            ("\"ann\"@sender.example", Likeness::Same),
            ("SRS0=HHH=TT=sender.example=ann@fwd.example", Likeness::Rewritten),
            ("SRS1=GGG=fwd.example==HHH=TT=sender.example=Ann@fwd2.example", Likeness::Rewritten),
            ("SRS0=HHH=TT=sender.example=prvs=12ab34=ann@fwd.example", Likeness::Rewritten),
            ("prvs=04384a72e4=ann@sender.example", Likeness::Rewritten),
            ("ann+caf_=bob=victim.example@sender.example", Likeness::Rewritten),
            ("list-bounces+ann=sender.example@lists.example", Likeness::Holding),
            ("carol+caf_=ann=sender.example@example.com", Likeness::Holding),
            ("ann%sender.example@relay.example", Likeness::Holding),
            ("Ann+shop@sender.example", Likeness::Tagged),
            ("joann@sender.example", Likeness::Other),
            ("mary-ann@sender.example", Likeness::Other),
            ("list-bounces+joann=sender.example@lists.example", Likeness::Other),
            ("list-bounces+ann=sender.example.net@lists.example", Likeness::Other),
            ("ann@sender.example.net", Likeness::Other),
            ("ann@other.example", Likeness::Other),
            ("ann", Likeness::Other),
            ("", Likeness::Other),
        ] {
            assert_eq!(ann().likeness(stored), likeness, "{stored}");
        }
        let key = HashKey::new(&[7; 32]).unwrap();
        assert_eq!(ann().likeness(&key.hash("ann@sender.example")), Likeness::Same);
        assert_eq!(ann().likeness(&key.hash("bob@sender.example")), Likeness::Other);
        let idn = Wanted::new("Jürgen@BÜCHER.example", None).unwrap();
        assert_eq!(idn.likeness("jürgen@xn--bcher-kva.example"), Likeness::Same);
        assert!(idn.is_mentioned("for <JÜRGEN@bücher.example>"));
        for none in ["", "ann", "@sender.example", "ann@", "a b@sender.example"] {
            assert!(Wanted::new(none, None).is_none(), "{none:?}");
        }
    }

    #[test]
    fn a_text_loses_the_address_and_its_owners_name_and_nothing_else() {
        for (text, cut) in [
            ("sender=ann@sender.example spf=fail", "sender=(forgotten) spf=fail"),
            ("Ann@SENDER.example, and ann@sender.example.", "(forgotten), and (forgotten)."),
            (
                "ann@sender.example forwards (Resent-From: Ann Lee <ann@sender.example>).",
                "(forgotten) forwards (Resent-From: (forgotten)).",
            ),
            ("(Resent-From: \"Lee, Ann\" <ann@sender.example>)", "(Resent-From: (forgotten))"),
            ("forwarded (for <ann@sender.example>)", "forwarded (for <(forgotten)>)"),
            ("Delivered-To: <ann@sender.example>", "Delivered-To: <(forgotten)>"),
            ("envelope sender x+ann=sender.example@l.example", "envelope sender x+(forgotten)@l.example"),
            ("İİ <x@y.example>, Ä ann@sender.example Ä", "İİ <x@y.example>, Ä (forgotten) Ä"),
            ("(Delivered-To: x <ann@send…)", "(Delivered-To: (forgotten)…)"),
        ] {
            assert_eq!(ann().cut(text).as_deref(), Some(cut), "{text}");
        }
        for text in ["", "joann@sender.example", "ann@sender.example.net", "ann at sender.example", "x…", "ann…"] {
            assert_eq!(ann().cut(text), None, "{text}");
        }
    }

    #[test]
    fn the_names_that_macros_made_lose_the_local_part() {
        let tagged = Wanted::new("ann.lee-x@sender.example", None).unwrap();
        for (wanted, line, cut) in [
            (
                ann(),
                "ann._spf.sender.example. 300 IN A 127.0.0.2",
                "(forgotten)._spf.sender.example. 300 IN A 127.0.0.2",
            ),
            (ann(), "; 1.0.0.127.Ann.x.example. IN A: none", "; 1.0.0.127.(forgotten).x.example. IN A: none"),
            (ann(), "ann@sender.example._s.x.example. 5 IN A ::1", "(forgotten)._s.x.example. 5 IN A ::1"),
            (tagged, "lee-x.ann.x.example. 5 IN A ::1", "(forgotten).x.example. 5 IN A ::1"),
        ] {
            assert_eq!(wanted.cut_answer(line).as_deref(), Some(cut), "{line}");
        }
        for line in
            ["mail.sender.example. 300 IN A 192.0.2.1", "joann.sender.example. 300 IN TXT \"v=spf1 ann -all\"", ""]
        {
            assert_eq!(ann().cut_answer(line), None, "{line}");
        }
    }
}
