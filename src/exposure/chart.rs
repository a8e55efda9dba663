//! The timeline, as a drawing for a page.
//!
//! Takes the hours, gives SVG: what came through the relay, as bars in the pattern of its segment, and below it what came by other ways. Long
//! times are drawn in steps of several hours. The table of hours on the same page is its text.

use maud::{Markup, html};

use super::{
    report::{Exposure, Hour},
    words::number,
};

/// The drawing's width, and the room left of its bars.
const WIDTH: usize = 960;
const LEFT: usize = 48;
/// Where the bars of the relay stand, and how high they get.
const RELAY_BASE: usize = 232;
const RELAY_HEIGHT: usize = 180;
/// The same of the other ways.
const NORMAL_BASE: usize = 322;
const NORMAL_HEIGHT: usize = 60;
const HEIGHT: usize = 360;
/// Bars that can be told apart.
const MOST_BARS: usize = 300;

/// Several hours in a row.
#[derive(Debug, Default, Clone, Copy)]
struct Bar {
    parts: [u64; 3],
    normal: u64,
}

pub(super) fn chart(exposure: &Exposure) -> Markup {
    let hours = &exposure.hours;
    let step = hours.len().div_ceil(MOST_BARS).max(1);
    let bars: Vec<Bar> = hours.chunks(step).map(bar).collect();
    let most = bars.iter().map(|bar| bar.parts.iter().sum::<u64>()).max().unwrap_or(0);
    let most_normal = bars.iter().map(|bar| bar.normal).max().unwrap_or(0);
    let (top, top_normal) = (nice(most), nice(most_normal));
    let scale = Scale::of(hours);
    let title = format!(
        "{} messages through the relay by hour of arrival, at most {} in {}",
        number(exposure.recorded.messages),
        number(most),
        if step == 1 { "an hour".to_owned() } else { format!("{step} hours") }
    );
    let unit = if step == 1 { "messages an hour".to_owned() } else { format!("messages in {step} hours") };
    let width = scale.width(step);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby="chart-title chart-text" {
            title id="chart-title" { (title) }
            desc id="chart-text" { "The table \"By hour\" on this page has the same numbers." }
            (patterns())
            @for (segment, class) in exposure.parts.iter().zip(CLASSES) {
                @if let (Some(begins), Some(ends)) = (&segment.begins, &segment.ends) {
                    @let (from, to) = (scale.x(begins.second()), scale.x(ends.second()));
                    rect class=(format!("band {class}-band")) x=(from) y="28" width=(to.saturating_sub(from).max(1)) height=(NORMAL_BASE - 28) {}
                }
            }
            @for (value, base, height) in [(top, RELAY_BASE, RELAY_HEIGHT), (top_normal, NORMAL_BASE, NORMAL_HEIGHT)] {
                line class="grid" x1=(LEFT) y1=(base - height) x2=(WIDTH) y2=(base - height) {}
                text class="tick" x=(LEFT - 6) y=(base - height + 4) text-anchor="end" { (number(value)) }
                line class="axis" x1=(LEFT) y1=(base) x2=(WIDTH) y2=(base) {}
                text class="tick" x=(LEFT - 6) y=(base + 4) text-anchor="end" { "0" }
            }
            text class="label" x=(LEFT) y="16" { "Through the relay, " (unit) }
            text class="label" x=(LEFT) y=(NORMAL_BASE - NORMAL_HEIGHT - 10) { "By other ways" }
            @for (at, bar) in bars.iter().enumerate() {
                @let x = scale.of_bar(at * step);
                @for (class, from, height) in stack(bar.parts, top) {
                    rect class=(class) x=(x) y=(RELAY_BASE - from - height) width=(width) height=(height) {}
                }
                @let height = tall(bar.normal, top_normal, NORMAL_HEIGHT);
                @if height > 0 {
                    rect class="normal" x=(x) y=(NORMAL_BASE - height) width=(width) height=(height) {}
                }
            }
            @for (at, day) in scale.days(hours) {
                line class="axis" x1=(at) y1=(NORMAL_BASE) x2=(at) y2=(NORMAL_BASE + 6) {}
                text class="tick" x=(at + 4) y=(NORMAL_BASE + 16) { (day) }
            }
            @for (second, word, end) in moments(exposure) {
                @let x = scale.x(second);
                line class="moment" x1=(x) y1="22" x2=(x) y2=(NORMAL_BASE) {}
                text class="moment-label" x=(if end { x.saturating_sub(4) } else { x + 4 }) y="38" text-anchor=(if end { "end" } else { "start" }) { (word) }
            }
            text class="tick" x=(WIDTH) y=(HEIGHT - 4) text-anchor="end" { "Times in " (exposure.window.time_zone) }
        }
    }
}

/// The segments' classes, in their order.
pub(super) const CLASSES: [&str; 3] = ["before", "window", "tail"];

