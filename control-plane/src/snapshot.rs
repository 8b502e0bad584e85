//! Resources to snapshots: sections by content, a manifest, and the gate before publication.

use std::collections::{BTreeMap, BTreeSet};

use chancery_engine::snapshot::{InvalidSnapshot, compile};
use chancery_proto::policy::v1 as policy;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::{
    resource::{PolicyPart, Resource},
    signing::Signer,
};

/// Rules can be judged.
pub const RULES_FEATURE: &str = "rules.v1";
/// Obligations to redact can be met.
pub const REDACT_FEATURE: &str = "redact.v1";
/// Rules can name methods.
pub const METHODS_FEATURE: &str = "methods.v1";
/// Tokens can be verified.
pub const JWT_FEATURE: &str = "jwt.v1";

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
    /// Sections by the SHA-256 of their bytes.
    pub sections: BTreeMap<[u8; 32], Vec<u8>>,
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

/// What filters of one kind can honour. `None`: everything that this control plane knows.
pub type Features<'f> = Option<&'f BTreeSet<String>>;

/// Puts a snapshot together for filters with these features, and compiles it as they will.
///
/// # Errors
/// Where it does not compile: such a snapshot is never published.
pub fn build(
    resources: &[Resource],
    (epoch, version): (u64, u64),
    create_time: prost_types::Timestamp,
    features: Features<'_>,
) -> Result<Snapshot, BuildError> {
    let mut builder = Builder {
        features,
        ..Builder::default()
    };
    for resource in resources {
        let part = resource.to_policy().map_err(|error| BuildError::Resource {
            name: resource.name().to_owned(),
            error,
        })?;
        builder.add(resource.organization(), part);
    }
    let (sections, warnings) = builder.finish();
    let references = sections
        .iter()
        .map(|(digest, bytes)| policy::SectionReference {
            digest: digest.to_vec(),
            size_bytes: bytes.len().try_into().unwrap_or(u64::MAX),
        });
    let manifest = policy::Manifest {
        epoch,
        version,
        create_time: Some(create_time),
        sections: references.collect(),
    };
    let manifest = manifest.encode_to_vec();
    compile(&manifest, sections.values())?;
    Ok(Snapshot {
        epoch,
        version,
        manifest,
        signatures: Vec::new(),
        sections,
        warnings,
    })
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
        error: chancery_engine::wire::Invalid,
    },
    /// All of them together.
    #[error(transparent)]
    Snapshot(#[from] InvalidSnapshot),
}

#[derive(Default)]
struct Builder<'f> {
    features: Features<'f>,
    servers: Vec<policy::Server>,
    rules: BTreeMap<String, Vec<policy::Rule>>,
    providers: BTreeMap<String, Vec<policy::IdentityProvider>>,
    warnings: Vec<String>,
}

impl Builder<'_> {
    fn has(&self, feature: &str) -> bool {
        self.features
            .is_none_or(|features| features.contains(feature))
    }

    fn add(&mut self, organization: &str, part: PolicyPart) {
        let organization = organization.to_owned();
        match part {
            PolicyPart::Server(server) => self.servers.push(server),
            PolicyPart::Rule(rule) => {
                let rule = self.honourable(rule);
                self.rules.entry(organization).or_default().push(rule);
            }
            PolicyPart::IdentityProvider(provider) => {
                self.providers
                    .entry(organization)
                    .or_default()
                    .push(provider);
            }
        }
    }

    /// A rule that the filter cannot honour denies instead: what it would have allowed must not go
    /// on without its obligations, nor by other methods.
    fn honourable(&mut self, rule: policy::Rule) -> policy::Rule {
        let missing = needed_by(&rule).find(|feature| !self.has(feature));
        let Some(feature) = missing else { return rule };
        self.warnings.push(format!(
            "{} denies here, because this filter lacks `{feature}`",
            rule.name
        ));
        let names_capability =
            !(rule.tools.is_empty() && rule.prompts.is_empty() && rule.resources.is_empty());
        let everything = || vec!["*".to_owned()];
        let (tools, prompts, resources) = if names_capability {
            (rule.tools, rule.prompts, rule.resources)
        } else {
            (everything(), everything(), everything())
        };
        policy::Rule {
            effect: policy::Effect::Deny.into(),
            obligations: None,
            methods: Vec::new(),
            tools,
            prompts,
            resources,
            ..rule
        }
    }

    fn finish(mut self) -> (BTreeMap<[u8; 32], Vec<u8>>, Vec<String>) {
        let mut sections = Vec::new();
        let section = |features: &[&str], content| policy::Section {
            required_features: features
                .iter()
                .map(|feature| (*feature).to_owned())
                .collect(),
            content: Some(content),
        };
        for server in std::mem::take(&mut self.servers) {
            sections.push(section(&[], policy::section::Content::Server(server)));
        }
        if self.has(RULES_FEATURE) {
            for (name, mut rules) in std::mem::take(&mut self.rules) {
                rules.sort_by(|a, b| a.name.cmp(&b.name));
                let mut features: Vec<_> = rules.iter().flat_map(needed_by).collect();
                features.push(RULES_FEATURE);
                features.sort_unstable();
                features.dedup();
                let set = policy::RuleSet { name, rules };
                sections.push(section(&features, policy::section::Content::RuleSet(set)));
            }
        } else {
            self.warnings.push(format!(
                "everything is denied: this filter lacks `{RULES_FEATURE}`"
            ));
        }
        if self.has(JWT_FEATURE) {
            for (name, mut identity_providers) in std::mem::take(&mut self.providers) {
                identity_providers.sort_by(|a, b| a.name.cmp(&b.name));
                let set = policy::IdentityProviderSet {
                    name,
                    identity_providers,
                };
                let content = policy::section::Content::IdentityProviderSet(set);
                sections.push(section(&[JWT_FEATURE], content));
            }
        } else {
            self.warnings.push(format!(
                "no token is accepted: this filter lacks `{JWT_FEATURE}`"
            ));
        }
        let digested = |section: policy::Section| {
            let bytes = section.encode_to_vec();
            (Sha256::digest(&bytes).into(), bytes)
        };
        (sections.into_iter().map(digested).collect(), self.warnings)
    }
}

/// The features that a rule needs beside [`RULES_FEATURE`].
fn needed_by(rule: &policy::Rule) -> impl Iterator<Item = &'static str> + use<> {
    let redacts = rule.obligations.is_some().then_some(REDACT_FEATURE);
    let names_methods = (!rule.methods.is_empty()).then_some(METHODS_FEATURE);
    redacts.into_iter().chain(names_methods)
}
