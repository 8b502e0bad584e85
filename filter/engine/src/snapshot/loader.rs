//! Puts offered snapshots together, whichever carrier brings them. What it holds is replaced only by a
//! whole newer snapshot that compiled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chancery_proto::policy::v1 as pb;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{InvalidSnapshot, Manifest, compilation::Compilation, item::Items};
use crate::{
    id::{Digest, SnapshotVersion},
    limits::Limits,
    policy::Policy,
    trust::TrustKeys,
};

/// A snapshot as it is kept for the next VM: its manifest, who signed it, and all its sections.
#[derive(Clone, PartialEq, prost::Message)]
struct Stored {
    #[prost(bytes = "vec", tag = "1")]
    manifest: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    sections: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "3")]
    signatures: Vec<pb::Signature>,
}

/// Puts offered snapshots together.
#[derive(Debug)]
pub struct Loader {
    limits: Limits,
    trust: TrustKeys,
    /// Sections of the snapshot in force and of the one that is on its way.
    held: BTreeMap<Digest, Vec<u8>>,
    items: Items,
    applied: Option<Applied>,
    offer: Option<Offer>,
}

#[derive(Debug)]
struct Applied {
    signed: pb::SignedManifest,
    version: SnapshotVersion,
}

#[derive(Debug)]
struct Offer {
    signed: pb::SignedManifest,
    manifest: Manifest,
    /// Sizes of the sections that are still to come.
    missing: BTreeMap<Digest, u64>,
    /// The section that is being received.
    partial: Partial,
    /// Begun once nothing is missing.
    compilation: Option<Compilation>,
}

/// The beginning of a section, digested as it comes: all at once would take too long.
#[derive(Clone, Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
    digest: Sha256,
}

/// How far an offer is.
#[derive(Debug)]
pub enum Progress {
    /// Sections are still to come.
    Waiting,
    /// Everything is there; it is compiled by [`Loader::proceed`].
    Working,
    /// It is in force from now on.
    Applied(Arc<Policy>),
}

impl Loader {
    /// Holds nothing, and takes manifests by these keys.
    pub fn new(limits: Limits, trust: TrustKeys) -> Self {
        Self {
            limits,
            trust,
            held: BTreeMap::new(),
            items: Items::default(),
            applied: None,
            offer: None,
        }
    }

    /// Takes manifests by these keys from now on. What is in force stays.
    pub fn trust(&mut self, keys: TrustKeys) {
        self.trust = keys;
    }

    /// The snapshot in force.
    pub fn applied(&self) -> Option<SnapshotVersion> {
        self.applied.as_ref().map(|applied| applied.version)
    }

    /// The snapshot on its way, or else the one in force: what a refusal is about.
    pub fn offered(&self) -> Option<SnapshotVersion> {
        self.offer.as_ref().map(|offer| offer.manifest.version)
    }

    /// The sections that need not be sent again.
    pub fn held_sections(&self) -> impl Iterator<Item = Digest> {
        self.held.keys().copied()
    }

    /// Takes a manifest. An older offer that is not complete is forgotten.
    ///
    /// # Errors
    /// Where it is refused; what is in force stays.
    pub fn offer(&mut self, signed: pb::SignedManifest) -> Result<Progress, InvalidSnapshot> {
        self.offer = None;
        // Before anything of it is believed, even its version.
        let signatures = signed.signatures.iter();
        let signatures: Vec<_> = signatures.map(|by| (&*by.key_id, &*by.signature)).collect();
        self.trust.check(&signed.manifest, &signatures)?;
        let manifest = Manifest::decode(&signed.manifest)?;
        let found = manifest.size_bytes();
        let max_bytes = self.limits.max_snapshot_bytes;
        if found > u64::try_from(max_bytes).unwrap_or(u64::MAX) {
            return Err(InvalidSnapshot::TooLarge { found, max_bytes });
        }
        if let Some(applied) = self.applied()
            && !manifest.version.is_newer_than(&applied)
        {
            return Err(InvalidSnapshot::Stale {
                offered: (manifest.version.epoch, manifest.version.version),
                applied: (applied.epoch, applied.version),
            });
        }
        let sections = manifest.sections.iter().copied();
        let mut missing = BTreeMap::new();
        missing.extend(sections.filter(|(digest, _)| !self.held.contains_key(digest)));
        self.offer = Some(Offer {
            signed,
            missing,
            manifest,
            partial: Partial::default(),
            compilation: None,
        });
        Ok(self.begin())
    }

