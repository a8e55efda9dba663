//! What is wrong with a file that an admin wrote.
//!
//! Takes a file's text and a place in it, gives a problem that shows itself with file, line, column, the line and a
//! caret. A problem keeps its one line and not the file, because an indicator list may be many megabytes; and it keeps it
//! printable, because such lists are fetched from elsewhere and end up on an admin's terminal.

use std::{fmt, ops::Range};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, Severity,
    SourceCode, SourceSpan, SpanContents,
};

use crate::text::masked;

/// How much of a long line is shown.
const EXCERPT: usize = 160;

/// A file's name and text, to make problems of.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file's name, as shown.
    pub name: &'a str,
    /// Its whole text.
    pub text: &'a str,
}

impl Source<'_> {
    /// An error at a place of the file, as byte offsets.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>) -> Problem {
        let excerpt = Excerpt::of(self, span);
        Problem { severity: Severity::Error, message: message.into(), excerpt: Some(excerpt), label: None, help: None }
    }

    /// The number of the line in which a byte stands, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text[..floor(self.text, at)].matches('\n').count() + 1
    }

    /// A warning at a place of the file.
    pub fn warning(&self, span: Range<usize>, message: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..self.error(span, message) }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone)]
pub struct Problem {
    severity: Severity,
    message: String,
    excerpt: Option<Excerpt>,
    label: Option<String>,
    help: Option<String>,
}

impl Problem {
    /// An error of a file as a whole.
    pub fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), excerpt: None, label: None, help: None }
    }

    /// A warning about what a file leaves out.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Says what was expected; it is shown at the caret.
    pub fn expected(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it is in the file of this name.
    pub fn is_in(&self, name: &str) -> bool {
        self.excerpt.as_ref().is_some_and(|excerpt| excerpt.name == crate::text::printable(name, 200))
    }

    /// The line and the column it is at, counted from 1.
    pub fn place(&self) -> Option<(usize, usize)> {
        self.excerpt.as_ref().map(|excerpt| (excerpt.line, excerpt.column))
    }

    /// Shows it with its line and a caret; plain ASCII frames, or colours and line drawing for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let mut theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
        theme.characters.error = "error:".to_owned();
        theme.characters.warning = "warning:".to_owned();
        if !colour {
            theme.characters.underbar = '^';
        }
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(120)
            .with_context_lines(0)
            .with_links(false)
            .without_syntax_highlighting();
        let mut shown = String::new();
        if handler.render_report(&mut shown, &Shown(self)).is_err() {
            // Only a formatter that refuses text fails here; a String never does.
            shown = self.to_string();
        }
        let lines = shown.trim_matches('\n').lines().map(str::trim_end).collect::<Vec<_>>();
        lines.join("\n").trim_start().to_owned() + "\n"
    }
}

/// One line, for a log: `relaywatch.toml:3:5: what is wrong; what was expected; what to do`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(excerpt) = &self.excerpt {
            write!(f, "{}:{}:{}: ", excerpt.name, excerpt.line, excerpt.column)?;
        }
        f.write_str(&self.message)?;
        for more in [&self.label, &self.help].into_iter().flatten() {
            write!(f, "; {more}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// A problem as it is drawn: what [`Problem`] says in one line is spread over header, caret and help.
#[derive(Debug)]
struct Shown<'a>(&'a Problem);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(self.0.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.excerpt.as_ref().map(|excerpt| excerpt as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.0.excerpt.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(self.0.label.clone(), excerpt.span.clone()))))
    }
}

/// The line that a problem is about, made printable and cut where it is long.
#[derive(Debug, Clone)]
struct Excerpt {
    name: String,
    text: String,
    /// The place within `text`.
    span: Range<usize>,
    line: usize,
    column: usize,
}

impl Excerpt {
    fn of(source: &Source<'_>, span: Range<usize>) -> Self {
        let text = source.text;
        let start = floor(text, span.start);
        let begin = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let line = text[begin..end].trim_end_matches('\r');
        let start_in_line = (start - begin).min(line.len());
        let end_in_line = floor(text, span.end).clamp(start, end) - begin;

        let cut = floor(line, start_in_line.saturating_sub(EXCERPT / 2));
        let mut shown = masked(&line[cut..floor(line, cut + EXCERPT)]).into_owned();
        let span = (start_in_line - cut).min(shown.len())..(end_in_line.min(line.len()) - cut).min(shown.len());
        if span.start == shown.len() {
            // Behind the line's end, where something is missing: the caret needs a place to stand.
            shown.push(' ');
        }
        Self {
            name: crate::text::printable(source.name, 200),
            text: shown,
            span: span.start..span.end.max(span.start + 1),
            line: memchr::memchr_iter(b'\n', &text.as_bytes()[..start]).count() + 1,
            column: line[..start_in_line].chars().count() + 1,
        }
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        _span: &SourceSpan,
        _before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            self.text.as_bytes(),
            (0..self.text.len()).into(),
            self.line - 1,
            self.column - 1,
            1,
        )))
    }
}

/// The closest character boundary at or below an offset.
fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_line_with_a_caret() {
        let source = Source { name: "relaywatch.toml", text: "[milter]\nport = 1\n" };
        let problem = source.error(9..13, "unknown key `port`").expected("expected `listen`").help("write `listen`");
        assert_eq!(problem.to_string(), "relaywatch.toml:2:1: unknown key `port`; expected `listen`; write `listen`");
        let shown = problem.render(false);
        assert!(shown.contains("relaywatch.toml:2:1"), "{shown}");
        assert!(shown.contains("port = 1"), "{shown}");
        assert!(shown.contains('^'), "{shown}");
    }

    #[test]
    fn foreign_text_cannot_reach_the_terminal() {
        let source = Source { name: "list", text: "ok\n\x1b]0;owned\x07 \u{202e}x\n" };
        let shown = source.error(3..9, "no network").render(true);
        assert!(!shown.contains("\x1b]0") && !shown.contains('\x07') && !shown.contains('\u{202e}'), "{shown:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_place_in_any_text_can_be_shown(text in "(?s).{0,300}", start in 0usize..400, length in 0usize..400) {
            let source = Source { name: "f", text: &text };
            let problem = source.error(start..start + length, "m").expected("e");
            assert!(problem.render(false).contains('m'));
        }
    }
}
