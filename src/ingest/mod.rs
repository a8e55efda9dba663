//! The ways in: each takes mail from somewhere and hands raw messages on. None knows a detector.

use std::pin::Pin;

use crate::{message::RawMessage, policy::Action, stamp::HeaderChange};

pub mod files;
pub mod milter;

/// Whoever decides on a message that an MTA is about to accept.
///
/// It must not fail. Should it panic all the same, the way in counts the fault and answers [`Ruling::open`].
pub trait Judge: Send + Sync + 'static {
    /// Decides on one message. What it waits for has a limit of its own.
    fn judge<'a>(&'a self, message: &'a RawMessage) -> Judging<'a>;
}

/// A ruling that is on its way.
pub type Judging<'a> = Pin<Box<dyn Future<Output = Ruling> + Send + 'a>>;

/// What the MTA is told of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruling {
    /// What is done with the message.
    pub action: Action,
    /// The text of an SMTP reply for `tempfail` and `reject`: one line of printable ASCII.
    pub reply: Option<String>,
    /// Changes to the header section, in the order in which they are made.
    pub changes: Vec<HeaderChange>,
}

impl Ruling {
    /// The answer on any fault of ours: the message is accepted as it is.
    pub fn open() -> Self {
        Self::default()
    }
}
