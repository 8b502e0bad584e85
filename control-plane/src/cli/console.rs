//! Where a command writes: data to one side, talk to the other.

use std::{
    env, fmt,
    io::{IsTerminal, Write},
};

use serde::Serialize;

use super::{exit::Failure, visible::visible_json};

/// What a command says, and how.
pub(crate) struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    colour: bool,
}

/// What a piece of output means; its colour follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Heading,
    Good,
    Bad,
    Doubtful,
    Faint,
}

impl Tone {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Heading => Some("1"),
            Self::Good => Some("32"),
            Self::Bad => Some("31"),
            Self::Doubtful => Some("33"),
            Self::Faint => Some("2"),
        }
    }
}

/// Whether colours may be written to a stream (see no-color.org).
pub(crate) fn has_colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|value| value != "dumb")
}

impl<'a> Console<'a> {
    /// `colour` is for `out` alone.
    pub(crate) fn new(out: &'a mut dyn Write, err: &'a mut dyn Write, colour: bool) -> Self {
        Self { out, err, colour }
    }

    /// Writes a line of data.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result<(), Failure> {
        writeln!(self.out, "{line}").map_err(Failure::Output)
    }

    /// Writes data that ends its own lines.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes()).map_err(Failure::Output)
    }

    /// Lets a reader have what was written so far.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::Output)
    }

    /// Writes a line for whoever is watching.
    pub(crate) fn talk(&mut self, line: impl fmt::Display) {
        // Nobody can be told that nobody listens.
        drop(writeln!(self.err, "{line}"));
    }

    /// Writes JSON over several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_string_pretty(value).map_err(Failure::rendering)?;
        self.line(visible_json(&json))
    }

    /// Writes JSON on one line.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_string(value).map_err(Failure::rendering)?;
        self.line(visible_json(&json))
    }

    /// Writes one of several YAML documents.
    pub(crate) fn yaml(&mut self, value: &impl Serialize, first: bool) -> Result<(), Failure> {
        if !first {
            self.line("---")?;
        }
        self.text(&super::yaml::to_string(value)?)
    }

    /// Whether colours may say what marks would say otherwise.
    pub(crate) fn has_colours(&self) -> bool {
        self.colour
    }

    /// The text in its colour, where there are colours.
    pub(crate) fn paint(&self, text: &str, tone: Tone) -> String {
        match tone.code() {
            Some(code) if self.colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Some(_) | None => text.to_owned(),
        }
    }
}

impl fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("colour", &self.colour)
            .finish_non_exhaustive()
    }
}
