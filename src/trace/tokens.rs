//! A `Received` value, cut into its clauses.
//!
//! Takes the raw bytes of one value, gives the text of each clause (RFC 5321, 4.4: from, by, via, with, id, for),
//! every top-level comment with the clause it stands in, and the text behind the last top-level `;`, which is the date.
//!
//! It is total on any bytes, runs in linear time and does not recurse: comments nest (RFC 5322, 3.2.2), so depth is a
//! counter. Peers choose their HELO, and some MTAs write it down as it came. Therefore
//! - a `"` has no meaning outside a comment: one quote in a HELO would otherwise swallow the address behind it;
//! - a `(` that nothing closes is an ordinary character, and so is a `)` that closes nothing;
//! - a `;` is the date's only where it is the last one outside comments (see also [`Clauses::read_without_date`]);
//! - a second `by` outside comments means that somebody wrote a clause into his HELO: see [`Clauses::rewritten`].

use memchr::{memchr, memchr2_iter, memrchr};

use super::{
    bytes::{find, starts},
    layout::{Layout, List},
    marks::{Kind, Marks, Space},
    remark,
};

/// One value, cut into clauses.
#[derive(Debug, Default)]
pub(super) struct Clauses<'a> {
    /// What stands before any keyword.
    pub(super) head: Clause<'a>,
    /// Who handed the mail over.
    pub(super) from: Clause<'a>,
    /// Who took it.
    pub(super) by: Clause<'a>,
    /// The link.
    pub(super) via: Clause<'a>,
    /// The protocol.
    pub(super) with: Clause<'a>,
    /// The receiving host's id of the mail.
    pub(super) id: Clause<'a>,
    /// The recipient.
    pub(super) recipient: Clause<'a>,
    /// The top-level comments, in order.
    pub(super) comments: List<Comment<'a>>,
    /// What stands behind the last top-level `;`, or where a date begins without one.
    pub(super) date: Option<&'a [u8]>,
    /// The clause holds two `by`: a client may have written the first into its HELO, so what stands before the
    /// second is not to be trusted.
    pub(super) rewritten: bool,
    /// A second `with` says STARTTLS (Mimecast) or TLS.
    pub(super) starttls: bool,
    /// The cipher behind `tls` (Exim, Haraka).
    pub(super) tls: Clause<'a>,
    /// The envelope sender behind `envelope-from` (Haraka), or behind a second `from`.
    pub(super) envelope_from: Clause<'a>,
    /// The receiving hosts that the value names, where a client may have written one of them: see `rewritten`.
    pub(super) hosts: [&'a [u8]; 2],
}

/// One clause.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Clause<'a> {
    /// Whether the keyword was there.
    pub(super) stated: bool,
    /// All words up to the first comment.
    pub(super) text: &'a [u8],
    /// The first of them.
    pub(super) word: &'a [u8],
    /// The first word behind the first comment.
    pub(super) behind: &'a [u8],
}

/// One top-level comment.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Comment<'a> {
    /// What stands between the parentheses, trimmed.
    pub(super) text: &'a [u8],
    /// The clause it stands in.
    pub(super) place: Place,
}

/// A clause's name.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    Head,
    From,
    By,
    Via,
    With,
    Id,
    For,
    Tls,
    EnvelopeFrom,
    Date,
}

impl<'a> Clauses<'a> {
    /// Cuts a value into its clauses.
    pub(super) fn read(value: &'a [u8]) -> Self {
        let mut clauses = Self::default();
        Cutter::new(value, true, &mut clauses).run();
        clauses
    }

    /// The same, with every `;` taken as an ordinary character: for a value whose only `;` stands in a HELO.
    pub(super) fn read_without_date(value: &'a [u8]) -> Self {
        let mut clauses = Self::default();
        Cutter::new(value, false, &mut clauses).run();
        clauses
    }

