//! Which of many globs match a name.

use std::collections::BTreeMap;

use super::{Bits, NameIndex, Positions, Posting, affix::AffixIndex};
use crate::glob::Glob;

/// Globs, each with the positions of what has it.
///
/// A literal is looked up; of the others only those are tried whose beginning, or where they begin
/// with a wildcard whose end, the name has.
#[derive(Debug, Default)]
pub(crate) struct GlobIndex {
    literals: NameIndex,
    by_beginning: AffixIndex<(Glob, Posting)>,
    /// By the end read backwards.
    by_end: AffixIndex<(Glob, Posting)>,
}

impl GlobIndex {
    /// Indexes the globs of each of `length` things, in their order.
    pub(crate) fn new<'g>(
        length: usize,
        globs: impl Iterator<Item = (usize, &'g Glob)> + Clone,
    ) -> Self {
        let literal = |(position, glob): (usize, &'g Glob)| Some((position, glob.as_literal()?));
        Self {
            literals: NameIndex::new(length, globs.clone().filter_map(literal)),
            ..Self::of_wildcards(length, globs)
        }
    }

    /// Indexes the globs that are no literals, as the first part of an index.
    pub(crate) fn of_wildcards<'g>(
        length: usize,
        globs: impl IntoIterator<Item = (usize, &'g Glob)>,
    ) -> Self {
        let mut positions: BTreeMap<&'g str, (&'g Glob, Positions)> = BTreeMap::new();
        let others = globs.into_iter();
        for (position, glob) in others.filter(|(_, glob)| glob.as_literal().is_none()) {
            let of_glob = positions.entry(glob.as_str());
            let (_, of_glob) = of_glob.or_insert_with(|| (glob, Positions::default()));
            of_glob.push(position);
        }
        let (mut by_beginning, mut by_end) = (Vec::new(), Vec::new());
        for (pattern, (glob, positions)) in positions {
            let posting = positions.finish(length);
            let mut ends = pattern.split(['*', '?']);
            let beginning = ends.next().unwrap_or_default();
            if beginning.is_empty() {
                let end = ends.next_back().unwrap_or_default();
                by_end.push((end.bytes().rev().collect(), (glob.clone(), posting)));
            } else {
                by_beginning.push((beginning.as_bytes().into(), (glob.clone(), posting)));
            }
        }
        Self {
            literals: NameIndex::default(),
            by_beginning: by_beginning.into_iter().collect(),
            by_end: by_end.into_iter().collect(),
        }
    }

    /// The literals, to be added to wildcards.
    pub(crate) fn literals_mut(&mut self) -> &mut NameIndex {
        &mut self.literals
    }

    /// Adds the positions of everything that has a glob which matches `name`.
    pub(crate) fn find(&self, name: &str, found: &mut Bits) {
        self.literals.find(name, found);
        let mut tried = |(glob, posting): &(Glob, Posting)| {
            if glob.matches(name) {
                posting.add_to(found);
            }
        };
        self.by_beginning.find(name.as_bytes()).for_each(&mut tried);
        if !self.by_end.is_empty() {
            let backwards: Vec<u8> = name.bytes().rev().collect();
            self.by_end.find(&backwards).for_each(&mut tried);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn finds_what_trying_every_glob_finds(
            patterns in vec(vec("[ab*?]{1,5}", 0..3), 1..70),
            name in "[abé]{0,8}",
        ) {
            let globs: Vec<Vec<Glob>> = patterns
                .iter()
                .map(|patterns| patterns.iter().map(|p| Glob::parse(p).unwrap()).collect())
                .collect();
            let pairs = globs.iter().enumerate().flat_map(|(p, globs)| globs.iter().map(move |g| (p, g)));
            let index = GlobIndex::new(globs.len(), pairs);
            let mut found = Bits::none(globs.len());
            index.find(&name, &mut found);
            let expected = Bits::of(&globs, |globs| globs.iter().any(|glob| glob.matches(&name)));
            prop_assert_eq!(found, expected);
        }
    }
}
