//! What is shown of what was found.

use crate::visible::{cut, visible};

const COLUMNS: usize = 160;

/// The beginning of a text, with everything visible.
pub(super) fn excerpt(text: &str) -> String {
    // One column more than is shown, so that a cut is seen; the rest is not even looked at.
    let end = text
        .char_indices()
        .nth(COLUMNS.saturating_add(1))
        .map_or(text.len(), |(end, _)| end);
    let head = text.get(..end).unwrap_or(text);
    cut(visible(head), COLUMNS).into_owned()
}
