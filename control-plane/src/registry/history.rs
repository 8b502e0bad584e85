//! What was published before: shown, compared, and published again.

use super::{By, Changed, DeadRules, Registry, RegistryError, Resources, Wish};
use crate::{
    resource::{Kind, Resource},
    store::Published,
};

/// The RPC of a rollback, also where a second person publishes it.
pub const ROLLBACK: &str = "RollbackSnapshot";

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

/// What became of a rollback.
#[derive(Clone, Debug)]
pub struct RolledBack {
    /// The resources that it is about.
    pub names: Vec<String>,
    /// What became of each.
    pub changed: Changed,
}

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
        let from: Resources = self.resources_of(from)?.into_iter().collect();
        let to: Resources = self.resources_of(to)?.into_iter().collect();
        let pair = |(kind, name): (Kind, &str)| {
            let of = |all: &Resources| all.get(&(kind, name.to_owned())).cloned();
            Difference {
                name: name.to_owned(),
                from: of(&from),
                to: of(&to),
            }
        };
        let bare = |resource: &Option<Resource>| resource.as_ref().map(Resource::bare);
        let differs = |pair: &Difference| bare(&pair.from) != bare(&pair.to);
        let pairs = from.differences(&to).into_iter().map(pair);
        Ok(pairs.filter(differs).collect())
    }

    /// Publishes the resources of an old version as a new one, or changes nothing. Blocks on the
    /// store.
    ///
    /// Secrets are in no version: credentials stay as they are, also those that are gone, so that no
    /// secret is used as an older document said. Who may administer is not rolled back either.
    ///
    /// # Errors
    /// Where there is no such version, or what it was built from no longer fits.
    pub fn roll_back(
        &self,
        version: u64,
        by: &By,
        validate_only: bool,
    ) -> Result<RolledBack, RegistryError> {
        let old = self.resources_of(version)?.into_iter().collect();
        let by = By {
            cause: Some(format!("rollback of {version}")),
            ..by.clone()
        };
        let mut names = Vec::new();
        let wishes = |current: &Resources| {
            let wishes = wishes(current, &old);
            names = wishes.iter().map(|wish| wish.name().to_owned()).collect();
            wishes
        };
        let changed = self.change_by(wishes, DeadRules::Let, &by, validate_only);
        let changed = changed.map_err(|error| unfit(version, &names, error))?;
        Ok(RolledBack { names, changed })
    }

    /// What a rollback would change, for where a second person has to publish it. Blocks on the store.
    ///
    /// # Errors
    /// As [`Registry::roll_back`].
    pub fn wishes_of(&self, version: u64) -> Result<Vec<Wish>, RegistryError> {
        let old = self.resources_of(version)?.into_iter().collect();
        Ok(wishes(&self.current(), &old))
    }
}

/// Whether a rollback makes resources of a kind, and removes them.
fn is_rolled_back(kind: Kind) -> bool {
    match kind {
        Kind::Allowlist
        | Kind::Detector
        | Kind::IdentityProvider
        | Kind::Offer
        | Kind::Quota
        | Kind::RedactionProfile
        | Kind::Role
        | Kind::Rule
        | Kind::Server => true,
        // The secrets of credentials are in no version; who may change what is no part of what
        // filters enforce; a kill switch is lifted by name alone.
        Kind::Binding | Kind::Block | Kind::Credential | Kind::Organization => false,
    }
}

/// What makes the old resources of the current ones.
fn wishes(current: &Resources, old: &Resources) -> Vec<Wish> {
    let key = |resource: &Resource| (resource.kind(), resource.name().to_owned());
    let gone = current.values().filter(|it| !old.contains_key(&key(it)));
    let mut wishes: Vec<_> = gone
        .filter(|it| is_rolled_back(it.kind()))
        .map(|it| Wish::Delete {
            kind: it.kind(),
            name: it.name().to_owned(),
            etag: String::new(),
        })
        .collect();
    for old in old.values() {
        let key = key(old);
        let mut old = old.bare();
        // What people approved or stopped since is not undone with the rest.
        if let Resource::Server(old) = &mut old
            && let Some(current) = current.get(&key).and_then(|it| it.as_server())
        {
            old.state = current.state;
        }
        let is_same = current.get(&key).is_some_and(|it| it.bare() == old);
        if is_rolled_back(key.0) && !is_same {
            wishes.push(Wish::Apply(old));
        }
    }
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