    /// Takes a part of a section.
    ///
    /// # Errors
    /// Where it does not fit, or completes a snapshot that is refused; what is in force stays.
    pub fn chunk(
        &mut self,
        digest: &[u8],
        offset_bytes: u64,
        data: &[u8],
    ) -> Result<Progress, InvalidSnapshot> {
        let found = digest.len();
        let digest = Digest::from_slice(digest).ok_or(InvalidSnapshot::DigestLength { found })?;
        let misplaced = InvalidSnapshot::Chunk {
            digest,
            found: offset_bytes,
        };
        let Some(offer) = &mut self.offer else {
            // The rest of an offer that was refused already.
            return Ok(Progress::Waiting);
        };
        let Some(size_bytes) = offer.missing.get(&digest).copied() else {
            // Whoever sends may not know what is held here already.
            let is_named = offer.manifest.sections.iter().any(|(it, _)| *it == digest);
            return if is_named {
                Ok(self.begin())
            } else {
                Err(misplaced)
            };
        };
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let partial = &mut offer.partial;
        if length(&partial.bytes) != offset_bytes
            || offset_bytes.saturating_add(length(data)) > size_bytes
        {
            return Err(misplaced);
        }
        partial.bytes.extend_from_slice(data);
        partial.digest.update(data);
        if length(&partial.bytes) < size_bytes {
            return Ok(Progress::Waiting);
        }
        let Partial {
            bytes,
            digest: found,
        } = std::mem::take(partial);
        let found = Digest::from(found);
        if found != digest {
            return Err(InvalidSnapshot::Digest {
                expected: digest,
                found,
            });
        }
        offer.missing.remove(&digest);
        self.held.insert(digest, bytes);
        Ok(self.begin())
    }

    /// Whether there is something to compile.
    pub fn is_working(&self) -> bool {
        let offer = self.offer.as_ref();
        offer.is_some_and(|offer| offer.compilation.is_some())
    }

    /// Compiles what is offered, for so many units of work or one step more: as a guide, what takes
    /// a microsecond natively. What was compiled before and did not change is not compiled again.
    ///
    /// # Errors
    /// Where it is refused; what is in force stays.
    pub fn proceed(&mut self, units: usize) -> Result<Progress, InvalidSnapshot> {
        let Some(offer) = &mut self.offer else {
            return Ok(Progress::Waiting);
        };
        let Some(compilation) = &mut offer.compilation else {
            return Ok(Progress::Waiting);
        };
        let Some(policy) = compilation.proceed(&self.held, &mut self.items, units)? else {
            return Ok(Progress::Working);
        };
        if let Some(offer) = self.offer.take() {
            self.applied = Some(Applied {
                signed: offer.signed,
                version: offer.manifest.version,
            });
        }
        self.items.settle();
        self.forget_unused();
        Ok(Progress::Applied(Arc::new(policy)))
    }

    /// Gives up the offer, keeping what is in force.
    pub fn abandon(&mut self) {
        self.offer = None;
        self.forget_unused();
    }

    /// Begins to compile the offer once nothing of it is missing.
    fn begin(&mut self) -> Progress {
        let Some(offer) = &mut self.offer else {
            return Progress::Waiting;
        };
        if !offer.missing.is_empty() {
            return Progress::Waiting;
        }
        if offer.compilation.is_none() {
            self.items.begin(self.limits.max_snapshot_bytes);
            offer.compilation = Some(Compilation::new(&offer.manifest));
        }
        Progress::Working
    }

    /// Drops the sections that neither the snapshot in force nor an offer names.
    fn forget_unused(&mut self) {
        let applied = self.applied.as_ref();
        let manifest = applied.and_then(|applied| Manifest::decode(&applied.signed.manifest).ok());
        let sections = manifest.into_iter().flat_map(|manifest| manifest.sections);
        // Not collected: that would sort first, by 28 KB of code in the filter.
        let mut used = BTreeSet::new();
        used.extend(sections.map(|(digest, _)| digest));
        self.held.retain(|digest, _| used.contains(digest));
    }

    /// The snapshot in force as bytes for [`Loader::restore`].
    pub fn stored(&self) -> Option<Vec<u8>> {
        let pb::SignedManifest {
            manifest,
            signatures,
        } = self.applied.as_ref()?.signed.clone();
        let stored = Stored {
            manifest,
            sections: self.held.values().cloned().collect(),
            signatures,
        };
        Some(stored.encode_to_vec())
    }

    /// Takes over what another VM enforced last, at once: nothing is enforced before.
    ///
    /// # Errors
    /// Where it does not compile here, or is by nobody who is trusted here.
    pub fn restore(&mut self, stored: &[u8]) -> Result<Progress, InvalidSnapshot> {
        let stored = Stored::decode(stored).map_err(InvalidSnapshot::Manifest)?;
        let Stored {
            manifest,
            sections,
            signatures,
        } = stored;
        for section in sections {
            self.held.insert(Digest::of(&section), section);
        }
        let offered = self.offer(pb::SignedManifest {
            manifest,
            signatures,
        });
        let progress = offered.and_then(|_| self.proceed(usize::MAX));
        if !matches!(progress, Ok(Progress::Applied(_))) {
            self.abandon();
        }
        progress
    }
}
