//! What is said of an anomaly: a line of the log for people, and an event a finding for machines.
//!
//! Takes a judged message. [`log`] writes through `tracing`; [`Events`] makes an [`Event`] of each finding and hands it to the
//! outputs of the configuration, a JSONL file ([`mod@file`]) and syslog ([`syslog`]). Each output has a thread and a bounded queue of
//! its own ([`writer`]): neither the mail nor the other output ever waits for it. docs/events.md is the page for admins.

mod event;
pub mod file;
mod id;
pub mod log;
mod outputs;
mod personal;
mod settings;
pub mod syslog;
mod tally;
pub mod writer;

pub use event::{Event, Line, MOST_BYTES, MOST_EVENTS, SCHEMA};
pub use outputs::{Change, Events};
pub use personal::{Clear, Personal, Privacy, in_words};
pub use settings::{Destination, Settings};
