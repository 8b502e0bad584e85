//! What resources have that others name or may not have too, found without asking each of them.

use std::{
    borrow::Borrow,
    cell::LazyCell,
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

/// Servers by id; those of one id are of different workspaces.
pub(super) type Servers<'r> = BTreeMap<&'r str, Vec<&'r Resource>>;

type LazyServers<'r> = LazyCell<Servers<'r>, Box<dyn FnOnce() -> Servers<'r> + 'r>>;

/// All resources, by what they say. Organizations are `organizations/{o}`.
#[derive(Debug, Default)]
pub(in crate::registry) struct Index<'r> {
    /// By organization, once they are asked for: they are many, and most changes name none.
    servers: BTreeMap<String, LazyServers<'r>>,
    /// Ids by organization.
    pub(super) roles: BTreeMap<&'r str, BTreeSet<&'r str>>,
    /// By organization and id.
    pub(super) profiles: BTreeMap<&'r str, BTreeMap<&'r str, &'r admin::RedactionProfile>>,
    /// Ids by organization.
    pub(super) detectors: BTreeMap<&'r str, BTreeSet<&'r str>>,
    /// By organization and id.
    pub(super) allowlists: BTreeMap<&'r str, BTreeMap<&'r str, &'r admin::Allowlist>>,
    /// Ids of the credentials that sign, by organization.
    pub(super) signing: BTreeMap<&'r str, BTreeSet<&'r str>>,
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
    /// Of all that changed resources can name, be named by, or contradict.
    pub(in crate::registry) fn new(resources: &'r Resources, changed: &[(Kind, String)]) -> Self {
        let mut index = Self::default();
        let organizations: BTreeSet<_> = changed
            .iter()
            .map(|(_, name)| organization_of(name))
            .collect();
        let changed = changed.iter().filter_map(|key| resources.get(key));
        let claims = Claims::of(changed);
        for organization in organizations {
            let of = organization.to_owned();
            let servers = LazyCell::new(Box::new(move || servers_within(resources, &of)) as _);
            index.servers.insert(organization.to_owned(), servers);
            let others = Kind::ALL.iter().filter(|kind| **kind != Kind::Server);
            for kind in others {
                for resource in resources.within(*kind, organization) {
                    index.add_own(resource);
                }
            }
            // It is not within itself.
            if let Some(resource) = resources.stored(Kind::Organization, organization) {
                index.add_own(resource);
            }
        }
        for kind in Kind::ALL {
            if claims.concern(*kind) {
                for resource in resources.of_kind(*kind) {
                    index.add_shared(resource, &claims);
                }
            }
        }
        index
    }

    /// What only resources of the same organization look at.
    fn add_own(&mut self, resource: &'r Resource) {
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
        for credential in signing_of(resource) {
            let key = (Kind::Credential, organization, credential);
            self.namers.entry(key).or_insert_with(|| resource.name());
        }
        match resource {
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
                if let Some(CredentialKind::SigningSecret(_)) = credential.kind {
                    self.signing.entry(organization).or_default().insert(id);
                }
            }
            Resource::Binding(_)
            | Resource::Block(_)
            | Resource::IdentityProvider(_)
            | Resource::Offer(_)
            | Resource::Organization(_)
            | Resource::Quota(_)
            | Resource::Rule(_)
            | Resource::Server(_) => {}
        }
    }

    /// What no other organization may have too, as far as changed resources have it.
    fn add_shared(&mut self, resource: &'r Resource, claims: &Claims<'_>) {
        for audience in audiences_of(resource) {
            if claims.audiences.contains(audience) {
                let owners = self.audiences.entry(audience).or_default();
                owners.insert(resource.organization());
            }
        }
        for place in places_of(resource) {
            if claims.places.contains(&place) {
                insert(&mut self.endpoints, place, resource);
            }
        }
        if let Some(audience) = assertion_of(resource) {
            let owners = self.assertions.entry(audience).or_default();
            owners.insert(resource.organization());
        }
        if let Resource::IdentityProvider(provider) = resource {
            insert(&mut self.issuers, &provider.issuer, resource);
        }
    }

    /// The servers of an organization.
    pub(super) fn servers_of(&self, organization: &str) -> Option<&Servers<'r>> {
        self.servers.get(organization).map(|servers| &**servers)
    }

    /// The servers of an id.
    pub(super) fn servers(&self, organization: &str, id: &str) -> &[&'r Resource] {
        let of_organization = self.servers_of(organization);
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
        let by = *self.namers.get(&(kind, organization, id))?;
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
            Kind::Credential => {
                let signing = self.signing.get(organization);
                signing.is_some_and(|ids| ids.contains(id))
            }
            Kind::Binding
            | Kind::Block
            | Kind::IdentityProvider
            | Kind::Offer
            | Kind::Organization
            | Kind::Quota
            | Kind::Rule => true,
        };
        (!is_left).then_some(by)
    }
}

