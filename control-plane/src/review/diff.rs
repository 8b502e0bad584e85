//! What changed between two lists of MCP definitions, field by field, and what each change means.
//!
//! Values are compared: the order of keys, escapes and the spelling of numbers are no difference.
//! Whatever else differs is told, if only as something that a person must read. The work is bounded
//! by the size of both lists; what would take longer is told more coarsely.

mod annotations;
mod argument;
mod change;
mod definition;
mod listing;
mod rename;
mod schema;
mod unseen;
mod value;
mod walk;
mod words;
mod written;

use std::{cmp::Reverse, collections::BTreeMap};

use serde_json::Value;

pub use self::{
    change::{Change, ChangeKind, Weight},
    listing::{Capability, CapabilityKind, InvalidListing, Listing},
    rename::{Likeness, Rename},
    unseen::{Unseen, UnseenKind},
    words::Piece,
    written::{Summary, Written},
};
use self::{walk::Walk, words::Budget};

/// What changed between two listings.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff<'v> {
    /// Every capability of either, heaviest first.
    pub capabilities: Vec<Compared<'v>>,
    /// What was removed and is perhaps there again under another name.
    pub renames: Vec<Rename<'v>>,
}

/// What became of one capability.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared<'v> {
    /// What it is.
    pub kind: CapabilityKind,
    /// Its name, URI or URI template; empty for the server itself.
    pub name: &'v str,
    /// What became of it.
    pub outcome: Outcome<'v>,
}

/// What became of a capability.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'v> {
    /// It is new; what it says of itself, heaviest first.
    Added(Vec<Change<'v>>),
    /// It is gone.
    Removed,
    /// It says something else than before, heaviest first.
    Changed(Vec<Change<'v>>),
    /// It says what it said.
    Same,
}

impl<'v> Diff<'v> {
    /// Compares two listings.
    pub fn new(old: &Listing<'v>, new: &Listing<'v>) -> Self {
        let (before, after) = (by_key(old, new), by_key(new, old));
        let mut budget = Budget::default();
        let mut capabilities = Vec::with_capacity(after.len());
        for (&(kind, name), &definition) in &after {
            let outcome = match before.get(&(kind, name)) {
                Some(&earlier) => {
                    let changes = Walk::new(&mut budget).definition(kind, earlier, definition);
                    if changes.is_empty() {
                        Outcome::Same
                    } else {
                        Outcome::Changed(changes)
                    }
                }
                None => Outcome::Added(Walk::new(&mut budget).introduction(kind, name, definition)),
            };
            let compared = Compared {
                kind,
                name,
                outcome,
            };
            capabilities.push(compared);
        }
        let gone = before.keys().filter(|key| !after.contains_key(key));
        capabilities.extend(gone.map(|&(kind, name)| Compared {
            kind,
            name,
            outcome: Outcome::Removed,
        }));
        // The sort keeps those of one weight in the order of their kinds and names.
        capabilities.sort_by_key(|compared| Reverse(compared.weight()));
        Self {
            capabilities,
            renames: rename::find(&before, &after),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let mut outcomes = self.capabilities.iter().map(|compared| &compared.outcome);
        outcomes.all(|outcome| *outcome == Outcome::Same)
    }
}

impl<'v> Compared<'v> {
    /// The changes of one that is new or says something else.
    pub fn changes(&self) -> &[Change<'v>] {
        match &self.outcome {
            Outcome::Added(changes) | Outcome::Changed(changes) => changes,
            Outcome::Removed | Outcome::Same => &[],
        }
    }

    /// The heaviest of what became of it; nothing where it is the same.
    pub fn weight(&self) -> Option<Weight> {
        let of_changes = self.changes().iter().map(|change| change.weight).max();
        match self.outcome {
            Outcome::Added(_) => of_changes.max(Some(Weight::Widening)),
            Outcome::Changed(_) => of_changes,
            Outcome::Removed => Some(Weight::Narrowing),
            Outcome::Same => None,
        }
    }
}

impl Outcome<'_> {
    /// Its stable word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Added(_) => "added",
            Self::Removed => "removed",
            Self::Changed(_) => "changed",
            Self::Same => "same",
        }
    }
}

/// Capabilities by kind and name.
type ByKey<'v> = BTreeMap<(CapabilityKind, &'v str), &'v Value>;

/// The capabilities of a listing. One that could be a tool or a prompt is what `other` says it is.
fn by_key<'v>(listing: &Listing<'v>, other: &Listing<'v>) -> ByKey<'v> {
    let prompts: std::collections::BTreeSet<_> = other
        .capabilities
        .iter()
        .filter(|capability| capability.is_certain && capability.kind == CapabilityKind::Prompt)
        .map(|capability| capability.name)
        .collect();
    let keyed = listing.capabilities.iter().map(|capability| {
        let is_prompt = !capability.is_certain && prompts.contains(capability.name);
        let kind = if is_prompt {
            CapabilityKind::Prompt
        } else {
            capability.kind
        };
        ((kind, capability.name), capability.definition)
    });
    keyed.collect()
}

#[cfg(test)]
mod tests;
