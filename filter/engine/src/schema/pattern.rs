//! Regular expressions that are compiled when they are first needed.

use std::sync::OnceLock;

use crate::{condition::Pattern, truth::Truth};

/// A regular expression in the syntax of conditions.
///
/// Most tools are not called while a snapshot is in force, and to compile an expression takes as long
/// as to judge many calls. The control plane compiles each before it publishes it; should one not
/// compile after all, nothing fits it.
#[derive(Clone, Debug)]
pub struct LazyPattern {
    text: Box<str>,
    compiled: OnceLock<Option<Pattern>>,
}

impl LazyPattern {
    /// A regular expression that is not compiled yet.
    pub(crate) fn new(text: String) -> Self {
        Self {
            text: text.into(),
            compiled: OnceLock::new(),
        }
    }

    /// Whether it matches somewhere in a text; unknown where that is too long to be searched.
    pub(crate) fn find_in(&self, text: &str) -> Truth {
        let compile = || Pattern::parse(&self.text).ok();
        let compiled = self.compiled.get_or_init(compile).as_ref();
        compiled.map_or(Truth::Unknown, |pattern| pattern.find_in(text))
    }
}

impl PartialEq for LazyPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for LazyPattern {}
