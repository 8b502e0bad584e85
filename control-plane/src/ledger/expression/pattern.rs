//! A text to compare with, open at either end where a `*` is.

/// A text to compare with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ledger) struct Pattern {
    pub(in crate::ledger) text: String,
    /// Anything may stand before it.
    pub(in crate::ledger) starts_open: bool,
    /// Anything may stand after it.
    pub(in crate::ledger) ends_open: bool,
}

impl Pattern {
    /// One that is open at no end.
    pub(in crate::ledger) fn exactly(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }

    /// Whether it is a `*` alone.
    pub(super) fn is_anything(&self) -> bool {
        self.text.is_empty() && (self.starts_open || self.ends_open)
    }

    /// Whether a value is one text alone.
    pub(in crate::ledger) fn is_exact(&self) -> bool {
        !self.starts_open && !self.ends_open
    }

    pub(in crate::ledger) fn admits(&self, value: &str) -> bool {
        match (self.starts_open, self.ends_open) {
            (false, false) => value == self.text,
            (false, true) => value.starts_with(&self.text),
            (true, false) => value.ends_with(&self.text),
            (true, true) => value.contains(&self.text),
        }
    }
}
