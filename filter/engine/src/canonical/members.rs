//! An object's members in the order that RFC 8785 wants: that of their keys' UTF-16 code units.

use std::borrow::Cow;

use crate::{json::Value, order};

/// Up to this many members are put in order where they are; more are sorted.
const FEW: usize = 16;

/// The highest bit of each byte, which ASCII never has.
const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

/// A member of an object.
#[derive(Clone, Copy)]
pub(super) struct Member<'d> {
    pub(super) key: Value<'d>,
    pub(super) value: Value<'d>,
    /// What its key's order begins with, which tells most keys apart.
    first: u64,
}

impl<'d> Member<'d> {
    pub(super) fn new((key, value): (Value<'d>, Value<'d>)) -> Self {
        let mut first = first_bytes(key.inner().as_bytes());
        if key.is_escaped() || first & NOT_ASCII != 0 {
            first = first_bytes(&sort_key(key));
        }
        Self { key, value, first }
    }

    fn precedes(&self, other: &Self) -> bool {
        if self.first != other.first {
            return self.first < other.first;
        }
        sort_key(self.key) < sort_key(other.key)
    }
}

/// Puts members in the order of their keys.
pub(super) fn arrange(members: &mut [Member<'_>]) {
    if members.len() > FEW {
        let keys: Vec<_> = members.iter().map(|member| sort_key(member.key)).collect();
        let order = order::by_key(keys.iter().map(AsRef::as_ref));
        let arranged = order::rearranged(members.to_vec(), &order);
        members.copy_from_slice(&arranged);
        return;
    }
    for last in 1..members.len() {
        let mut here = last;
        while let Some([.., before, member]) = members.get_mut(..=here)
            && member.precedes(before)
        {
            std::mem::swap(before, member);
            here = here.saturating_sub(1);
        }
    }
}

/// The first eight bytes as a number in their order; those that are missing are 0, which no byte
/// that is there precedes.
fn first_bytes(bytes: &[u8]) -> u64 {
    let first = bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut first = [0; 8];
        for (to, from) in first.iter_mut().zip(bytes) {
            *to = *from;
        }
        first
    });
    u64::from_be_bytes(first)
}

/// Bytes in the order of a key's UTF-16 code units.
///
/// That is the order of its UTF-8, but that characters of two units, which begin with a surrogate
/// (`D800` to `DFFF`), come before `E000` to `FFFF`, which UTF-8 begins with `EE` and `EF`.
fn sort_key(key: Value<'_>) -> Cow<'_, [u8]> {
    let comes_last = |byte: u8| matches!(byte, 0xEE | 0xEF);
    match key.as_str().unwrap_or_default() {
        key if key.bytes().any(comes_last) => {
            let moved = |byte: u8| if comes_last(byte) { byte | 0x10 } else { byte };
            Cow::Owned(key.bytes().map(moved).collect())
        }
        Cow::Borrowed(key) => Cow::Borrowed(key.as_bytes()),
        Cow::Owned(key) => Cow::Owned(key.into_bytes()),
    }
}
