//! How far a scan is, on a terminal.

use std::{path::PathBuf, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tally::{Tally, grouped};

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

    pub(super) fn update(&self, tally: &Tally, bytes: u64, elapsed: Duration) {
        if self.0.is_hidden() {
            return;
        }
        let rate = tally.rate(elapsed).map(|rate| format!(", {}/s", grouped(rate))).unwrap_or_default();
        let suspects = match tally.suspects() {
            0 => String::new(),
            count => format!(", {} SUSPICIOUS", grouped(count)),
        };
        self.0.set_message(format!("{} messages{rate}{suspects}", grouped(tally.messages())));
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
