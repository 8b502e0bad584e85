//! Masks sensitive values in the strings of a message by splicing; all other bytes stay.

mod body;
mod carried;
mod columns;
mod copy;
mod detector;
mod keys;
mod media;
mod memory;
mod place;
mod profile;
mod protocol;
mod replace;
mod reveal;
mod scan;
mod schema;
mod view;
mod walk;

pub use body::{Redacted, UnreadableBody};
pub use carried::Carried;
pub use detector::{Detector, DetectorGroup};
pub use place::Place;
pub use profile::{
    ALL_DETECTORS, Action, Allowlist, Choice, CustomDetector, DEFAULT_PROFILE, FieldPath, Matcher,
    Media, MediaAction, Plan, Profile, ProfileMode, ProfileParts,
};
pub use reveal::{Token, holds_token, tokens_below};
pub use schema::{FieldLimit, Texts, ToolSchema};

use keys::KeyCache;
use scan::{Field, Sought, Verdict};
use walk::{Splices, Walk};

use std::{borrow::Cow, cell::LazyCell};

use crate::{
    entry::Direction,
    json::{Edits, Value},
    seal::Binding,
};

/// A set of detectors.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Detectors(u64);

impl Detectors {
    /// Whether none is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds one.
    pub fn insert(&mut self, detector: Detector) {
        self.0 |= detector.bit();
    }

    /// Adds those of another set.
    pub fn extend(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Whether one is in it.
    pub fn contains(self, detector: Detector) -> bool {
        self.0 & detector.bit() != 0
    }
}

/// What was found at one place. Never the value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// By which detector: its id.
    pub detector: Cow<'static, str>,
    /// Where: a JSON pointer into the message, or the name of a header. Empty: at more places than are
    /// kept one by one.
    pub pointer: String,
    /// How often there.
    pub count: u32,
    /// What was done. `None`: it was only recorded.
    pub action: Option<Action>,
}

/// Most findings that are kept one by one, by place; more are counted together.
const MAX_FINDINGS: usize = 100;

/// Something was found in whose presence a message must not go on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("found by `{detector}`")]
pub struct Blocked {
    /// By which detector: its id.
    pub detector: Box<str>,
}

/// Redacts messages of one direction by the profiles of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Redactor<'p> {
    /// What is looked for and what is done.
    pub plan: &'p Plan,
    /// Which way the messages go.
    pub direction: Direction,
    /// What hashes and tokens are made with. `None`: types take their place.
    pub binding: Option<Binding<'p>>,
}

impl Redactor<'_> {
    /// Redacts below `value` and says what was found. `root` is where pointers begin.
    ///
    /// # Errors
    /// Where the message must not go on.
    pub fn redact(
        &self,
        place: Place,
        (root, value): (Value<'_>, Value<'_>),
        edits: &mut Edits,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Blocked> {
        if self.plan.is_empty() {
            return Ok(());
        }
        let base = || root.pointer_to(value);
        let mut splices = Splices::new();
        let mut walk = Walk {
            redactor: self,
            sought: Sought::new(self.plan, self.direction, place),
            findings,
            base: LazyCell::new(&base),
            blocked: None,
            keys: KeyCache::new(),
            finds: Vec::new(),
        };
        walk.run(value, &mut splices);
        let blocked = walk.blocked;
        for (range, with) in splices {
            edits.replace(range, with);
        }
        blocked.map_or(Ok(()), Err)
    }

    /// A text with what must be redacted in it redacted; `None` where there is nothing.
    pub fn text(&self, place: Place, text: &str) -> Option<String> {
        let sought = Sought::new(self.plan, self.direction, place);
        let mut finds = Vec::new();
        scan::scan(text, Field::default(), &sought, &mut finds);
        reveal::spare_tokens(text, self.binding.as_ref(), &mut finds);
        let mut edits = Edits::default();
        for find in finds {
            let found = text.get(find.range.clone()).unwrap_or_default();
            if let Verdict::Changed(action) = sought.verdict(find.finder, found) {
                let id = sought.id(find.finder);
                let with = replace::replacement(self.binding.as_ref(), id, action, found);
                edits.replace(find.range, with);
            }
        }
        // Ranges of a scan neither overlap nor reach outside, so there is no other outcome.
        (!edits.is_empty())
            .then(|| edits.apply(text).ok())
            .flatten()
    }
}

#[cfg(test)]
mod tests;
