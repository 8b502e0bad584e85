//! The way to a value, and what the keys on it are called once they are redacted.

use std::{borrow::Cow, collections::BTreeSet};

use crate::json::{Value, push_token};

/// One step of the way to a value.
#[derive(Clone, Copy, Debug)]
pub(in crate::redact) enum Step<'t> {
    /// Where the walk began.
    Root,
    /// A member.
    Key(&'t str),
    /// A member in whose key something is found, which pointers do not tell.
    Found(&'t str),
    /// An item.
    Item(usize),
    /// Into the JSON that a string holds.
    Text,
}

/// The way to a value.
#[derive(Clone, Copy, Debug)]
pub(in crate::redact) struct Trail<'t> {
    pub(in crate::redact) around: Option<&'t Self>,
    pub(in crate::redact) step: Step<'t>,
}

/// What most pointers have after their base, in bytes.
const ROOM: usize = 48;

impl Trail<'_> {
    /// The keys on the way, the innermost first, up to the outermost object of the JSON.
    pub(super) fn keys(&self) -> Vec<&str> {
        let mut keys = Vec::new();
        let mut here = Some(self);
        while let Some(trail) = here {
            match trail.step {
                Step::Key(key) | Step::Found(key) => keys.push(key),
                Step::Item(_) => {}
                Step::Root | Step::Text => break,
            }
            here = trail.around;
        }
        keys
    }

    /// The JSON pointer (RFC 6901) of the way after `base`; `#` stands where it goes into the text
    /// of a string, and `*` for a key that holds what is looked for.
    pub(super) fn pointer(&self, base: &str) -> String {
        let mut pointer = String::with_capacity(base.len().saturating_add(ROOM));
        pointer.push_str(base);
        self.push_to(&mut pointer);
        pointer
    }

    /// As deep as limits let JSON be.
    fn push_to(&self, pointer: &mut String) {
        if let Some(around) = self.around {
            around.push_to(pointer);
        }
        match self.step {
            Step::Root => {}
            Step::Key(key) => push_token(pointer, key),
            Step::Found(_) => pointer.push_str("/*"),
            Step::Item(index) => push_token(pointer, &index.to_string()),
            Step::Text => pointer.push('#'),
        }
    }
}

/// The keys of an object that were renamed.
#[derive(Default)]
pub(super) struct Renamed {
    /// All keys that it has or will have, once one is renamed.
    taken: BTreeSet<String>,
    /// The last number that told one apart.
    number: u32,
}

impl Renamed {
    /// A new key that no sibling has: readers refuse an object with one key twice, or take either.
    pub(super) fn told_apart(&mut self, object: Value<'_>, new: &str) -> String {
        if self.taken.is_empty() {
            let keys = object.members().filter_map(|(key, _)| key.as_str());
            self.taken.extend(keys.map(Cow::into_owned));
            self.number = 1;
        }
        let mut key = new.to_owned();
        while !self.taken.insert(key.clone()) {
            self.number = self.number.saturating_add(1);
            key = format!("{new} {}", self.number);
        }
        key
    }
}