    /// The comments of one clause.
    pub(super) fn comments_in(&self, place: Place) -> impl Iterator<Item = &'a [u8]> {
        self.comments.iter().filter(move |comment| comment.place == place).map(|comment| comment.text)
    }

    /// The comments that the receiving host wrote of itself: those before any keyword and of its `by`, `via`, `with` and `id`.
    pub(super) fn own_comments(&self) -> impl Iterator<Item = &'a [u8]> {
        let own = |comment: &&Comment<'_>| !matches!(comment.place, Place::From | Place::For | Place::Date);
        self.comments.iter().filter(own).map(|comment| comment.text)
    }

    fn clause(&mut self, place: Place) -> Option<&mut Clause<'a>> {
        Some(match place {
            Place::Head => &mut self.head,
            Place::From => &mut self.from,
            Place::By => &mut self.by,
            Place::Via => &mut self.via,
            Place::With => &mut self.with,
            Place::Id => &mut self.id,
            Place::For => &mut self.recipient,
            Place::Tls => &mut self.tls,
            Place::EnvelopeFrom => &mut self.envelope_from,
            Place::Date => return None,
        })
    }
}

struct Cutter<'a, 'c> {
    value: &'a [u8],
    dated: bool,
    at: usize,
    spaces: Marks<'a, Space>,
    layout: Layout,
    /// The next comment, and which it is.
    comment: Option<(usize, usize)>,
    next_comment: usize,
    place: Place,
    /// The place where the present clause's text begins, and whether a comment has ended it.
    start: Option<usize>,
    ended: bool,
    /// Where the client's name begins, until a comment follows it.
    from_start: Option<usize>,
    /// An `id` in front of `by` (DragonFly Mail Agent): it counts where none follows.
    early_id: Clause<'a>,
    clauses: &'c mut Clauses<'a>,
}

impl<'a, 'c> Cutter<'a, 'c> {
    fn new(value: &'a [u8], dated: bool, clauses: &'c mut Clauses<'a>) -> Self {
        let mut layout = Layout::of(value);
        if !dated {
            layout.semicolon = None;
        }
        Self {
            value,
            dated,
            at: 0,
            spaces: Marks::of(value),
            comment: layout.comments.first().copied(),
            layout,
            next_comment: 0,
            place: Place::Head,
            start: None,
            ended: false,
            from_start: None,
            early_id: Clause::default(),
            clauses,
        }
    }

    fn run(mut self) {
        loop {
            self.at = self.spaces.next_other(self.at);
            if self.at >= self.value.len() {
                if !self.clauses.id.stated {
                    self.clauses.id = self.early_id;
                }
                return;
            }
            if let Some((open, close)) = self.comment
                && open == self.at
                && !self.begins_id(open, close)
            {
                self.take_comment(open, close);
            } else {
                self.word();
            }
        }
    }

    /// Whether a parenthesis that closes here belongs to an id of random marks: `id ()*)=4-+.;WXV-(.`.
    fn begins_id(&self, open: usize, close: usize) -> bool {
        let behind = self.value.get(close + 1).copied().unwrap_or(b' ');
        let one_word = || !self.value.get(open..close).unwrap_or_default().iter().any(|byte| is_space(*byte));
        let expected = self.place == Place::Id && self.start.is_none() && !self.ended;
        expected && !is_space(behind) && !matches!(behind, b';' | b'(') && one_word()
    }

    fn take_comment(&mut self, open: usize, close: usize) {
        let swallowed = self.id_swallowed_by(open, close);
        let close = swallowed.unwrap_or(close);
        let text = self.value.get(open + 1..close).unwrap_or_default().trim_ascii();
        // Before `by` every comment speaks of the client, even behind a HELO that holds the word `with`.
        let of_client = self.clauses.from.stated && !self.clauses.by.stated && self.place != Place::Date;
        let mut place = if of_client { Place::From } else { self.place };
        // A HELO that opens a parenthesis and a recipient that closes it would put the host's own words into a comment.
        if !matches!(place, Place::From | Place::Head) && swallows_a_clause(text) {
            self.lose_the_host();
            place = self.place;
        }
        if place == Place::From {
            let start = self.from_start.take();
            // The HELO held a keyword (`x with love`): it goes on up to the comment.
            if self.place != Place::From
                && let Some(helo) = start.and_then(|start| self.value.get(start..open))
            {
                self.clauses.from.text = helo.trim_ascii();
            }
        }
        self.clauses.comments.push(Comment { text, place });
        self.ended = true;
        self.at = close + 1;
        if swallowed.is_some() {
            self.layout = Layout::behind(self.value, self.at, self.dated);
            self.next_comment = 0;
        } else {
            self.next_comment += 1;
        }
        self.comment = self.layout.comments.get(self.next_comment).copied();
    }

