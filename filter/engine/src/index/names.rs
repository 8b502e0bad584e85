//! Things by exact name, looked up in time that does not grow with their number.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use super::{Bits, Positions, Posting};

/// Postings by name.
///
/// A hash map with a fixed seed: what is in it comes from administrators, and looking up never
/// takes longer than what they made equal on purpose. It is made shard by shard, where all at once
/// would take too long.
#[derive(Debug, Default)]
pub(crate) struct NameIndex {
    /// By the last bits of the hash: as many as are wanted, a power of two.
    shards: Vec<Shard>,
}

/// Postings by name, in the order of the names' hashes.
#[derive(Debug, Default)]
struct Shard {
    entries: Vec<Entry>,
    /// Where the entries begin whose hashes begin with these bits, and where the last ends.
    starts: Vec<u32>,
    /// How many bits of a hash come after those.
    shift: u32,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    name: Box<str>,
    posting: Posting,
}

impl NameIndex {
    /// Indexes the names of each of `length` things, in their order.
    pub(crate) fn new<'n>(
        length: usize,
        names: impl IntoIterator<Item = (usize, &'n str)>,
    ) -> Self {
        let hashed = |(position, name): (usize, &'n str)| (hash(name), name, position);
        let names = names.into_iter().map(hashed).collect();
        Self {
            shards: vec![Shard::new(length, names)],
        }
    }

    /// Makes the next of `shards`, a power of two, from all names, each with its [`hash`]; whether it
    /// was the last.
    pub(crate) fn add_shard<'n>(
        &mut self,
        shards: usize,
        length: usize,
        names: impl IntoIterator<Item = (u64, &'n str, usize)>,
    ) -> bool {
        let number = self.shards.len();
        let is_here = |of: &(u64, &'n str, usize)| shard_of(of.0, shards) == number;
        let names = names.into_iter().filter(is_here).collect();
        self.shards.push(Shard::new(length, names));
        self.shards.len() >= shards
    }

    /// Adds the positions of everything that has a name.
    pub(crate) fn find(&self, name: &str, found: &mut Bits) {
        if self.shards.iter().all(|shard| shard.entries.is_empty()) {
            return;
        }
        let hash = hash(name);
        if let Some(shard) = self.shards.get(shard_of(hash, self.shards.len())) {
            shard.find(hash, name, found);
        }
    }
}

fn shard_of(hash: u64, shards: usize) -> usize {
    let last_bits = shards.saturating_sub(1);
    usize::try_from(hash & 0xFFFF).unwrap_or(0) & last_bits
}

impl Shard {
    fn new(length: usize, mut names: Vec<(u64, &str, usize)>) -> Self {
        names.sort_unstable();
        let same = |a: &(u64, &str, usize), b: &(u64, &str, usize)| a.1 == b.1;
        let entry = |of_name: &[(u64, &str, usize)]| {
            let (hash, name, _) = *of_name.first()?;
            let mut positions = Positions::default();
            for (_, _, position) in of_name {
                positions.push(*position);
            }
            let posting = positions.finish(length);
            Some(Entry {
                hash,
                name: name.into(),
                posting,
            })
        };
        let entries: Vec<Entry> = names.chunk_by(same).filter_map(entry).collect();
        // As many places as entries, or up to twice that.
        let bits = entries.len().next_power_of_two().trailing_zeros();
        let shift = u64::BITS.saturating_sub(bits);
        let places = 1_usize.checked_shl(bits).unwrap_or(0);
        let mut starts = Vec::with_capacity(places.saturating_add(1));
        for (entry, start) in entries.iter().zip(0_u32..) {
            let place = entry.hash.checked_shr(shift).unwrap_or(0);
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            // Places without an entry end where they begin.
            while starts.len() <= place {
                starts.push(start);
            }
        }
        let end = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        starts.resize(places.saturating_add(1), end);
        Self {
            entries,
            starts,
            shift,
        }
    }

    fn find(&self, hash: u64, name: &str, found: &mut Bits) {
        let place = hash.checked_shr(self.shift).unwrap_or(0);
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let bound = |place: usize| self.starts.get(place).map_or(0, |start| *start as usize);
        let here = bound(place)..bound(place.saturating_add(1));
        let mut here = self.entries.get(here).into_iter().flatten();
        if let Some(entry) = here.find(|entry| entry.hash == hash && *entry.name == *name) {
            entry.posting.add_to(found);
        }
    }
}

/// What a name is found by.
pub(crate) fn hash(name: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_search_through_all_finds(
            names in vec(vec("[a-c]{0,3}", 0..4), 0..80),
            name in "[a-c]{0,3}",
            shards in prop::sample::select(vec![1_usize, 2, 8]),
        ) {
            let pairs = || names.iter().enumerate().flat_map(|(p, names)| names.iter().map(move |n| (p, &**n)));
            let mut index = NameIndex::default();
            let hashed = || pairs().map(|(position, name)| (hash(name), name, position));
            while !index.add_shard(shards, names.len(), hashed()) {}
            let mut found = Bits::none(names.len());
            index.find(&name, &mut found);
            prop_assert_eq!(found, Bits::of(&names, |names| names.contains(&name)));
        }
    }
}
