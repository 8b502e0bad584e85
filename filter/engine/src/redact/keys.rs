//! What is known of keys: objects of one kind have the same, so each is looked up once.

use super::{
    memory::Memory,
    scan::{Topics, of_key},
};

/// What a key says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) topics: Topics,
    /// Whether its sibling says what its value is.
    pub(super) is_value: bool,
    /// Whether nothing is found in the key itself; `None`: not known yet.
    pub(super) is_clean: Option<bool>,
}

/// What keys say, by what those around them say.
#[derive(Debug)]
pub(super) struct KeyCache(Memory<(Topics, Known), 128>);

impl KeyCache {
    pub(super) fn new() -> Self {
        Self(Memory::new())
    }

    pub(super) fn look_up(&self, key: &str, around: Topics) -> Known {
        if let Some((known_around, known)) = self.0.get(key.as_bytes())
            && known_around == around
        {
            return known;
        }
        // Of `{"ssn": {"S": …}}` the outer key says what the value is.
        let is_value = matches!(
            key,
            "value"
                | "val"
                | "v"
                | "answer"
                | "Value"
                | "stringValue"
                | "S"
                | "N"
                | "#text"
                | "_text"
                | "$t"
        );
        Known {
            topics: if is_value {
                around
            } else {
                of_key(key.as_bytes(), around)
            },
            is_value,
            is_clean: None,
        }
    }

    pub(super) fn keep(&mut self, key: &str, around: Topics, known: Known) {
        self.0.keep(key.as_bytes(), (around, known));
    }
}
