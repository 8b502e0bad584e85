//! What names say, remembered: the lines of a log or a configuration have the same ones.

use super::words::{Topics, of_key};
use crate::redact::memory::Memory;

/// What names say by themselves; few, because every text with a name begins anew.
#[derive(Debug)]
pub(super) struct Names(Memory<Topics, 32>);

impl Default for Names {
    fn default() -> Self {
        Self(Memory::new())
    }
}

impl Names {
    /// What a name says by itself.
    pub(super) fn topics(&mut self, name: &[u8]) -> Topics {
        if let Some(topics) = self.0.get(name) {
            return topics;
        }
        let topics = of_key(name, Topics::default());
        self.0.keep(name, topics);
        topics
    }
}
