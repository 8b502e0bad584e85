//! How a step of the tour is told.

use super::super::console::{Console, Style};

const INDENT: usize = 4;
const LABEL_WIDTH: usize = 16;

/// Prints facts and claims, and keeps whether all claims held.
pub(super) struct Report<'a> {
    console: &'a mut Console,
    failed: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(console: &'a mut Console) -> Self {
        Self {
            console,
            failed: false,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Something that was seen. Further lines of it are aligned below.
    pub(super) fn fact(&mut self, label: &str, text: &str) {
        let mut label = label;
        for line in text.lines() {
            let shown = self
                .console
                .styled(Style::Dim, &format!("{label:LABEL_WIDTH$}"));
            self.console.line(&format!("{:INDENT$}{shown}{line}", ""));
            label = "";
        }
    }

    /// Something as it was printed by a program.
    pub(super) fn output(&mut self, text: &str) {
        self.console.indented(INDENT, text);
    }

    /// A claim, and whether it holds.
    pub(super) fn check(&mut self, holds: bool, claim: &str) {
        self.failed |= !holds;
        let (mark, style) = if holds {
            ("✓", Style::Good)
        } else {
            ("✗", Style::Bad)
        };
        let mark = self.console.styled(style, mark);
        self.console.line(&format!("{:INDENT$}{mark} {claim}", ""));
    }
}
