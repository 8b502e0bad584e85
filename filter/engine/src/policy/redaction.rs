//! The redaction profiles of organizations.

use std::{collections::BTreeMap, sync::Arc};

use super::PolicyError;
use crate::{
    name::organization_of,
    redact::{DEFAULT_PROFILE, Profile},
    rule::Rule,
};

/// What can be redacted by: the profiles of each organization, and the one that is built in.
#[derive(Debug)]
pub(super) struct Redaction {
    /// By organization, `organizations/{o}`, and id.
    profiles: BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<Profile>>>,
    built_in: Arc<Profile>,
}

impl Redaction {
    /// Puts profiles in place, of which each name occurs once.
    pub(super) fn new(profiles: Vec<Arc<Profile>>) -> Result<Self, PolicyError> {
        let mut by_organization: BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<Profile>>> =
            BTreeMap::new();
        for profile in profiles {
            let name = profile.name();
            let id = name.rsplit('/').next().unwrap_or_default();
            let of_organization = by_organization
                .entry(organization_of(name).into())
                .or_default();
            if let Some(twice) = of_organization.insert(id.into(), profile) {
                let name = twice.name().into();
                return Err(PolicyError::DuplicateProfile { name });
            }
        }
        Ok(Self {
            profiles: by_organization,
            built_in: Arc::new(Profile::built_in()),
        })
    }

    /// A profile of an organization by its id; its own `default` comes before the built-in one.
    pub(super) fn profile(&self, organization: &str, id: &str) -> Option<&Arc<Profile>> {
        let own = self.profiles.get(organization);
        let own = own.and_then(|profiles| profiles.get(id));
        own.or_else(|| (id == DEFAULT_PROFILE).then_some(&self.built_in))
    }

    /// Whether every profile that rules name is one of their organization.
    pub(super) fn check(&self, rules: &[Arc<Rule>]) -> Result<(), PolicyError> {
        for rule in rules {
            let organization = organization_of(&rule.name);
            let mut named = rule.obligations.redact.iter();
            if let Some(profile) = named.find(|id| self.profile(organization, id).is_none()) {
                return Err(PolicyError::UnknownProfile {
                    name: rule.name.clone(),
                    profile: profile.clone(),
                });
            }
        }
        Ok(())
    }
}
