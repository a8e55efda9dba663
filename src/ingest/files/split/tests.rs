//! What is a message of a file and what is not; and that searching finds what going line by line finds.

use proptest::prelude::*;

use super::*;

/// A stream that comes in pieces, as from a pipe, and is interrupted now and then.
struct Pieces<'a> {
    rest: &'a [u8],
    sizes: &'a [usize],
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.get(self.rest.len() % self.sizes.len()).copied().unwrap_or(1);
        if size == 0 {
            self.sizes = &[3, 1];
            return Err(io::ErrorKind::Interrupted.into());
        }
        let (piece, rest) = self.rest.split_at(size.min(buffer.len()).min(self.rest.len()));
        buffer[..piece.len()].copy_from_slice(piece);
        self.rest = rest;
        Ok(piece.len())
    }
}

fn split(file: &[u8]) -> Vec<String> {
    let mut splitter = Splitter::new(Lines::with_capacity(600, Pieces { rest: file, sizes: &[7] }), 100, 0, None);
    let mut found = Vec::new();
    loop {
        match splitter.next().unwrap() {
            Found::Message { index, offset, headers, .. } => {
                let fields: Vec<String> = headers.iter().map(|(_, field)| field.text().into_owned()).collect();
                found.push(format!("{index}@{offset} {} {:?}", fields.join("|"), headers.breaks()));
            }
            Found::Passed => panic!("nothing was to be passed"),
            Found::NotMail(reason) => return vec![reason.to_owned()],
            Found::End => return found,
        }
    }
}

#[test]
fn an_mbox_is_split_at_its_separators_only() {
    let mbox = b"From a@x.example Thu Jan  1 00:00:00 1970\n>From old\nA: 1\n\nbody\n\nFrom here on we talk at 10:30\nFrom b@x.example Thu Jan  1 00:00:00 1970\n\n>From c@x.example Thu Jan  1 00:00:00 1970\n\nFrom d@x.example Thu Jan  1 00:00:00 1970\nB: 2\n";
    assert_eq!(split(mbox), ["0@0 1 []", "1@181 2 [NoEmptyLine]"]);
}

#[test]
fn an_mbox_of_headers_may_lack_empty_lines() {
    let mbox = b"From - Thu Jan  1 00:00:00 1970\r\nA: 1\r\nFrom - Thu Jan  1 00:00:00 1970\r\nB: 2\r\n\r\n";
    assert_eq!(split(mbox), ["0@0 1 [NoEmptyLine]", "1@39 2 []"]);
    assert_eq!(split(b"From x\nA: 1\n\nFrom y\nB: 2\n\n"), ["0@0 1 []", "1@13 2 []"]);
}

#[test]
fn one_message_is_read_up_to_its_body_and_a_long_header_up_to_the_limit() {
    assert_eq!(split(b"\xef\xbb\xbfA: 1\n\nFrom x Thu Jan  1 00:00:00 1970\n"), ["0@0 1 []"]);
    let long = [b"A: 1\nB: ", &[b'x'; 500][..], b"\n\n"].concat();
    let expected = format!("0@0 1|{} [TooLong]", "x".repeat(92));
    assert_eq!(split(&long), [expected]);
}

#[test]
fn what_is_no_mail_is_told_without_reading_on() {
    assert_eq!(split(b"\x7fELF\0\0\0"), ["its first line is no header field"]);
    assert_eq!(split(b"From the desk of\nsomebody\n\n"), ["its first line is no header field"]);
    assert_eq!(split(b""), ["it is empty"]);
}

#[test]
fn what_the_filter_does_not_want_is_counted_and_passed_over() {
    let wants = |section: &[u8]| section.starts_with(b"B");
    let split = |file: &[u8]| {
        let lines = Lines::with_capacity(600, Pieces { rest: file, sizes: &[50] });
        let mut splitter = Splitter::new(lines, 100, 0, Some(&wants));
        let mut found = Vec::new();
        loop {
            found.push(match splitter.next().unwrap() {
                Found::Message { index, offset, .. } => format!("{index}@{offset}"),
                Found::Passed => "passed".to_owned(),
                Found::NotMail(reason) => return reason.to_owned(),
                Found::End => return found.join(" "),
            });
        }
    };
    assert_eq!(split(b"From x\nA: 1\n\nFrom y\nB: 2\n\nFrom z\nC: 3\n\n"), "passed 1@13 passed");
    assert_eq!(split(b"A: 1\n\nbody"), "passed");
    assert_eq!(split(b"x"), "its first line is no header field");
}

/// A message as both ways of splitting give it.
#[derive(Debug, PartialEq)]
struct Seen {
    offset: u64,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    breaks: String,
    body: Option<Vec<u8>>,
}

fn seen(offset: u64, headers: &HeaderSection, body: Option<Vec<u8>>) -> Seen {
    let fields = headers.iter().map(|(_, field)| (field.name.to_vec(), field.value.to_vec())).collect();
    Seen { offset, fields, breaks: format!("{:?}", headers.breaks()), body }
}

fn searched(file: &[u8], sizes: &[usize], capacity: usize, limit: usize, body_limit: usize) -> Option<Vec<Seen>> {
    let mut splitter =
        Splitter::new(Lines::with_capacity(capacity, Pieces { rest: file, sizes }), limit, body_limit, None);
    let mut found = Vec::new();
    loop {
        match splitter.next().unwrap() {
            Found::Message { index, offset, headers, body } => {
                assert_eq!(index, found.len() as u64);
                found.push(seen(offset, &headers, body));
            }
            Found::Passed => {
                found.push(Seen { offset: u64::MAX, fields: Vec::new(), breaks: String::new(), body: None })
            }
            Found::NotMail(_) => return None,
            Found::End => return Some(found),
        }
    }
}

