//! relaywatch: tells a mail admin, on the first message, that a host which should not be there is carrying
//! their mail.
//!
//! ARCHITECTURE.md is the map. The way of a message is one function, [`inspect::inspect`].

pub mod clock;
pub mod message;
pub mod names;
pub mod net;
pub mod session;
pub mod text;
pub mod trace;
