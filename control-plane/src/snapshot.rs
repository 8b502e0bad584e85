//! Resources to snapshots: sections by content, a manifest, and the gate before publication.

mod builder;
mod share;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chancery_engine::{
    redact::Profile,
    snapshot::{InvalidSnapshot, compile},
    wire::Invalid,
};
use chancery_proto::policy::v1 as policy;
use prost::{Message as _, encoding::message};
use sha2::{Digest as _, Sha256};

use self::builder::{Builder, Redaction};
pub use self::share::Share;
use crate::{
    resource::{PolicyPart, Resource},
    signing::Signer,
};

/// Rules can be judged.
pub const RULES_FEATURE: &str = "rules.v1";
/// Rules can oblige to redact by profiles. What was `redact.v1` named detectors: who has that alone
/// would take such a rule for one without obligations.
pub const REDACTION_PROFILES_FEATURE: &str = "redaction_profiles.v1";
/// Rules can name methods.
pub const METHODS_FEATURE: &str = "methods.v1";
/// Identity providers can have keys that their issuers publish.
pub const KEY_SETS_FEATURE: &str = "key_sets.v1";
/// Rules can have conditions, modes, ends, and subjects of every level.
pub const CONDITIONS_FEATURE: &str = "conditions.v1";
/// Rules can name roles.
pub const ROLES_FEATURE: &str = "roles.v1";
/// What workspaces may use can be bounded.
pub const OFFERS_FEATURE: &str = "offers.v1";
/// Calls can be counted.
pub const QUOTAS_FEATURE: &str = "quotas.v1";
/// Tools that call tools can be judged as both.
pub const DISPATCHERS_FEATURE: &str = "dispatchers.v1";
/// Endpoints can have workspaces, audiences and scopes.
pub const ENDPOINTS_FEATURE: &str = "endpoints.v1";
/// Things can be blocked, whatever the rules say.
pub const BLOCKS_FEATURE: &str = "blocks.v1";
/// Hosts that nobody registered can be blocked.
pub const HOST_BLOCKS_FEATURE: &str = "host_blocks.v1";
/// Servers can be proposed, suspended and retired.
pub const SERVER_STATES_FEATURE: &str = "server_states.v1";
/// Servers can be called with a credential.
pub const CREDENTIALS_FEATURE: &str = "credentials.v1";
/// Only what people have approved of a server can be seen and used.
pub const PINS_FEATURE: &str = "pins.v1";
/// Fields of what people have approved can vary.
pub const VARIABLE_PINS_FEATURE: &str = "variable_pins.v1";
/// Arguments and results can be held against schemas.
pub const SCHEMAS_FEATURE: &str = "schemas.v1";
/// Rules can want the prompt behind a call.
pub const PROMPTS_FEATURE: &str = "prompts.v1";
/// What is allowed can wait until its decision is durable.
pub const WRITE_AHEAD_FEATURE: &str = "write_ahead.v1";
/// Tokens can be verified.
pub const JWT_FEATURE: &str = "jwt.v1";
/// Identity providers can have requirements, and sources other than tokens.
pub const IDENTITY_FEATURE: &str = "identity.v1";

/// The number of `sections` in `chancery.policy.v1.Manifest`.
const MANIFEST_SECTIONS: u32 = 4;

/// Bytes of a reference to a section in a manifest, as a guide.
const REFERENCE_BYTES: usize = 44;

/// Sections by the SHA-256 of their bytes, shared by every snapshot that has them.
pub type Sections = BTreeMap<[u8; 32], Arc<[u8]>>;

/// A snapshot as it goes over the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// As in the manifest.
    pub epoch: u64,
    /// As in the manifest.
    pub version: u64,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// Signatures over them.
    pub signatures: Vec<policy::Signature>,
    /// What it has.
    pub sections: Arc<Sections>,
    /// What differs from what was written, because a filter lacks a feature.
    pub warnings: Vec<String>,
}

impl Snapshot {
    /// SHA-256 of the manifest.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.manifest).into()
    }

    /// The snapshot, signed by whoever signs now.
    #[must_use]
    pub fn signed(mut self, signer: &Signer) -> Self {
        self.signatures = signer.sign(&self.manifest);
        self
    }
}

