//! The evidence store, asked.
//!
//! Takes a reader and a query, gives the result; hands each message through the relay to whoever writes them down, so that none are kept.

use std::{io, ops::ControlFlow};

use super::{
    gather::{Gathering, Row},
    query::Query,
    report::Exposure,
};
use crate::{
    clock::Timestamp,
    evidence::{Reader, Span, StoreError},
};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The messages cannot be written down.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Asks the store; `each` is given every message through the relay, in the order of arrival.
pub fn ask(
    reader: &Reader,
    query: &Query,
    now: Timestamp,
    each: &mut dyn FnMut(&Row<'_>) -> io::Result<()>,
) -> Result<Exposure, AskError> {
    // What the daemon writes meanwhile would be in one number and not in another.
    reader.hold()?;
    let hops = reader.hops_of(&query.wanted)?;
    let mut gathering = Gathering::new(query);
    let mut trouble = Ok(());
    if !hops.is_empty() {
        reader.messages(Some(&hops), Span::ALWAYS, |message| {
            if let Some(row) = gathering.relayed(&message)
                && let Err(error) = each(&row)
            {
                trouble = Err(error);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
    }
    trouble?;
    let standing = query.standing();
    reader.messages(None, Span { since: standing.first, until: standing.last.saturating_add(1) }, |message| {
        gathering.other(&message);
        ControlFlow::Continue(())
    })?;
    Ok(gathering.finish(now, &reader.coverage()?))
}