/// A message of which the lines are being gathered.
#[derive(Default)]
struct Gathered {
    offset: u64,
    header: Vec<u8>,
    body: Option<Vec<u8>>,
}

impl Gathered {
    fn seen(mut self, limit: usize, body_limit: usize, before_separator: bool) -> Seen {
        let fits = |body: &Vec<u8>| body_limit > 0 && body.len() <= body_limit;
        self.body = self.body.filter(fits).map(|body| {
            let end = if before_separator { &b"\n"[..] } else { b"" };
            let body = body.strip_suffix(end).unwrap_or(&body).to_vec();
            if before_separator && body.last() == Some(&b'\r') { body[..body.len() - 1].to_vec() } else { body }
        });
        seen(self.offset, &HeaderSection::read(&self.header, limit), self.body)
    }
}

/// What the documentation of the module says, with the whole file in memory and one line after the other.
fn line_by_line(file: &[u8], limit: usize, body_limit: usize) -> Option<Vec<Seen>> {
    let mut lines = file.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next()?;
    let mut offset = first.len() as u64;
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let first = &first[..first.len().min(limit + 1)];
    let mbox = first.starts_with(b"From ");
    let dated = mbox && is_dated(first);
    let mut message = Gathered::default();
    if !mbox {
        if HeaderSection::read(first, limit).is_empty() {
            return None;
        }
        message.header.extend_from_slice(first);
    }
    let (mut messages, mut in_header, mut after_empty) = (Vec::new(), true, false);
    for line in lines {
        let begin = &line[..line.len().min(512)];
        let separator = begin.starts_with(b"From ") && (!dated || is_dated(begin));
        let empty = line == b"\n" || line == b"\r\n";
        if mbox && separator && (in_header || after_empty) {
            let found = std::mem::replace(&mut message, Gathered { offset, ..Gathered::default() });
            messages.push(found.seen(limit, body_limit, true));
            in_header = true;
        } else if !in_header {
            let quoted = mbox && line.starts_with(b">") && {
                let quotes = line.iter().position(|byte| *byte != b'>').unwrap_or(line.len());
                line[quotes..].starts_with(b"From ")
            };
            message.body.get_or_insert_default().extend_from_slice(&line[usize::from(quoted)..]);
        } else if !mbox && message.header.len() > limit {
            break; // nothing behind too long a header section is read
        } else if !(message.header.is_empty() && line.starts_with(b">From ")) {
            message.header.extend_from_slice(line);
            if empty {
                in_header = false;
                message.body = Some(Vec::new());
            }
        }
        after_empty = empty;
        offset += line.len() as u64;
    }
    messages.push(message.seen(limit, body_limit, false));
    let is_mail = dated || !messages.first()?.fields.is_empty();
    is_mail.then_some(messages)
}

/// What a file is made of, so that separators and what almost is one meet in every way.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let fixed: Vec<Vec<u8>> = [
        &b"From "[..],
        b"From a@x.example Thu Jan  1 00:00:00 1970\n",
        b"From a@x.example Thu Jan  1 00:00:00 1970\r\n",
        b"From here on we talk\n",
        b">From b Thu Jan  1 00:00:00 1970\n",
        b">>From b\n",
        b">",
        b"\n",
        b"\n",
        b"\n\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n\nFrom",
        b"\n\nF",
        b"\n\rFrom x Jan 0:0\n",
        b"A: 1\n",
        b"Received: x\r\n",
        b" fold\n",
        b" Jan 10:10 ",
        b"body",
    ]
    .into_iter()
    .map(<[u8]>::to_vec)
    .collect();
    let long = (490_usize..520, any::<bool>()).prop_map(|(count, dated)| {
        [&b"From "[..], &vec![b'x'; count][..], if dated { &b" Jan 10:10\n"[..] } else { b"\n" }].concat()
    });
    prop_oneof![
        12 => proptest::sample::select(fixed),
        1 => long,
        1 => (1_usize..1500).prop_map(|count| vec![b'y'; count]),
        1 => proptest::collection::vec(any::<u8>(), 1..8),
    ]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let starts = [
        "From a Thu Jan  1 00:00:00 1970\n",
        "From x\n",
        "From a Thu Jan  1 00:00:00 1970\r\n",
        "A: 1\n",
        "",
        "\u{feff}",
    ];
    let parts = proptest::collection::vec(part(), 0..40);
    (proptest::sample::select(starts.to_vec()), parts)
        .prop_map(|(start, parts)| [start.as_bytes().to_vec(), parts.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn searching_finds_the_messages_that_going_line_by_line_finds(
        file in file(),
        sizes in proptest::collection::vec(0_usize..40, 1..4),
        capacity in 512_usize..700,
        limit in prop_oneof![Just(12_usize), Just(100), Just(2000)],
        body_limit in prop_oneof![Just(0_usize), Just(0), Just(20), Just(3000)],
    ) {
        let expected = line_by_line(&file, limit, body_limit);
        prop_assert_eq!(&searched(&file, &sizes, capacity, limit, body_limit), &expected);
        prop_assert_eq!(&searched(&file, &[1 << 20], 1 << 18, limit, body_limit), &expected);
    }
}
