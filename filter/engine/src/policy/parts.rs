//! What a snapshot consists of, and what cannot be parts of one policy.

use std::{collections::BTreeMap, sync::Arc};

use super::role_name;
use crate::{
    block::Block,
    name::organization_of,
    offer::Offer,
    order,
    quota::Quota,
    redact::Profile,
    rule::Rule,
    server::Server,
    subject::{Role, Subjects},
    token::{IdentityProvider, KeySet},
};

/// What cannot be one policy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Two servers have one name.
    #[error("server `{name}` occurs twice")]
    DuplicateServer {
        /// The name.
        name: Box<str>,
    },
    /// Two rules have one name.
    #[error("rule `{name}` occurs twice")]
    DuplicateRule {
        /// The name.
        name: Box<str>,
    },
    /// Two offers have one name.
    #[error("offer `{name}` occurs twice")]
    DuplicateOffer {
        /// The name.
        name: Box<str>,
    },
    /// Two quotas have one name.
    #[error("quota `{name}` occurs twice")]
    DuplicateQuota {
        /// The name.
        name: Box<str>,
    },
    /// Two servers claim one place.
    #[error("servers `{first}` and `{second}` claim the same host and path `{path}`")]
    DuplicateEndpoint {
        /// One.
        first: Box<str>,
        /// The other.
        second: Box<str>,
        /// Where.
        path: Box<str>,
    },
    /// Two roles have one name.
    #[error("role `{name}` occurs twice")]
    DuplicateRole {
        /// The name.
        name: Box<str>,
    },
    /// A rule or quota names a role that its organization does not have.
    #[error("`{name}` names role `{role}`, expected the id of a role of its organization")]
    UnknownRole {
        /// What names it.
        name: Box<str>,
        /// The id.
        role: Box<str>,
    },
    /// Two redaction profiles have one name.
    #[error("redaction profile `{name}` occurs twice")]
    DuplicateProfile {
        /// The name.
        name: Box<str>,
    },
    /// A rule names a redaction profile that its organization does not have.
    #[error(
        "`{name}` names redaction profile `{profile}`, expected `default` or the id of one of its organization"
    )]
    UnknownProfile {
        /// The rule.
        name: Box<str>,
        /// The id.
        profile: Box<str>,
    },
    /// Two identity providers have one issuer.
    #[error("issuer `{issuer}` occurs twice")]
    DuplicateIssuer {
        /// The issuer.
        issuer: Box<str>,
    },
    /// Keys that no identity provider waits for.
    #[error("the key set of `{name}` is the second one, or no such provider has one")]
    StrayKeySet {
        /// The provider that it names.
        name: Box<str>,
    },
    /// Two organizations accept one audience.
    #[error("`{first}` and `{second}` both accept the audience `{audience}`")]
    SharedAudience {
        /// The audience.
        audience: Box<str>,
        /// One.
        first: Box<str>,
        /// The other.
        second: Box<str>,
    },
}

/// The parts of a snapshot, each valid by itself; their order has no meaning.
#[derive(Debug, Default)]
pub struct Parts {
    /// Registered servers.
    pub servers: Vec<Server>,
    /// Who may use what.
    pub rules: Vec<Arc<Rule>>,
    /// Named sets of principals.
    pub roles: Vec<Role>,
    /// What workspaces may use.
    pub offers: Vec<Offer>,
    /// How much may be called.
    pub quotas: Vec<Quota>,
    /// What is redacted where rules say so.
    pub redaction_profiles: Vec<Arc<Profile>>,
    /// Who issues tokens.
    pub identity_providers: Vec<IdentityProvider>,
    /// The keys that issuers publish.
    pub key_sets: Vec<KeySet>,
    /// What nobody may use, and who may use nothing.
    pub blocks: Vec<Block>,
}

impl Parts {
    /// How many they are.
    pub(super) fn len(&self) -> usize {
        let Self {
            servers,
            rules,
            roles,
            offers,
            quotas,
            redaction_profiles,
            identity_providers,
            key_sets,
            blocks,
        } = self;
        [
            servers.len(),
            rules.len(),
            roles.len(),
            offers.len(),
            quotas.len(),
            redaction_profiles.len(),
            identity_providers.len(),
            key_sets.len(),
            blocks.len(),
        ]
        .iter()
        .sum()
    }
}

/// Puts parts in the order of their names, of which each occurs once.
pub(super) fn in_order<T>(
    parts: Vec<T>,
    name: impl Fn(&T) -> &str,
    twice: impl Fn(Box<str>) -> PolicyError,
) -> Result<Vec<T>, PolicyError> {
    let order = order::by_key(parts.iter().map(|part| name(part).as_bytes()));
    let parts = order::rearranged(parts, &order);
    match parts.array_windows().find(|[a, b]| name(a) == name(b)) {
        Some([part, _]) => Err(twice(name(part).into())),
        None => Ok(parts),
    }
}

/// Whether every role that subjects name is one of their organization.
pub(super) fn check_roles<'p>(
    roles: &BTreeMap<Box<str>, Role>,
    mut named: impl Iterator<Item = (&'p str, &'p Subjects)>,
) -> Result<(), PolicyError> {
    let unknown = named.find_map(|(name, subjects)| {
        let organization = organization_of(name);
        let mut of_subjects = subjects.roles.iter();
        let role = of_subjects.find(|role| !roles.contains_key(&*role_name(organization, role)));
        role.map(|role| (name, role.clone()))
    });
    match unknown {
        Some((name, role)) => Err(PolicyError::UnknownRole {
            name: name.into(),
            role,
        }),
        None => Ok(()),
    }
}

/// Roles by their names.
pub(super) fn by_name(roles: Vec<Role>) -> Result<BTreeMap<Box<str>, Role>, PolicyError> {
    let mut named = BTreeMap::new();
    for role in roles {
        let name = role.name.clone();
        if named.insert(name.clone(), role).is_some() {
            return Err(PolicyError::DuplicateRole { name });
        }
    }
    Ok(named)
}

/// The rules of each organization, in the order of their names.
pub(super) type RuleSets = BTreeMap<Box<str>, Vec<Arc<Rule>>>;

/// Parts the rules by organization, which has roles of its own; their order stays.
pub(super) fn by_organization(rules: Vec<Arc<Rule>>) -> RuleSets {
    let mut parted = RuleSets::new();
    for rule in rules {
        let organization = organization_of(&rule.name).into();
        parted.entry(organization).or_default().push(rule);
    }
    parted
}
