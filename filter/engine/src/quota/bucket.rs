//! Token buckets as bytes: what is shared between the VMs of a node is read, spent from and
//! written back by pure functions, with the time as an argument.
//!
//! A bucket is one number, the time at which it is full again (GCRA, ITU-T I.371 annex A): spending
//! moves it on, time catches up with it. A clock that goes back finds the bucket emptier, never
//! fuller.
//!
//! What is shared is never deleted, so its size must not follow the number of principals and tools.
//! Buckets therefore stand on a fixed number of shelves with a fixed number of places. Where a shelf
//! is full, a new bucket takes the place of the one that is nearest to being full, and begins with the
//! largest debt that any has lost its place with. So whoever comes back has no smaller debt than
//! before: crowding can refuse a call early and never lets one through. A debt that no bucket of its
//! rate can have counts as an empty one, from which it recovers at its own rate.

use std::num::NonZeroU32;

use crate::id::Time;

/// Places on a shelf.
const PLACES: usize = 8;

/// Bytes of a bucket: tag, milliseconds, parts.
const BUCKET_BYTES: usize = 8 + 8 + 4;

/// How much a bucket holds and how fast it fills.
///
/// All arithmetic is in parts of a millisecond, of which there are as many as `calls`: one call
/// costs `period_ms` of them, so that nothing is ever rounded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// How many calls a full bucket holds.
    pub calls: NonZeroU32,
    /// In how many milliseconds an empty bucket is full again.
    pub period_ms: NonZeroU32,
}

impl Rate {
    fn parts(self, milliseconds: u64) -> u128 {
        u128::from(milliseconds).saturating_mul(u128::from(self.calls.get()))
    }

    /// What one call costs.
    fn cost(self) -> u128 {
        self.period_ms.get().into()
    }

    /// What a whole bucket holds.
    fn capacity(self) -> u128 {
        self.parts(self.period_ms.get().into())
    }
}

/// Which bucket among those of its shelf, and how it fills.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Tells the buckets of a shelf apart.
    pub tag: u64,
    /// How it fills.
    pub rate: Rate,
}

/// What came of spending a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Spending {
    /// There was one: the shelf afterwards.
    Spent(Vec<u8>),
    /// There is none.
    Empty {
        /// In how many milliseconds there will be one.
        retry_after_ms: u64,
        /// The shelf afterwards, where it must be written all the same.
        mended: Option<Vec<u8>>,
    },
}

/// A bucket that is not full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Bucket {
    tag: u64,
    /// When it is full again, in milliseconds since the Unix epoch, rounded down.
    full_at_ms: u64,
    /// And this many parts of a millisecond.
    parts: u32,
}

impl Place {
    /// Spends one call.
    ///
    /// A bucket that is full more than two periods from now was written before the clock was set
    /// back by more than one, or has its debt from another of a lower rate: it counts as empty from
    /// now on.
    pub fn spend(&self, bytes: &[u8], now: Time) -> Spending {
        let mut found = Shelf::read(bytes);
        let own = found.take(self.tag);
        let now = self.rate.parts(now.unix_ms());
        let empty = now.saturating_add(self.rate.capacity());
        let full_at = match own {
            Some(bucket) => bucket.full_at(self.rate),
            None => self.rate.parts(found.make_room()),
        };
        let is_beyond = full_at > empty.saturating_add(self.rate.capacity());
        let full_at = if is_beyond { empty } else { full_at.max(now) };
        let after = full_at.saturating_add(self.rate.cost());
        if after <= empty {
            found.buckets.push(self.bucket(after));
            return Spending::Spent(found.write());
        }
        let missing = after.saturating_sub(empty);
        let retry_after_ms = missing.div_ceil(self.rate.calls.get().into());
        let mended = (own.is_none() || is_beyond).then(|| {
            found.buckets.push(self.bucket(full_at));
            found.write()
        });
        Spending::Empty {
            retry_after_ms: u64::try_from(retry_after_ms).unwrap_or(u64::MAX),
            mended,
        }
    }

