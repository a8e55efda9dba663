//! A batch of messages of an archive, read and written; runs on the workers.
//!
//! Only a message that shows something has its boundary and envelope looked for: of nearly all of them the trace is enough.

use super::{render::Form, tally::Tally};
use crate::{
    boundary::Boundary,
    envelope::Envelope,
    hunt::{Facts, Found, Passage, Place, Span, Wanted},
    ingest::files::{Item, Mail},
    policy::Policy,
    trace::Trace,
};

/// How an archive is searched.
pub(super) struct Archive {
    pub(super) wanted: Wanted,
    pub(super) span: Span,
    pub(super) policy: Policy,
    pub(super) form: Form,
}

/// What a batch gave.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) out: Vec<u8>,
    pub(super) err: Vec<u8>,
    pub(super) tally: Tally,
}

impl Archive {
    pub(super) fn batch(&self, items: Vec<Item>) -> Batch {
        let mut batch = Batch::default();
        for item in items {
            match item {
                Item::Mail(mail) => self.mail(&mail, &mut batch),
                Item::Trouble(trouble) => batch.tally.inputs.trouble(&trouble, &mut batch.err),
            }
        }
        batch
    }

    fn mail(&self, mail: &Mail, batch: &mut Batch) {
        batch.tally.message();
        let Some(passage) = passage(mail, &self.wanted, &self.policy) else { return };
        if self.span.holds(passage.time) {
            batch.tally.passage(&passage);
            self.form.write(&passage, &mut batch.out);
        } else if passage.time.is_none() {
            batch.tally.timeless();
        }
    }
}

/// What is to be said of a mail that shows something.
fn passage(mail: &Mail, wanted: &Wanted, policy: &Policy) -> Option<Passage> {
    let message = &mail.message;
    let trace = Trace::read(message);
    let sightings = wanted.sightings(trace.hops.iter().map(|hop| Facts::from(&hop.received)));
    if sightings.kept.is_empty() {
        return None;
    }
    let boundary = Boundary::find(&trace, policy.boundary, &policy.topology);
    let envelope = Envelope::find(message, &trace, &boundary).into_owned();
    let border = boundary.peer().map(|(hop, _)| hop);
    let at_border = border.and_then(|hop| trace.hops.get(hop)?.received.time);
    let (seen, more) = Passage::seen(sightings, border);
    Some(Passage {
        found: Found::File(Place {
            path: mail.source.path.to_string_lossy().into_owned(),
            index: mail.source.index,
            offset: mail.source.offset,
            many: mail.source.mbox,
        }),
        time: at_border.or_else(|| trace.hops.iter().find_map(|hop| hop.received.time)),
        sender: envelope.sender.map(Into::into),
        from: message.headers.from_address(),
        recipients: envelope.recipients.into_iter().map(Into::into).collect(),
        message_id: message.headers.text("Message-ID"),
        seen,
        more,
    })
}
