//! The evidence: what came by which way, kept so that the past can be asked.
//!
//! Takes the report of each message, keeps its hops (not its body) in one SQLite file, and gives them back to whoever asks who wrote
//! through a host, and when. docs/evidence.md explains the tables.

mod clearing;
mod columns;
mod coverage;
mod error;
mod forget;
mod insert;
mod keeper;
mod ledger;
mod mark;
mod mention;
mod meta;
mod once;
mod orphans;
mod period;
pub mod privacy;
mod read;
mod record;
mod retention;
mod settings;
mod spool;
mod store;
mod tidy;

pub use coverage::{Coverage, Gap, Run};
pub use error::StoreError;
pub use forget::{Forgotten, forget};
pub use keeper::Keeper;
pub use ledger::{Ledger, RunId, Written};
pub use mention::Wanted;
pub use period::Span;
pub use read::{Party, Reader, Stored};
pub use record::{Circumstances, HopFacts, Origin, Record, RecordedBoundary, RecordedFinding, RecordedHop};
pub use retention::{Pruner, Retention, Step};
pub use settings::Settings;
pub use spool::{TakenIn, take_in};
pub use store::{Durability, FILE, Store, VERSION};

pub use crate::metrics::Trouble;
