//! Wishes to change resources, one by one.

use std::collections::BTreeSet;

use super::{
    RegistryError, Resources, now,
    state::{self, StateChange},
};
use crate::resource::{Kind, Resource, invalid};

/// Most wishes at once.
pub(super) const MAX_WISHES: usize = 20_000;

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
    /// Give a server another state.
    ChangeState(StateChange),
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
            Self::ChangeState(change) => &change.name,
        }
    }

    /// The kind of what it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Apply(resource) | Self::Create(resource) | Self::Update(resource) => {
                resource.kind()
            }
            Self::Delete {
                kind,
                name: _,
                etag: _,
            } => *kind,
            Self::ChangeState(_) => Kind::Server,
        }
    }

    /// Whether it may be kept for a second person. A server's state is changed at once: who stops
    /// something waits for nobody, and who approves is the second person.
    pub(super) fn may_wait(&self) -> bool {
        match self {
            Self::Apply(_) | Self::Create(_) | Self::Update(_) | Self::Delete { .. } => true,
            Self::ChangeState(_) => false,
        }
    }

    pub(super) fn key(&self) -> (Kind, String) {
        (self.kind(), self.name().to_owned())
    }
}

/// Checks all that needs nothing of what is stored: how many there are, each value, and that no name
/// comes twice.
pub(super) fn check_shape(wishes: &[Wish]) -> Result<(), RegistryError> {
    if wishes.len() > MAX_WISHES {
        return Err(RegistryError::TooMany {
            found: wishes.len(),
        });
    }
    let mut named = BTreeSet::new();
    let mut problems = Vec::new();
    for (position, wish) in wishes.iter().enumerate() {
        if !named.insert((wish.kind(), wish.name())) {
            let found = format!("`{}` twice", wish.name());
            problems.push((position, invalid("name", found, "each name once")));
        }
        let resource = match wish {
            Wish::Apply(resource) | Wish::Create(resource) | Wish::Update(resource) => resource,
            Wish::Delete { .. } | Wish::ChangeState(_) => continue,
        };
        // Without the times that only the control plane sets, whatever the caller sent.
        let checked = resource.check_written();
        let checked = checked.and_then(|()| resource.bare().to_policy().map(drop));
        if let Err(invalid) = checked {
            problems.push((position, invalid));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(RegistryError::Invalid(problems))
    }
}

/// Makes a wish of `author` true.
pub(super) fn fulfil(
    candidate: &mut Resources,
    wish: Wish,
    author: &str,
) -> Result<Done, RegistryError> {
    let key = wish.key();
    let name = key.1.clone();
    let stored = candidate.get(&key).cloned();
    let mut resource = match (wish, &stored) {
        (Wish::Create(_), Some(_)) => return Err(RegistryError::AlreadyExists { name }),
        (Wish::Update(_) | Wish::Delete { .. } | Wish::ChangeState(_), None) => {
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
        (Wish::ChangeState(change), Some(stored)) => {
            check_etag(&name, stored, &change.etag)?;
            state::changed(candidate, &change, author)?
        }
        (Wish::Apply(resource) | Wish::Create(resource), None) => settled(resource, None, author)?,
        (Wish::Apply(resource) | Wish::Update(resource), Some(stored)) => {
            check_etag(&name, stored, resource.etag())?;
            settled(resource, Some(stored), author)?
        }
    };
    let etag = resource.content_etag();
    match stored {
        Some(stored) if stored.etag() == etag => Ok(Done::Unchanged(stored)),
        Some(stored) => {
            resource.stamp(etag, stored.create_time().unwrap_or_else(now), now());
            candidate.put(resource.clone());
            Ok(Done::Updated(resource))
        }
        None => {
            resource.stamp(etag, now(), now());
            candidate.put(resource.clone());
            Ok(Done::Created(resource))
        }
    }
}

/// A resource that is written, with what of it is not said by writing.
fn settled(
    mut resource: Resource,
    stored: Option<&Resource>,
    author: &str,
) -> Result<Resource, RegistryError> {
    if let Resource::Server(server) = &mut resource {
        let stored = stored.and_then(Resource::as_server);
        state::settle(server, stored, author)?;
    }
    Ok(resource)
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
