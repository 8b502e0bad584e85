//! Which JSON values are the same: numbers by value, objects whatever the order of their members.

use super::fit::{Exhausted, Steps};
use crate::{
    condition::decimal::Decimal,
    json::{Kind, Value},
};

/// The value of a number's lexeme. `None`: its exponent is absurd.
pub(super) fn decimal(lexeme: &str) -> Option<Decimal<'_>> {
    Decimal::read(lexeme)
}

/// Whether two values are the same.
pub(super) fn same(a: Value<'_>, b: Value<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    steps.take(1)?;
    if a.kind() != b.kind() {
        return Ok(false);
    }
    match a.kind() {
        Kind::Null => Ok(true),
        Kind::Bool => Ok(a.raw() == b.raw()),
        Kind::Number => Ok(a.raw() == b.raw() || same_number(a.raw(), b.raw())),
        Kind::String => {
            steps.take_text(a)?;
            Ok(b.as_str().is_some_and(|text| a.is(&text)))
        }
        Kind::Array => {
            let (mut left, mut right) = (a.items(), b.items());
            loop {
                match (left.next(), right.next()) {
                    (None, None) => return Ok(true),
                    (Some(one), Some(other)) if same(one, other, steps)? => {}
                    (Some(_), Some(_) | None) | (None, Some(_)) => return Ok(false),
                }
            }
        }
        Kind::Object => {
            let count = b.members().count();
            if a.members().count() != count {
                return Ok(false);
            }
            for (key, value) in a.members() {
                steps.take(count)?;
                let other = key.as_str().and_then(|key| b.get(&key));
                match other {
                    Some(other) if same(value, other, steps)? => {}
                    Some(_) | None => return Ok(false),
                }
            }
            Ok(true)
        }
    }
}

fn same_number(a: &str, b: &str) -> bool {
    let both = decimal(a).zip(decimal(b));
    both.is_some_and(|(a, b)| a.compare(b).is_eq())
}

/// Whether no two items of an array are the same.
pub(super) fn are_unique(array: Value<'_>, steps: &mut Steps) -> Result<bool, Exhausted> {
    let items: Vec<_> = array.items().collect();
    let mut digests = Vec::with_capacity(items.len());
    for item in &items {
        digests.push(digest(*item, steps)?.to_be_bytes());
    }
    let order = crate::order::by_key(digests.iter().map(|digest| &digest[..]));
    // Of items that are the same, the digests are; the sort puts them side by side.
    let sorted = |at: usize| order.get(at).and_then(|position| items.get(*position));
    let digest_at = |at: usize| order.get(at).and_then(|position| digests.get(*position));
    for at in 0..items.len() {
        let mut next = at.saturating_add(1);
        while next < items.len() && digest_at(at) == digest_at(next) {
            if let Some((one, other)) = sorted(at).zip(sorted(next))
                && same(*one, *other, steps)?
            {
                return Ok(false);
            }
            next = next.saturating_add(1);
        }
    }
    Ok(true)
}

/// A digest that values have in common which are the same. Others may, too: whoever makes them so only
/// uses up the steps of their own call.
fn digest(value: Value<'_>, steps: &mut Steps) -> Result<u64, Exhausted> {
    steps.take(1)?;
    let mut digest = Fnv::new(value.kind());
    match value.kind() {
        Kind::Null => {}
        Kind::Bool => digest.write(value.raw().as_bytes()),
        Kind::Number => match decimal(value.raw()) {
            Some(number) => number.write_to(&mut |bytes| digest.write(bytes)),
            None => digest.write(value.raw().as_bytes()),
        },
        Kind::String => {
            steps.take_text(value)?;
            digest.write(value.as_str().unwrap_or_default().as_bytes());
        }
        Kind::Array => {
            for item in value.items() {
                digest.write(&self::digest(item, steps)?.to_le_bytes());
            }
        }
        Kind::Object => {
            let mut members: u64 = 0;
            for (key, value) in value.members() {
                let mut member = Fnv::new(Kind::Object);
                member.write(&self::digest(key, steps)?.to_le_bytes());
                member.write(&self::digest(value, steps)?.to_le_bytes());
                // Whatever their order.
                members = members.wrapping_add(member.0);
            }
            digest.write(&members.to_le_bytes());
        }
    }
    Ok(digest.0)
}

/// FNV-1a of 64 bits.
struct Fnv(u64);

impl Fnv {
    fn new(kind: Kind) -> Self {
        Self(0xcbf2_9ce4_8422_2325 ^ kind as u64)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