fn servers_within<'r>(resources: &'r Resources, organization: &str) -> Servers<'r> {
    let mut servers = Servers::new();
    for stored in resources.within(Kind::Server, organization) {
        servers.entry(stored.id()).or_default().push(stored);
    }
    servers
}

/// The ids of the credentials that sign for a resource.
fn signing_of(resource: &Resource) -> impl Iterator<Item = &str> {
    let webhooks = match resource {
        Resource::Organization(organization) => &*organization.webhooks,
        Resource::Allowlist(_)
        | Resource::Binding(_)
        | Resource::Block(_)
        | Resource::Credential(_)
        | Resource::Detector(_)
        | Resource::IdentityProvider(_)
        | Resource::Offer(_)
        | Resource::Quota(_)
        | Resource::RedactionProfile(_)
        | Resource::Role(_)
        | Resource::Rule(_)
        | Resource::Server(_) => &[],
    };
    webhooks.iter().map(|webhook| &*webhook.credential)
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

/// What changed servers and providers have that no other may have too.
#[derive(Debug, Default)]
struct Claims<'r> {
    /// Hosts and paths.
    places: BTreeSet<(&'r str, &'r str)>,
    audiences: BTreeSet<&'r str>,
}

impl<'r> Claims<'r> {
    fn of(changed: impl Iterator<Item = &'r Resource>) -> Self {
        let mut claims = Self::default();
        for resource in changed {
            claims.places.extend(places_of(resource));
            claims.audiences.extend(audiences_of(resource));
        }
        claims
    }
}

impl Claims<'_> {
    /// Whether resources of a kind may have any of it too.
    fn concern(&self, kind: Kind) -> bool {
        match kind {
            Kind::Server => !(self.places.is_empty() && self.audiences.is_empty()),
            Kind::Credential | Kind::IdentityProvider => true,
            Kind::Allowlist
            | Kind::Binding
            | Kind::Block
            | Kind::Detector
            | Kind::Offer
            | Kind::Organization
            | Kind::Quota
            | Kind::RedactionProfile
            | Kind::Role
            | Kind::Rule => false,
        }
    }
}

/// Where a server is.
fn places_of(resource: &Resource) -> impl Iterator<Item = (&str, &str)> {
    let endpoints = resource
        .as_server()
        .into_iter()
        .flat_map(|it| &it.endpoints);
    endpoints.map(|endpoint| (&*endpoint.host, &*endpoint.path))
}

/// The audience that a credential's assertions are for.
fn assertion_of(resource: &Resource) -> Option<&str> {
    match &resource.as_credential()?.kind {
        Some(CredentialKind::Assertion(assertion)) => Some(&assertion.audience),
        _ => None,
    }
}

/// Every audience that a resource accepts.
fn audiences_of(resource: &Resource) -> impl Iterator<Item = &str> {
    let of_provider = resource.as_identity_provider().into_iter();
    let of_provider = of_provider.flat_map(|provider| &provider.audiences);
    let endpoints = resource
        .as_server()
        .into_iter()
        .flat_map(|it| &it.endpoints);
    let of_endpoints = endpoints.flat_map(|endpoint| &endpoint.audiences);
    of_provider
        .map(String::as_str)
        .chain(of_endpoints.map(|audience| &*audience.value))
}
