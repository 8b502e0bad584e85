//! The keys that issuers publish, as a part of what is published here.

use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
};

use super::{Doing, Registry, RegistryError, Resources, publish::ITSELF};
use crate::{
    issuer_keys::KeyHolder,
    resource::{Kind, PolicyPart, Resource, Stored},
    snapshot::KeySets,
    store::{IssuerKeySet, KeySource, Transaction},
};

impl KeyHolder for Registry {
    type Error = RegistryError;

    fn key_sources(&self) -> Vec<KeySource> {
        let resources = self.current();
        let providers = resources.of_kind(Kind::IdentityProvider);
        providers.filter_map(|it| key_source(it)).collect()
    }

    fn key_set(&self, source: &KeySource) -> Option<IssuerKeySet> {
        let sets = self.issuer_keys();
        let found = sets.get(&source.identity_provider)?;
        (found.source == *source).then(|| found.clone())
    }

    /// Publishes them where they differ.
    fn put_key_set(&self, set: IssuerKeySet) -> Result<bool, RegistryError> {
        // Held to the end, as by every change.
        let _turn = self.changing();
        let resources = self.current();
        let is_wanted = resources
            .of_kind(Kind::IdentityProvider)
            .any(|it| key_source(it).as_ref() == Some(&set.source));
        if !is_wanted {
            return Ok(false);
        }
        let name = set.source.identity_provider.clone();
        let before = self.key_set(&set.source);
        if before.is_some_and(|before| before.keys == set.keys) {
            self.store.put_key_set(&set)?;
            self.issuer_keys().insert(name, set);
            return Ok(false);
        }
        let mut candidate = self.issuer_keys().clone();
        candidate.insert(name.clone(), set.clone());
        let next = self.next(&resources, &wanted(&resources, &candidate))?;
        let cause = format!("keys of {name}");
        let doing = Doing {
            author: ITSELF,
            cause: &cause,
        };
        self.store.commit(&Transaction {
            publication: Some(Self::publication(&next, doing)),
            key_set: Some(&set),
            ..Transaction::default()
        })?;
        let current = self.lock();
        *self.issuer_keys() = candidate;
        self.publish(next);
        drop(current);
        Ok(true)
    }

    fn forget_stray_keys(&self) -> Result<(), RegistryError> {
        let wanted = self.key_sources();
        let stray: Vec<_> = self
            .issuer_keys()
            .values()
            .filter(|set| !wanted.contains(&set.source))
            .map(|set| set.source.identity_provider.clone())
            .collect();
        for name in stray {
            self.store.forget_key_set(&name)?;
            self.issuer_keys().remove(&name);
        }
        Ok(())
    }
}

impl Registry {
    /// The keys that belong into a snapshot of these resources.
    pub(super) fn key_sets_of(&self, resources: &Resources) -> KeySets {
        wanted(resources, &self.issuer_keys())
    }

    pub(super) fn issuer_keys(&self) -> MutexGuard<'_, BTreeMap<String, IssuerKeySet>> {
        self.issuer_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of the providers that are there, from where they come now.
pub(super) fn wanted(resources: &Resources, sets: &BTreeMap<String, IssuerKeySet>) -> KeySets {
    let providers = resources.of_kind(Kind::IdentityProvider);
    let sources = providers.filter_map(|it| key_source(it));
    let found = sources.filter_map(|source| {
        let set = sets.get(&source.identity_provider)?;
        (set.source == source).then(|| (source.identity_provider, set.keys.clone()))
    });
    found.collect()
}

/// Where a provider's keys come from; `None` where they are written down.
fn key_source(stored: &Stored) -> Option<KeySource> {
    let Resource::IdentityProvider(provider) = &**stored else {
        return None;
    };
    let Ok(Some(PolicyPart::IdentityProvider(policy))) = stored.part() else {
        return None;
    };
    policy.has_key_set.then(|| KeySource {
        identity_provider: provider.name.clone(),
        issuer: provider.issuer.clone(),
        jwks_uri: provider.jwks_uri.clone(),
    })
}
