//! Snapshots: from a manifest and its sections to a compiled policy, or nothing at all.
//!
//! The loader does not care which carrier brought the bytes. What it holds is replaced only by a
//! whole newer snapshot that compiled.

use std::{collections::BTreeMap, sync::Arc};

use chancery_proto::policy::v1 as pb;
use prost::Message as _;

use crate::{
    id::{Digest, SnapshotVersion},
    limits::Limits,
    policy::{Parts, Policy, PolicyError},
    server::Server,
    token::KeySet,
    trust::{TrustKeys, Untrusted},
    wire::Invalid,
};

/// What this engine can honour: every `required_features` of a section must be among these.
pub const FEATURES: [&str; 12] = [
    "conditions.v1",
    "dispatchers.v1",
    "endpoints.v1",
    "identity.v1",
    "jwt.v1",
    "key_sets.v1",
    "methods.v1",
    "offers.v1",
    "quotas.v1",
    "redact.v1",
    "roles.v1",
    "rules.v1",
];

/// Why a snapshot is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSnapshot {
    /// Not a manifest.
    #[error("the manifest cannot be decoded: {0}")]
    Manifest(prost::DecodeError),
    /// A digest that is not 32 bytes long.
    #[error("a section's digest has {found} bytes, expected 32")]
    DigestLength {
        /// How long it is.
        found: usize,
    },
    /// By nobody who is trusted.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// Not newer than what is enforced.
    #[error("version {offered:?} is not newer than {applied:?}, as (epoch, version)")]
    Stale {
        /// What was offered.
        offered: (u64, u64),
        /// What is in force.
        applied: (u64, u64),
    },
    /// More bytes than the limit.
    #[error("the snapshot has {found} bytes, at most {max_bytes} are accepted")]
    TooLarge {
        /// How many it has.
        found: u64,
        /// The limit.
        max_bytes: usize,
    },
    /// A section that the manifest names is not there.
    #[error("section {digest:?} is missing")]
    Missing {
        /// Which.
        digest: Digest,
    },
    /// A chunk that no section waits for, or out of place.
    #[error("a chunk of section {digest:?} at byte {found} is not the next one")]
    Chunk {
        /// Of which.
        digest: Digest,
        /// Where it claims to be.
        found: u64,
    },
    /// Bytes that are not what their digest says.
    #[error("section {expected:?} holds something else: its digest is {found:?}")]
    Digest {
        /// What was announced.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// Not a section.
    #[error("section {digest:?} cannot be decoded: {error}")]
    Section {
        /// Which.
        digest: Digest,
        /// Why.
        error: prost::DecodeError,
    },
    /// A section without content that this engine knows.
    #[error("section {digest:?} has no content that is known here")]
    UnknownContent {
        /// Which.
        digest: Digest,
    },
    /// A section that needs what this engine lacks.
    #[error("feature `{feature}` is needed and not known here")]
    Feature {
        /// Which.
        feature: String,
    },
    /// A value in a section.
    #[error("{name}: {error}")]
    Value {
        /// The resource's name.
        name: String,
        /// What is wrong with it.
        error: Invalid,
    },
    /// Sections that contradict each other.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Compiles a snapshot: the gate that everything published goes through.
///
/// # Errors
/// The first thing that makes it unfit; nothing is enforced in part.
pub fn compile<S: AsRef<[u8]>>(
    manifest: &[u8],
    sections: impl IntoIterator<Item = S>,
) -> Result<Policy, InvalidSnapshot> {
    let sections: Vec<S> = sections.into_iter().collect();
    let digested = sections
        .iter()
        .map(|section| (Digest::of(section.as_ref()), section.as_ref()));
    compile_manifest(&Manifest::decode(manifest)?, &digested.collect())
}

/// A manifest, read.
#[derive(Clone, Debug)]
struct Manifest {
    version: SnapshotVersion,
    sections: Vec<(Digest, u64)>,
}

impl Manifest {
    fn decode(bytes: &[u8]) -> Result<Self, InvalidSnapshot> {
        let manifest = pb::Manifest::decode(bytes).map_err(InvalidSnapshot::Manifest)?;
        let pb::Manifest {
            epoch,
            version,
            create_time: _,
            sections,
        } = manifest;
        let reference = |pb::SectionReference { digest, size_bytes }| {
            let found = digest.len();
            let digest = Digest::from_slice(&digest);
            digest
                .map(|digest| (digest, size_bytes))
                .ok_or(InvalidSnapshot::DigestLength { found })
        };
        Ok(Self {
            version: SnapshotVersion {
                epoch,
                version,
                digest: Digest::of(bytes),
            },
            sections: sections
                .into_iter()
                .map(reference)
                .collect::<Result<_, _>>()?,
        })
    }

    fn size_bytes(&self) -> u64 {
        self.sections
            .iter()
            .fold(0, |total, (_, size)| total.saturating_add(*size))
    }
}

fn compile_manifest(
    manifest: &Manifest,
    sections: &BTreeMap<Digest, &[u8]>,
) -> Result<Policy, InvalidSnapshot> {
    let mut parts = Parts::default();
    for (digest, _) in &manifest.sections {
        let digest = *digest;
        let bytes = sections
            .get(&digest)
            .ok_or(InvalidSnapshot::Missing { digest })?;
        let section = pb::Section::decode(*bytes);
        let section = section.map_err(|error| InvalidSnapshot::Section { digest, error })?;
        let pb::Section {
            required_features,
            content,
        } = section;
        let unknown = |feature: &String| !FEATURES.contains(&&**feature);
        if let Some(feature) = required_features.into_iter().find(unknown) {
            return Err(InvalidSnapshot::Feature { feature });
        }
        match content.ok_or(InvalidSnapshot::UnknownContent { digest })? {
            pb::section::Content::Server(server) => {
                let name = server.name.clone();
                parts
                    .servers
                    .push(Server::try_from(server).map_err(value(name))?);
            }
            pb::section::Content::RuleSet(pb::RuleSet { name: _, rules }) => {
                parts.rules.extend(each(rules, |rule| &rule.name)?);
            }
            pb::section::Content::IdentityProviderSet(set) => {
                let pb::IdentityProviderSet {
                    name: _,
                    identity_providers,
                } = set;
                let providers = each(identity_providers, |provider| &provider.name)?;
                parts.identity_providers.extend(providers);
            }
            pb::section::Content::RoleSet(pb::RoleSet { name: _, roles }) => {
                parts.roles.extend(each(roles, |role| &role.name)?);
            }
            pb::section::Content::OfferSet(pb::OfferSet { name: _, offers }) => {
                parts.offers.extend(each(offers, |offer| &offer.name)?);
            }
            pb::section::Content::QuotaSet(pb::QuotaSet { name: _, quotas }) => {
                parts.quotas.extend(each(quotas, |quota| &quota.name)?);
            }
            pb::section::Content::KeySet(set) => {
                let name = set.identity_provider.clone();
                let set = KeySet::try_from(set).map_err(value(name))?;
                parts.key_sets.push(set);
            }
        }
    }
    Ok(Policy::new(manifest.version, parts)?)
}

/// Converts the resources of a section; an error says which of them.
fn each<M, T: TryFrom<M, Error = Invalid>>(
    messages: Vec<M>,
    name: impl Fn(&M) -> &str,
) -> Result<Vec<T>, InvalidSnapshot> {
    let convert = |message: M| {
        let name = name(&message).to_owned();
        T::try_from(message).map_err(value(name))
    };
    messages.into_iter().map(convert).collect()
}

fn value(name: String) -> impl FnOnce(Invalid) -> InvalidSnapshot {
    move |error| InvalidSnapshot::Value { name, error }
}

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
    /// The section that is being received.
    partial: Vec<u8>,
}

