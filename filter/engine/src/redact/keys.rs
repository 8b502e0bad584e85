//! What is known of keys: objects of one kind have the same, so each is looked up once.

use super::scan::{Topics, of_key};

/// What a key says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) topics: Topics,
    /// Whether its sibling says what its value is.
    pub(super) is_value: bool,
    /// Whether nothing is found in the key itself; `None`: not known yet.
    pub(super) is_clean: Option<bool>,
}

const SLOTS: usize = 128;
const MAX_KEY_BYTES: usize = 30;

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: [u8; MAX_KEY_BYTES],
    length: u8,
    around: Topics,
    known: Known,
}

/// A small memory of keys, forgetful where two want the same slot.
#[derive(Debug)]
pub(super) struct KeyCache {
    slots: Vec<Option<Slot>>,
}

impl KeyCache {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new() }
    }

    pub(super) fn look_up(&mut self, key: &str, around: Topics) -> Known {
        if let Some(slot) = self.slot(key).and_then(|slot| slot.as_ref())
            && slot.around == around
            && slot.key.get(..usize::from(slot.length)) == Some(key.as_bytes())
        {
            return slot.known;
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

    pub(super) fn note(&mut self, key: &str, around: Topics, is_clean: bool) {
        let known = Known {
            is_clean: Some(is_clean),
            ..self.look_up(key, around)
        };
        let mut bytes = [0; MAX_KEY_BYTES];
        let Some(place) = bytes.get_mut(..key.len()) else {
            return;
        };
        place.copy_from_slice(key.as_bytes());
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let length = u8::try_from(key.len()).unwrap_or(0);
        if let Some(slot) = self.slot(key) {
            *slot = Some(Slot {
                key: bytes,
                length,
                around,
                known,
            });
        }
    }

    fn slot(&mut self, key: &str) -> Option<&mut Option<Slot>> {
        let bytes = key.as_bytes();
        let mixed = bytes.iter().fold(bytes.len(), |mixed, byte| {
            mixed.wrapping_mul(31).wrapping_add(usize::from(*byte))
        });
        self.slots.get_mut((mixed ^ (mixed >> 7)) % SLOTS)
    }
}
