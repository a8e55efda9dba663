//! What a command writes to.

use std::io::Write;

use clap::ValueEnum;

use crate::view::Style;

/// The two streams of a process, and how they look.
pub struct Screen<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Complaints, progress.
    pub err: &'a mut dyn Write,
    /// How results are laid out.
    pub style: Style,
    /// Whether `err` is a terminal, so that progress can be shown.
    pub interactive: bool,
}

impl std::fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("style", &self.style).field("interactive", &self.interactive).finish()
    }
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always, even into a file.
    Always,
    /// Never.
    Never,
}

/// What the environment says of the terminal.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Whether the output is a terminal.
    pub terminal: bool,
    /// The terminal's width.
    pub width: Option<usize>,
    /// `NO_COLOR` (see no-color.org): set and not empty means no.
    pub no_color: Option<String>,
    /// `TERM`.
    pub term: Option<String>,
    /// `COLUMNS`; goes before the terminal's own width.
    pub columns: Option<String>,
}

/// A table narrower than this cannot be read anyhow.
const LEAST_WIDTH: usize = 60;
/// For files and pipes, which have no width.
const FILE_WIDTH: usize = 120;

impl Environment {
    /// How results are laid out here.
    pub fn style(&self, when: When) -> Style {
        let refused = self.no_color.as_deref().is_some_and(|value| !value.is_empty());
        let dumb = self.term.as_deref() == Some("dumb");
        let color = match when {
            When::Always => true,
            When::Never => false,
            When::Auto => self.terminal && !refused && !dumb,
        };
        let columns = self.columns.as_deref().and_then(|columns| columns.parse().ok());
        let width = columns.filter(|columns| (1..=10_000).contains(columns)).or(self.width).unwrap_or(FILE_WIDTH);
        Style { color, width: width.max(LEAST_WIDTH), ..Style::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_only_on_a_terminal_that_wants_them() {
        let terminal = Environment { terminal: true, width: Some(90), ..Environment::default() };
        assert_eq!(terminal.style(When::Auto), Style { color: true, width: 90, ..Style::default() });
        let refusing = Environment { no_color: Some("1".to_owned()), ..terminal.clone() };
        assert!(!refusing.style(When::Auto).color);
        assert!(refusing.style(When::Always).color);
        let empty = Environment { no_color: Some(String::new()), ..terminal.clone() };
        assert!(empty.style(When::Auto).color);
        let dumb = Environment { term: Some("dumb".to_owned()), ..terminal };
        assert!(!dumb.style(When::Auto).color);
        assert_eq!(Environment::default().style(When::Auto), Style { color: false, width: 120, ..Style::default() });
        let narrow = Environment { columns: Some("5".to_owned()), ..Environment::default() };
        assert_eq!(narrow.style(When::Auto).width, LEAST_WIDTH);
    }
}
