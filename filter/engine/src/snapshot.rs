//! Snapshots: from a manifest and its sections to a compiled policy, or nothing at all.

mod compilation;
mod item;
mod loader;
mod split;

use chancery_proto::policy::v1 as pb;
use prost::Message as _;

pub use self::loader::{Loader, Progress};
use self::{compilation::Compilation, item::Items};
use crate::{
    id::{Digest, SnapshotVersion},
    limits::Limits,
    policy::{Policy, PolicyError},
    trust::Untrusted,
    wire::Invalid,
};

/// What this engine can honour: every `required_features` of a section must be among these.
pub const FEATURES: [&str; 21] = [
    "blocks.v1",
    "conditions.v1",
    "credentials.v1",
    "dispatchers.v1",
    "endpoints.v1",
    "host_blocks.v1",
    "identity.v1",
    "jwt.v1",
    "key_sets.v1",
    "methods.v1",
    "offers.v1",
    "pins.v1",
    "prompts.v1",
    "quotas.v1",
    "redaction_profiles.v1",
    "roles.v1",
    "rules.v1",
    "schemas.v1",
    "server_states.v1",
    "variable_pins.v1",
    "write_ahead.v1",
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
    /// A section of more than one thing.
    #[error("section {digest:?} holds more than one thing")]
    SeveralContents {
        /// Which.
        digest: Digest,
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
    Compiler::default().compile(manifest, sections)
}

/// Compiles snapshots one after another: what the last one had is not compiled again.
#[derive(Debug, Default)]
pub struct Compiler {
    items: Items,
}

impl Compiler {
    /// As [`compile`].
    ///
    /// # Errors
    /// The first thing that makes it unfit; what the last one had is kept then.
    pub fn compile<S: AsRef<[u8]>>(
        &mut self,
        manifest: &[u8],
        sections: impl IntoIterator<Item = S>,
    ) -> Result<Policy, InvalidSnapshot> {
        let sections: Vec<S> = sections.into_iter().collect();
        let digested = sections
            .iter()
            .map(|section| (Digest::of(section.as_ref()), section.as_ref()));
        let (manifest, sections) = (Manifest::decode(manifest)?, digested.collect());
        self.items.begin(Limits::DEFAULT.max_snapshot_bytes);
        let mut compilation = Compilation::new(&manifest);
        loop {
            if let Some(policy) = compilation.proceed(&sections, &mut self.items, usize::MAX)? {
                self.items.settle();
                return Ok(policy);
            }
        }
    }
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

#[cfg(test)]
mod tests;
