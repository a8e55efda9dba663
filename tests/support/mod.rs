//! What the tests with real servers share: a private Postfix, an SMTP client, the daemon under test, and ways to wait
//! without fixed sleeps. One concept a file.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on shall panic, with words")]

pub(crate) mod daemon;
pub(crate) mod delivered;
pub(crate) mod dns_servers;
pub(crate) mod faulty_dns;
pub(crate) mod gateway;
pub(crate) mod handover;
pub(crate) mod mails;
pub(crate) mod malformed;
pub(crate) mod mta;
pub(crate) mod ports;
pub(crate) mod postfix;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod samples;
pub(crate) mod scratch;
pub(crate) mod smtp;
pub(crate) mod stored;
pub(crate) mod traffic;
pub(crate) mod wait;
