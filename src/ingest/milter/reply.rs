//! Replies: what we say to the MTA.
//!
//! Takes a [`Reply`], gives a frame, and reads one back (the client's side).

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    frame::{put, put_string, take_string, take_u32},
    negotiation::Agreement,
};

/// What we say; the letter is the command byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `O`: what we take of the MTA's offer.
    Negotiate(Agreement),
    /// `c`: go on.
    Continue,
    /// `a`: accept the message.
    Accept,
    /// `r`: refuse it for good, in the MTA's own words.
    Reject,
    /// `t`: refuse it for now, in the MTA's own words.
    Tempfail,
    /// `y`: refuse it with this SMTP reply: code, enhanced code (RFC 3463) and text.
    Smtp(Bytes),
    /// `h`: add a field at the end.
    AddHeader {
        /// Its name.
        name: Bytes,
        /// Its value.
        value: Bytes,
    },
    /// `i`: put a field at a place.
    InsertHeader {
        /// The place, counted from 0.
        index: u32,
        /// Its name.
        name: Bytes,
        /// Its value.
        value: Bytes,
    },
    /// `m`: give a field another value; an empty one takes the field out.
    ChangeHeader {
        /// Which of the fields of this name, counted from 1.
        occurrence: u32,
        /// Its name.
        name: Bytes,
        /// Its new value.
        value: Bytes,
    },
    /// `q`: accept the message into quarantine, for this reason.
    Quarantine(Bytes),
}

impl Reply {
    /// Writes the reply as a frame.
    pub fn encode(&self, out: &mut BytesMut) {
        put(out, self.code(), |out| match self {
            Self::Negotiate(agreement) => agreement.encode(out),
            Self::Continue | Self::Accept | Self::Reject | Self::Tempfail => {}
            // The MTA hands this text to a printf of sorts (libmilter's smfi_setreply): a lone `%` is not text to it.
            Self::Smtp(text) => {
                for part in text.split_inclusive(|byte| *byte == b'%') {
                    out.put_slice(part);
                    if part.ends_with(b"%") {
                        out.put_u8(b'%');
                    }
                }
                out.put_u8(0);
            }
            Self::Quarantine(reason) => put_string(out, reason),
            Self::AddHeader { name, value } => {
                put_string(out, name);
                put_string(out, value);
            }
            Self::InsertHeader { index: number, name, value }
            | Self::ChangeHeader { occurrence: number, name, value } => {
                out.put_u32(*number);
                put_string(out, name);
                put_string(out, value);
            }
        });
    }

    /// Reads a frame; nothing when it is no reply of ours.
    pub fn parse(command: u8, payload: &[u8]) -> Option<Self> {
        let mut rest = payload;
        let string = |rest: &mut &[u8]| take_string(rest).map(Bytes::copy_from_slice);
        Some(match command {
            b'O' => Self::Negotiate(Agreement::parse(payload)?),
            b'c' => Self::Continue,
            b'a' => Self::Accept,
            b'r' => Self::Reject,
            b't' => Self::Tempfail,
            b'y' => Self::Smtp(unescape(take_string(&mut rest)?)),
            b'h' => Self::AddHeader { name: string(&mut rest)?, value: string(&mut rest)? },
            b'i' => {
                Self::InsertHeader { index: take_u32(&mut rest)?, name: string(&mut rest)?, value: string(&mut rest)? }
            }
            b'm' => Self::ChangeHeader {
                occurrence: take_u32(&mut rest)?,
                name: string(&mut rest)?,
                value: string(&mut rest)?,
            },
            b'q' => Self::Quarantine(string(&mut rest)?),
            _ => return None,
        })
    }

    /// Whether it ends the MTA's wait; the others come before one that does.
    pub fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::AddHeader { .. } | Self::InsertHeader { .. } | Self::ChangeHeader { .. } | Self::Quarantine(_)
        )
    }

    fn code(&self) -> u8 {
        match self {
            Self::Negotiate(_) => b'O',
            Self::Continue => b'c',
            Self::Accept => b'a',
            Self::Reject => b'r',
            Self::Tempfail => b't',
            Self::Smtp(_) => b'y',
            Self::AddHeader { .. } => b'h',
            Self::InsertHeader { .. } => b'i',
            Self::ChangeHeader { .. } => b'm',
            Self::Quarantine(_) => b'q',
        }
    }
}

fn unescape(text: &[u8]) -> Bytes {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        plain.push(*byte);
        if *byte == b'%' {
            bytes.next();
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_is_doubled_and_comes_back_single() {
        let reply = Reply::Smtp(Bytes::from_static(b"550 5.7.1 100% sure%"));
        let mut out = BytesMut::new();
        reply.encode(&mut out);
        assert_eq!(&out[..], b"\0\0\0\x18y550 5.7.1 100%% sure%%\0");
        assert_eq!(Reply::parse(b'y', &out[5..]), Some(reply));
    }
}
