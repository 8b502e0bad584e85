//! Orders of things by what they are told apart by.
//!
//! A sort is compiled anew for every type that is sorted, in 4 to 10 KB of the filter each; here one
//! is compiled for all. So does collecting into a `BTreeMap` or `BTreeSet`, which extending one does
//! not.

use std::ops::Range;

/// The positions of things in the order of these keys, equal ones as they come.
pub(crate) fn by_key<'k>(keys: impl Iterator<Item = &'k [u8]>) -> Vec<usize> {
    let mut keyed: Vec<(&'k [u8], usize)> = keys.zip(0..).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, position)| position).collect()
}

/// Sorts things by where they begin, those that begin alike by length, the longest first; equal
/// ones stay as they come. Most come in order.
pub(crate) fn sort_by_range<T>(things: &mut Vec<T>, range: impl Fn(&T) -> Range<usize>) {
    let key = |thing: &T| {
        let Range { start, end } = range(thing);
        [start, usize::MAX.wrapping_sub(end)]
    };
    if things.is_sorted_by_key(key) {
        return;
    }
    let keys = things.iter().map(key).zip(0..);
    let mut placed: Vec<[usize; 3]> = keys.map(|([start, end], at)| [start, end, at]).collect();
    placed.sort_unstable();
    let order: Vec<usize> = placed.into_iter().map(|[_, _, at]| at).collect();
    *things = rearranged(std::mem::take(things), &order);
}

/// Things in an order, which has each of their positions once.
pub(crate) fn rearranged<T>(things: Vec<T>, order: &[usize]) -> Vec<T> {
    let mut things: Vec<Option<T>> = things.into_iter().map(Some).collect();
    order
        .iter()
        .filter_map(|position| things.get_mut(*position)?.take())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_the_order_of_a_stable_sort(
            keys in prop::collection::vec("[ab]{0,2}", 0..40),
            starts in prop::collection::vec((0_usize..9, 0_usize..9), 0..40),
        ) {
            let things: Vec<_> = keys.into_iter().enumerate().collect();
            let mut sorted = things.clone();
            sorted.sort_by(|(_, a), (_, b)| a.cmp(b));
            let order = by_key(things.iter().map(|(_, key)| key.as_bytes()));
            prop_assert_eq!(rearranged(things, &order), sorted);

            let ranges: Vec<_> = starts.into_iter().map(|(start, length)| start..start + length).collect();
            let mut sorted = ranges.clone();
            sorted.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
            let mut ranges = ranges;
            sort_by_range(&mut ranges, Clone::clone);
            prop_assert_eq!(ranges, sorted);
        }
    }
}
