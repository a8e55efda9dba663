//! `Authentication-Results` (RFC 8601).
//!
//! Takes a field's text, gives who writes and what each method found, as written. Exchange Online names no authserv-id and
//! begins with a result at once.

use super::syntax::Cursor;

/// One field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AuthResults<'a> {
    /// The authserv-id; nothing where the field begins with a result.
    pub(super) id: Option<String>,
    /// The results, in order, of methods known and unknown.
    pub(super) results: Vec<MethodResult<'a>>,
}

/// What one method found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MethodResult<'a> {
    /// The method, without its version.
    pub(super) method: &'a str,
    /// Its result.
    pub(super) result: &'a str,
    /// The first comment.
    pub(super) comment: Option<&'a str>,
    /// The properties (`smtp.mailfrom`) and the `reason`, with their values.
    properties: Vec<(String, String)>,
}

impl MethodResult<'_> {
    /// Whether it is a result of this method.
    pub(super) fn is(&self, method: &str) -> bool {
        self.method.eq_ignore_ascii_case(method)
    }

    /// The value of a property; nothing where the result states two of them that differ.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        let mut values =
            self.properties.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)
    }
}

impl<'a> AuthResults<'a> {
    /// Reads a field; nothing where its syntax leaves open where the host's words end.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        Self::read_at(Cursor::new(text))
    }

    /// Reads what stands behind the cursor.
    pub(super) fn read_at(mut cursor: Cursor<'a>) -> Option<Self> {
        cursor.skip()?;
        let start = cursor.clone();
        let word = cursor.value(b"=/")?;
        cursor.skip()?;
        let id = if matches!(cursor.peek(), Some(b'=' | b'/')) {
            cursor = start;
            None
        } else {
            // A version may follow, and Yahoo once wrote `from=sender.example` there.
            cursor.skip_to_semicolon()?;
            Some(word).filter(|word| !word.is_empty())
        };
        let mut results = Vec::new();
        loop {
            cursor.skip()?;
            if cursor.peek().is_none() {
                return Some(Self { id, results });
            }
            if !cursor.eat(b';') {
                results.extend(result(&mut cursor)?);
            }
        }
    }
}

