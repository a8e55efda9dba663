//! The hunt: which mail crossed a host, who sent it, and to whom.
//!
//! Takes what is looked for and the hops of mail, gives which hop shows what. It knows neither files nor the store: the
//! same matching serves archives and what was stored, and a [`Passage`] is what either gives of one message.

mod matching;
mod needle;
mod passage;
mod when;

pub use matching::{Facts, Part, Sighting, Sightings, Wanted};
pub use needle::Needle;
pub use passage::{Found, Passage, Place, Seen};
pub use when::{Span, WhenError, when};
