//! Wishes to change resources, one by one.

use super::{RegistryError, Resources, now};
use crate::resource::{Kind, Resource, invalid};

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

    pub(super) fn key(&self) -> (Kind, String) {
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

pub(super) fn refuse_repeats(names: &[(Kind, String)]) -> Result<(), RegistryError> {
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

pub(super) fn fulfil(candidate: &mut Resources, wish: Wish) -> Result<Done, RegistryError> {
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

pub(super) fn check_etag(name: &str, stored: &Resource, given: &str) -> Result<(), RegistryError> {
    if given.is_empty() || given == stored.etag() {
        return Ok(());
    }
    Err(RegistryError::Conflict {
        name: name.to_owned(),
        found: stored.etag().to_owned(),
        given: given.to_owned(),
    })
}
