//! Commands: what the MTA says.
//!
//! Takes a frame's command byte and payload, gives a [`Command`] that borrows from it, and writes one as a frame (the
//! client's side). Values stay bytes: header fields and HELO names need not be UTF-8. A header's value is all between
//! the name's NUL and the last NUL, so that a NUL inside it is seen and not taken for the end.

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};

use super::{
    frame::{put, put_string, take_string},
    offer::Offer,
};

/// What the MTA says; the letter is the command byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// `O`: what the MTA can do.
    Negotiate(Offer),
    /// `D`: macros for the command that follows.
    Macros {
        /// The command byte of that command.
        stage: u8,
        /// Names (in braces when longer than a letter) and values.
        pairs: Vec<(&'a [u8], &'a [u8])>,
    },
    /// `C`: a client connected.
    Connect {
        /// Its host name, as the MTA found it: `[1.2.3.4]` (Sendmail) or `unknown` (Postfix) when there is none.
        hostname: &'a [u8],
        /// Where it is.
        peer: Peer,
    },
    /// `H`: HELO or EHLO, with the name the client gave.
    Helo(&'a [u8]),
    /// `M`: MAIL FROM, the address in angle brackets and ESMTP parameters.
    Mail(Vec<&'a [u8]>),
    /// `R`: RCPT TO, the address in angle brackets and ESMTP parameters.
    Rcpt(Vec<&'a [u8]>),
    /// `T`: DATA.
    Data,
    /// `L`: one header field.
    Header {
        /// Its name.
        name: &'a [u8],
        /// Its raw value.
        value: &'a [u8],
    },
    /// `N`: the header section is whole.
    EndOfHeader,
    /// `B`: a piece of the body.
    Body(&'a [u8]),
    /// `E`: the message is whole; perhaps with a last piece of the body.
    EndOfMessage(&'a [u8]),
    /// `A`: the message is off; the connection goes on.
    Abort,
    /// `Q`: the MTA is done with this connection.
    Quit,
    /// `K`: the SMTP connection is over; another one follows on this milter connection.
    QuitNewConnection,
    /// `U`: an SMTP command that the MTA does not know.
    Unknown(&'a [u8]),
}

/// Where an SMTP client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// At an address.
    Ip {
        /// The address; an IPv4-mapped one is IPv4.
        address: IpAddr,
        /// The port it came from.
        port: u16,
    },
    /// Behind a UNIX socket.
    Local,
    /// The MTA does not know, or wrote something that is no address.
    Unknown,
}

/// Why a payload is not the command that its first byte says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A byte that no version of the protocol has.
    #[error("the protocol has no command {0:#04x}")]
    Unknown(u8),
    /// The payload is cut short or has no ends where they belong.
    #[error("the payload of command {:?} cannot be read", char::from(*.0))]
    Malformed(u8),
}

impl<'a> Command<'a> {
    /// Reads a frame.
    pub fn parse(command: u8, payload: &'a [u8]) -> Result<Self, CommandError> {
        let read = match command {
            b'O' => Offer::parse(payload).map(Self::Negotiate),
            b'D' => macros(payload),
            b'C' => connect(payload),
            b'H' => Some(Self::Helo(one(payload))),
            b'M' => strings(payload).map(Self::Mail),
            b'R' => strings(payload).map(Self::Rcpt),
            b'T' => Some(Self::Data),
            b'L' => header(payload),
            b'N' => Some(Self::EndOfHeader),
            b'B' => Some(Self::Body(payload)),
            b'E' => Some(Self::EndOfMessage(payload)),
            b'A' => Some(Self::Abort),
            b'Q' => Some(Self::Quit),
            b'K' => Some(Self::QuitNewConnection),
            b'U' => Some(Self::Unknown(one(payload))),
            other => return Err(CommandError::Unknown(other)),
        };
        read.ok_or(CommandError::Malformed(command))
    }

    /// The command byte.
    pub fn code(&self) -> u8 {
        match self {
            Self::Negotiate(_) => b'O',
            Self::Macros { .. } => b'D',
            Self::Connect { .. } => b'C',
            Self::Helo(_) => b'H',
            Self::Mail(_) => b'M',
            Self::Rcpt(_) => b'R',
            Self::Data => b'T',
            Self::Header { .. } => b'L',
            Self::EndOfHeader => b'N',
            Self::Body(_) => b'B',
            Self::EndOfMessage(_) => b'E',
            Self::Abort => b'A',
            Self::Quit => b'Q',
            Self::QuitNewConnection => b'K',
            Self::Unknown(_) => b'U',
        }
    }

    /// Writes the command as a frame.
    pub fn encode(&self, out: &mut BytesMut) {
        put(out, self.code(), |out| match self {
            Self::Negotiate(offer) => offer.encode(out),
            Self::Macros { stage, pairs } => {
                out.put_u8(*stage);
                for (name, value) in pairs {
                    put_string(out, name);
                    put_string(out, value);
                }
            }
            Self::Connect { hostname, peer } => {
                put_string(out, hostname);
                peer.encode(out);
            }
            Self::Helo(text) | Self::Unknown(text) => put_string(out, text),
            Self::Mail(arguments) | Self::Rcpt(arguments) => {
                arguments.iter().for_each(|argument| put_string(out, argument));
            }
            Self::Header { name, value } => {
                put_string(out, name);
                out.put_slice(value);
                out.put_u8(0);
            }
            Self::Body(piece) | Self::EndOfMessage(piece) => out.put_slice(piece),
            Self::Data | Self::EndOfHeader | Self::Abort | Self::Quit | Self::QuitNewConnection => {}
        });
    }
}

impl Peer {
    fn encode(self, out: &mut BytesMut) {
        match self {
            Self::Ip { address, port } => {
                out.put_u8(if address.is_ipv4() { b'4' } else { b'6' });
                out.put_u16(port);
                put_string(out, address.to_string().as_bytes());
            }
            Self::Local => {
                out.put_u8(b'L');
                out.put_u16(0);
                put_string(out, b"local");
            }
            Self::Unknown => out.put_u8(b'U'),
        }
    }
}

/// Reads an address as MTAs write them: `1.2.3.4`, `IPv6:2001:db8::1`, `fe80::1%eth0`.
pub fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => text.get(5..)?,
        _ => text,
    };
    let address = text.split_once('%').map_or(text, |(address, _zone)| address);
    Some(address.parse::<IpAddr>().ok()?.to_canonical())
}

/// The one string of a payload; MTAs end it with NUL, and nothing is lost when one does not.
fn one(payload: &[u8]) -> &[u8] {
    let mut rest = payload;
    take_string(&mut rest).unwrap_or(payload)
}

/// One string or more, each ended by NUL.
fn strings(payload: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = payload;
    let mut found = vec![take_string(&mut rest)?];
    while !rest.is_empty() {
        found.push(take_string(&mut rest)?);
    }
    Some(found)
}

fn macros(payload: &[u8]) -> Option<Command<'_>> {
    let (stage, mut rest) = payload.split_first()?;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        pairs.push((take_string(&mut rest)?, take_string(&mut rest)?));
    }
    Some(Command::Macros { stage: *stage, pairs })
}

