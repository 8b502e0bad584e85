//! What is asked of records: conditions, joined, as a filter expression (AIP-160) says them.

mod condition;
mod parse;
mod pattern;
mod token;

use super::card::Card;

pub(super) use self::{
    condition::{Condition, Start, Test},
    pattern::Pattern,
};

/// Why a text is no filter expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: found {found}, expected {expected}")]
pub struct Misread {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is there.
    pub found: String,
    /// What could be there.
    pub expected: String,
}

/// What records are asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// All of these; of none, every record.
    All(Vec<Self>),
    /// One of these at least.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// A condition.
    Is(Condition),
}

impl Default for Expression {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Expression {
    /// Reads a filter expression; an empty one asks nothing.
    ///
    /// # Errors
    /// Where it is none, at the first place that is wrong.
    pub(super) fn read(text: &str) -> Result<Self, Misread> {
        parse::expression(text)
    }

    /// Whether a record is as asked.
    pub(super) fn admits(&self, card: &Card<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.admits(card)),
            Self::Any(parts) => parts.iter().any(|part| part.admits(card)),
            Self::Not(part) => !part.admits(card),
            Self::Is(condition) => condition.admits(card),
        }
    }
}

#[cfg(test)]
mod tests;
