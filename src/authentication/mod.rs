//! Whom the sender's domain lets send: SPF and DKIM, asked for or read.
//!
//! Takes a message with its boundary, gives facts ([`Authentication`]): what SPF says of the peer, and where that is no pass, of the hops
//! below it; which DKIM signatures are intact. The facts come from DNS (SPF and DKIM by `mail-auth`, behind types of
//! ours) or from what a host of ours, or the provider of our mailboxes, wrote into the mail under an authserv-id that the admin pinned.

mod arc_results;
mod auth_results;
mod facts;
mod received_spf;
mod results;
mod spf_comment;
mod syntax;

pub use facts::{DkimFact, DkimResult, Source, SpfFact, SpfIdentity, SpfResult};
pub use results::Stated;
