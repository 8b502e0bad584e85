//! Two texts, word by word.

use serde::Serialize;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Words that are shown before and after a change.
const CONTEXT_WORDS: usize = 8;

/// A part of two texts. Its JSON is an object with one field, its name.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// In both.
    Kept(String),
    /// In the old one alone.
    Removed(String),
    /// In the new one alone.
    Added(String),
    /// This many words that both share, far from any change.
    Skipped(usize),
}

/// How much work word diffs may still be. The time of one grows with the square of what differs, so
/// that one listing could otherwise take hours.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(200_000_000)
    }
}

impl Budget {
    /// Whether two lists of words can be compared; if so, that much less is left.
    fn spend(&mut self, old: usize, new: usize) -> bool {
        let words = old.saturating_add(new);
        match self.0.checked_sub(words.saturating_mul(words)) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

/// The parts of two texts. Where they are too long to be compared word by word, all between what they
/// begin and end with in common is one removed and one added part.
pub(super) fn compare(old: &str, new: &str, budget: &mut Budget) -> Vec<Piece> {
    let (old, new) = (split(old), split(new));
    let shared = old.iter().zip(&new).take_while(|(old, new)| old == new);
    let prefix = shared.count();
    let (head, old) = old.split_at_checked(prefix).unwrap_or_default();
    let new = new.get(prefix..).unwrap_or_default();
    let shared = old.iter().rev().zip(new.iter().rev());
    let suffix = shared.take_while(|(old, new)| old == new).count();
    let (old, tail) = old
        .split_at_checked(old.len().saturating_sub(suffix))
        .unwrap_or_default();
    let new = new
        .get(..new.len().saturating_sub(suffix))
        .unwrap_or_default();

    let mut parts = Parts::default();
    parts.kept(head);
    if budget.spend(old.len(), new.len()) {
        for op in capture_diff_slices(Algorithm::Myers, old, new) {
            let removed = old.get(op.old_range()).unwrap_or_default();
            let added = new.get(op.new_range()).unwrap_or_default();
            match op {
                DiffOp::Equal { .. } => parts.kept(removed),
                DiffOp::Delete { .. } | DiffOp::Insert { .. } | DiffOp::Replace { .. } => {
                    parts.changed(removed, added);
                }
            }
        }
    } else {
        parts.changed(old, new);
    }
    parts.kept(tail);
    parts.finish()
}

/// Words, and the white space between them.
fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_space = first.is_whitespace();
        let end = rest.find(|c: char| c.is_whitespace() != is_space);
        let (word, after) = rest
            .split_at_checked(end.unwrap_or(rest.len()))
            .unwrap_or_default();
        words.push(word);
        rest = after;
    }
    words
}

fn is_space(word: &str) -> bool {
    word.chars().all(char::is_whitespace)
}

/// Puts parts together so that they read well.
#[derive(Debug, Default)]
struct Parts<'t> {
    pieces: Vec<Piece>,
    kept: Vec<&'t str>,
    removed: String,
    added: String,
}

impl<'t> Parts<'t> {
    fn kept(&mut self, words: &[&'t str]) {
        self.kept.extend(words);
    }

    fn changed(&mut self, removed: &[&'t str], added: &[&'t str]) {
        if self.kept.iter().all(|word| is_space(word)) {
            // A space between two changes is no landmark.
            for word in self.kept.drain(..) {
                self.removed.push_str(word);
                self.added.push_str(word);
            }
        } else {
            self.close();
        }
        self.removed.extend(removed.iter().copied());
        self.added.extend(added.iter().copied());
    }

    /// Ends a change, and what is kept after it.
    fn close(&mut self) {
        let is_first = self.pieces.is_empty() && self.flush();
        self.flush();
        let kept = std::mem::take(&mut self.kept);
        self.keep(&kept, (!is_first, true));
    }

    /// Ends a change. Whether there was none.
    fn flush(&mut self) -> bool {
        let (removed, added) = (
            std::mem::take(&mut self.removed),
            std::mem::take(&mut self.added),
        );
        let is_empty = removed.is_empty() && added.is_empty();
        if removed == added {
            if !removed.is_empty() {
                self.pieces.push(Piece::Kept(removed));
            }
            return is_empty;
        }
        if !removed.is_empty() {
            self.pieces.push(Piece::Removed(removed));
        }
        if !added.is_empty() {
            self.pieces.push(Piece::Added(added));
        }
        is_empty
    }

    /// Keeps words that stand after a change, before one, or between two.
    fn keep(&mut self, words: &[&str], (after, before): (bool, bool)) {
        // Every other one is a space.
        let context = CONTEXT_WORDS.saturating_mul(2);
        let head = if after { context } else { 0 };
        let tail = if before { context } else { 0 };
        let skipped = words.len().saturating_sub(head.saturating_add(tail));
        if skipped <= context {
            if !words.is_empty() {
                self.pieces.push(Piece::Kept(words.concat()));
            }
            return;
        }
        let (first, rest) = words.split_at_checked(head).unwrap_or_default();
        let (middle, last) = rest.split_at_checked(skipped).unwrap_or_default();
        let count = middle.iter().filter(|word| !is_space(word)).count();
        for piece in [
            Piece::Kept(first.concat()),
            Piece::Skipped(count),
            Piece::Kept(last.concat()),
        ] {
            if piece != Piece::Kept(String::new()) {
                self.pieces.push(piece);
            }
        }
    }

    fn finish(mut self) -> Vec<Piece> {
        let is_first = self.pieces.is_empty() && self.flush();
        self.flush();
        let kept = std::mem::take(&mut self.kept);
        self.keep(&kept, (!is_first, false));
        self.pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let pieces = compare(old, new, &mut Budget::default());
        let shown = pieces.iter().map(|piece| match piece {
            Piece::Kept(text) => text.clone(),
            Piece::Removed(text) => format!("[-{text}-]"),
            Piece::Added(text) => format!("{{+{text}+}}"),
            Piece::Skipped(count) => format!("<{count}>"),
        });
        shown.collect()
    }

    #[test]
    fn texts_are_compared_word_by_word() {
        for (old, new, expected) in [
            ("reads a note", "reads a note", "reads a note"),
            (
                "reads a note",
                "writes a note",
                "[-reads-]{+writes+} a note",
            ),
            (
                "reads notes",
                "reads all my notes",
                "reads {+all my +}notes",
            ),
            (
                "one two three",
                "four five three",
                "[-one two-]{+four five+} three",
            ),
            ("", "new", "{+new+}"),
            ("old", "", "[-old-]"),
        ] {
            assert_eq!(shown(old, new), expected);
        }
    }

    #[test]
    fn what_is_far_from_a_change_is_skipped() {
        let long = "word ".repeat(100);
        assert_eq!(
            shown(&format!("{long}end"), &format!("{long}stop")),
            format!("<92>{}[-end-]{{+stop+}}", "word ".repeat(8))
        );
    }

    #[test]
    fn texts_that_are_too_long_are_compared_coarsely() {
        let text = |word: &str| format!("begin {}end", format!("{word} x ").repeat(10));
        let pieces = compare(&text("a"), &text("b"), &mut Budget(100));
        let Some(Piece::Removed(removed)) = pieces.get(1) else {
            panic!("{pieces:?}");
        };
        assert_eq!(removed.matches('a').count(), 10);
    }
}
