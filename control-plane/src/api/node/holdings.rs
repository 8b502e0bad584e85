//! Which sections an instance holds for certain, so that no others are left out of an offer.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

/// SHA-256 of sections.
type Digests = BTreeSet<[u8; 32]>;

/// Epoch and version of a snapshot.
type Version = (u64, u64);

/// What an instance holds, seen from the other end of its stream.
///
/// An instance drops the sections that a snapshot does not name once that snapshot is in force. When
/// that happens is known here only from its acknowledgement; until then what is certain is what all
/// snapshots name that may be in force. A section too many does no harm, one too few would leave the
/// instance waiting for ever.
#[derive(Debug)]
pub(super) struct Holdings {
    certain: Digests,
    /// The newest offer, and its sections.
    offered: Option<(Version, Digests)>,
}

impl Holdings {
    /// Begins with what the instance said it holds.
    pub(super) fn new(held: Vec<Vec<u8>>) -> Self {
        let digests = held.into_iter().filter_map(|digest| digest.try_into().ok());
        Self {
            certain: digests.collect(),
            offered: None,
        }
    }

    /// A snapshot of these sections is offered; those of them that must be sent with it.
    pub(super) fn offer(&mut self, version: Version, sections: Digests) -> Digests {
        let missing = &sections - &self.certain;
        self.certain.retain(|digest| sections.contains(digest));
        self.offered = Some((version, sections));
        missing
    }

    /// The instance enforces a snapshot.
    pub(super) fn acknowledged(&mut self, version: Version) {
        let offered = self.offered.take_if(|(offered, _)| *offered == version);
        if let Some((_, sections)) = offered {
            self.certain = sections;
        }
    }

    /// The instance refused a snapshot: which of its sections it keeps is not known.
    pub(super) fn refused(&mut self) {
        self.certain.clear();
    }
}