/// The key to the chart.
pub(super) fn key(exposure: &Exposure) -> Markup {
    html! {
        ul.key {
            @for (part, class) in exposure.parts.iter().zip(CLASSES) {
                li {
                    svg width="16" height="12" viewBox="0 0 16 12" aria-hidden="true" focusable="false" { rect class=(class) width="16" height="12" {} }
                    " " (super::words::title(part.segment)) ": " (number(part.recorded.messages))
                }
            }
            li {
                svg width="16" height="12" viewBox="0 0 16 12" aria-hidden="true" focusable="false" { rect class="normal" width="16" height="12" {} }
                " By other ways: " (number(exposure.normal.messages))
            }
        }
    }
}

/// What tells the segments apart without colour.
fn patterns() -> Markup {
    html! {
        defs {
            pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                rect class="before-ground" width="5" height="5" {}
                rect class="before-ink" width="2.2" height="5" {}
            }
            pattern id="dots" width="4" height="4" patternUnits="userSpaceOnUse" {
                rect class="tail-ground" width="4" height="4" {}
                rect class="tail-ink" width="2" height="2" {}
            }
        }
    }
}

/// When it was changed, when it was put right, and whether the word stands before the line.
fn moments(exposure: &Exposure) -> [(i64, &'static str, bool); 2] {
    let window = &exposure.window;
    [(window.changed_at.second(), "changed", true), (window.fixed_at.second(), "put right", false)]
}

fn bar(hours: &[Hour]) -> Bar {
    hours.iter().fold(Bar::default(), |sum, hour| {
        let [before, window, tail] = sum.parts;
        Bar {
            parts: [before + hour.pre_window, window + hour.window, tail + hour.tail],
            normal: sum.normal + hour.normal,
        }
    })
}

/// The boxes of a bar from below: class, where it begins, how high it is.
fn stack(parts: [u64; 3], top: u64) -> Vec<(&'static str, usize, usize)> {
    let mut sum = 0;
    let mut boxes = Vec::new();
    for (class, count) in CLASSES.into_iter().zip(parts) {
        let from = tall(sum, top, RELAY_HEIGHT);
        sum += count;
        if count > 0 {
            boxes.push((class, from, tall(sum, top, RELAY_HEIGHT).saturating_sub(from).max(1)));
        }
    }
    boxes
}

/// How high a count is drawn; one that is there is seen.
fn tall(count: u64, top: u64, height: usize) -> usize {
    if count == 0 || top == 0 {
        return 0;
    }
    let tall = u128::from(count) * height as u128 / u128::from(top);
    usize::try_from(tall).unwrap_or(height).clamp(1, height)
}

/// The least of 1, 2, 5, 10, 20.. that is not less.
fn nice(count: u64) -> u64 {
    let mut step = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            if step.saturating_mul(factor) >= count {
                return step.saturating_mul(factor).max(1);
            }
        }
        step = step.saturating_mul(10);
    }
}

/// Where an hour stands.
struct Scale {
    begins: i64,
    ends: i64,
    hours: usize,
}

impl Scale {
    fn of(hours: &[Hour]) -> Self {
        let begins = hours.first().map_or(0, |hour| hour.begins.second());
        let ends = hours.last().map_or(0, |hour| hour.begins.second() + 3600);
        Self { begins, ends: ends.max(begins + 1), hours: hours.len().max(1) }
    }

    fn x(&self, second: i64) -> usize {
        let along = i128::from((second - self.begins).clamp(0, self.ends - self.begins));
        let x = along * (WIDTH - LEFT) as i128 / i128::from(self.ends - self.begins);
        LEFT + usize::try_from(x).unwrap_or(0)
    }

    fn of_bar(&self, hour: usize) -> usize {
        LEFT + hour * (WIDTH - LEFT) / self.hours
    }

    fn width(&self, step: usize) -> usize {
        (step * (WIDTH - LEFT) / self.hours).saturating_sub(1).max(1)
    }

    /// Where days begin, as many as can be written.
    fn days(&self, hours: &[Hour]) -> Vec<(usize, String)> {
        let days: Vec<_> = hours.iter().filter(|hour| hour.begins.is_midnight()).collect();
        let every = days.len().div_ceil(12).max(1);
        let mark = |hour: &&Hour| (self.x(hour.begins.second()), hour.begins.day());
        days.iter().step_by(every).map(mark).filter(|(x, _)| *x + 50 < WIDTH).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_seen_and_nothing_leaves_the_drawing() {
        assert_eq!([0, 1, 3, 11, 99, 100, 101].map(nice), [1, 1, 5, 20, 100, 100, 200]);
        assert_eq!(nice(u64::MAX), u64::MAX);
        assert_eq!((tall(0, 100, 180), tall(1, 100_000, 180), tall(100, 100, 180)), (0, 1, 180));
        assert_eq!(stack([1, 0, 1], 2), [("before", 0, 90), ("tail", 90, 90)]);
        let tiny = stack([1, 1, 100_000], 100_000);
        assert_eq!(tiny.len(), 3);
        assert!(tiny.iter().all(|(_, from, height)| *height > 0 && from + height <= RELAY_HEIGHT + 1));
    }
}
