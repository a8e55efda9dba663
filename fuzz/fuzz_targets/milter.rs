//! Any bytes as a milter connection: codec, commands and conversation, with a judge that asks for everything.
//!
//! Beside not panicking: what we say reads back as what was meant, and nothing is said where no answer is waited for.

#![no_main]

use std::sync::Arc;

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use relaywatch::{
    clock::{FixedClock, Timestamp},
    ingest::{
        Ruling,
        milter::{
            command::Command,
            conversation::{Conversation, Limits, Step},
            frame::FrameCodec,
            negotiation::Agreement,
            offer::Offer,
            reply::Reply,
        },
    },
    policy::Action,
    stamp::HeaderChange,
};
use tokio_util::codec::Decoder;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { header_bytes: 4096, recipients: 4, body_bytes: 4096 };
    let mut conversation = Conversation::new(limits, Arc::new(FixedClock(Timestamp::UNIX_EPOCH)));
    let mut agreement = None;
    // Half of the inputs begin negotiated, so that the fuzzer need not find the way there each time.
    if bytes.first().is_some_and(|byte| byte % 2 == 1) {
        conversation.on(&Command::Negotiate(Offer::full()));
        agreement = Agreement::of(Offer::full(), true);
    }
    let ruling = Ruling {
        action: Action::Quarantine,
        reply: None,
        changes: vec![
            HeaderChange::Remove { name: "X-Relaywatch".to_owned(), occurrence: 1 },
            HeaderChange::Prepend { name: "X-Relaywatch".into(), value: "clean".to_owned() },
        ],
    };
    let mut input = BytesMut::from(bytes.get(1..).unwrap_or_default());
    while let Ok(Some(frame)) = FrameCodec.decode(&mut input) {
        let Ok(command) = Command::parse(frame.command, &frame.payload) else { return };
        let replies = match conversation.on(&command) {
            Step::Silent => Vec::new(),
            Step::Reply(reply) => vec![reply],
            Step::Judge => conversation.rule(&ruling),
            Step::Quit | Step::Broken(_) => return,
        };
        if let Some(Reply::Negotiate(agreed)) = replies.first() {
            agreement = Some(agreed.clone());
        }
        let finals = replies.iter().filter(|reply| reply.is_final()).count();
        let expected = agreement.as_ref().is_some_and(|agreement| agreement.expects_reply(&command));
        assert_eq!(finals, usize::from(expected));
        for reply in replies {
            let mut out = BytesMut::new();
            reply.encode(&mut out);
            let said = FrameCodec.decode(&mut out).expect("a frame of ours").expect("a whole one");
            assert_eq!(Reply::parse(said.command, &said.payload), Some(reply));
        }
        assert!(conversation.message().headers.bytes() <= limits.header_bytes);
        conversation.take_noted().for_each(drop);
    }
});