    /// Where a comment should have ended that holds `) id `: bulk mailers of 2007 wrote `with esmtp (X(5MO*V (RT)2) id
    /// 9C6=-*B)-7 for ..` from random marks. It is the first of the host's own comments, and ends in the middle of a word;
    /// a comment that holds the client's words (`envelope-from ..`) is none such.
    fn id_swallowed_by(&self, open: usize, close: usize) -> Option<usize> {
        let first =
            self.place == Place::With && self.clauses.by.stated && self.clauses.with.word == b"esmtp" && !self.ended;
        let behind = self.value.get(close + 1).copied().unwrap_or(b' ');
        let recipient = || self.value.get(close + 1..).is_some_and(|rest| rest.starts_with(b" for "));
        if !first || matches!(behind, b';' | b'(') || (is_space(behind) && !recipient()) {
            return None;
        }
        let text = self.value.get(open + 1..close)?;
        let noted = [b"envelope".as_slice(), b"return-path", b"auth"];
        if noted.iter().any(|start| starts(text, start)) {
            return None;
        }
        Some(open + 1 + find(text, b") id ")?)
    }

    fn word(&mut self) {
        let start = self.at;
        let mut end = self.word_end(start).max(start + 1);
        self.at = end;
        if let Some(semicolon) = self.layout.semicolon
            && (start..end).contains(&semicolon)
        {
            end = semicolon;
            self.at = semicolon + 1;
            self.take_word(start, end);
            self.begin_date(semicolon + 1);
            return;
        }
        // `id 0123;  for <..>; date`: this `;` is not the date's, and not the id's either.
        let ends = end > start + 1 && self.value.get(end - 1) == Some(&b';') && self.place != Place::From;
        self.take_word(start, if ends { end - 1 } else { end });
        self.ended |= ends;
    }

    fn word_end(&mut self, start: usize) -> usize {
        let rest = self.value.get(start..).unwrap_or_default();
        if self.start.is_none() {
            let closing = match (self.place, rest.first()) {
                // A path may hold blanks, keywords and parentheses in its quoted local part.
                (Place::For, Some(b'<')) => Some(b'>'),
                // Nmail: `with [Nmail V3.1 20010905(S)]`.
                (Place::With, Some(b'[')) if self.clauses.by.stated => Some(b']'),
                _ => None,
            };
            let near = rest.get(..rest.len().min(400)).unwrap_or_default();
            if let Some(close) = closing.and_then(|closing| memchr(closing, near)) {
                let end = start + close + 1;
                let end = end + self.value.get(end..).unwrap_or_default().iter().take_while(|b| **b == b'>').count();
                self.skip_comments_before(end);
                return end;
            }
        }
        let space = self.spaces.next(start);
        match self.comment {
            Some((open, close)) if open < space => {
                // An id of punctuation (`9M(C6=-*B)-7`) is one word.
                let behind = self.value.get(close + 1).copied().unwrap_or(b' ');
                if self.place == Place::Id && close < space && !is_space(behind) && behind != b';' {
                    self.skip_comments_before(space);
                    return space;
                }
                open
            }
            _ => space,
        }
    }

    /// All that was read may be the client's words: the host's own are out of sight, in a comment, a path or the date.
    fn lose_the_host(&mut self) {
        let stated = Clause { stated: true, ..Clause::default() };
        self.clauses.hosts = [self.clauses.by.word, b""];
        self.clauses.by = stated;
        self.clauses.via = stated;
        self.clauses.with = stated;
        self.clauses.id = stated;
        self.clauses.recipient = stated;
        self.clauses.rewritten = true;
        self.place = Place::For;
        self.ended = true;
    }

    fn skip_comments_before(&mut self, end: usize) {
        while self.comment.is_some_and(|(open, _)| open < end) {
            self.next_comment += 1;
            self.comment = self.layout.comments.get(self.next_comment).copied();
        }
    }

