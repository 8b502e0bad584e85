//! What names say, remembered: the lines of a log or a configuration have the same ones.

use super::words::{Topics, of_key};

const SLOTS: usize = 64;
const MAX_NAME_BYTES: usize = 23;

#[derive(Clone, Copy, Debug)]
struct Slot {
    length: u8,
    name: [u8; MAX_NAME_BYTES],
    topics: Topics,
}

/// A small memory of names, forgetful where two want the same slot.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<Slot>);

impl Names {
    /// What a name says by itself.
    pub(super) fn topics(&mut self, name: &[u8]) -> Topics {
        let Ok(length @ 1..) = u8::try_from(name.len()) else {
            return of_key(name, Topics::default());
        };
        if name.len() > MAX_NAME_BYTES {
            return of_key(name, Topics::default());
        }
        if self.0.is_empty() {
            let empty = Slot {
                length: 0,
                name: [0; MAX_NAME_BYTES],
                topics: Topics::default(),
            };
            self.0.resize(SLOTS, empty);
        }
        let mixed = name.iter().fold(u32::from(length), |mixed, byte| {
            mixed.wrapping_mul(31).wrapping_add(u32::from(*byte))
        });
        let slot = self.0.get_mut(mixed as usize % SLOTS);
        let Some(slot) = slot else {
            return Topics::default();
        };
        if slot.length != length || slot.name.get(..name.len()) != Some(name) {
            let topics = of_key(name, Topics::default());
            slot.length = length;
            if let Some(place) = slot.name.get_mut(..name.len()) {
                place.copy_from_slice(name);
            }
            slot.topics = topics;
        }
        slot.topics
    }
}
