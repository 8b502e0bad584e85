//! Text of several tones in lines that are not too long.

use crate::cli::{
    console::{Console, Tone},
    visible::{visible, width},
};

/// Columns of a line.
const COLUMNS: usize = 100;

/// Of longer texts the rest is counted and not shown. What is new counts by itself, so that nothing
/// else can crowd it out.
const MAX_CHARS: usize = 8_000;

/// Lines below one another, at one indent.
#[derive(Debug)]
pub(super) struct Flow<'c, 'o> {
    console: &'c Console<'o>,
    indent: usize,
    lines: Vec<String>,
    line: String,
    /// What has one tone, and is not yet part of the line.
    run: String,
    tone: Tone,
    columns: usize,
    left: usize,
    left_of_new: usize,
    hidden: usize,
}

impl<'c, 'o> Flow<'c, 'o> {
    pub(super) fn new(console: &'c Console<'o>, indent: usize) -> Self {
        Self {
            console,
            indent,
            lines: Vec::new(),
            line: String::new(),
            run: String::new(),
            tone: Tone::Plain,
            columns: indent,
            left: MAX_CHARS,
            left_of_new: MAX_CHARS,
            hidden: 0,
        }
    }

    /// Adds our own text.
    pub(super) fn mark(&mut self, text: &str, tone: Tone) {
        self.turn(tone);
        self.word(text);
    }

    /// Adds a text that others wrote; its own lines stay lines.
    pub(super) fn text(&mut self, text: &str, tone: Tone) {
        self.turn(tone);
        let left = if tone == Tone::Good {
            &mut self.left_of_new
        } else {
            &mut self.left
        };
        let end = text.char_indices().nth(*left).map(|(end, _)| end);
        let (shown, hidden) = text
            .split_at_checked(end.unwrap_or(text.len()))
            .unwrap_or_default();
        *left = left.saturating_sub(shown.chars().count());
        self.hidden = self.hidden.saturating_add(hidden.chars().count());
        for (number, line) in shown.split('\n').enumerate() {
            if number > 0 {
                self.end_line();
            }
            for word in line.split_inclusive(' ') {
                self.word(&visible(word));
            }
        }
    }

    /// The lines.
    pub(super) fn finish(mut self) -> Vec<String> {
        self.turn(Tone::Plain);
        if !self.line.is_empty() {
            self.end_line();
        }
        if self.hidden > 0 {
            let said = format!(
                "… and {} more characters, which `-o json` shows",
                self.hidden
            );
            let said = self.console.paint(&said, Tone::Bad);
            self.lines.push(format!("{:1$}{said}", "", self.indent));
        }
        self.lines
    }

    fn word(&mut self, word: &str) {
        let room = width(word.trim_end_matches(' '));
        if self.columns.saturating_add(room) > COLUMNS && self.columns > self.indent {
            self.end_line();
        }
        self.columns = self.columns.saturating_add(width(word));
        self.run.push_str(word);
    }

    fn turn(&mut self, tone: Tone) {
        if !self.run.is_empty() {
            self.line
                .push_str(&self.console.paint(&self.run, self.tone));
            self.run.clear();
        }
        self.tone = tone;
    }

    fn end_line(&mut self) {
        self.turn(self.tone);
        let line = std::mem::take(&mut self.line);
        let line = format!("{:1$}{line}", "", self.indent);
        self.lines.push(line.trim_end().to_owned());
        self.columns = self.indent;
    }
}