/// How far an offer is.
#[derive(Debug)]
pub enum Progress {
    /// Sections are still to come.
    Waiting,
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
        self.offer = Some(Offer {
            signed,
            manifest,
            partial: Vec::new(),
        });
        self.advance()
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
        let reference = offer
            .manifest
            .sections
            .iter()
            .find(|(wanted, _)| *wanted == digest);
        let Some((_, size_bytes)) = reference.copied() else {
            return Err(misplaced);
        };
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length(&offer.partial) != offset_bytes
            || offset_bytes.saturating_add(length(data)) > size_bytes
        {
            return Err(misplaced);
        }
        offer.partial.extend_from_slice(data);
        if length(&offer.partial) < size_bytes {
            return Ok(Progress::Waiting);
        }
        let section = std::mem::take(&mut offer.partial);
        let found = Digest::of(&section);
        if found != digest {
            return Err(InvalidSnapshot::Digest {
                expected: digest,
                found,
            });
        }
        self.held.insert(digest, section);
        self.advance()
    }

    /// Gives up the offer, keeping what is in force.
    pub fn abandon(&mut self) {
        self.offer = None;
        self.forget_unused();
    }

    /// Compiles the offer once nothing of it is missing.
    fn advance(&mut self) -> Result<Progress, InvalidSnapshot> {
        let Some(offer) = &self.offer else {
            return Ok(Progress::Waiting);
        };
        let is_held = |(digest, _): &(Digest, u64)| self.held.contains_key(digest);
        if !offer.manifest.sections.iter().all(is_held) {
            return Ok(Progress::Waiting);
        }
        let held = self
            .held
            .iter()
            .map(|(digest, bytes)| (*digest, &**bytes))
            .collect();
        let policy = compile_manifest(&offer.manifest, &held)?;
        if let Some(Offer {
            signed,
            manifest,
            partial: _,
        }) = self.offer.take()
        {
            self.applied = Some(Applied {
                signed,
                version: manifest.version,
            });
        }
        self.forget_unused();
        Ok(Progress::Applied(Arc::new(policy)))
    }

    /// Drops the sections that neither the snapshot in force nor an offer names.
    fn forget_unused(&mut self) {
        let applied = self.applied.as_ref();
        let manifest = applied.and_then(|applied| Manifest::decode(&applied.signed.manifest).ok());
        let sections = manifest
            .map(|manifest| manifest.sections)
            .unwrap_or_default();
        self.held
            .retain(|digest, _| sections.iter().any(|(used, _)| used == digest));
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

    /// Takes over what another VM enforced last.
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
        let progress = self.offer(pb::SignedManifest {
            manifest,
            signatures,
        });
        if !matches!(progress, Ok(Progress::Applied(_))) {
            self.abandon();
        }
        progress
    }
}

#[cfg(test)]
mod tests;