    fn take_word(&mut self, start: usize, end: usize) {
        let word = self.value.get(start..end).unwrap_or_default();
        if word.is_empty() {
            return;
        }
        if let Some(place) = keyword(word)
            && !self.is_client_name()
            && self.begin(place)
        {
            return;
        }
        if let (Place::Via | Place::By, Some(id)) = (self.place, word.strip_prefix(b"id=")) {
            // debbugs: `via spool by submit@bugs.example.org id=B.165158501424526`.
            self.clauses.id = Clause { stated: true, text: id, word: id, behind: b"" };
            return;
        }
        // qfscan: `(qfscan 0.5. remoteip=A): date`.
        if self.place == Place::Head && self.ended && word == b":" && self.layout.semicolon.is_none() {
            self.begin_date(end);
            return;
        }
        let expected = self.start.is_some() || self.place == Place::Id;
        if self.layout.semicolon.is_none() && expected && self.clauses.by.stated && begins_date(word) {
            self.begin_date(start);
            return;
        }
        let (place, ended) = (self.place, self.ended);
        let from = *self.start.get_or_insert(start);
        if place == Place::From && !ended {
            self.from_start.get_or_insert(from);
        }
        if place == Place::For && word.first() == Some(&b'<') && swallows_a_clause(word) {
            return self.lose_the_host();
        }
        let value = self.value;
        if let Some(clause) = self.clauses.clause(place) {
            if !ended {
                clause.text = value.get(from..end).unwrap_or_default();
                if clause.word.is_empty() {
                    clause.word = word;
                }
            } else if clause.behind.is_empty() {
                clause.behind = word;
            }
        }
    }

    /// Whether the word just read is the HELO, whatever it says: `from by ([192.0.2.1]) by mx.example.org`.
    fn is_client_name(&self) -> bool {
        let opens = || {
            let rest = self.value.get(self.at..).unwrap_or_default();
            rest.trim_ascii_start().first() == Some(&b'(')
        };
        self.place == Place::From && self.start.is_none() && !self.ended && opens()
    }

    /// Whether the word behind a second `from` is a mailbox (Exim as some sites have it, Nmail, XMail).
    fn a_sender_follows(&self) -> bool {
        let rest = self.value.get(self.at..).unwrap_or_default().trim_ascii_start();
        let word = rest.split(|byte| is_space(*byte)).next().unwrap_or_default();
        self.clauses.from.stated && (word.first() == Some(&b'<') || memchr(b'@', word).is_some())
    }

    /// Begins a clause; says no where the word is no keyword at this place.
    fn begin(&mut self, place: Place) -> bool {
        let by_stated = self.clauses.by.stated;
        let place =
            if place == Place::From && by_stated && self.a_sender_follows() { Place::EnvelopeFrom } else { place };
        match (self.place, place) {
            // Behind the date only Courier's `id` is a clause.
            (Place::Date, Place::Id) if !self.clauses.id.stated => {}
            (Place::Date, _) => return false,
            (_, Place::From) if self.clauses.from.stated => return false,
            // Words of a clause of its own only behind another one: `with TLS`, `from tls by` are none.
            (_, Place::Tls | Place::EnvelopeFrom) if !by_stated || (self.start.is_none() && !self.ended) => {
                return false;
            }
            (_, Place::By) if by_stated => return self.begin_again(),
            (_, Place::With) if by_stated && self.clauses.with.stated => {
                let rest = self.value.get(self.at..).unwrap_or_default().trim_ascii_start();
                self.clauses.starttls |= starts(rest, b"STARTTLS") || rest.starts_with(b"TLS");
                self.ended = true;
                return true;
            }
            _ => {}
        }
        if place == Place::By && self.clauses.from.stated {
            // What stands before `by` is a HELO of several words.
            self.early_id = std::mem::take(&mut self.clauses.id);
            self.clauses.recipient = Clause::default();
            self.clauses.with = Clause::default();
            self.clauses.via = Clause::default();
        }
        self.place = place;
        self.start = None;
        self.ended = false;
        if let Some(clause) = self.clauses.clause(place)
            && (!clause.stated || place == Place::By || !by_stated)
        {
            *clause = Clause { stated: true, ..Clause::default() };
        } else {
            self.ended = true;
        }
        true
    }

