//! Resources as administrators write them, and what the filter gets of them.
//!
//! What a value may be is decided once, by the engine's own conversion: a resource is valid where
//! its policy message becomes one of the engine's types. What filters know nothing of is checked
//! here.

mod administration;
mod as_kind;
mod block;
pub mod credential;
mod entry;
mod identity_provider;
pub(crate) mod json_schema;
pub mod jwks;
pub(crate) mod name;
mod output_schema;
mod pins;
pub(crate) mod redaction;
mod rule;
mod server;
mod stored;
mod variables;
mod write_ahead;

use chancery_engine::{id::Hex, name::organization_of, redact::DEFAULT_PROFILE, wire::Invalid};
use chancery_proto::{
    admin::v1::{self as admin, resource::Kind as AnyKind},
    policy::v1 as policy,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

pub use self::{
    block::server_of as server_of_block,
    pins::of as pins_of,
    server::workspaces_of_calls,
    stored::{Resources, Stored},
};
pub(crate) use self::{
    entry::is_registry_name,
    pins::{pin_of, whole},
    server::approved,
};

/// Writes down, for each kind of resource, what holds for all of them alike: every message has a
/// name, and an etag and times that only the control plane sets.
macro_rules! resources {
    ($($(#[$doc:meta])* $kind:ident in $collection:literal),+ $(,)?) => {
        /// The kinds of resources.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The collection in resource names.
            pub fn collection(self) -> &'static str {
                match self {
                    $(Self::$kind => $collection,)+
                }
            }
        }

        /// Any one resource.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Resource {
            $($(#[$doc])* $kind(admin::$kind),)+
        }

        impl TryFrom<admin::Resource> for Resource {
            type Error = Invalid;

            fn try_from(message: admin::Resource) -> Result<Self, Invalid> {
                match message.kind {
                    $(Some(AnyKind::$kind(message)) => Ok(Self::$kind(message)),)+
                    None => Err(invalid("kind", "nothing", "a resource of a kind known here")),
                }
            }
        }

        impl From<Resource> for AnyKind {
            fn from(resource: Resource) -> Self {
                match resource {
                    $(Resource::$kind(message) => Self::$kind(message),)+
                }
            }
        }

        impl Resource {
            /// Its kind.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)+
                }
            }

            /// Its resource name.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$kind(message) => &message.name,)+
                }
            }

            /// The etag that it carries.
            pub fn etag(&self) -> &str {
                match self {
                    $(Self::$kind(message) => &message.etag,)+
                }
            }

            /// When it was created, if it is stored.
            pub fn create_time(&self) -> Option<prost_types::Timestamp> {
                match self {
                    $(Self::$kind(message) => message.create_time,)+
                }
            }

            /// Sets what only the control plane sets.
            fn set(
                &mut self,
                etag: String,
                create_time: Option<prost_types::Timestamp>,
                update_time: Option<prost_types::Timestamp>,
            ) {
                match self {
                    $(Self::$kind(message) => {
                        message.etag = etag;
                        message.create_time = create_time;
                        message.update_time = update_time;
                    })+
                }
            }

            /// As any one resource is written on the wire.
            pub fn into_message(self) -> admin::Resource {
                let kind = match self {
                    $(Self::$kind(message) => AnyKind::$kind(message),)+
                };
                admin::Resource { kind: Some(kind) }
            }

            /// As bytes for the store.
            pub fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$kind(message) => message.encode_to_vec(),)+
                }
            }

            /// From the store's bytes.
            ///
            /// # Errors
            /// Where they are not of that kind.
            pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Self, prost::DecodeError> {
                let mut resource = match kind {
                    $(Kind::$kind => Self::$kind(admin::$kind::decode(bytes)?),)+
                };
                resource.renew();
                Ok(resource)
            }
        }
    };
}

resources! {
    /// What is left alone although a detector finds it.
    Allowlist in "allowlists",
    /// Which administrators may do what.
    Binding in "bindings",
    /// What nobody may use, and who may use nothing.
    Block in "blocks",
    /// As whom servers are called.
    Credential in "credentials",
    /// What an organization looks for.
    Detector in "detectors",
    /// Who issues tokens.
    IdentityProvider in "identityProviders",
    /// What workspaces may use.
    Offer in "offers",
    /// What holds for a whole organization.
    Organization in "organizations",
    /// How much may be called.
    Quota in "quotas",
    /// What is redacted.
    RedactionProfile in "redactionProfiles",
    /// A named set of principals.
    Role in "roles",
    /// Who may use what.
    Rule in "rules",
    /// A server.
    Server in "servers",
}

/// A resource as the filter gets it.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyPart {
    /// What is left alone, for the redaction profiles that name it.
    Allowlist(policy::Allowlist),
    /// A block.
    Block(policy::Block),
    /// As whom the servers with these ids are called.
    Credential(Vec<String>, policy::Upstream),
    /// A detector, for the redaction profiles that name it.
    Detector(policy::CustomDetector),
    /// An identity provider.
    IdentityProvider(policy::IdentityProvider),
    /// An offer.
    Offer(policy::Offer),
    /// A quota.
    Quota(policy::Quota),
    /// A redaction profile, without the detectors and allowlists of the organization, and the ids of
    /// the allowlists that it names.
    RedactionProfile(policy::RedactionProfile, Vec<String>),
    /// A role.
    Role(policy::Role),
    /// A rule.
    Rule(policy::Rule),
    /// A server.
    Server(policy::Server),
}

