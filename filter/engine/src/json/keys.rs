//! Duplicate keys, found without reading every key again.

use super::Node;

/// Objects with up to this many members are compared pair by pair, larger ones by sorting.
const PAIRWISE_MEMBERS: usize = 12;

/// The keys of all objects that are open, the innermost object's last: of each a digest, above
/// the index of its node.
pub(super) struct Keys {
    open: Vec<u64>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::with_capacity(32),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    #[inline]
    pub(super) fn push(&mut self, name: &[u8], node: u32) {
        self.open
            .push((u64::from(digest(name)) << 32) | u64::from(node));
    }

    /// Forgets the innermost object's keys, which begin at `from`. Gives where one stands that
    /// equals one before it.
    pub(super) fn close(&mut self, from: usize, text: &str, nodes: &[Node]) -> Option<usize> {
        let keys = self.open.get_mut(from..)?;
        let duplicate = if keys.len() <= PAIRWISE_MEMBERS && differ(keys) {
            None
        } else {
            duplicate(keys, text, nodes)
        };
        self.open.truncate(from);
        duplicate
    }
}

/// Whether no two digests are the same.
fn differ(mut keys: &[u64]) -> bool {
    while let [key, later @ ..] = keys {
        if later.iter().any(|other| is_alike(*key, *other)) {
            return false;
        }
        keys = later;
    }
    true
}

fn duplicate(keys: &mut [u64], text: &str, nodes: &[Node]) -> Option<usize> {
    keys.sort_unstable();
    let mut alike = keys
        .chunk_by(|key, other| is_alike(*key, *other))
        .filter(|alike| alike.len() > 1);
    alike.find_map(|alike| {
        let nodes = alike
            .iter()
            .filter_map(|key| nodes.get((key & 0xFFFF_FFFF) as usize));
        let mut names: Vec<_> = nodes
            .map(|node| (node.decoded(text), node.start as usize))
            .collect();
        names.sort_unstable();
        let mut pairs = names.windows(2);
        pairs.find_map(|pair| match pair {
            [(first, _), (second, at)] if first == second => Some(*at),
            _ => None,
        })
    })
}

fn is_alike(key: u64, other: u64) -> bool {
    (key ^ other) >> 32 == 0
}

/// Differs only where keys do. Keys that someone made alike are still told apart, by sorting them.
#[inline]
fn digest(name: &[u8]) -> u32 {
    let eight = name.first_chunk::<8>().zip(name.last_chunk::<8>());
    let four = name.first_chunk::<4>().zip(name.last_chunk::<4>());
    let ends = if let Some((first, last)) = eight {
        u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29)
    } else if let Some((first, last)) = four {
        (u64::from(u32::from_le_bytes(*first)) << 32) | u64::from(u32::from_le_bytes(*last))
    } else {
        name.iter()
            .fold(0, |ends, byte| (ends << 8) | u64::from(*byte))
    };
    let mixed = (ends ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    u32::try_from(mixed >> 32).unwrap_or_default()
}