    /// A second `by`: the first may be the client's, who wrote a clause into its HELO. The words that stand behind a second
    /// `by` of honest hosts are known: `by uid 71` (qmail-scanner), `by TLS`, `by authid` (Exim), `by AntispamTT`.
    fn begin_again(&mut self) -> bool {
        let rest = self.value.get(self.at..).unwrap_or_default().trim_ascii_start();
        if rest.is_empty() || rest.starts_with(b"uid ") {
            return false;
        }
        if [b"TLS ".as_slice(), b"authid ", b"AntispamTT "].iter().any(|word| rest.starts_with(word)) {
            self.ended = true;
            return true;
        }
        let stated = Clause { stated: true, ..Clause::default() };
        let next = rest.split(|byte| is_space(*byte)).next().unwrap_or_default();
        let hosts = [self.clauses.by.word, next];
        *self.clauses = Clauses { from: stated, by: stated, rewritten: true, hosts, ..Clauses::default() };
        self.early_id = Clause::default();
        self.place = Place::By;
        self.start = None;
        self.ended = false;
        true
    }

    fn begin_date(&mut self, at: usize) {
        let date = self.value.get(at..).unwrap_or_default();
        self.clauses.date = Some(date);
        let hosted = self.clauses.from.stated && self.clauses.by.stated && !self.clauses.rewritten;
        // The host states no date, or one without `;`, and the HELO has brought one along.
        if hosted && memchr2_iter(b'b', b'B', date).any(|at| is_by(date, at)) {
            self.lose_the_host();
            self.clauses.date = None;
        }
        // Behind a date only a comment or Courier's `id` is of interest, and another date where no `;` stands before this one.
        let id = |at: usize| matches!(date.get(at + 1), Some(b'd' | b'D'));
        if !memchr2_iter(b'i', b'I', date).any(id) {
            match self.comment {
                None => self.at = self.value.len(),
                Some((open, _)) if self.layout.semicolon.is_some() => self.at = self.at.max(open),
                Some(_) => {}
            }
        }
        self.place = Place::Date;
        self.start = None;
        self.ended = false;
    }
}

/// Whether a comment or a path holds an address as hosts write it, and a `by` behind it: a whole clause.
fn swallows_a_clause(text: &[u8]) -> bool {
    // Hardly a comment has the word, and addresses need be looked for in no other.
    if !memchr2_iter(b'b', b'B', text).any(|at| is_by(text, at)) {
        return false;
    }
    let mut stated = false;
    text.iter().enumerate().any(|(at, byte)| {
        // The look back is bounded: nothing longer is a host's note of its client.
        let inside = |open: u8| {
            let near = text.get(at.saturating_sub(300)..at).unwrap_or_default();
            memrchr(open, near).and_then(|open| near.get(open + 1..)).unwrap_or_default()
        };
        match byte {
            b')' if !stated => stated = remark::peer(inside(b'(')).is_some_and(|peer| peer.ip.is_some()),
            b']' if !stated => stated = remark::address(inside(b'[')).is_some(),
            b'b' | b'B' => return stated && is_by(text, at),
            _ => {}
        }
        false
    })
}

/// Whether the word `by` stands here.
fn is_by(text: &[u8], at: usize) -> bool {
    let blank = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|byte| is_space(*byte));
    matches!(text.get(at + 1), Some(b'y' | b'Y')) && blank(at.checked_sub(1)) && blank(Some(at + 2))
}

fn keyword(word: &[u8]) -> Option<Place> {
    let lower = |byte: &u8| byte.to_ascii_lowercase();
    match word {
        [a, b] => match [a, b].map(lower) {
            [b'b', b'y'] => Some(Place::By),
            [b'i', b'd'] => Some(Place::Id),
            _ => None,
        },
        // `over TLS secured channel` (IIS) is no such clause.
        b"tls" => Some(Place::Tls),
        [a, b, c] => match [a, b, c].map(lower) {
            [b'f', b'o', b'r'] => Some(Place::For),
            [b'v', b'i', b'a'] => Some(Place::Via),
            _ => None,
        },
        [a, b, c, d] => match [a, b, c, d].map(lower) {
            [b'f', b'r', b'o', b'm'] => Some(Place::From),
            [b'w', b'i', b't', b'h'] => Some(Place::With),
            _ => None,
        },
        b"envelope-from" => Some(Place::EnvelopeFrom),
        _ => None,
    }
}

