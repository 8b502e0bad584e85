//! Digits in groups, as people write long numbers.

use super::bytes::{ByteSet, DIGITS, at, before, byte_set, run};

/// What may stand between two groups of one number.
pub(super) static SEPARATORS: &ByteSet =
    byte_set!(|byte| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'_' | b'*'));

/// Most groups that are looked at together, as many as a card's digits one by one.
const MAX_GROUPS: usize = 19;

/// All groups of a number and what parts them are far shorter than a byte can say.
fn narrow(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

/// Digits in groups, with what stands between.
pub(super) struct Groups {
    /// Where the first group begins.
    start: usize,
    /// Where each group begins and ends, from there.
    bounds: [(u8, u8); MAX_GROUPS],
    /// How many digits are in the groups up to each, with it.
    sums: [u8; MAX_GROUPS],
    /// What stands before each group but the first; several bytes count as `x`.
    separators: [u8; MAX_GROUPS],
    count: usize,
    /// All digits, as many as there is room for.
    pub(super) digits: [u8; 24],
}

impl Groups {
    /// Reads groups from a digit on, which is the first of its group.
    pub(super) fn read(bytes: &[u8], start: usize) -> Self {
        let mut groups = Self {
            start,
            bounds: [(0, 0); MAX_GROUPS],
            sums: [0; MAX_GROUPS],
            separators: [0; MAX_GROUPS],
            count: 0,
            digits: [0; 24],
        };
        let mut held = 0_usize;
        let mut from = start;
        let mut separator = 0;
        while let (Some(bound), Some(place), Some(sum)) = (
            groups.bounds.get_mut(groups.count),
            groups.separators.get_mut(groups.count),
            groups.sums.get_mut(groups.count),
        ) {
            let mut end = from;
            while at(bytes, end).is_ascii_digit() && end.saturating_sub(from) < 24 {
                if let Some(digit) = groups.digits.get_mut(held) {
                    *digit = at(bytes, end).wrapping_sub(b'0');
                    held = held.saturating_add(1);
                }
                end = end.saturating_add(1);
            }
            let (begins, ends) = (from.saturating_sub(start), end.saturating_sub(start));
            (*bound, *place) = ((narrow(begins), narrow(ends)), separator);
            *sum = narrow(held);
            groups.count = groups.count.saturating_add(1);
            let next = run(bytes, end, SEPARATORS);
            let between = next.saturating_sub(end);
            if held >= 24 || !(1..=3).contains(&between) || !at(bytes, next).is_ascii_digit() {
                break;
            }
            separator = match between {
                1 => at(bytes, end),
                _ if at(bytes, end) == b')' || before(bytes, next, 1) == b'(' => b')',
                _ => b'x',
            };
            from = next;
        }
        groups
    }

    /// Where the last groups begin of more short ones than one number has: they are figures, of
    /// which each would be read with all that follow it.
    pub(super) fn last_of_figures(&self, bytes: &[u8]) -> Option<usize> {
        /// As many as may still be one number.
        const LAST: usize = 9;
        let is_short = |group| self.width(group) <= 3;
        if self.digits_in(self.count) < 24 || !(0..self.count).all(is_short) {
            return None;
        }
        let mut begins = [self.start; LAST];
        let (mut from, mut count) = (self.start, 0_usize);
        loop {
            let end = run(bytes, from, DIGITS);
            if !(1..=3).contains(&end.saturating_sub(from)) {
                break;
            }
            *begins.get_mut(count % LAST)? = from;
            count = count.saturating_add(1);
            let next = run(bytes, end, SEPARATORS);
            if !(1..=3).contains(&next.saturating_sub(end)) {
                break;
            }
            from = next;
        }
        let last = begins.get(count % LAST).copied()?;
        (last > self.start).then_some(last)
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// How many digits the first groups have.
    pub(super) fn digits_in(&self, groups: usize) -> usize {
        let last = groups.min(self.count).checked_sub(1);
        last.and_then(|last| self.sums.get(last))
            .map_or(0, |sum| usize::from(*sum))
    }

    /// The digits of the first groups.
    pub(super) fn digits(&self, groups: usize) -> &[u8] {
        self.digits
            .get(..self.digits_in(groups))
            .unwrap_or_default()
    }

    /// How many digits a group has.
    pub(super) fn width(&self, group: usize) -> usize {
        let (from, to) = self.bounds.get(group).copied().unwrap_or_default();
        usize::from(to.saturating_sub(from))
    }

    /// Where a group ends, counted from one.
    pub(super) fn end(&self, groups: usize) -> usize {
        let last = groups.checked_sub(1).and_then(|last| self.bounds.get(last));
        last.map_or(0, |bound| self.start.saturating_add(usize::from(bound.1)))
    }

    pub(super) fn separator(&self, group: usize) -> u8 {
        self.separators.get(group).copied().unwrap_or(0)
    }

    /// Whether the first groups have these widths and there is the same separator between all.
    pub(super) fn is(&self, widths: &[usize], separators: &[u8]) -> bool {
        self.count >= widths.len()
            && widths
                .iter()
                .enumerate()
                .all(|(group, width)| self.width(group) == *width)
            && self.is_parted(widths.len(), separators)
    }

    /// Whether the first groups are parted by the same one of some separators.
    pub(super) fn is_parted(&self, groups: usize, separators: &[u8]) -> bool {
        let first = self.separator(1);
        groups < 2
            || separators.contains(&first)
                && (1..groups).all(|group| self.separator(group) == first)
    }

    /// The number that a group is.
    fn value(&self, group: usize) -> u32 {
        let from = self.digits_in(group);
        let digits = self.digits.iter().skip(from).take(self.width(group));
        digits.fold(0, |value: u32, digit| {
            value.wrapping_mul(10).wrapping_add(u32::from(*digit))
        })
    }
}

impl Groups {
    /// How many groups have this many digits together; 0 where none do.
    pub(super) fn digits_count(&self, digits: usize) -> usize {
        (1..=self.count)
            .find(|count| self.digits_in(*count) == digits)
            .unwrap_or(0)
    }

    /// The first three groups as numbers.
    pub(super) fn three(&self) -> [u32; 3] {
        [self.value(0), self.value(1), self.value(2)]
    }
}
