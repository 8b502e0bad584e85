//! A JSON text that outlives what it was read from.

use super::{Document, JsonError, Node, Value};
use crate::limits::Limits;

/// A JSON text with all that was read of it.
#[derive(Clone, Debug)]
pub struct Kept {
    text: Box<str>,
    nodes: Box<[Node]>,
}

impl Kept {
    /// Reads a whole text.
    ///
    /// # Errors
    /// The first thing that makes it unsafe to judge.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, JsonError> {
        let document = Document::parse(text.as_bytes(), text.len(), limits)?;
        Ok(Self {
            text: text.into(),
            nodes: document.nodes.into(),
        })
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value {
            text: &self.text,
            nodes: &self.nodes,
            index: 0,
        }
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Kept {}
