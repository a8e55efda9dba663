//! The provider of our mailboxes, chosen among those shipped and those of the file.
//!
//! Takes the `[[provider]]` entries and `boundary.provider`, gives the provider that is meant. A provider's hosts change faster
//! than this program is updated, so an entry with a shipped id takes the place of the shipped one.

use std::sync::Arc;

use super::{take::Take, written::Written};
use crate::{
    rules::providers::{self, Provider},
    schema::{nearest, quoted},
    text::printable,
};

pub(super) fn choose(take: &mut Take<'_>, written: &Written) -> Option<Arc<Provider>> {
    let mut known = providers::decide(take.source, &written.provider, &mut take.errors);
    for shipped in providers::shipped(&mut take.errors) {
        if known.iter().all(|own| own.id != shipped.id) {
            known.push(shipped);
        }
    }
    let chosen = written.boundary.provider.as_ref()?;
    let found = known.iter().position(|provider| *provider.id == **chosen.get_ref());
    if let Some(found) = found {
        return Some(Arc::new(known.swap_remove(found)));
    }
    let mut ids = known.iter().map(|provider| &*provider.id).collect::<Vec<_>>();
    // An entry that is wrong in another way is known all the same, and its own problem says enough.
    if written.provider.iter().any(|entry| entry.get_ref().id() == Some(chosen.get_ref())) {
        return None;
    }
    ids.sort_unstable();
    let message = format!("`{}` is no known provider", printable(chosen.get_ref(), 60));
    let problem = take.source.error(chosen.span(), message).expected(format!("expected one of {}", quoted(&ids)));
    take.errors.push(match nearest(chosen.get_ref(), ids) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("describe another one in a `[[provider]]` of your own"),
    });
    None
}
