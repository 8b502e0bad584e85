//! Looking at bytes around a place, always within bounds.

use std::ops::Range;

/// The byte at a place; NUL outside the text, which no shape holds.
#[inline]
pub(super) fn at(bytes: &[u8], index: usize) -> u8 {
    bytes.get(index).copied().unwrap_or(0)
}

/// The byte before a place; NUL before the text.
#[inline]
pub(super) fn before(bytes: &[u8], index: usize, back: usize) -> u8 {
    index
        .checked_sub(back)
        .and_then(|index| bytes.get(index))
        .copied()
        .unwrap_or(0)
}

/// A part of the text; empty where there is none.
#[inline]
pub(super) fn part(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// Where the run of bytes that satisfy a predicate ends, from `from` on.
///
/// One loop for all of them: each of its own would be a good part of the filter.
pub(super) fn run(bytes: &[u8], from: usize, holds: fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| !holds(*byte));
    let length = length.unwrap_or(rest.len());
    #[cfg(test)]
    steps::take(length);
    from.saturating_add(length)
}

/// Where the run of bytes that satisfy a predicate begins that ends at `to`; at most `most` long.
#[inline]
pub(super) fn run_back(bytes: &[u8], to: usize, most: usize, holds: fn(u8) -> bool) -> usize {
    let mut start = to;
    let floor = to.saturating_sub(most);
    while start > floor && holds(before(bytes, start, 1)) {
        start = start.saturating_sub(1);
    }
    #[cfg(test)]
    steps::take(to.saturating_sub(start));
    start
}

/// A letter, a digit or an underscore: what makes a longer word of what it touches.
#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether what begins at `start` is the later part of something longer.
pub(super) fn is_joined_before(bytes: &[u8], start: usize) -> bool {
    let byte = before(bytes, start, 1);
    is_word(byte) || (matches!(byte, b'-' | b'.' | b'/') && is_word(before(bytes, start, 2)))
}

/// Whether what ends at `end` is the earlier part of something longer.
pub(super) fn is_joined_after(bytes: &[u8], end: usize) -> bool {
    let byte = at(bytes, end);
    is_word(byte)
        || (matches!(byte, b'-' | b'.' | b'/') && is_word(at(bytes, end.saturating_add(1))))
}

/// How many bytes runs went over: what tests count where time would depend on the machine.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local! {
        static TAKEN: Cell<usize> = const { Cell::new(0) };
    }

    pub(in crate::redact::scan) fn take(bytes: usize) {
        TAKEN.set(TAKEN.get() + bytes + 1);
    }

    pub(in crate::redact::scan) fn reset() {
        TAKEN.set(0);
    }

    pub(in crate::redact::scan) fn taken() -> usize {
        TAKEN.get()
    }
}
