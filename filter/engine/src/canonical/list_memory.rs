//! Remembers approved lists, so that one that did not change is not pinned item by item again.

use std::{collections::VecDeque, hash::Hasher as _};

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::DefinitionKind;
use crate::{id::SnapshotVersion, json::Value};

/// Lists of which every item was approved, bounded, oldest out first.
///
/// A list is known by a hash of 128 bits alone, under a key that must not leave the instance: who does
/// not know it cannot make a list that has the hash of another.
#[derive(Debug)]
pub struct ListMemory {
    key: (u64, u64),
    max_lists: usize,
    lists: VecDeque<ListId>,
}

/// A list as its server spelt it, judged by one snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ListId(u128);

impl ListMemory {
    /// An empty memory.
    pub fn new(key: (u64, u64), max_lists: usize) -> Self {
        Self {
            key,
            max_lists,
            lists: VecDeque::new(),
        }
    }

    /// What a list is known by. It depends on whatever its approval does: the server and what the
    /// items are listed as, since pins belong to those; the snapshot, since that has the pins; every
    /// byte of the list.
    pub fn id(
        &self,
        snapshot: &SnapshotVersion,
        server: &str,
        kind: DefinitionKind,
        list: Value<'_>,
    ) -> ListId {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(&snapshot.epoch.to_le_bytes());
        hasher.write(&snapshot.version.to_le_bytes());
        hasher.write(snapshot.digest.as_bytes());
        hasher.write(&[kind.number()]);
        // Of all that comes before the list, only this has no fixed length.
        let length = u64::try_from(server.len()).unwrap_or(u64::MAX);
        hasher.write(&length.to_le_bytes());
        hasher.write(server.as_bytes());
        hasher.write(list.raw().as_bytes());
        ListId(hasher.finish128().as_u128())
    }

    /// Whether every item of a list is known to be approved.
    pub fn is_approved(&self, list: ListId) -> bool {
        self.lists.contains(&list)
    }

    /// Remembers a list of which every item was approved.
    pub fn remember(&mut self, list: ListId) {
        if self.is_approved(list) {
            return;
        }
        self.lists.push_back(list);
        if self.lists.len() > self.max_lists {
            self.lists.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::Digest, json::Document, limits::Limits};

    const KEY: (u64, u64) = (1, 2);

    fn snapshot(epoch: u64, version: u64, manifest: &str) -> SnapshotVersion {
        SnapshotVersion {
            epoch,
            version,
            digest: Digest::of(manifest.as_bytes()),
        }
    }

    fn id(
        memory: &ListMemory,
        snapshot: &SnapshotVersion,
        server: &str,
        kind: DefinitionKind,
        list: &str,
    ) -> ListId {
        let document = Document::parse(list.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
        memory.id(snapshot, server, kind, document.root())
    }

    #[test]
    fn knows_a_list_by_all_that_its_approval_depends_on() {
        let mut memory = ListMemory::new(KEY, 64);
        let first = snapshot(1, 1, "a");
        let known = id(&memory, &first, "s", DefinitionKind::Tool, "[{\"a\":1}]");
        assert!(!memory.is_approved(known));
        memory.remember(known);
        let again = id(&memory, &first, "s", DefinitionKind::Tool, "[{\"a\":1}]");
        assert!(memory.is_approved(again));
        let other_key = ListMemory::new((1, 3), 64);
        for other in [
            id(&memory, &first, "s", DefinitionKind::Tool, "[{\"a\":2}]"),
            id(&memory, &first, "s", DefinitionKind::Tool, "[{\"a\": 1}]"),
            id(&memory, &first, "s", DefinitionKind::Prompt, "[{\"a\":1}]"),
            id(&memory, &first, "s2", DefinitionKind::Tool, "[{\"a\":1}]"),
            id(&memory, &first, "", DefinitionKind::Tool, "[{\"a\":1}]"),
            id(
                &memory,
                &snapshot(2, 1, "a"),
                "s",
                DefinitionKind::Tool,
                "[{\"a\":1}]",
            ),
            id(
                &memory,
                &snapshot(1, 2, "a"),
                "s",
                DefinitionKind::Tool,
                "[{\"a\":1}]",
            ),
            id(
                &memory,
                &snapshot(1, 1, "b"),
                "s",
                DefinitionKind::Tool,
                "[{\"a\":1}]",
            ),
            id(&other_key, &first, "s", DefinitionKind::Tool, "[{\"a\":1}]"),
        ] {
            assert!(!memory.is_approved(other));
        }
    }

    #[test]
    fn tells_where_a_server_ends_and_its_list_begins() {
        let memory = ListMemory::new(KEY, 64);
        let snapshot = snapshot(1, 1, "a");
        let one = id(&memory, &snapshot, "s[", DefinitionKind::Tool, "[]");
        let other = id(&memory, &snapshot, "s", DefinitionKind::Tool, "[[]]");
        assert_ne!(one, other);
    }

    #[test]
    fn keeps_as_many_as_it_may_and_forgets_the_oldest() {
        let mut memory = ListMemory::new(KEY, 2);
        let lists: Vec<_> = (0..3).map(ListId).collect();
        for list in [lists[0], lists[1], lists[1], lists[0]] {
            memory.remember(list);
        }
        assert!(memory.is_approved(lists[0]) && memory.is_approved(lists[1]));
        memory.remember(lists[2]);
        let known: Vec<_> = lists.iter().map(|list| memory.is_approved(*list)).collect();
        assert_eq!(known, [false, true, true]);

        let mut none = ListMemory::new(KEY, 0);
        none.remember(lists[0]);
        assert!(!none.is_approved(lists[0]));
    }
}
