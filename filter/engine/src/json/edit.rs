//! Splices replacements into a text so that every other byte stays as it was.

use std::ops::Range;

use super::{Child, Value};
use crate::order;

/// Replacements that wait to be made, in any order.
#[derive(Clone, Debug, Default)]
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

    /// Removes the items of an array or members of an object that `is_removed` picks, with the
    /// commas that parted them; all others keep every byte.
    pub fn prune<'d>(
        &mut self,
        container: Value<'d>,
        mut is_removed: impl FnMut(Child<'d>) -> bool,
    ) {
        // Where the last kept child ends; before the first, where the inside begins.
        let mut kept_until = container.span().start.saturating_add(1);
        let mut separator = "";
        let mut removed_until = None;
        for child in container.children() {
            let span = child.span();
            if is_removed(child) {
                removed_until = Some(span.end);
                continue;
            }
            if removed_until.take().is_some() {
                self.replace(kept_until..span.start, separator.to_owned());
            }
            kept_until = span.end;
            separator = ",";
        }
        if let Some(end) = removed_until {
            self.remove(kept_until..end);
        }
    }

    /// Adds the replacements of another.
    pub fn extend(&mut self, more: Self) {
        self.replacements.extend(more.replacements);
    }

    /// Puts them in the order of the text, which [`Self::applied_within`] needs.
    pub fn sort(&mut self) {
        order::sort_by_range(&mut self.replacements, |(range, _)| range.clone());
    }

    /// The text of a value with what is replaced within it; `None` where nothing is.
    pub fn applied_within(&self, value: Value<'_>) -> Option<String> {
        let span = value.span();
        let from = self
            .replacements
            .partition_point(|(range, _)| range.start < span.start);
        let rest = self.replacements.get(from..).unwrap_or_default();
        let within = rest.iter().take_while(|(range, _)| range.end <= span.end);
        let mut edits = Self::default();
        for (range, with) in within {
            let start = range.start.saturating_sub(span.start);
            let end = range.end.saturating_sub(span.start);
            edits.replace(start..end, with.clone());
        }
        (!edits.is_empty())
            .then(|| edits.apply(value.raw()).ok())
            .flatten()
    }

    /// Makes the replacements. What lies inside something that is replaced goes with it.
    ///
    /// # Errors
    /// Where two of them overlap or one reaches outside the text.
    pub fn apply(mut self, text: &str) -> Result<String, EditError> {
        self.sort();
        let mut edited = String::with_capacity(text.len());
        let mut at = 0;
        for (range, with) in &self.replacements {
            if range.start < at && range.end <= at {
                continue;
            }
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
