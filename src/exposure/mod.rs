//! The exposure report: who wrote through a relay, from when to when.
//!
//! Takes a [`Query`] and the evidence store, gives an [`Exposure`], which is written for a terminal, as CSV, as JSON and as one HTML page.
//! All but [`ask`] is pure. docs/exposure-report.md says what each number means.

mod ask;
mod chart;
mod crossing;
mod drawing;
mod facts;
mod gather;
pub mod manifest;
mod page;
mod people;
mod query;
mod report;
mod table;
mod text;
mod top;
mod watched;
mod ways;
mod words;
mod zone;

pub use ask::{AskError, ask};
pub use crossing::{Crossing, Proof};
pub use gather::{Gathering, Row};
pub use page::page;
pub use query::{Query, QueryError, Segment, Span, parse_length};
pub use report::{
    Counts, Coverage, Exposure, Gap, Hour, Normal, Outside, Part, Path, Person, Recipient, SCHEMA, Sender, Silence,
    Tls, Tool, Window,
};
pub use table::{MessageTable, people};
pub use text::write as write_text;
pub use top::{Counted, Top};
pub use words::headline;
pub use zone::{Moment, Zone, ZoneError, parse_time};
