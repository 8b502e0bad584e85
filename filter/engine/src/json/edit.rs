//! Splices replacements into a text so that every other byte stays as it was.

use std::ops::Range;

/// Replacements that wait to be made, in any order.
#[derive(Debug, Default)]
pub struct Edits {
    replacements: Vec<(Range<usize>, String)>,
}

/// Replacements that cannot be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("replacements overlap or reach outside the text at byte {at}")]
pub struct EditError {
    /// Where.
    pub at: usize,
}

impl Edits {
    /// Nothing to replace.
    pub fn is_empty(&self) -> bool {
        self.replacements.is_empty()
    }

    /// Replaces the bytes of `range`.
    pub fn replace(&mut self, range: Range<usize>, with: String) {
        self.replacements.push((range, with));
    }

    /// Removes the bytes of `range`.
    pub fn remove(&mut self, range: Range<usize>) {
        self.replace(range, String::new());
    }

    /// Makes the replacements.
    ///
    /// # Errors
    /// Where two of them overlap or one reaches outside the text.
    pub fn apply(mut self, text: &str) -> Result<String, EditError> {
        self.replacements.sort_by_key(|(range, _)| range.start);
        let mut edited = String::with_capacity(text.len());
        let mut at = 0;
        for (range, with) in &self.replacements {
            let kept = text
                .get(at..range.start)
                .ok_or(EditError { at: range.start })?;
            edited.push_str(kept);
            edited.push_str(with);
            at = range.end;
        }
        edited.push_str(text.get(at..).ok_or(EditError { at })?);
        Ok(edited)
    }
}
