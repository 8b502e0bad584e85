//! Between the engine's types and the wire's: the only place that knows both.
//!
//! Every message is taken apart field by field, so that a field added to the contract stops the
//! build until somebody decides what it means here.

pub(crate) mod audit;
mod policy;

/// A value on the wire that cannot become one of the engine's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field}: found {found}, expected {expected}")]
pub struct Invalid {
    /// Which field, as a path of proto names inside the message: `endpoints[0].path`.
    pub field: String,
    /// What it holds.
    pub found: String,
    /// What it may hold.
    pub expected: String,
}

impl Invalid {
    fn new(
        field: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// Text as it is shown in an error: quoted, cut, and without anything a terminal would act on.
fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 80;
    let cut: String = text
        .chars()
        .take(MAX_CHARS)
        .flat_map(char::escape_debug)
        .collect();
    format!("`{cut}`")
}
