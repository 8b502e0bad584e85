//! What is known by short names: texts of one kind have the same ones, so each is looked up once.

const MAX_NAME_BYTES: usize = 30;

#[derive(Clone, Copy, Debug)]
struct Slot<T> {
    name: [u8; MAX_NAME_BYTES],
    length: u8,
    known: T,
}

/// A small memory, forgetful where two names want the same slot. It keeps no long names.
#[derive(Debug)]
pub(super) struct Memory<T, const SLOTS: usize>(Vec<Option<Slot<T>>>);

impl<T: Copy, const SLOTS: usize> Memory<T, SLOTS> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// What is known by a name.
    pub(super) fn get(&self, name: &[u8]) -> Option<T> {
        let slot = self.0.get(place(name) % SLOTS)?.as_ref()?;
        (slot.name.get(..usize::from(slot.length)) == Some(name)).then_some(slot.known)
    }

    /// Keeps what is known by a name.
    pub(super) fn keep(&mut self, name: &[u8], known: T) {
        let mut bytes = [0; MAX_NAME_BYTES];
        let (Some(text), Ok(length)) = (bytes.get_mut(..name.len()), u8::try_from(name.len()))
        else {
            return;
        };
        text.copy_from_slice(name);
        if self.0.is_empty() {
            self.0.resize(SLOTS, None);
        }
        if let Some(slot) = self.0.get_mut(place(name) % SLOTS) {
            *slot = Some(Slot {
                name: bytes,
                length,
                known,
            });
        }
    }
}

fn place(name: &[u8]) -> usize {
    let mixed = name.iter().fold(name.len(), |mixed, byte| {
        mixed.wrapping_mul(31).wrapping_add(usize::from(*byte))
    });
    mixed ^ (mixed >> 7)
}
