//! What the store can have seen of the time that is asked for.
//!
//! Takes what the store says of itself, gives the stretches in which nobody was writing. A report that counts three hundred while the daemon
//! stood still for a night must say so.

use super::{
    query::Query,
    report::{Coverage, Gap, Silence},
};
use crate::{
    clock::Timestamp,
    evidence::{self, Run},
    text::printable,
};

/// Stretches of each kind that are told: a daemon that is restarted every minute makes many.
const MOST: usize = 50;

/// The writer whose runs say that mail was watched; `scan` only reads what lies there.
const DAEMON: &str = "serve";

pub(super) fn coverage(stored: &evidence::Coverage, query: &Query, now: Timestamp) -> Coverage {
    let whole = query.whole();
    let last = whole.last.min(now.as_second());
    let moment = |second| query.zone.moment(second);
    let gaps = stored.gaps.iter().filter(|gap| gap.since <= last && gap.until >= whole.first);
    let runs: Vec<&Run> = stored.runs.iter().filter(|run| run.writer == DAEMON).collect();
    let (silent, unclear) = silences(&runs, whole.first, last);
    let told = |stretches: Vec<(i64, i64)>| {
        stretches
            .into_iter()
            .take(MOST)
            .map(|(from, until)| Silence { from: moment(from), until: moment(until) })
            .collect()
    };
    Coverage {
        messages: stored.messages,
        first: stored.first.map(moment),
        last: stored.last.map(moment),
        gaps: gaps
            .take(MOST)
            .map(|gap| Gap {
                from: moment(gap.since),
                until: moment(gap.until),
                lost: gap.lost,
                reason: printable(&gap.reason, 200),
            })
            .collect(),
        watched: !runs.is_empty(),
        silent: if runs.is_empty() { Vec::new() } else { told(silent) },
        unclear: told(unclear),
    }
}

type Stretches = Vec<(i64, i64)>;

/// When nobody was writing between two moments, and when somebody ended without a word.
fn silences(runs: &[&Run], first: i64, last: i64) -> (Stretches, Stretches) {
    let mut runs: Vec<(i64, Option<i64>)> = runs.iter().map(|run| (run.started, run.ended)).collect();
    runs.sort_unstable();
    let (mut silent, mut unclear) = (Vec::new(), Vec::new());
    // Up to here somebody was writing.
    let mut seen = first;
    for (at, (started, ended)) in runs.iter().enumerate() {
        let next = runs.get(at + 1).map(|(started, _)| *started);
        if *started > seen && seen <= last {
            silent.push((seen, (*started).min(last)));
        }
        if let (None, Some(next)) = (ended, next)
            && next >= first
            && *started <= last
        {
            unclear.push((*started, next));
        }
        seen = seen.max(ended.or(next).unwrap_or(i64::MAX));
    }
    if seen < last {
        silent.push((seen, last));
    }
    (silent, unclear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_without_a_writer_are_found() {
        let run = |started, ended| Run { writer: DAEMON.to_owned(), started, ended };
        let found = |runs: &[Run]| silences(&runs.iter().collect::<Vec<_>>(), 100, 200);
        assert_eq!(found(&[run(50, None)]), (vec![], vec![]));
        assert_eq!(found(&[run(50, Some(300))]), (vec![], vec![]));
        assert_eq!(found(&[]), (vec![(100, 200)], vec![]));
        assert_eq!(found(&[run(50, Some(120)), run(150, None)]), (vec![(120, 150)], vec![]));
        assert_eq!(found(&[run(130, Some(150))]), (vec![(100, 130), (150, 200)], vec![]));
        assert_eq!(found(&[run(10, Some(20)), run(250, None)]), (vec![(100, 200)], vec![]));
        assert_eq!(found(&[run(50, None), run(150, None)]), (vec![], vec![(50, 150)]), "it was killed");
        assert_eq!(found(&[run(50, Some(180)), run(120, Some(140))]), (vec![(180, 200)], vec![]), "two at once");
        assert_eq!(found(&[run(10, None), run(20, None), run(300, None)]).1, [(20, 300)]);
    }
}
