//! What resources have that others name or may not have too, found without asking each of them.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
};

use chancery_engine::{name::organization_of, redact::DEFAULT_PROFILE};
use chancery_proto::{
    admin::v1::{self as admin, credential::Kind as CredentialKind},
    policy::v1 as policy,
};

use crate::{
    registry::Resources,
    resource::{Kind, Resource},
};

/// Resources by their names.
type Named<'r> = BTreeMap<&'r str, &'r Resource>;

/// All resources, by what they say. Organizations are `organizations/{o}`.
#[derive(Debug, Default)]
pub(in crate::registry) struct Index<'r> {
    /// By organization and id; those of one id are of different workspaces.
    pub(super) servers: BTreeMap<&'r str, BTreeMap<&'r str, Vec<&'r Resource>>>,
    /// Ids by organization.
    pub(super) roles: BTreeMap<&'r str, BTreeSet<&'r str>>,
    /// By organization and id.
    pub(super) profiles: BTreeMap<&'r str, BTreeMap<&'r str, &'r admin::RedactionProfile>>,
    /// Ids by organization.
    pub(super) detectors: BTreeMap<&'r str, BTreeSet<&'r str>>,
    /// By organization and id.
    pub(super) allowlists: BTreeMap<&'r str, BTreeMap<&'r str, &'r admin::Allowlist>>,
    /// By organization and the id of a server.
    pub(super) credentials: BTreeMap<(&'r str, &'r str), Named<'r>>,
    /// By host and path.
    pub(super) endpoints: BTreeMap<(&'r str, &'r str), Named<'r>>,
    pub(super) issuers: BTreeMap<&'r str, Named<'r>>,
    /// Which organizations accept an audience.
    pub(super) audiences: BTreeMap<&'r str, BTreeSet<&'r str>>,
    /// Which organizations sign assertions for an audience.
    pub(super) assertions: BTreeMap<&'r str, BTreeSet<&'r str>>,
    /// What names a server, a role, or what is redacted by of an organization, by the id.
    namers: BTreeMap<(Kind, &'r str, &'r str), &'r str>,
}

impl<'r> Index<'r> {
    pub(in crate::registry) fn new(resources: &'r Resources) -> Self {
        let mut index = Self::default();
        for resource in resources.values() {
            index.add(resource);
        }
        index
    }

    fn add(&mut self, resource: &'r Resource) {
        let (organization, id) = (resource.organization(), resource.id());
        for server in servers_of(resource) {
            let key = (Kind::Server, organization, &**server);
            self.namers.entry(key).or_insert_with(|| resource.name());
        }
        for role in subjects_of(resource).map_or(&[][..], |subjects| &subjects.roles) {
            let key = (Kind::Role, organization, &**role);
            self.namers.entry(key).or_insert_with(|| resource.name());
        }
        for (kind, id) in redaction_of(resource) {
            let key = (kind, organization, id);
            self.namers.entry(key).or_insert_with(|| resource.name());
        }
        for audience in audiences_of(resource) {
            self.audiences
                .entry(audience)
                .or_default()
                .insert(organization);
        }
        match resource {
            Resource::Server(server) => {
                let of_organization = self.servers.entry(organization).or_default();
                of_organization.entry(id).or_default().push(resource);
                for endpoint in &server.endpoints {
                    let key = (&*endpoint.host, &*endpoint.path);
                    insert(&mut self.endpoints, key, resource);
                }
            }
            Resource::Role(_) => {
                self.roles.entry(organization).or_default().insert(id);
            }
            Resource::RedactionProfile(profile) => {
                let of_organization = self.profiles.entry(organization).or_default();
                of_organization.insert(id, profile);
            }
            Resource::Detector(_) => {
                self.detectors.entry(organization).or_default().insert(id);
            }
            Resource::Allowlist(allowlist) => {
                let of_organization = self.allowlists.entry(organization).or_default();
                of_organization.insert(id, allowlist);
            }
            Resource::Credential(credential) => {
                for server in &credential.servers {
                    insert(&mut self.credentials, (organization, server), resource);
                }
                if let Some(CredentialKind::Assertion(assertion)) = &credential.kind {
                    let owners = self.assertions.entry(&assertion.audience).or_default();
                    owners.insert(organization);
                }
            }
            Resource::IdentityProvider(provider) => {
                insert(&mut self.issuers, &provider.issuer, resource);
            }
            Resource::Binding(_)
            | Resource::Block(_)
            | Resource::Offer(_)
            | Resource::Organization(_)
            | Resource::Quota(_)
            | Resource::Rule(_) => {}
        }
    }

    /// The servers of an id.
    pub(super) fn servers(&self, organization: &str, id: &str) -> &[&'r Resource] {
        let of_organization = self.servers.get(organization);
        let found = of_organization.and_then(|servers| servers.get(id));
        found.map_or(&[], Vec::as_slice)
    }

    /// Another resource that has what a resource has.
    pub(super) fn other<K, Q>(
        index: &BTreeMap<K, Named<'r>>,
        key: &Q,
        than: &Resource,
    ) -> Option<&'r Resource>
    where
        K: Borrow<Q> + Ord,
        Q: Ord + ?Sized,
    {
        let mut found = index.get(key)?.values();
        found.find(|other| other.name() != than.name()).copied()
    }

