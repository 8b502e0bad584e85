//! The resources: checked, stored and published as one.

mod by;
pub mod candidate;
mod credential;
mod history;
mod keys;
pub mod proposal;
mod reference;
mod secret;
mod tailored;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use chancery_engine::wire::Invalid;
use chancery_proto::{
    admin::v1::{Binding, Proposal, Warning},
    node::v1::SealingKeys,
};
use tokio::sync::{broadcast, watch};

use self::tailored::Tailored;
pub use self::{
    by::By,
    credential::Expiry,
    history::{Difference, RolledBack},
};
use crate::{
    access::{NodeScope, Place},
    lint,
    resource::{Kind, Resource, invalid},
    sealing::{self, SealingError},
    secrets::{Secrets, SecretsError},
    signing::Signer,
    snapshot::{self, BuildError, KeySets, Snapshot},
    store::{IssuerKeySet, Publication, Store, StoreError, Transaction},
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

/// Whose doing a change is.
#[derive(Clone, Copy, Debug)]
pub struct Doing<'d> {
    /// Who wants it.
    pub author: &'d str,
    /// What they did: the RPC, or what it came from.
    pub cause: &'d str,
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

/// What a change came to.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// What became of each wish, in their order.
    pub done: Vec<Done>,
    /// The snapshot that holds it; the newest one where nothing changed.
    pub snapshot: Option<Arc<Snapshot>>,
    /// What is not wrong but hardly meant.
    pub warnings: Vec<Warning>,
    /// The proposal that it came to, where a second person has to publish it. Nothing is changed
    /// then.
    pub proposal: Option<Proposal>,
}