/// One `method=result` with what belongs to it. The inner nothing is a word that is no result: `none`, or the domain that
/// outlook.com writes there.
fn result<'a>(cursor: &mut Cursor<'a>) -> Option<Option<MethodResult<'a>>> {
    cursor.comments.clear();
    let method = cursor.word(b"=/");
    cursor.skip()?;
    if cursor.eat(b'/') {
        cursor.skip()?;
        cursor.word(b"=");
        cursor.skip()?;
    }
    if !cursor.eat(b'=') {
        cursor.skip_to_semicolon()?;
        return Some(None);
    }
    // A property where a method belongs: somebody's words have got out of a comment.
    if method.is_empty() || method.contains('.') {
        return None;
    }
    cursor.skip()?;
    let result = cursor.word(b"");
    let mut properties = Vec::new();
    loop {
        cursor.skip()?;
        if matches!(cursor.peek(), None | Some(b';')) {
            let comment = cursor.comments.first().copied();
            return Some(Some(MethodResult { method, result, comment, properties }));
        }
        let mut key = cursor.word(b"=").to_owned();
        cursor.skip()?;
        // White space and comments may stand around the dot.
        while key.ends_with('.') || (cursor.peek() == Some(b'.') && !key.is_empty()) {
            let more = cursor.word(b"=");
            if more.is_empty() {
                break;
            }
            key.push_str(more);
            cursor.skip()?;
        }
        if cursor.eat(b'=') {
            cursor.skip()?;
            properties.push((key, cursor.value(b"")?));
        } else if key.is_empty() {
            // A quoted string that belongs to nothing.
            cursor.value(b"")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `id | method=result (comment) key=value ..`, as it was understood.
    fn shown(text: &str) -> String {
        let Some(field) = AuthResults::read(text) else { return "unreadable".to_owned() };
        let mut shown = field.id.unwrap_or("-".to_owned());
        for result in field.results {
            shown.push_str(&format!(" | {}={}", result.method, result.result));
            shown.extend(result.comment.map(|comment| format!(" ({comment})")));
            shown.extend(result.properties.iter().map(|(key, value)| format!(" {key}={value}")));
        }
        shown
    }

    #[test]
    fn real_shapes() {
        let cases = [
            ("mx.example.net; none", "mx.example.net"),
            ("mx.example.net 1; none", "mx.example.net"),
            ("mx.example.net", "mx.example.net"),
            ("\"mx.example.net\" (x) 1 ; spf=pass", "mx.example.net | spf=pass"),
            (
                "mx.google.com; dkim=pass header.i=@sender.example header.s=s1 header.b=\"AbC/1+=x\"; spf=pass (google.com: domain \
                 of a=b@sender.example designates 192.0.2.1 as permitted sender) smtp.mailfrom=\"a=b@sender.example\"; \
                 dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=sender.example",
                "mx.google.com | dkim=pass header.i=@sender.example header.s=s1 header.b=AbC/1+=x | spf=pass (google.com: domain of \
                 a=b@sender.example designates 192.0.2.1 as permitted sender) smtp.mailfrom=a=b@sender.example | dmarc=pass \
                 (p=REJECT sp=REJECT dis=NONE) header.from=sender.example",
            ),
            (
                "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=sender.example; dkim=pass (signature was verified) \
                 header.d=sender.example;dmarc=pass action=none header.from=sender.example;compauth=pass reason=100",
                "- | spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=sender.example | dkim=pass (signature was verified) \
                 header.d=sender.example | dmarc=pass action=none header.from=sender.example | compauth=pass reason=100",
            ),
            (
                "spf=pass (sender IP is 192.0.2.1) smtp.helo=out.example.net; example.org; dkim=none (message not signed) \
                 header.d=none;example.org; dmarc=pass action=none header.from=example.net;",
                "- | spf=pass (sender IP is 192.0.2.1) smtp.helo=out.example.net | dkim=none (message not signed) \
                 header.d=none | dmarc=pass action=none header.from=example.net",
            ),
            (
                "mta1.example.jp from=sender.example; domainkeys=neutral (no sig); from=sender.example; dkim=pass (ok)",
                "mta1.example.jp | domainkeys=neutral (no sig) | from=sender.example | dkim=pass (ok)",
            ),
            (
                "mta.example.jp; dkim=pass header.i=@sender.example header.s=h1 x_status=NO; dmarc=pass(p=REJECT) \
                 header.from=sender.example;",
                "mta.example.jp | dkim=pass header.i=@sender.example header.s=h1 x_status=NO | dmarc=pass (p=REJECT) \
                 header.from=sender.example",
            ),
            (
                "out.example.org (amavisd-new); dkim=pass (2048-bit key) reason=\"pass (just generated, assumed good)\" \
                 header.d=sender.example",
                "out.example.org | dkim=pass (2048-bit key) reason=pass (just generated, assumed good) \
                 header.d=sender.example",
            ),
            (
                "mx.example.net; iprev=pass (out.sender.example) smtp.remote-ip=\"2001:db8::1\"; spf=softfail \
                 smtp.mailfrom=<a@sender.example>; arc=none",
                "mx.example.net | iprev=pass (out.sender.example) smtp.remote-ip=2001:db8::1 | spf=softfail \
                 smtp.mailfrom=<a@sender.example> | arc=none",
            ),
            // RFC 8601, B.7, with comments wherever they may stand.
            (
                "foo.example.net (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = (wait for it) fail policy \
                 (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it) 1362471462",
                "foo.example.net | dkim=fail (Because I like it) policy.expired=1362471462",
            ),
            (
                "mx.example.net; spf=pass smtp.mailfrom=\"a \\\"b\\\\\"@sender.example",
                "mx.example.net | spf=pass smtp.mailfrom=a \"b\\@sender.example",
            ),
            (
                "mx.example.net; dkim=pass (a (nested \\) one)) header.d=x",
                "mx.example.net | dkim=pass (a (nested \\) one)) header.d=x",
            ),
            ("mx.example.net; spf=pass word \"string\" smtp.helo=h", "mx.example.net | spf=pass smtp.helo=h"),
            ("", "-"),
            (";;", "-"),
            ("; spf=pass", "- | spf=pass"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn words_of_a_client_that_leave_a_comment_make_the_field_unreadable() {
        for text in [
            // The local part held a parenthesis, and the host wrote it as it came.
            "mx.example.net; spf=pass (domain of \"x) smtp.mailfrom=a@bank.example; dkim=pass header.d=bank.example\"@sender.example \
             designates 192.0.2.1 as permitted sender) smtp.mailfrom=x",
            "mx.example.net; spf=pass (domain of x) smtp.mailfrom=a@bank.example; (@sender.example designates 192.0.2.1 as \
             permitted sender) smtp.mailfrom=a@sender.example",
            "mx.example.net; spf=pass (domain of x",
            "mx.example.net; spf=pass smtp.mailfrom=\"x",
            "mx.example.net; spf=pass ) smtp.mailfrom=x",
        ] {
            assert_eq!(shown(text), "unreadable", "{text}");
        }
    }

    #[test]
    fn a_property_that_is_stated_twice_is_worth_nothing() {
        let field =
            AuthResults::read("x; dkim=pass header.d=a.example header.d=b.example header.s=s header.s=s").unwrap();
        assert_eq!(field.results[0].property("header.d"), None);
        assert_eq!(field.results[0].property("Header.S"), Some("s"));
    }
}
