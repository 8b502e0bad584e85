//! The resources: checked, stored and published as one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use chancery_engine::wire::Invalid;
use chancery_proto::node::v1::SealingKeys;
use tokio::sync::watch;

use crate::{
    resource::{Kind, PolicyPart, Resource},
    sealing::{self, SealingError},
    secrets::Secrets,
    signing::Signer,
    snapshot::{self, BuildError, Features, Snapshot},
    store::{Store, StoreError, Transaction},
};

/// A wish to change one resource.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Store it, whether or not it is there. An etag that it carries must be the stored one's.
    Apply(Resource),
    /// Store it; its name must be free.
    Create(Resource),
    /// Store it in place of the one with its name.
    Update(Resource),
    /// Remove it.
    Delete {
        /// Which kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// Where given, must be the stored one's.
        etag: String,
    },
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// It is new.
    Created(Resource),
    /// It differs from before.
    Updated(Resource),
    /// It was so already.
    Unchanged(Resource),
    /// It is gone.
    Deleted,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Values that are wrong: the position of the wish, and what is wrong.
    #[error("{}", .0.iter().map(|(_, invalid)| invalid.to_string()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<(usize, Invalid)>),
    /// No such resource.
    #[error("there is no `{name}`")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// The name is taken.
    #[error("`{name}` exists already")]
    AlreadyExists {
        /// Its name.
        name: String,
    },
    /// Somebody else changed it.
    #[error("`{name}` has etag {found}, not {given}: it was changed in between; read it again")]
    Conflict {
        /// Its name.
        name: String,
        /// The stored etag.
        found: String,
        /// The given one.
        given: String,
    },
    /// Something else still needs it.
    #[error("`{name}` is named by `{by}`; change that first")]
    InUse {
        /// Its name.
        name: String,
        /// What names it.
        by: String,
    },
    /// The resources are right one by one and wrong together.
    #[error("no snapshot can be made of this: {0}")]
    Build(#[from] BuildError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Resources = BTreeMap<(Kind, String), Resource>;

/// Keeps resources and publishes what they come to.
#[derive(Debug)]
pub struct Registry {
    store: Arc<Store>,
    secrets: Secrets,
    signer: Signer,
    resources: Mutex<Arc<Resources>>,
    published: watch::Sender<Option<Arc<Snapshot>>>,
}

impl Registry {
    /// Takes up what the store holds, and signs what it publishes.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn open(
        store: Arc<Store>,
        secrets: Secrets,
        signer: Signer,
    ) -> Result<Self, RegistryError> {
        let resources = store.resources()?;
        let keyed = resources
            .into_iter()
            .map(|r| ((r.kind(), r.name().to_owned()), r))
            .collect();
        let published = store.newest_snapshot()?;
        // By the keys of today, not those of when it was published.
        let published = published.map(|newest| Arc::new(newest.signed(&signer)));
        Ok(Self {
            store,
            secrets,
            signer,
            resources: Mutex::new(Arc::new(keyed)),
            published: watch::Sender::new(published),
        })
    }

    /// The newest snapshot, and every one to come.
    pub fn published(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.published.subscribe()
    }

    /// The resources of a kind, in the order of their names.
    pub fn list(&self, kind: Kind) -> Vec<Resource> {
        let resources = self.current();
        resources
            .values()
            .filter(|resource| resource.kind() == kind)
            .cloned()
            .collect()
    }

    /// One resource.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn find(&self, kind: Kind, name: &str) -> Result<Resource, RegistryError> {
        let found = self.current().get(&(kind, name.to_owned())).cloned();
        found.ok_or_else(|| RegistryError::NotFound {
            name: name.to_owned(),
        })
    }

    /// The newest snapshot as filters with these features get it.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn snapshot_for(&self, features: Features<'_>) -> Result<Option<Snapshot>, RegistryError> {
        let Some(newest) = self.published.borrow().clone() else {
            return Ok(None);
        };
        let resources: Vec<_> = self.current().values().cloned().collect();
        let version = (newest.epoch, newest.version);
        let snapshot = snapshot::build(&resources, version, now(), features)?;
        Ok(Some(snapshot.signed(&self.signer)))
    }

    /// The sealing keys of every organization that has a server. Blocks on the store.
    ///
    /// # Errors
    /// Where they can be neither read nor made.
    pub fn sealing_keys(&self) -> Result<Vec<SealingKeys>, SealingError> {
        let resources = self.current();
        let servers = resources.values().filter(|r| r.kind() == Kind::Server);
        let organizations: BTreeSet<_> = servers.map(Resource::organization).collect();
        let now_seconds = now().seconds.unsigned_abs();
        organizations
            .into_iter()
            .map(|organization| sealing::keys(&self.secrets, organization, now_seconds))
            .collect()
    }

    fn current(&self) -> Arc<Resources> {
        Arc::clone(
            &self
                .resources
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Makes all changes and publishes one snapshot, or changes nothing. Blocks on the store.
    ///
    /// # Errors
    /// Where any of it is not possible.
    pub fn change(
        &self,
        wishes: Vec<Wish>,
        validate_only: bool,
    ) -> Result<(Vec<Done>, Option<Arc<Snapshot>>), RegistryError> {
        // Held to the end: changes are made one after another.
        let mut resources = self
            .resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut candidate = Resources::clone(&resources);
        let names: Vec<_> = wishes.iter().map(Wish::key).collect();
        refuse_repeats(&names)?;
        let mut done = Vec::with_capacity(wishes.len());
        for wish in wishes {
            done.push(fulfil(&mut candidate, wish)?);
        }
        check(&candidate, &names)?;
        let has_changed = done.iter().any(|done| !matches!(done, Done::Unchanged(_)));
        if !has_changed {
            return Ok((done, self.published.borrow().clone()));
        }
        let version = self
            .published
            .borrow()
            .as_ref()
            .map_or(0, |newest| newest.version);
        let all: Vec<_> = candidate.values().cloned().collect();
        let version = (self.store.epoch(), version.saturating_add(1));
        let snapshot = snapshot::build(&all, version, now(), None)?.signed(&self.signer);
        if validate_only {
            return Ok((done, self.published.borrow().clone()));
        }
        let mut transaction = Transaction {
            snapshot: Some(&snapshot),
            ..Transaction::default()
        };
        for (done, (kind, name)) in done.iter().zip(&names) {
            match done {
                Done::Created(resource) | Done::Updated(resource) => transaction.put.push(resource),
                Done::Unchanged(_) => {}
                Done::Deleted => transaction.delete.push((*kind, name)),
            }
        }
        self.store.commit(&transaction)?;
        *resources = Arc::new(candidate);
        let snapshot = Arc::new(snapshot);
        self.published.send_replace(Some(Arc::clone(&snapshot)));
        Ok((done, Some(snapshot)))
    }
}

impl Wish {
    /// The name of what it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::Apply(resource) | Self::Create(resource) | Self::Update(resource) => {
                resource.name()
            }
            Self::Delete {
                kind: _,
                name,
                etag: _,
            } => name,
        }
    }

    fn key(&self) -> (Kind, String) {
        match self {
            Self::Apply(resource) | Self::Create(resource) | Self::Update(resource) => {
                (resource.kind(), resource.name().to_owned())
            }
            Self::Delete {
                kind,
                name,
                etag: _,
            } => (*kind, name.clone()),
        }
    }
}

