//! How far the reading of files is, on a terminal.

use std::{path::PathBuf, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar where the size of the input is known, else a spinner; nothing where nobody looks.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start(shown: bool, paths: &[PathBuf]) -> Self {
        if !shown {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(size(paths), ProgressDrawTarget::stderr_with_hz(5));
        let template = if bar.length().is_some() {
            "{bar:30} {bytes} of {total_bytes} {wide_msg}"
        } else {
            "{spinner} {bytes} {wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("##-"));
        }
        Self(bar)
    }

    /// Writes to the terminal without the bar in between.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// Shows how many messages were read, how many of them are of a kind that one waits for, and the bytes so far.
    pub(super) fn update(&self, messages: u64, (found, kind): (u64, &str), bytes: u64, elapsed: Duration) {
        if self.0.is_hidden() {
            return;
        }
        let rate = rate(messages, elapsed).map(|rate| format!(", {}/s", grouped(rate))).unwrap_or_default();
        let found = if found == 0 { String::new() } else { format!(", {} {kind}", grouped(found)) };
        self.0.set_message(format!("{} messages{rate}{found}", grouped(messages)));
        self.0.set_position(bytes);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// The bytes to read, when every path is an ordinary file.
fn size(paths: &[PathBuf]) -> Option<u64> {
    paths.iter().map(|path| path.metadata().ok().filter(|data| data.is_file()).map(|data| data.len())).sum()
}

/// So many a second.
pub(super) fn rate(count: u64, elapsed: Duration) -> Option<u64> {
    let microseconds = u64::try_from(elapsed.as_micros()).ok().filter(|time| *time > 0)?;
    Some(count.saturating_mul(1_000_000) / microseconds)
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!((grouped(7), grouped(999), grouped(1_234_567)), ("7".into(), "999".into(), "1,234,567".into()));
        assert_eq!((rate(3, Duration::from_secs(2)), rate(3, Duration::ZERO)), (Some(1), None));
    }
}
