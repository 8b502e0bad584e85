//! What was published before: shown, compared, and published again.

use std::{collections::BTreeMap, sync::Arc};

use super::{Doing, Done, Registry, RegistryError, Resources, Wish, keyed};
use crate::{
    resource::{Kind, Resource},
    snapshot::Snapshot,
    store::Published,
};

/// How one resource differs between two versions; equal ones are none.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// As it is in the one, if it is there.
    pub from: Option<Resource>,
    /// As it is in the other, if it is there.
    pub to: Option<Resource>,
}

/// What became of a rollback: each resource it is about, and the snapshot that is then in force.
pub type RolledBack = (Vec<(String, Done)>, Option<Arc<Snapshot>>);

impl Registry {
    /// At most `count` published snapshots before a version, the newest first. Blocks on the store.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn history(&self, before: u64, count: usize) -> Result<Vec<Published>, RegistryError> {
        Ok(self.store.published_before(before, count)?)
    }

    /// What a version was built from. Blocks on the store.
    ///
    /// # Errors
    /// Where there is no such version, or it is older than what is kept.
    pub fn resources_of(&self, version: u64) -> Result<Vec<Resource>, RegistryError> {
        if let Some(resources) = self.store.resources_of(version)? {
            return Ok(resources);
        }
        let newest = self.published.borrow().as_ref().map(|it| it.version);
        Err(RegistryError::UnknownVersion { version, newest })
    }

    /// How two versions differ, in the order of kind and name. Blocks on the store.
    ///
    /// # Errors
    /// As [`Registry::resources_of`].
    pub fn differences(&self, from: u64, to: u64) -> Result<Vec<Difference>, RegistryError> {
        let (mut from, to) = (
            keyed(self.resources_of(from)?),
            keyed(self.resources_of(to)?),
        );
        let mut pairs: BTreeMap<(Kind, String), Difference> = BTreeMap::new();
        for ((kind, name), resource) in to {
            let key = (kind, name.clone());
            let from = from.remove(&key);
            let to = Some(resource);
            pairs.insert(key, Difference { name, from, to });
        }
        for ((kind, name), resource) in from {
            let key = (kind, name.clone());
            let from = Some(resource);
            pairs.insert(
                key,
                Difference {
                    name,
                    from,
                    to: None,
                },
            );
        }
        let bare = |resource: &Option<Resource>| resource.as_ref().map(Resource::bare);
        let differs = |pair: &Difference| bare(&pair.from) != bare(&pair.to);
        Ok(pairs.into_values().filter(differs).collect())
    }

    /// Publishes the resources of an old version as a new one, or changes nothing. Secrets are in no
    /// version, so they stay as they are. Blocks on the store.
    ///
    /// # Errors
    /// Where there is no such version, or what it was built from no longer fits.
    pub fn roll_back(
        &self,
        version: u64,
        author: &str,
        validate_only: bool,
    ) -> Result<RolledBack, RegistryError> {
        let old = keyed(self.resources_of(version)?);
        let cause = format!("rollback of {version}");
        let doing = Doing {
            author,
            cause: &cause,
        };
        let mut names = Vec::new();
        let wishes = |current: &Resources| {
            let wishes = wishes(current, &old);
            names = wishes.iter().map(|wish| wish.name().to_owned()).collect();
            wishes
        };
        let changed = self.change_by(wishes, doing, validate_only);
        let (done, snapshot) = changed.map_err(|error| unfit(version, &names, error))?;
        Ok((names.into_iter().zip(done).collect(), snapshot))
    }
}

/// What makes the old resources of the current ones.
fn wishes(current: &Resources, old: &Resources) -> Vec<Wish> {
    let gone = current.keys().filter(|key| !old.contains_key(*key));
    let mut wishes: Vec<_> = gone
        .map(|(kind, name)| Wish::Delete {
            kind: *kind,
            name: name.clone(),
            etag: String::new(),
        })
        .collect();
    let differs = |(key, old): &(&(Kind, String), Resource)| {
        current.get(*key).is_none_or(|it| it.bare() != *old)
    };
    let bare = old.iter().map(|(key, resource)| (key, resource.bare()));
    wishes.extend(bare.filter(differs).map(|(_, old)| Wish::Apply(old)));
    wishes
}

/// A position among wishes that nobody wrote says nothing to anybody.
fn unfit(version: u64, names: &[String], error: RegistryError) -> RegistryError {
    let RegistryError::Invalid(problems) = error else {
        return error;
    };
    let problems = problems.into_iter().map(|(position, invalid)| {
        let name = names.get(position).map_or("", String::as_str);
        format!("{name}: {invalid}")
    });
    RegistryError::Unfit {
        version,
        problems: problems.collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests;