/// The keys that issuers publish, by the name of the identity provider.
pub type KeySets = BTreeMap<String, Vec<policy::VerificationKey>>;

/// What filters of one kind can honour. `None`: everything that this control plane knows.
pub type Features<'f> = Option<&'f BTreeSet<String>>;

/// Puts a snapshot together for filters with these features, and compiles it as they will.
///
/// # Errors
/// Where it does not compile: such a snapshot is never published.
pub fn build(
    resources: &[Resource],
    key_sets: &KeySets,
    (epoch, version): (u64, u64),
    create_time: prost_types::Timestamp,
    features: Features<'_>,
) -> Result<Snapshot, BuildError> {
    let mut builder = Builder::new(features, key_sets);
    for resource in resources {
        let part = resource.to_policy();
        let part = part.map_err(|error| BuildError::of(resource.name(), error))?;
        if let Some(part) = part {
            builder.add(resource.organization(), part);
        }
    }
    let lacks = builder.lacks();
    let (sections, warnings) = builder.finish();
    let manifest = encode_manifest((epoch, version), Some(create_time), &sections);
    compile(&manifest, sections.values())?;
    Ok(Snapshot {
        epoch,
        version,
        manifest,
        signatures: Vec::new(),
        sections: Arc::new(sections),
        warnings: lacks.into_iter().chain(warnings).collect(),
    })
}

fn encode_manifest(
    (epoch, version): (u64, u64),
    create_time: Option<prost_types::Timestamp>,
    sections: &Sections,
) -> Vec<u8> {
    let manifest = policy::Manifest {
        epoch,
        version,
        create_time,
        sections: Vec::new(),
    };
    let mut encoded = Vec::with_capacity(sections.len().saturating_mul(REFERENCE_BYTES));
    encoded.extend(manifest.encode_to_vec());
    // The last field, of which there are very many: all of them are written from one message.
    let mut reference = policy::SectionReference::default();
    for (digest, bytes) in sections {
        reference.digest.clear();
        reference.digest.extend(digest);
        reference.size_bytes = bytes.len().try_into().unwrap_or(u64::MAX);
        message::encode(MANIFEST_SECTIONS, &reference, &mut encoded);
    }
    encoded
}

/// A redaction profile as filters get it, with the detectors and allowlists that it names. `None`:
/// there is no such profile.
///
/// # Errors
/// Where one of the resources, or the profile, is not what it should be.
pub fn redaction_profile(
    resources: &[Resource],
    name: &str,
) -> Result<Option<Profile>, BuildError> {
    let place = name.split("/redactionProfiles/").next().unwrap_or_default();
    let mut redaction = Redaction::default();
    for resource in resources.iter().filter(|it| it.organization() == place) {
        let part = resource.to_policy();
        let part = part.map_err(|error| BuildError::of(resource.name(), error))?;
        match part {
            Some(PolicyPart::RedactionProfile(profile, allowlists)) => {
                redaction.add_profile(profile, allowlists);
            }
            Some(PolicyPart::Detector(detector)) => redaction.add_detector(detector),
            Some(PolicyPart::Allowlist(allowlist)) => redaction.add_allowlist(allowlist),
            Some(
                PolicyPart::Block(_)
                | PolicyPart::Credential(..)
                | PolicyPart::IdentityProvider(_)
                | PolicyPart::Offer(_)
                | PolicyPart::Quota(_)
                | PolicyPart::Role(_)
                | PolicyPart::Rule(_)
                | PolicyPart::Server(_),
            )
            | None => {}
        }
    }
    let mut profiles = redaction.into_profiles().into_iter();
    let found = profiles.find(|profile| profile.name == name);
    let found = found.map(Profile::try_from).transpose();
    found.map_err(|error| BuildError::of(name, error))
}

/// Why no snapshot can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A resource.
    #[error("{name}: {error}")]
    Resource {
        /// Which.
        name: String,
        /// What is wrong with it.
        error: Invalid,
    },
    /// All of them together.
    #[error(transparent)]
    Snapshot(#[from] InvalidSnapshot),
}

impl BuildError {
    fn of(name: &str, error: Invalid) -> Self {
        Self::Resource {
            name: name.to_owned(),
            error,
        }
    }
}

#[cfg(test)]
mod tests;
