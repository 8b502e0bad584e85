//! Sets of positions, and which of many globs match a name: what makes a decision cost the same
//! under ten rules and a thousand.

mod affix;
mod globs;
mod names;

pub(crate) use globs::GlobIndex;
pub(crate) use names::{NameIndex, hash};

const WORD_BITS: usize = u64::BITS as usize;

/// A set of positions in a list of known length, one bit each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set over `length` positions.
    pub(crate) fn none(length: usize) -> Self {
        Self(vec![0; length.div_ceil(WORD_BITS)])
    }

    /// The positions of what a predicate holds for.
    pub(crate) fn of<T>(items: &[T], holds: impl Fn(&T) -> bool) -> Self {
        let mut bits = Self::none(items.len());
        for (position, item) in items.iter().enumerate() {
            if holds(item) {
                bits.insert(position);
            }
        }
        bits
    }

    pub(crate) fn insert(&mut self, position: usize) {
        if let Some(word) = self.0.get_mut(position / WORD_BITS) {
            *word |= 1 << (position % WORD_BITS);
        }
    }

    pub(crate) fn contains(&self, position: usize) -> bool {
        let word = self.0.get(position / WORD_BITS).copied().unwrap_or(0);
        word >> (position % WORD_BITS) & 1 == 1
    }

    /// Keeps what is in the other set too.
    pub(crate) fn keep(&mut self, other: &Self) {
        self.zip(other, |here, there| here & there);
    }

    /// Adds what is in the other set.
    pub(crate) fn add(&mut self, other: &Self) {
        self.zip(other, |here, there| here | there);
    }

    fn zip(&mut self, other: &Self, combine: impl Fn(u64, u64) -> u64) {
        for (here, there) in self.0.iter_mut().zip(&other.0) {
            *here = combine(*here, *there);
        }
    }

    /// The positions, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        positions(self.0.iter().copied())
    }

    /// The positions that are in both sets, in order.
    pub(crate) fn both(&self, other: &Self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().zip(&other.0);
        positions(words.map(|(here, there)| here & there))
    }
}

fn positions(words: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    words.enumerate().flat_map(|(index, mut rest)| {
        std::iter::from_fn(move || {
            let bit = rest.trailing_zeros() as usize;
            rest &= rest.checked_sub(1)?;
            Some(index.saturating_mul(WORD_BITS).saturating_add(bit))
        })
    })
}

/// A set of positions as it is kept: most hold one or few of many.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Posting {
    One(u32),
    Few(Box<[u32]>),
    Many(Bits),
}

impl Posting {
    /// Of positions in order, in a list of `length`.
    fn new(positions: &[u32], length: usize) -> Self {
        match positions {
            [position] => Self::One(*position),
            // As words of bits they would take no more space.
            _ if positions.len().saturating_mul(32) < length => Self::Few(positions.into()),
            _ => {
                let mut bits = Bits::none(length);
                for position in positions {
                    bits.insert(*position as usize);
                }
                Self::Many(bits)
            }
        }
    }

    /// Adds the positions to a set.
    pub(crate) fn add_to(&self, bits: &mut Bits) {
        match self {
            Self::One(position) => bits.insert(*position as usize),
            Self::Few(positions) => {
                for position in positions {
                    bits.insert(*position as usize);
                }
            }
            Self::Many(more) => bits.add(more),
        }
    }
}

/// Positions as they are collected, in order and each once.
#[derive(Debug, Default)]
pub(crate) struct Positions(Vec<u32>);

impl Positions {
    pub(crate) fn push(&mut self, position: usize) {
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        if self.0.last() != Some(&position) {
            self.0.push(position);
        }
    }

    pub(crate) fn finish(&self, length: usize) -> Posting {
        Posting::new(&self.0, length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_what_was_put_in(
            length in 1_usize..300,
            first in btree_set(0_u32..300, 0..80),
            second in btree_set(0_u32..300, 0..80),
        ) {
            let within = |set: std::collections::BTreeSet<u32>| -> Vec<u32> {
                set.into_iter().filter(|position| (*position as usize) < length).collect()
            };
            let (first, second) = (within(first), within(second));
            let bits = |positions: &[u32]| {
                let mut bits = Bits::none(length);
                Posting::new(positions, length).add_to(&mut bits);
                bits
            };
            let list = |bits: &Bits| bits.iter().map(|p| u32::try_from(p).unwrap()).collect::<Vec<_>>();
            let (a, b) = (bits(&first), bits(&second));
            prop_assert_eq!(&list(&a), &first);
            let expect = |keep: &dyn Fn(&u32) -> bool| (0..u32::try_from(length).unwrap()).filter(|p| keep(p)).collect::<Vec<_>>();
            let mut both = a.clone();
            both.keep(&b);
            prop_assert_eq!(a.both(&b).collect::<Vec<_>>(), both.iter().collect::<Vec<_>>());
            prop_assert_eq!(list(&both), expect(&|p| first.contains(p) && second.contains(p)));
            let mut either = a.clone();
            either.add(&b);
            prop_assert_eq!(list(&either), expect(&|p| first.contains(p) || second.contains(p)));
            prop_assert!((0..length).all(|p| a.contains(p) == first.contains(&u32::try_from(p).unwrap())));
        }
    }
}
