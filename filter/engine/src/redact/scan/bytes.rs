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

/// A set of bytes. Looked up and not computed: what every byte of a message is asked.
#[derive(Debug)]
pub(super) struct ByteSet([bool; 256]);

impl ByteSet {
    /// What `byte_set!` builds.
    pub(super) const fn new(members: [bool; 256]) -> Self {
        Self(members)
    }

    #[inline]
    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or(false)
    }
}

/// The set of the bytes for which an expression is true, built by the compiler.
macro_rules! byte_set {
    (|$byte:ident| $holds:expr) => {{
        static SET: $crate::redact::scan::bytes::ByteSet = {
            let mut members = [false; 256];
            let mut rest: &mut [bool] = &mut members;
            let mut $byte = 0_u8;
            while let [member, after @ ..] = rest {
                *member = $holds;
                $byte = $byte.wrapping_add(1);
                rest = after;
            }
            $crate::redact::scan::bytes::ByteSet::new(members)
        };
        &SET
    }};
}
pub(super) use byte_set;

pub(super) static DIGITS: &ByteSet = byte_set!(|byte| byte.is_ascii_digit());
pub(super) static ALPHANUMERICS: &ByteSet = byte_set!(|byte| byte.is_ascii_alphanumeric());
/// Letters, and all that is beyond ASCII.
pub(super) static LETTERS: &ByteSet = byte_set!(|byte| byte.is_ascii_alphabetic() || byte >= 0x80);

/// Where the run of bytes of a set ends, from `from` on.
pub(super) fn run(bytes: &[u8], from: usize, set: &ByteSet) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| !set.has(*byte));
    let length = length.unwrap_or(rest.len());
    #[cfg(test)]
    steps::take(length);
    from.saturating_add(length)
}

/// Where the run of bytes of a set begins that ends at `to`; at most `most` long.
pub(super) fn run_back(bytes: &[u8], to: usize, most: usize, set: &ByteSet) -> usize {
    let window = part(bytes, to.saturating_sub(most)..to);
    let length = window.iter().rev().position(|byte| !set.has(*byte));
    let length = length.unwrap_or(window.len());
    #[cfg(test)]
    steps::take(length);
    to.saturating_sub(length)
}

/// A letter, a digit or an underscore: what makes a longer word of what it touches.
#[inline]
pub(super) const fn is_word(byte: u8) -> bool {
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