/// A family that is new, or an address that is none, makes an unknown peer and not an error: closing would let the
/// MTA's default action loose on all its mail, for the spelling of an address.
fn connect(payload: &[u8]) -> Option<Command<'_>> {
    let mut rest = payload;
    let hostname = take_string(&mut rest)?;
    let (family, mut rest) = rest.split_first()?;
    let peer = match family {
        b'4' | b'6' => {
            let (port, behind) = rest.split_first_chunk::<2>()?;
            rest = behind;
            let address = parse_address(take_string(&mut rest)?);
            address.map_or(Peer::Unknown, |address| Peer::Ip { address, port: u16::from_be_bytes(*port) })
        }
        b'L' => Peer::Local,
        _ => Peer::Unknown,
    };
    Some(Command::Connect { hostname, peer })
}

fn header(payload: &[u8]) -> Option<Command<'_>> {
    let mut rest = payload;
    let name = take_string(&mut rest)?;
    let value = rest.strip_suffix(b"\0")?;
    Some(Command::Header { name, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_of_peers() {
        let peer = |payload: &'static [u8]| match Command::parse(b'C', payload) {
            Ok(Command::Connect { peer, .. }) => peer,
            other => panic!("{other:?}"),
        };
        let ip = |text: &str, port| Peer::Ip { address: text.parse().unwrap(), port };
        assert_eq!(peer(b"unknown\x004\x04\x01192.0.2.1\0"), ip("192.0.2.1", 1025));
        assert_eq!(peer(b"h\x006\0\0IPv6:2001:db8::1\0"), ip("2001:db8::1", 0));
        assert_eq!(peer(b"h\x006\0\x19::ffff:192.0.2.1\0"), ip("192.0.2.1", 25));
        assert_eq!(peer(b"h\x006\0\x19fe80::1%eth0\0"), ip("fe80::1", 25));
        assert_eq!(peer(b"localhost\0L\0\0/run/s\0"), Peer::Local);
        assert_eq!(peer(b"localhost\0U"), Peer::Unknown);
        assert_eq!(peer(b"h\x004\0\0unknown\0"), Peer::Unknown);
        assert_eq!(Command::parse(b'C', b"h\x004\0"), Err(CommandError::Malformed(b'C')));
    }

    #[test]
    fn a_nul_inside_a_value_is_kept() {
        let command = Command::parse(b'L', b"Subject\0 a\0b\xff\0");
        assert_eq!(command, Ok(Command::Header { name: b"Subject", value: b" a\0b\xff" }));
        assert_eq!(Command::parse(b'L', b"Subject\0 a"), Err(CommandError::Malformed(b'L')));
        assert_eq!(Command::parse(b'z', b""), Err(CommandError::Unknown(b'z')));
    }
}
