//! Which of many affixes a name begins with, in time that does not grow with their number.

use crate::order;

/// Things by an affix, in the order of their affixes.
#[derive(Debug)]
pub(super) struct AffixIndex<T>(Vec<Entry<T>>);

#[derive(Debug)]
struct Entry<T> {
    affix: Box<[u8]>,
    /// The longest other affix that this one begins with.
    within: Option<usize>,
    things: Vec<T>,
}

impl<T> Default for AffixIndex<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<(Box<[u8]>, T)> for AffixIndex<T> {
    fn from_iter<I: IntoIterator<Item = (Box<[u8]>, T)>>(pairs: I) -> Self {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let order = order::by_key(pairs.iter().map(|(affix, _)| &**affix));
        let pairs = order::rearranged(pairs, &order);
        let mut entries: Vec<Entry<T>> = Vec::new();
        // The affixes that the last one begins with, and it.
        let mut open: Vec<usize> = Vec::new();
        for (affix, thing) in pairs {
            if let Some(last) = entries.last_mut()
                && last.affix == affix
            {
                last.things.push(thing);
                continue;
            }
            let holds = |index: &usize| {
                let entry: Option<&Entry<T>> = entries.get(*index);
                entry.is_some_and(|entry| affix.starts_with(&entry.affix))
            };
            while open.last().is_some_and(|index| !holds(index)) {
                open.pop();
            }
            let within = open.last().copied();
            open.push(entries.len());
            entries.push(Entry {
                affix,
                within,
                things: vec![thing],
            });
        }
        Self(entries)
    }
}

impl<T> AffixIndex<T> {
    /// Everything whose affix a name begins with.
    ///
    /// Between an affix of the name and the name itself only extensions of that affix are in
    /// order, so the last affix that is not after the name leads to all of them.
    pub(super) fn find(&self, name: &[u8]) -> impl Iterator<Item = &T> {
        let before = self.0.partition_point(|entry| &*entry.affix <= name);
        let mut next = before.checked_sub(1);
        let entries = std::iter::from_fn(move || {
            loop {
                let entry = self.0.get(next?)?;
                next = entry.within;
                if name.starts_with(&entry.affix) {
                    return Some(entry);
                }
            }
        });
        entries.flat_map(|entry| &entry.things)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_search_through_all_finds(
            affixes in vec("[ab]{0,4}", 0..20),
            name in "[abc]{0,6}",
        ) {
            let pairs = affixes.iter().cloned().enumerate();
            let index: AffixIndex<usize> =
                pairs.map(|(thing, affix)| (affix.into_bytes().into(), thing)).collect();
            let mut found: Vec<usize> = index.find(name.as_bytes()).copied().collect();
            found.sort_unstable();
            let expected: Vec<usize> = affixes
                .iter()
                .enumerate()
                .filter(|(_, affix)| name.starts_with(&**affix))
                .map(|(thing, _)| thing)
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
