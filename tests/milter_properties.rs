//! What holds of the milter for any bytes and any order of commands.

#![allow(clippy::unwrap_used, reason = "what goes wrong in a test shall end it")]

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, option, prelude::*};
use relaywatch::{
    clock::{FixedClock, Timestamp},
    ingest::{
        Ruling,
        milter::{
            command::{Command, Peer},
            conversation::{Conversation, Limits, Step},
            frame::{Frame, FrameCodec, MAX_PAYLOAD},
            negotiation::Agreement,
            offer::Offer,
            reply::Reply,
        },
    },
    policy::Action,
    stamp::HeaderChange,
};
use tokio_util::codec::{Decoder, Encoder};

const LIMITS: Limits = Limits { header_bytes: 200, recipients: 3, body_bytes: 100 };

/// A command that owns its bytes.
#[derive(Debug, Clone)]
struct Owned {
    code: u8,
    words: Vec<Vec<u8>>,
    offer: Offer,
    peer: Peer,
}

impl Owned {
    fn borrow(&self) -> Command<'_> {
        let word = |at: usize| self.words.get(at).map_or(&b""[..], Vec::as_slice);
        let words = || self.words.iter().map(Vec::as_slice).collect::<Vec<_>>();
        match self.code {
            b'O' => Command::Negotiate(self.offer),
            b'D' => Command::Macros {
                stage: b"CHMRTLNE"[self.words.len() % 8],
                pairs: words().into_iter().map(|word| (&b"{tls_version}"[..], word)).collect(),
            },
            b'C' => Command::Connect { hostname: word(0), peer: self.peer },
            b'H' => Command::Helo(word(0)),
            b'M' => Command::Mail(words()),
            b'R' => Command::Rcpt(words()),
            b'T' => Command::Data,
            b'L' => Command::Header { name: word(0), value: word(1) },
            b'N' => Command::EndOfHeader,
            b'B' => Command::Body(word(0)),
            b'E' => Command::EndOfMessage(word(0)),
            b'A' => Command::Abort,
            b'Q' => Command::Quit,
            b'K' => Command::QuitNewConnection,
            _ => Command::Unknown(word(0)),
        }
    }
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    vec(1..=255u8, 0..80)
}

fn peer() -> impl Strategy<Value = Peer> {
    let ip = (any::<std::net::IpAddr>(), any::<u16>())
        .prop_map(|(address, port)| Peer::Ip { address: address.to_canonical(), port });
    prop_oneof![ip, Just(Peer::Local), Just(Peer::Unknown)]
}

fn offer() -> impl Strategy<Value = Offer> {
    let version = prop_oneof![Just(2), Just(6), any::<u32>()];
    let offer = (version, any::<u32>(), any::<u32>()).prop_map(|(version, actions, protocol)| Offer {
        version,
        actions,
        protocol,
    });
    prop_oneof![Just(Offer::full()), offer]
}

/// Mostly what belongs inside a message, so that whole messages come about.
fn command() -> impl Strategy<Value = Owned> {
    let code = prop::sample::select(b"DCHMMMRRTLLLNBEEEAQKUO".to_vec());
    (code, vec(word(), 1..5), offer(), peer()).prop_map(|(code, words, offer, peer)| Owned { code, words, offer, peer })
}

fn reply() -> impl Strategy<Value = Reply> {
    let text = || word().prop_map(Bytes::from);
    prop_oneof![
        prop::sample::select(vec![Reply::Continue, Reply::Accept, Reply::Reject, Reply::Tempfail]),
        offer().prop_filter_map("too old", |offer| Agreement::of(offer, true).map(Reply::Negotiate)),
        text().prop_map(Reply::Smtp),
        text().prop_map(Reply::Quarantine),
        (text(), text()).prop_map(|(name, value)| Reply::AddHeader { name, value }),
        (any::<u32>(), text(), text()).prop_map(|(index, name, value)| Reply::InsertHeader { index, name, value }),
        (any::<u32>(), text(), text()).prop_map(|(occurrence, name, value)| Reply::ChangeHeader {
            occurrence,
            name,
            value
        }),
    ]
}

fn ruling() -> impl Strategy<Value = Ruling> {
    let changes = vec![
        HeaderChange::Remove { name: "X-Relaywatch".to_owned(), occurrence: 1 },
        HeaderChange::Prepend { name: "X-Relaywatch".into(), value: "clean".to_owned() },
    ];
    (prop::sample::select(Action::ALL.to_vec()), option::of(any::<String>())).prop_map(move |(action, reply)| Ruling {
        action,
        reply,
        changes: changes.clone(),
    })
}

