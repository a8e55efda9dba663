//! Macros: what the MTA says of an SMTP session beside its commands.
//!
//! Takes names and values as they come, keeps those that a [`Session`](crate::session::Session) is made of, cut to a
//! sane length. An MTA sends a stage's macros just before the stage's command; what it does not send again when the
//! stage comes again has no value any more (a client that says EHLO a second time after STARTTLS).

/// The most bytes kept of one macro, HELO name or address. RFC 5321 allows 512 for a command line.
pub const VALUE_LIMIT: usize = 1024;

/// The macros we ask for, by the protocol's number of the stage. Postfix would not send `{client_name}` by itself.
/// The other stages are left to the MTA: Postfix 3.7 takes a request for no macros as one for its usual ones.
///
/// Postfix knows its queue id `i` at the end of the message, Sendmail 8.17 tells it at MAIL and not at the end.
/// `{client_resolve}` and `_` are Sendmail's word on whether the client's name is confirmed by forward DNS.
pub const WANTED: &[(u32, &str)] = &[
    (0, "j _ {client_addr} {client_name} {client_resolve}"),
    (1, "{tls_version}"),
    (2, "i {auth_authen} {tls_version}"),
    (5, "i"),
];

/// The values of the macros we know, in one stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Macros {
    /// `j`: the MTA's own name.
    pub border: Option<String>,
    /// `i`: the queue id.
    pub queue_id: Option<String>,
    /// `_`: Sendmail's name and address of the client in one, perhaps `(may be forged)`.
    pub validated: Option<String>,
    /// `{client_addr}`.
    pub client_addr: Option<String>,
    /// `{client_name}`.
    pub client_name: Option<String>,
    /// `{client_resolve}`: `OK`, `FAIL`, `FORGED` or `TEMP` (Sendmail).
    pub client_resolve: Option<String>,
    /// `{tls_version}`: set only when TLS is in use.
    pub tls_version: Option<String>,
    /// `{auth_authen}`: set only when the client logged in.
    pub auth_authen: Option<String>,
    fresh: bool,
}

impl Macros {
    /// Takes macros of this stage: the first ones after its command replace what was there.
    /// Says whether any value had to be cut.
    pub fn announce(&mut self, pairs: &[(&[u8], &[u8])]) -> bool {
        if !self.fresh {
            *self = Self { fresh: true, ..Self::default() };
        }
        self.add(pairs)
    }

    /// The stage's command came: macros that were not sent for it are void.
    pub fn settle(&mut self) {
        if !self.fresh {
            *self = Self::default();
        }
        self.fresh = false;
    }

    /// Takes macros on top of those that are there. Says whether any value had to be cut.
    pub fn add(&mut self, pairs: &[(&[u8], &[u8])]) -> bool {
        let mut cut = false;
        for (name, value) in pairs {
            let name = name.strip_prefix(b"{").and_then(|name| name.strip_suffix(b"}")).unwrap_or(name);
            let slot = match name {
                b"j" => &mut self.border,
                b"i" => &mut self.queue_id,
                b"_" => &mut self.validated,
                b"client_addr" => &mut self.client_addr,
                b"client_name" => &mut self.client_name,
                b"client_resolve" => &mut self.client_resolve,
                b"tls_version" => &mut self.tls_version,
                b"auth_authen" => &mut self.auth_authen,
                _ => continue,
            };
            let (text, was_cut) = text(value);
            cut |= was_cut;
            *slot = (!text.is_empty()).then_some(text);
        }
        cut
    }
}

/// A value as text, cut to [`VALUE_LIMIT`] bytes, and whether it was cut. Bytes that are not UTF-8 become U+FFFD.
pub fn text(value: &[u8]) -> (String, bool) {
    let kept = value.get(..VALUE_LIMIT);
    (String::from_utf8_lossy(kept.unwrap_or(value)).into_owned(), kept.is_some_and(|kept| kept.len() < value.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_comes_again_forgets() {
        let mut helo = Macros::default();
        helo.announce(&[(b"{tls_version}", b"TLSv1.3")]);
        helo.settle();
        assert_eq!(helo.tls_version.as_deref(), Some("TLSv1.3"));
        helo.settle();
        assert_eq!(helo.tls_version, None, "HELO came again and nothing was said of TLS");
    }

    #[test]
    fn values_are_cut_and_may_be_any_bytes() {
        let mut macros = Macros::default();
        assert!(!macros.add(&[(b"j", b"gw\xff"), (b"{unheard_of}", &[b'x'; 5000])]));
        assert_eq!(macros.border.as_deref(), Some("gw\u{fffd}"));
        assert!(macros.add(&[(b"i", &[b'q'; VALUE_LIMIT + 1])]));
        assert_eq!(macros.queue_id.unwrap().len(), VALUE_LIMIT);
        assert!(!text(&[b'q'; VALUE_LIMIT]).1);
    }
}