impl Resource {
    /// Checks what is asked of a resource that is written now, and not of one that was stored before
    /// it was asked.
    ///
    /// # Errors
    /// The first value that is wrong.
    pub fn check_written(&self) -> Result<(), Invalid> {
        self.as_server().map_or(Ok(()), entry::check)
    }

    /// Brings what an older control plane stored up to date.
    ///
    /// Rules once named detectors where they name profiles now. One that was stored with them is
    /// redacted by all that is built in, as nothing less is sure to do what it said.
    fn renew(&mut self) {
        if let Self::Rule(rule) = self
            && let Some(obligations) = &mut rule.obligations
            && *obligations == policy::Obligations::default()
        {
            obligations.redact.push(DEFAULT_PROFILE.to_owned());
        }
        // Servers once had no states: all that were there were in use.
        if let Self::Server(server) = self
            && server.state() == policy::ServerState::Unspecified
        {
            server.set_state(policy::ServerState::Approved);
        }
    }

    /// The last segment of its name.
    pub fn id(&self) -> &str {
        self.name().rsplit('/').next().unwrap_or_default()
    }

    /// The organization it belongs to, `organizations/{o}`, or that it is.
    pub fn organization(&self) -> &str {
        organization_of(self.name())
    }

    /// Sets what only the control plane sets.
    pub fn stamp(
        &mut self,
        etag: String,
        created: prost_types::Timestamp,
        updated: prost_types::Timestamp,
    ) {
        self.set(etag, Some(created), Some(updated));
    }

    /// The resource without what only the control plane sets.
    #[must_use]
    pub fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.set(String::new(), None, None);
        if let Self::Server(server) = &mut bare {
            server.state_changes.clear();
        }
        bare
    }

    /// The etag of its content (AIP-154): the same content has the same.
    pub fn content_etag(&self) -> String {
        let digest = Sha256::digest(self.bare().encode());
        let short = digest.first_chunk::<8>().map_or(&[][..], |bytes| bytes);
        format!("\"{}\"", Hex(short))
    }

    /// What the filter gets of it, checked by the engine. `None`: it gets nothing of this kind.
    ///
    /// # Errors
    /// The first value that is wrong, by its proto path in the admin message.
    pub fn to_policy(&self) -> Result<Option<PolicyPart>, Invalid> {
        Ok(Some(match self {
            Self::Allowlist(allowlist) => {
                PolicyPart::Allowlist(redaction::allowlist_to_policy(allowlist)?)
            }
            Self::Binding(binding) => {
                administration::check_binding(binding)?;
                return Ok(None);
            }
            Self::Block(block) => PolicyPart::Block(block::to_policy(block)?),
            Self::Organization(organization) => {
                administration::check_organization(organization)?;
                return Ok(None);
            }
            Self::Credential(credential) => {
                let Some((servers, upstream)) = credential::to_policy(credential)? else {
                    return Ok(None);
                };
                PolicyPart::Credential(servers, upstream)
            }
            Self::Detector(detector) => {
                PolicyPart::Detector(redaction::detector_to_policy(detector)?)
            }
            Self::IdentityProvider(provider) => {
                PolicyPart::IdentityProvider(identity_provider::to_policy(provider)?)
            }
            Self::Offer(offer) => PolicyPart::Offer(rule::offer_to_policy(offer)?),
            Self::Quota(quota) => PolicyPart::Quota(rule::quota_to_policy(quota)?),
            Self::RedactionProfile(profile) => {
                let (profile, allowlists) = redaction::profile_to_policy(profile)?;
                PolicyPart::RedactionProfile(profile, allowlists)
            }
            Self::Role(role) => PolicyPart::Role(rule::role_to_policy(role)?),
            Self::Rule(rule) => PolicyPart::Rule(rule::to_policy(rule)?),
            Self::Server(server) => PolicyPart::Server(server::to_policy(server)?),
        }))
    }
}

pub(crate) fn invalid(
    field: impl Into<String>,
    found: impl Into<String>,
    expected: impl Into<String>,
) -> Invalid {
    Invalid {
        field: field.into(),
        found: found.into(),
        expected: expected.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_named_detectors_is_redacted_by_the_built_in_profile() {
        let rule = admin::Rule {
            name: "organizations/o/rules/r".to_owned(),
            obligations: Some(policy::Obligations::default()),
            ..admin::Rule::default()
        };
        let stored = |rule: &admin::Rule| Resource::decode(Kind::Rule, &rule.encode_to_vec());
        let Resource::Rule(renewed) = stored(&rule).unwrap() else {
            panic!("no rule")
        };
        assert_eq!(renewed.obligations.unwrap().redact, ["default"]);
        let without = admin::Rule {
            obligations: None,
            ..rule
        };
        assert_eq!(stored(&without), Ok(Resource::Rule(without)));
    }
}