/// Whether a date begins here without a `;` (SendGrid, Netscape): a weekday or an ISO 8601 date.
fn begins_date(word: &[u8]) -> bool {
    let weekday = || {
        let name = word.strip_suffix(b",").unwrap_or(word);
        name.len() == 3 && super::date::is_weekday(name)
    };
    let iso = || {
        word.len() >= 10
            && word.iter().take(10).enumerate().all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    match word.first() {
        Some(byte) if byte.is_ascii_digit() => iso(),
        Some(_) => weekday(),
        None => false,
    }
}

/// A word without the angle brackets of an id or a path, and without what ends it.
pub(super) fn bare(mut word: &[u8]) -> &[u8] {
    while let [b'<', inside @ ..] = word {
        word = inside;
    }
    while let [inside @ .., b'>' | b',' | b';'] = word {
        word = inside;
    }
    word
}

fn is_space(byte: u8) -> bool {
    Space::holds(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn clauses_and_comments_are_told_apart() {
        let value = b"from a.example (b [192.0.2.1]) (using TLS (x)) by c.example (Postfix) with ESMTPS id 1; Mon";
        let clauses = Clauses::read(value);
        assert_eq!(text(clauses.from.text), "a.example");
        assert_eq!(clauses.comments_in(Place::From).map(text).collect::<Vec<_>>(), ["b [192.0.2.1]", "using TLS (x)"]);
        assert_eq!(text(clauses.by.text), "c.example");
        assert_eq!(clauses.own_comments().map(text).collect::<Vec<_>>(), ["Postfix"]);
        assert_eq!((text(clauses.with.text), text(clauses.id.text)), ("ESMTPS", "1"));
        assert_eq!(clauses.date.map(text), Some(" Mon"));
    }

    #[test]
    fn unbalanced_text_in_a_helo_loses_nothing() {
        for helo in ["a(b", "a)b", "\"x", "a;b", "((((", "a\\(b", "x\\"] {
            let value = format!("from {helo} (b [192.0.2.1]) by c.example (Postfix) with SMTP id 1; Mon, 1 Jan");
            let clauses = Clauses::read(value.as_bytes());
            assert!(clauses.comments_in(Place::From).any(|c| c == b"b [192.0.2.1]"), "{helo}");
            assert_eq!(text(clauses.by.text), "c.example", "{helo}");
            assert_eq!(clauses.date.map(text), Some(" Mon, 1 Jan"), "{helo}");
        }
    }

    #[test]
    fn a_keyword_as_helo_is_the_helo() {
        let clauses = Clauses::read(b"from by ([192.0.2.1]) by c.example with SMTP");
        assert_eq!((text(clauses.from.text), text(clauses.by.text)), ("by", "c.example"));
    }

    #[test]
    fn a_second_by_marks_the_clause_as_rewritten() {
        let clauses = Clauses::read(b"from x (y [192.0.2.9]) by evil (z [192.0.2.1]) by mx.example with SMTP id 2");
        assert!(clauses.rewritten);
        assert_eq!(text(clauses.by.text), "mx.example");
        assert!(!Clauses::read(b"from u by host by uid 71 with qmail-scanner").rewritten);
    }

    #[test]
    fn the_hosts_own_words_cannot_be_hidden() {
        let honest = "(z [192.0.2.1]) by mx.example with SMTP id 2 for <b)@c.example>; Mon";
        for helo in ["x by evil with SMTP id 1 (", "x by evil with SMTP id 1 for <", "x by evil id 1; Mon"] {
            let value = format!("from {helo} {honest}");
            let value = value.strip_suffix("; Mon").filter(|_| helo.ends_with("Mon")).unwrap_or(&value);
            assert!(Clauses::read(value.as_bytes()).rewritten, "{value}");
            assert_eq!(text(Clauses::read(value.as_bytes()).by.text), "", "{value}");
        }
    }

    #[test]
    fn thousands_of_parentheses_are_harmless() {
        let deep = [b"from a ".as_slice(), &[b'('; 200_000], b" by c.example; x"].concat();
        assert_eq!(text(Clauses::read(&deep).by.text), "c.example");
        let pairs = [b"from a ".as_slice(), &b"()".repeat(50_000), b" by c.example; x"].concat();
        assert_eq!(text(Clauses::read(&pairs).by.text), "c.example");
        let slashes = [b"from a (".as_slice(), &b"\\)".repeat(50_000), b" by c.example; x"].concat();
        assert_eq!(Clauses::read(&slashes).date.map(text), Some(" x"));
    }
}