fn refuse_repeats(names: &[(Kind, String)]) -> Result<(), RegistryError> {
    let mut repeats = Vec::new();
    for (position, (kind, name)) in names.iter().enumerate() {
        let earlier = names
            .iter()
            .take(position)
            .any(|key| key == &(*kind, name.clone()));
        if earlier {
            repeats.push((
                position,
                invalid("name", format!("`{name}` twice"), "each name once"),
            ));
        }
    }
    if repeats.is_empty() {
        Ok(())
    } else {
        Err(RegistryError::Invalid(repeats))
    }
}

fn fulfil(candidate: &mut Resources, wish: Wish) -> Result<Done, RegistryError> {
    let key = wish.key();
    let name = key.1.clone();
    let stored = candidate.get(&key).cloned();
    let mut resource = match (wish, &stored) {
        (Wish::Create(_), Some(_)) => return Err(RegistryError::AlreadyExists { name }),
        (Wish::Update(_) | Wish::Delete { .. }, None) => {
            return Err(RegistryError::NotFound { name });
        }
        (
            Wish::Delete {
                kind: _,
                name,
                etag,
            },
            Some(stored),
        ) => {
            check_etag(&name, stored, &etag)?;
            candidate.remove(&key);
            return Ok(Done::Deleted);
        }
        (Wish::Apply(resource) | Wish::Create(resource), None) => resource,
        (Wish::Apply(resource) | Wish::Update(resource), Some(stored)) => {
            check_etag(&name, stored, resource.etag())?;
            resource
        }
    };
    let etag = resource.content_etag();
    match stored {
        Some(stored) if stored.etag() == etag => Ok(Done::Unchanged(stored)),
        Some(stored) => {
            resource.stamp(etag, stored.create_time().unwrap_or_else(now), now());
            candidate.insert(key, resource.clone());
            Ok(Done::Updated(resource))
        }
        None => {
            resource.stamp(etag, now(), now());
            candidate.insert(key, resource.clone());
            Ok(Done::Created(resource))
        }
    }
}

fn check_etag(name: &str, stored: &Resource, given: &str) -> Result<(), RegistryError> {
    if given.is_empty() || given == stored.etag() {
        return Ok(());
    }
    Err(RegistryError::Conflict {
        name: name.to_owned(),
        found: stored.etag().to_owned(),
        given: given.to_owned(),
    })
}

