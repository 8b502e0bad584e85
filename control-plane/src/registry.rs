//! The resources: checked, stored and published as one.

mod by;
pub mod candidate;
mod check;
mod credential;
mod error;
mod history;
mod keys;
pub mod proposal;
mod publish;
mod quarantine;
mod reference;
mod review;
mod scan;
mod secret;
mod shadow;
mod state;
mod tailored;
mod wish;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use chancery_proto::{
    admin::v1::{Binding, Proposal, Warning},
    node::v1::SealingKeys,
};
use tokio::sync::{broadcast, watch};

pub(crate) use self::state::word as state_word;
pub use self::{
    by::By,
    credential::Expiry,
    error::RegistryError,
    history::{Difference, ROLLBACK, RolledBack},
    review::ApprovalWish,
    state::StateChange,
    wish::{Done, Wish},
};
use self::{
    check::{DeadRules, check, second_person},
    tailored::Tailored,
    wish::{check_etag, check_shape, fulfil},
};
use crate::{
    access::{NodeScope, Place},
    resource::{Kind, Resource, Resources},
    sealing::{self, SealingError},
    secrets::Secrets,
    signing::Signer,
    snapshot::{Share, Snapshot},
    store::{ADMINISTRATORS, IssuerKeySet, Store, Transaction},
};

/// Whose doing a change is.
#[derive(Clone, Copy, Debug)]
pub struct Doing<'d> {
    /// Who wants it.
    pub author: &'d str,
    /// What they did: the RPC, or what it came from.
    pub cause: &'d str,
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
    /// Whether it is for a second person to publish, also where this was only a check.
    pub needs_second_person: bool,
}

/// Keeps resources and publishes what they come to.
#[derive(Debug)]
pub struct Registry {
    store: Arc<Store>,
    secrets: Secrets,
    signer: Signer,
    /// Held for as long as a change takes; what is there is read without it.
    changing: Mutex<()>,
    /// Held to read or replace them, with the issuers' keys and what is published of both.
    resources: Mutex<Arc<Resources>>,
    /// What was last published, as its sections are made.
    whole: Mutex<Arc<Share>>,
    /// By identity provider. Locked after the resources, where both are.
    issuer_keys: Mutex<BTreeMap<String, IssuerKeySet>>,
    published: watch::Sender<Option<Arc<Snapshot>>>,
    /// The newest snapshot as nodes get it that do not get all of it.
    tailored: Mutex<Tailored>,
    /// The ids of all organizations that ever had a resource: the record is also of those that have
    /// none any more.
    organizations: Mutex<BTreeSet<String>>,
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
        let resources: Resources = store.resources()?.into_iter().collect();
        let sets = store.key_sets()?.into_iter();
        let sets = sets.filter(|set| set.source.identity_provider != ADMINISTRATORS);
        let sets = sets.map(|set| (set.source.identity_provider.clone(), set));
        let issuer_keys = Mutex::new(sets.collect());
        let organizations = store.organizations()?;
        let published = store.newest_snapshot()?;
        // By the keys of today, not those of when it was published.
        let published = published.map(|newest| Arc::new(newest.signed(&signer)));
        let registry = Self {
            store,
            secrets,
            signer,
            changing: Mutex::new(()),
            resources: Mutex::new(Arc::new(resources)),
            whole: Mutex::new(Arc::new(
                Share::new(None, NodeScope::everything()).keeping(),
            )),
            issuer_keys,
            published: watch::Sender::new(published),
            tailored: Mutex::default(),
            organizations: Mutex::new(organizations),
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
        let of_kind = resources.of_kind(kind);
        of_kind.map(|stored| Resource::clone(stored)).collect()
    }

    /// The names of the resources of a kind, in order.
    pub fn names(&self, kind: Kind) -> Vec<String> {
        let resources = self.current();
        let of_kind = resources.of_kind(kind);
        of_kind.map(|stored| stored.name().to_owned()).collect()
    }

    /// At most `count` resources of a kind, in the order of their names: those after a name that are
    /// wanted by theirs.
    pub fn page(
        &self,
        kind: Kind,
        after: &str,
        wanted: impl Fn(&str) -> bool,
        count: usize,
    ) -> Vec<Resource> {
        let resources = self.current();
        let rest = resources.after(kind, after);
        let wanted = rest.filter(|stored| wanted(stored.name()));
        wanted
            .take(count)
            .map(|stored| Resource::clone(stored))
            .collect()
    }

