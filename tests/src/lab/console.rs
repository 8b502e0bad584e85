//! What a person reads: plain lines, with colours where they are seen.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Standard output.
///
/// What cannot be written is lost: nobody reads it any more.
#[derive(Debug)]
pub(super) struct Console {
    out: io::Stdout,
    colours: bool,
    is_up: Arc<AtomicBool>,
}

/// How a piece of text looks on a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    /// A heading.
    Bold,
    /// What is said in passing.
    Dim,
    /// As it should be.
    Good,
    /// As it should not be.
    Bad,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "31",
        }
    }
}

impl Console {
    pub(super) fn stdout() -> Self {
        let out = io::stdout();
        let colours = out.is_terminal() && env::var_os("NO_COLOR").is_none();
        Self {
            out,
            colours,
            is_up: Arc::default(),
        }
    }

    /// Whether all that was asked for is up: from then on a signal is the regular end.
    pub(super) fn is_up(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_up)
    }

    /// The line that says so.
    pub(super) fn ready(&mut self, text: &str) {
        self.is_up.store(true, Ordering::Relaxed);
        self.line(&format!("ready: {text}; Ctrl-C ends it"));
    }

    /// The text in a style.
    pub(super) fn styled(&self, style: Style, text: &str) -> String {
        if self.colours {
            format!("\x1b[{}m{text}\x1b[0m", style.code())
        } else {
            text.to_owned()
        }
    }

    /// A line.
    pub(super) fn line(&mut self, text: &str) {
        drop(writeln!(self.out, "{text}"));
        drop(self.out.flush());
    }

    /// Lines, each indented.
    pub(super) fn indented(&mut self, indent: usize, text: &str) {
        for line in text.lines() {
            self.line(format!("{:indent$}{line}", "").trim_end());
        }
    }

    /// Names and values, aligned.
    pub(super) fn table(&mut self, indent: usize, rows: &[(&str, String)]) {
        let width = rows
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or_default();
        for (name, value) in rows {
            let name = self.styled(Style::Dim, &format!("{name:width$}"));
            self.line(&format!("{:indent$}{name}  {value}", ""));
        }
    }
}

/// Says on standard error why the lab gave up.
pub(super) fn complain(error: &dyn std::error::Error) {
    drop(writeln!(io::stderr(), "chancery-lab: {error}"));
}