/// Checks every value of the changed resources, and every reference of all.
fn check(candidate: &Resources, changed: &[(Kind, String)]) -> Result<(), RegistryError> {
    let mut problems = Vec::new();
    for (position, key) in changed.iter().enumerate() {
        let Some(resource) = candidate.get(key) else {
            continue;
        };
        match resource.to_policy() {
            Err(error) => problems.push((position, error)),
            Ok(part) => check_against_others(candidate, key, &part, position, &mut problems),
        }
    }
    if !problems.is_empty() {
        return Err(RegistryError::Invalid(problems));
    }
    for (kind, name) in changed {
        let is_gone = !candidate.contains_key(&(*kind, name.clone()));
        if let (Kind::Server, true) = (kind, is_gone)
            && let Some(rule) = rule_naming(candidate, name)
        {
            return Err(RegistryError::InUse {
                name: name.clone(),
                by: rule.to_owned(),
            });
        }
    }
    Ok(())
}

fn check_against_others(
    candidate: &Resources,
    key: &(Kind, String),
    part: &PolicyPart,
    position: usize,
    problems: &mut Vec<(usize, Invalid)>,
) {
    let others = || {
        candidate
            .iter()
            .filter(|(other, _)| *other != key)
            .map(|(_, resource)| resource)
    };
    match part {
        PolicyPart::Rule(rule) => {
            for (index, pattern) in rule.servers.iter().enumerate() {
                let literal = !pattern.contains(['*', '?']);
                if literal && !has_server(candidate, &rule.name, pattern) {
                    let field = format!("servers[{index}]");
                    let expected = known_servers(candidate, &rule.name);
                    problems.push((position, invalid(field, format!("`{pattern}`"), expected)));
                }
            }
        }
        PolicyPart::Server(server) => {
            for (index, endpoint) in server.endpoints.iter().enumerate() {
                let claims = |other: &Resource| match other {
                    Resource::Server(other) => other
                        .endpoints
                        .iter()
                        .any(|theirs| theirs.host == endpoint.host && theirs.path == endpoint.path),
                    Resource::Rule(_) | Resource::IdentityProvider(_) => false,
                };
                if let Some(other) = others().find(|other| claims(other)) {
                    let host = if endpoint.host.is_empty() {
                        "any host"
                    } else {
                        &endpoint.host
                    };
                    let found = format!(
                        "{host} and `{}`, which `{}` has",
                        endpoint.path,
                        other.name()
                    );
                    let field = format!("endpoints[{index}].path");
                    problems.push((
                        position,
                        invalid(field, found, "a host and path of its own"),
                    ));
                }
            }
        }
        PolicyPart::IdentityProvider(provider) => {
            let same = |other: &Resource| match other {
                Resource::IdentityProvider(other) => other.issuer == provider.issuer,
                Resource::Rule(_) | Resource::Server(_) => false,
            };
            if let Some(other) = others().find(|other| same(other)) {
                let found = format!("`{}`, which `{}` has", provider.issuer, other.name());
                problems.push((position, invalid("issuer", found, "an issuer of its own")));
            }
        }
    }
}

fn servers_beside<'r>(
    resources: &'r Resources,
    rule: &'r str,
) -> impl Iterator<Item = &'r Resource> {
    let organization = rule.split("/rules/").next().unwrap_or_default();
    resources.values().filter(move |resource| {
        resource.kind() == Kind::Server && resource.organization() == organization
    })
}

fn has_server(resources: &Resources, rule: &str, id: &str) -> bool {
    servers_beside(resources, rule).any(|server| server.id() == id)
}

fn known_servers(resources: &Resources, rule: &str) -> String {
    let ids: Vec<_> = servers_beside(resources, rule)
        .map(|server| format!("`{}`", server.id()))
        .collect();
    match &*ids {
        [] => "the id of a registered server, and there is none yet".to_owned(),
        ids => format!("the id of a registered server: {}", ids.join(", ")),
    }
}

/// A rule that names a server which is no longer there.
fn rule_naming<'r>(resources: &'r Resources, server: &str) -> Option<&'r str> {
    let id = server.rsplit('/').next().unwrap_or_default();
    resources.values().find_map(|resource| match resource {
        Resource::Rule(rule) => {
            let names = rule.servers.iter().any(|literal| literal == id);
            (names && !has_server(resources, &rule.name, id)).then_some(&*rule.name)
        }
        Resource::Server(_) | Resource::IdentityProvider(_) => None,
    })
}

fn invalid(
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

/// The time as protobuf has it.
pub fn now() -> prost_types::Timestamp {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    prost_types::Timestamp {
        seconds: i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(elapsed.subsec_nanos()).unwrap_or(0),
    }
}