    /// One resource.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn find(&self, kind: Kind, name: &str) -> Result<Resource, RegistryError> {
        let resources = self.current();
        let found = resources.stored(kind, name);
        let found = found.map(|stored| Resource::clone(stored));
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
        let organizations = resources.organizations_with(Kind::Server).into_iter();
        let served = organizations.filter(|it| tailored::serves_some(&resources, scope, it));
        let now_seconds = now().seconds.unsigned_abs();
        served
            .map(|organization| sealing::keys(&self.secrets, &organization, now_seconds))
            .collect()
    }

    /// Every binding of an administrator to roles.
    pub fn bindings(&self) -> Vec<Binding> {
        let resources = self.current();
        let bindings = resources.of_kind(Kind::Binding);
        bindings.filter_map(|it| it.as_binding().cloned()).collect()
    }

    /// The ids of all organizations that have a resource, or once had one. Who may do something in
    /// every one of them may do so in all that the record and old snapshots are about.
    pub fn organizations(&self) -> BTreeSet<String> {
        self.seen_organizations().clone()
    }

    fn seen_organizations(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.organizations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The first half of every version that is published here.
    pub fn epoch(&self) -> u64 {
        self.store.epoch()
    }

    /// Changes are made one after another.
    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Resources>> {
        // They are replaced as a whole, so a panic leaves them as they were.
        self.resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// All resources, as they are now.
    pub(crate) fn current(&self) -> Arc<Resources> {
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
        self.change_for(by.method, wishes, by, validate_only)
    }

    /// Makes changes as the RPC asks that they came from first.
    fn change_for(
        &self,
        method: &str,
        wishes: Vec<Wish>,
        by: &By,
        validate_only: bool,
    ) -> Result<Changed, RegistryError> {
        let dead_rules = DeadRules::of(method);
        if dead_rules != DeadRules::Let {
            // What needs nothing of what is stored: nobody waits for it.
            check_shape(&wishes)?;
        }
        self.change_by(|_| wishes, dead_rules, by, validate_only)
    }

    /// Makes the changes that follow from what is stored.
    fn change_by(
        &self,
        wishes: impl FnOnce(&Resources) -> Vec<Wish>,
        dead_rules: DeadRules,
        by: &By,
        validate_only: bool,
    ) -> Result<Changed, RegistryError> {
        // Held to the end. What changes nothing keeps nobody waiting.
        let _turn = (!validate_only).then(|| self.changing());
        let resources = self.current();
        let mut candidate = Resources::clone(&resources);
        let mut wishes = wishes(&resources);
        wishes.extend(self.ended(&resources, &wishes)?);
        let names: Vec<_> = wishes.iter().map(Wish::key).collect();
        let sealed = secret::seal(&self.secrets, &candidate, &mut wishes)?;
        let mut done = Vec::with_capacity(wishes.len());
        let waits: Vec<_> = wishes.iter().map(Wish::may_wait).collect();
        for (position, wish) in wishes.into_iter().enumerate() {
            let fulfilled = fulfil(&mut candidate, wish, &by.author);
            done.push(fulfilled.map_err(|error| error.at(position))?);
        }
        check(&candidate, &names)?;
        let warnings = dead_rules.lint(&resources, &candidate, &names, &done)?;
        let newest = self.published.borrow().clone();
        let has_changed = done.iter().any(|done| !matches!(done, Done::Unchanged(_)));
        let mut changed = Changed {
            done,
            snapshot: newest,
            warnings,
            proposal: None,
            needs_second_person: false,
        };
        if !has_changed {
            return Ok(changed);
        }
        let next = self.next(&candidate, &self.key_sets_of(&candidate))?;
        let second_person =
            second_person(&resources, &names, &changed.done, &waits).filter(|_| by.waits());
        changed.needs_second_person = second_person.is_some();
        if validate_only {
            return Ok(changed);
        }
        if let Some(organization) = second_person {
            return Err(RegistryError::SecondPerson { organization });
        }
        let mut transaction = Transaction {
            secrets: sealed.iter().collect(),
            publication: Some(Self::publication(&next, by.doing())),
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
        let places = names.iter().filter_map(|(_, name)| Place::of(name));
        let organizations = places.map(|place| place.organization.to_owned());
        self.seen_organizations().extend(organizations);
        let candidate = Arc::new(candidate);
        let mut current = self.lock();
        *current = Arc::clone(&candidate);
        changed.snapshot = Some(self.publish(next));
        drop(current);
        self.expire_changed(&resources, &candidate, changed.done.iter().zip(&names));
        let servers = names.iter().filter(|(kind, _)| *kind == Kind::Server);
        let servers: Vec<_> = servers.map(|(_, name)| &**name).collect();
        self.forget_decided(&servers);
        Ok(changed)
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

#[cfg(test)]
pub(crate) mod tests;