    /// What still names something that is no longer there.
    pub(in crate::registry) fn named_by(&self, kind: Kind, name: &str) -> Option<&'r str> {
        let organization = organization_of(name);
        let id = name.rsplit('/').next().unwrap_or_default();
        let is_left = match kind {
            Kind::Server => !self.servers(organization, id).is_empty(),
            Kind::Role => {
                let roles = self.roles.get(organization);
                roles.is_some_and(|roles| roles.contains(id))
            }
            // Without one of its own, an organization has the built-in one.
            Kind::RedactionProfile if id == DEFAULT_PROFILE => true,
            Kind::RedactionProfile => {
                let profiles = self.profiles.get(organization);
                profiles.is_some_and(|profiles| profiles.contains_key(id))
            }
            Kind::Detector => {
                let detectors = self.detectors.get(organization);
                detectors.is_some_and(|detectors| detectors.contains(id))
            }
            Kind::Allowlist => {
                let allowlists = self.allowlists.get(organization);
                allowlists.is_some_and(|allowlists| allowlists.contains_key(id))
            }
            Kind::Binding
            | Kind::Block
            | Kind::Credential
            | Kind::IdentityProvider
            | Kind::Offer
            | Kind::Organization
            | Kind::Quota
            | Kind::Rule => true,
        };
        let by = self.namers.get(&(kind, organization, id)).copied();
        by.filter(|_| !is_left)
    }
}

fn insert<'r, K: Ord>(index: &mut BTreeMap<K, Named<'r>>, key: K, resource: &'r Resource) {
    let of_key = index.entry(key).or_default();
    of_key.insert(resource.name(), resource);
}

/// The globs over servers that a resource has.
fn servers_of(resource: &Resource) -> &[String] {
    match resource {
        Resource::Rule(rule) => &rule.servers,
        Resource::Quota(quota) => &quota.servers,
        Resource::Offer(offer) => &offer.servers,
        Resource::Credential(credential) => &credential.servers,
        Resource::Binding(_)
        | Resource::Block(_)
        | Resource::Allowlist(_)
        | Resource::Detector(_)
        | Resource::IdentityProvider(_)
        | Resource::Organization(_)
        | Resource::RedactionProfile(_)
        | Resource::Role(_)
        | Resource::Server(_) => &[],
    }
}

fn subjects_of(resource: &Resource) -> Option<&policy::Subjects> {
    match resource {
        Resource::Rule(rule) => rule.subjects.as_ref(),
        Resource::Quota(quota) => quota.subjects.as_ref(),
        Resource::Role(role) => role.subjects.as_ref(),
        Resource::Binding(_)
        | Resource::Block(_)
        | Resource::Allowlist(_)
        | Resource::Credential(_)
        | Resource::Detector(_)
        | Resource::IdentityProvider(_)
        | Resource::Offer(_)
        | Resource::Organization(_)
        | Resource::RedactionProfile(_)
        | Resource::Server(_) => None,
    }
}

fn named(kind: Kind, ids: &[String]) -> impl Iterator<Item = (Kind, &str)> {
    ids.iter().map(move |id| (kind, id.as_str()))
}

/// The redaction profiles, detectors and allowlists that a resource names.
fn redaction_of(resource: &Resource) -> Vec<(Kind, &str)> {
    match resource {
        Resource::Rule(rule) => {
            let obligations = rule.obligations.as_ref();
            let redact = obligations.map_or(&[][..], |it| &it.redact);
            let reveal = obligations.map_or(&[][..], |it| &it.reveal);
            let profiles = named(Kind::RedactionProfile, redact);
            profiles.chain(named(Kind::Detector, reveal)).collect()
        }
        Resource::RedactionProfile(profile) => {
            let chosen = profile.choices.iter().map(|choice| &*choice.detectors);
            let detectors = chosen.flat_map(|ids| named(Kind::Detector, ids));
            let allowlists = named(Kind::Allowlist, &profile.allowlists);
            detectors.chain(allowlists).collect()
        }
        Resource::Allowlist(allowlist) => named(Kind::Detector, &allowlist.detectors).collect(),
        Resource::Binding(_)
        | Resource::Block(_)
        | Resource::Credential(_)
        | Resource::Detector(_)
        | Resource::IdentityProvider(_)
        | Resource::Offer(_)
        | Resource::Organization(_)
        | Resource::Quota(_)
        | Resource::Role(_)
        | Resource::Server(_) => Vec::new(),
    }
}

/// Every audience that a resource accepts.
fn audiences_of(resource: &Resource) -> Vec<&str> {
    match resource {
        Resource::IdentityProvider(provider) => {
            provider.audiences.iter().map(String::as_str).collect()
        }
        Resource::Server(server) => server
            .endpoints
            .iter()
            .flat_map(|endpoint| &endpoint.audiences)
            .map(|audience| &*audience.value)
            .collect(),
        Resource::Binding(_)
        | Resource::Block(_)
        | Resource::Allowlist(_)
        | Resource::Credential(_)
        | Resource::Detector(_)
        | Resource::Offer(_)
        | Resource::Organization(_)
        | Resource::Quota(_)
        | Resource::RedactionProfile(_)
        | Resource::Role(_)
        | Resource::Rule(_) => Vec::new(),
    }
}