    /// Gives back one call that was spent: the shelf afterwards. `None`: the bucket has lost its
    /// place since, and what was spent stays so.
    pub fn give_back(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut found = Shelf::read(bytes);
        let own = found.take(self.tag)?;
        let full_at = own.full_at(self.rate).saturating_sub(self.rate.cost());
        found.buckets.push(self.bucket(full_at));
        Some(found.write())
    }

    fn bucket(&self, full_at: u128) -> Bucket {
        let calls = u128::from(self.rate.calls.get());
        Bucket {
            tag: self.tag,
            full_at_ms: full_at
                .checked_div(calls)
                .and_then(|ms| u64::try_from(ms).ok())
                .unwrap_or(u64::MAX),
            parts: full_at
                .checked_rem(calls)
                .and_then(|parts| u32::try_from(parts).ok())
                .unwrap_or(u32::MAX),
        }
    }
}

impl Bucket {
    fn full_at(self, rate: Rate) -> u128 {
        rate.parts(self.full_at_ms)
            .saturating_add(self.parts.into())
    }

    fn rounded_up_ms(self) -> u64 {
        self.full_at_ms.saturating_add(u64::from(self.parts > 0))
    }
}

/// The buckets that share a piece of what is shared.
#[derive(Debug, Default)]
struct Shelf {
    /// When the last of the buckets that lost their place is full again, in milliseconds since the
    /// Unix epoch.
    lost_full_at_ms: u64,
    buckets: Vec<Bucket>,
}

impl Shelf {
    fn read(bytes: &[u8]) -> Self {
        let Some((lost_full_at_ms, rest)) = bytes.split_first_chunk() else {
            return Self::default();
        };
        let (buckets, _) = rest.as_chunks::<BUCKET_BYTES>();
        Self {
            lost_full_at_ms: u64::from_le_bytes(*lost_full_at_ms),
            buckets: buckets
                .iter()
                .filter_map(Bucket::read)
                .take(PLACES)
                .collect(),
        }
    }

    fn write(&self) -> Vec<u8> {
        let lost = self.lost_full_at_ms.to_le_bytes().into_iter();
        lost.chain(self.buckets.iter().flat_map(Bucket::write))
            .collect()
    }

    fn take(&mut self, tag: u64) -> Option<Bucket> {
        let at = self.buckets.iter().position(|bucket| bucket.tag == tag)?;
        Some(self.buckets.swap_remove(at))
    }

    /// Makes room where there is none: the bucket that is nearest to being full goes. When a new
    /// bucket is full, in milliseconds since the Unix epoch.
    fn make_room(&mut self) -> u64 {
        let each = self.buckets.iter().map(|bucket| bucket.rounded_up_ms());
        let nearest = each.enumerate().min_by_key(|(_, full_at_ms)| *full_at_ms);
        if let Some((at, full_at_ms)) = nearest.filter(|_| self.buckets.len() >= PLACES) {
            self.buckets.swap_remove(at);
            self.lost_full_at_ms = self.lost_full_at_ms.max(full_at_ms);
        }
        self.lost_full_at_ms
    }
}

impl Bucket {
    fn read(bytes: &[u8; BUCKET_BYTES]) -> Option<Self> {
        let (tag, rest) = bytes.split_first_chunk()?;
        let (full_at_ms, rest) = rest.split_first_chunk()?;
        Some(Self {
            tag: u64::from_le_bytes(*tag),
            full_at_ms: u64::from_le_bytes(*full_at_ms),
            parts: u32::from_le_bytes(rest.try_into().ok()?),
        })
    }

    fn write(&self) -> impl Iterator<Item = u8> + use<> {
        let tag = self.tag.to_le_bytes().into_iter();
        tag.chain(self.full_at_ms.to_le_bytes())
            .chain(self.parts.to_le_bytes())
    }
}

#[cfg(test)]
mod tests;
