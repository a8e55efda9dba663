//! The milter: Postfix and Sendmail hand every message's header section over while the SMTP session is still open.
//!
//! Takes bytes from a socket, gives [`crate::message::RawMessage`]s to a [`Judge`](super::Judge) and its rulings back
//! to the MTA. From the wire inwards: [`frame`] cuts the stream, [`command`] and [`reply`] read and write what stands
//! in a frame, [`offer`] and [`negotiation`] settle what is sent at all, [`conversation`] is the protocol without any I/O,
//! [`server`], [`listener`] and [`unix`] hold the sockets. [`client`] plays the MTA, for the demo, tests and benches.
//!
//! The mail is never harmed: whatever goes wrong here is counted, and the MTA either hears `accept` or loses the
//! connection and does what its own `milter_default_action` says.

pub mod client;
pub mod command;
pub mod conversation;
pub mod frame;
pub mod listener;
pub mod macros;
pub mod negotiation;
pub mod offer;
pub mod reply;
pub mod server;
mod smtp_connection;
pub mod unix;