fn conversation() -> Conversation {
    Conversation::new(LIMITS, Arc::new(FixedClock(Timestamp::UNIX_EPOCH)))
}

fn one_frame(mut bytes: BytesMut) -> Frame {
    let frame = FrameCodec.decode(&mut bytes).unwrap().unwrap();
    assert!(bytes.is_empty());
    frame
}

proptest! {
    #[test]
    fn a_frame_comes_out_as_it_went_in_however_it_is_cut(
        frames in vec((any::<u8>(), vec(any::<u8>(), 0..200)), 0..5), cut in 1..50usize,
    ) {
        let frames: Vec<Frame> =
            frames.into_iter().map(|(command, payload)| Frame { command, payload: payload.into() }).collect();
        let mut wire = BytesMut::new();
        for frame in &frames {
            FrameCodec.encode(frame, &mut wire).unwrap();
        }
        let (mut buffer, mut seen) = (BytesMut::new(), Vec::new());
        for piece in wire.chunks(cut) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = FrameCodec.decode(&mut buffer).unwrap() {
                seen.push(frame);
            }
        }
        prop_assert_eq!(seen, frames);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn the_decoder_is_total_and_takes_no_memory_on_trust(bytes in vec(any::<u8>(), 0..400)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(frame)) = FrameCodec.decode(&mut buffer) {
            prop_assert!(frame.payload.len() <= MAX_PAYLOAD);
        }
        prop_assert!(buffer.capacity() < 64 * 1024);
    }

    #[test]
    fn a_command_reads_back_as_it_was_written(command in command()) {
        let command = command.borrow();
        let mut out = BytesMut::new();
        command.encode(&mut out);
        let frame = one_frame(out);
        prop_assert_eq!(Command::parse(frame.command, &frame.payload), Ok(command));
    }

    #[test]
    fn a_reply_reads_back_as_it_was_written(reply in reply()) {
        let mut out = BytesMut::new();
        reply.encode(&mut out);
        let frame = one_frame(out);
        prop_assert_eq!(Reply::parse(frame.command, &frame.payload), Some(reply));
    }

    #[test]
    fn any_payload_is_a_command_or_an_error(code in any::<u8>(), payload in vec(any::<u8>(), 0..100)) {
        let _ = Command::parse(code, &payload);
        let _ = Reply::parse(code, &payload);
    }

    /// Any order of commands: exactly the answers that the MTA waits for, nothing kept beyond the limits, and every
    /// message judged by its own recipients.
    #[test]
    fn the_conversation_is_total_and_in_step(
        first in offer(), commands in vec(command(), 0..60), ruling in ruling(),
    ) {
        let mut conversation = conversation();
        let Step::Reply(Reply::Negotiate(agreement)) = conversation.on(&Command::Negotiate(first)) else {
            prop_assert!(first.version < 2);
            return Ok(());
        };
        prop_assert_eq!(agreement.actions & !first.actions, 0);
        prop_assert_eq!(agreement.protocol & !first.protocol, 0);
        let mut recipients = Vec::new();
        for command in &commands {
            let command = command.borrow();
            match &command {
                Command::Mail(_) | Command::Helo(_) | Command::Connect { .. } => recipients.clear(),
                Command::Rcpt(words) => recipients.push(String::from_utf8_lossy(words[0]).into_owned()),
                _ => {}
            }
            let replies = match conversation.on(&command) {
                Step::Silent => Vec::new(),
                Step::Reply(reply) => vec![reply],
                Step::Judge => {
                    let session = conversation.message().session.clone().unwrap();
                    prop_assert!(session.recipients.len() <= LIMITS.recipients);
                    prop_assert!(session.recipients.len() == recipients.len().min(LIMITS.recipients));
                    conversation.rule(&ruling)
                }
                // The server closes here; going on all the same must do no harm either.
                Step::Quit | Step::Broken(_) => {
                    conversation.on(&Command::Abort);
                    recipients.clear();
                    continue;
                }
            };
            if !conversation.in_message() {
                recipients.clear();
            }
            let finals = replies.iter().filter(|reply| reply.is_final()).count();
            prop_assert_eq!(finals, usize::from(agreement.expects_reply(&command)));
            prop_assert!(replies.last().is_none_or(Reply::is_final), "nothing behind the last word");
            for reply in &replies {
                if let Reply::Smtp(line) = reply {
                    prop_assert!(line.len() <= 512 && line.iter().all(|byte| (b' '..=b'~').contains(byte)));
                }
            }
            prop_assert!(conversation.message().headers.bytes() <= LIMITS.header_bytes);
            conversation.take_noted().for_each(drop);
        }
    }
}
