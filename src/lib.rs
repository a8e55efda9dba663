//! relaywatch: tells a mail admin, on the first message, that a host which should not be there is carrying
//! their mail.
//!
//! ARCHITECTURE.md is the map. The way of a message is one function, [`inspect::inspect`].

pub mod authentication;
pub mod boundary;
pub mod cli;
pub mod clock;
pub mod config;
pub mod context;
pub mod csv_text;
pub mod demo;
pub mod detect;
pub mod dns;
pub mod envelope;
pub mod events;
pub mod evidence;
pub mod exposure;
pub mod finding;
pub mod forwarding;
pub mod hunt;
pub mod ingest;
pub mod inspect;
pub mod message;
pub mod metrics;
pub mod names;
pub mod net;
pub mod policy;
pub mod problem;
pub mod rules;
pub mod schema;
pub mod serve;
pub mod session;
pub mod stamp;
pub mod suspects;
pub mod text;
pub mod tls;
pub mod trace;
pub mod units;
pub mod verdict;
pub mod view;