/// What is done about rules that name what is not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum DeadRules {
    /// A change that writes one is refused.
    Refused,
    /// They are let be: what was in force before may be so again.
    Let,
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
    /// No such version.
    #[error("there is no version {version} whose resources are kept{}", newest.map_or_else(String::new, |it| format!("; the newest is {it}")))]
    UnknownVersion {
        /// Which.
        version: u64,
        /// The newest there is.
        newest: Option<u64>,
    },
    /// What an old version was built from is not right any more.
    #[error("version {version} no longer fits: {problems}")]
    Unfit {
        /// Which.
        version: u64,
        /// What is wrong, resource by resource.
        problems: String,
    },
    /// Only somebody else than who wishes it may publish it.
    #[error("what changes in `{organization}` is published by a second person")]
    SecondPerson {
        /// The organization's name.
        organization: String,
    },
    /// The resources are right one by one and wrong together.
    #[error("no snapshot can be made of this: {0}")]
    Build(#[from] BuildError),
    /// The sealed part of the store.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) type Resources = BTreeMap<(Kind, String), Resource>;

fn keyed(resources: Vec<Resource>) -> Resources {
    resources
        .into_iter()
        .map(|r| ((r.kind(), r.name().to_owned()), r))
        .collect()
}

/// The author of what the control plane publishes by itself.
const ITSELF: &str = "control plane";

/// Keeps resources and publishes what they come to.
#[derive(Debug)]
pub struct Registry {
    store: Arc<Store>,
    secrets: Secrets,
    signer: Signer,
    resources: Mutex<Arc<Resources>>,
    /// By identity provider. Locked after the resources, where both are.
    issuer_keys: Mutex<BTreeMap<String, IssuerKeySet>>,
    published: watch::Sender<Option<Arc<Snapshot>>>,
    /// The newest snapshot as nodes get it that do not get all of it.
    tailored: Mutex<Tailored>,
    /// Proposals are decided about one after another.
    deciding: Mutex<()>,
    expiries: broadcast::Sender<Expiry>,
}

impl Registry {
    /// Takes up what the store holds, signs what it publishes, and publishes anew what an older
    /// control plane's form of differs.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn open(
        store: Arc<Store>,
        secrets: Secrets,
        signer: Signer,
    ) -> Result<Self, RegistryError> {
        let keyed = keyed(store.resources()?);
        let sets = store.key_sets()?.into_iter();
        let sets = sets.map(|set| (set.source.identity_provider.clone(), set));
        let issuer_keys = Mutex::new(sets.collect());
        let published = store.newest_snapshot()?;
        // By the keys of today, not those of when it was published.
        let published = published.map(|newest| Arc::new(newest.signed(&signer)));
        let registry = Self {
            store,
            secrets,
            signer,
            resources: Mutex::new(Arc::new(keyed)),
            issuer_keys,
            published: watch::Sender::new(published),
            tailored: Mutex::default(),
            deciding: Mutex::new(()),
            expiries: credential::expiries(),
        };
        registry.renew()?;
        Ok(registry)
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

    /// The sealing keys of every organization of a scope that has a server. Blocks on the store.
    ///
    /// # Errors
    /// Where they can be neither read nor made.
    pub fn sealing_keys(&self, scope: &NodeScope) -> Result<Vec<SealingKeys>, SealingError> {
        let resources = self.current();
        let servers = resources.values().filter(|r| r.kind() == Kind::Server);
        let organizations: BTreeSet<_> = servers
            .map(Resource::organization)
            .filter(|organization| scope.covers(organization))
            .collect();
        let now_seconds = now().seconds.unsigned_abs();
        organizations
            .into_iter()
            .map(|organization| sealing::keys(&self.secrets, organization, now_seconds))
            .collect()
    }

    /// Every binding of an administrator to roles.
    pub fn bindings(&self) -> Vec<Binding> {
        let resources = self.current();
        let mut bindings = Vec::new();
        for resource in resources.values() {
            if let Resource::Binding(binding) = resource {
                bindings.push(binding.clone());
            }
        }
        bindings
    }

    /// The ids of all organizations that have a resource.
    pub fn organizations(&self) -> BTreeSet<String> {
        let resources = self.current();
        let places = resources.values().filter_map(|r| Place::of(r.name()));
        places.map(|place| place.organization.to_owned()).collect()
    }

    /// A snapshot that was published by this store. Blocks on the store.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn snapshot(&self, version: u64) -> Result<Option<Snapshot>, RegistryError> {
        Ok(self.store.snapshot(version)?)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Resources>> {
        // They are replaced as a whole, so a panic leaves them as they were.
        self.resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Arc<Resources> {
        Arc::clone(&self.lock())
    }

    /// Makes all changes and publishes one snapshot, or changes nothing. What is changed, and by
    /// whom, is left in the store's outbox with it. Blocks on the store.
    ///
    /// # Errors
    /// Where any of it is not possible.
    pub fn change(
        &self,
        wishes: Vec<Wish>,
        by: &By,
        validate_only: bool,
    ) -> Result<Changed, RegistryError> {
        self.change_by(|_| Ok(wishes), DeadRules::Refused, by, validate_only)
    }

    /// Makes the changes that follow from what is stored.
    fn change_by(
        &self,
        wishes: impl FnOnce(&Resources) -> Result<Vec<Wish>, RegistryError>,
        dead_rules: DeadRules,
        by: &By,
        validate_only: bool,
    ) -> Result<Changed, RegistryError> {
        // Held to the end: changes are made one after another.
        let mut resources = self.lock();
        let mut candidate = Resources::clone(&resources);
        let mut wishes = wishes(&resources)?;
        let names: Vec<_> = wishes.iter().map(Wish::key).collect();
        refuse_repeats(&names)?;
        let sealed = secret::seal(&self.secrets, &candidate, &mut wishes)?;
        let mut done = Vec::with_capacity(wishes.len());
        for wish in wishes {
            done.push(fulfil(&mut candidate, wish)?);
        }
        check(&candidate, &names)?;
        let warnings = match dead_rules {
            DeadRules::Refused => lint(&resources, &candidate, &names, &done)?,
            DeadRules::Let => Vec::new(),
        };
        let newest = self.published.borrow().clone();
        let has_changed = done.iter().any(|done| !matches!(done, Done::Unchanged(_)));
        let mut changed = Changed {
            done,
            snapshot: newest,
            warnings,
            proposal: None,
        };
        if !has_changed {
            return Ok(changed);
        }
        let snapshot = self.next_snapshot(&candidate, &self.key_sets_of(&candidate))?;
        if validate_only {
            return Ok(changed);
        }
        if by.approves.is_none()
            && let Some(organization) = second_person(&resources, &names)
        {
            return Err(RegistryError::SecondPerson { organization });
        }
        let mut transaction = Transaction {
            secrets: sealed.iter().collect(),
            publication: Some(Publication::new(&snapshot, by.doing())),
            proposal: by.approves.as_ref(),
            entries: by.entries(&resources, &names, &changed.done),
            ..Transaction::default()
        };
        for (done, (kind, name)) in changed.done.iter().zip(&names) {
            match done {
                Done::Created(resource) | Done::Updated(resource) => transaction.put.push(resource),
                Done::Unchanged(_) => {}
                Done::Deleted => transaction.delete.push((*kind, name)),
            }
        }
        let done = || changed.done.iter().zip(&names);
        transaction.forget = done()
            .flat_map(|(done, key)| credential::useless(done, key))
            .collect();
        self.store.commit(&transaction)?;
        self.expire_changed(&resources, &candidate, done());
        *resources = Arc::new(candidate);
        changed.snapshot = Some(self.publish(snapshot));
        Ok(changed)
    }

    /// What the resources come to with these keys, as the version after the newest.
    fn next_snapshot(
        &self,
        resources: &Resources,
        key_sets: &KeySets,
    ) -> Result<Snapshot, BuildError> {
        let newest = self.published.borrow();
        let version = newest.as_ref().map_or(0, |newest| newest.version);
        let version = (self.store.epoch(), version.saturating_add(1));
        let all: Vec<_> = resources.values().cloned().collect();
        let snapshot = snapshot::build(&all, key_sets, version, now(), None)?;
        Ok(snapshot.signed(&self.signer))
    }

    fn publish(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        self.published.send_replace(Some(Arc::clone(&snapshot)));
        snapshot
    }

    /// Publishes anew what an older control plane published in another form.
    fn renew(&self) -> Result<(), RegistryError> {
        let Some(newest) = self.published.borrow().clone() else {
            return Ok(());
        };
        let current = self.current();
        let snapshot = match self.next_snapshot(&current, &self.key_sets_of(&current)) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                // Whoever repairs it needs a control plane that runs.
                tracing::error!(%error, "the stored resources make no snapshot; the last one stays");
                return Ok(());
            }
        };
        if snapshot.sections == newest.sections {
            return Ok(());
        }
        tracing::info!(version = snapshot.version, "the stored snapshot is renewed");
        let doing = Doing {
            author: ITSELF,
            cause: "a newer control plane",
        };
        self.store.commit(&Transaction {
            publication: Some(Publication::new(&snapshot, doing)),
            ..Transaction::default()
        })?;
        self.publish(snapshot);
        Ok(())
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

    /// The kind of what it is about.
    pub fn kind(&self) -> Kind {
        self.key().0
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

/// An organization of these resources whose changes need a second person. It is asked as it was, so
/// that it cannot be turned off with the change that it would have been in the way of. A credential
/// may have a secret, which no proposal keeps: it is its operator's to change.
fn second_person(stored: &Resources, changed: &[(Kind, String)]) -> Option<String> {
    let wants = |(kind, name): &(Kind, String)| {
        let place = Place::of(name).filter(|_| *kind != Kind::Credential)?;
        let name = format!("organizations/{}", place.organization);
        let stored = stored.get(&(Kind::Organization, name.clone()));
        let Some(Resource::Organization(organization)) = stored else {
            return None;
        };
        organization.second_person.then_some(name)
    };
    changed.iter().find_map(wants)
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
        let found = match resource.to_policy() {
            Err(error) => vec![error],
            Ok(_) => reference::check(candidate, resource),
        };
        problems.extend(found.into_iter().map(|invalid| (position, invalid)));
    }
    if !problems.is_empty() {
        return Err(RegistryError::Invalid(problems));
    }
    for key in changed.iter().filter(|key| !candidate.contains_key(key)) {
        let (kind, name) = key;
        if let Some(by) = reference::named_by(candidate, *kind, name) {
            return Err(RegistryError::InUse {
                name: name.clone(),
                by: by.to_owned(),
            });
        }
    }
    Ok(())
}

/// Checks that no rule is dead, or becomes so.
fn lint(
    before: &Resources,
    after: &Resources,
    names: &[(Kind, String)],
    done: &[Done],
) -> Result<Vec<Warning>, RegistryError> {
    let before: Vec<_> = before.values().collect();
    let after: Vec<_> = after.values().collect();
    let wished: Vec<_> = names
        .iter()
        .zip(done)
        .map(|((kind, name), done)| (*kind, &**name, !matches!(done, Done::Unchanged(_))))
        .collect();
    let lint = lint::check(&lint::Change {
        before: &before,
        after: &after,
        wished: &wished,
        now_seconds: now().seconds,
    });
    if lint.errors.is_empty() {
        Ok(lint.warnings)
    } else {
        Err(RegistryError::Invalid(lint.errors))
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
