//! What people and programs see of a report.
//!
//! Takes a report and the message it is about, gives text. Pure: it asks neither the terminal nor the environment,
//! because both are decided outside and handed in as a [`Style`]. All foreign text goes through [`crate::text`].

pub(crate) mod fit;
mod hops;
pub mod json;
#[cfg(test)]
pub(crate) mod sample;
pub mod table;

use std::fmt::Display;

use anstyle::{AnsiColor, Style as Ansi};

use crate::finding::Level;

/// How text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are used.
    pub color: bool,
    /// How many columns a line may take.
    pub width: usize,
    /// Whether hops within the provider of our mailboxes are shown one by one.
    pub all_hops: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { color: false, width: 120, all_hops: false }
    }
}

/// What a piece of text is; decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Text as it is.
    Plain,
    /// Labels and column heads.
    Faint,
    /// What should stand out without being bad.
    Strong,
    /// The line between our records and foreign ones.
    Boundary,
    /// A verdict, or a hop with a finding of that level.
    Level(Level),
}

impl Style {
    /// Text in its colour; without colours it stays as it is.
    pub fn paint(&self, ink: Ink, text: impl Display) -> String {
        let ansi = match ink {
            Ink::Plain => return text.to_string(),
            _ if !self.color => return text.to_string(),
            Ink::Faint => Ansi::new().dimmed(),
            Ink::Strong => Ansi::new().bold(),
            Ink::Boundary => AnsiColor::Blue.on_default().bold(),
            Ink::Level(Level::Clean) => AnsiColor::Green.on_default().bold(),
            Ink::Level(Level::Notice) => AnsiColor::Cyan.on_default(),
            Ink::Level(Level::Suspicious) => AnsiColor::Yellow.on_default().bold(),
            Ink::Level(Level::Malicious) => AnsiColor::Red.on_default().bold(),
        };
        format!("{ansi}{text}{ansi:#}")
    }
}
