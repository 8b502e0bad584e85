//! Why the registry did not do what it was asked.

use chancery_engine::wire::Invalid;

use super::wish::MAX_WISHES;
use crate::{secrets::SecretsError, snapshot::BuildError, store::StoreError};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Values that are wrong: the position of the wish, and what is wrong.
    #[error("{}", .0.iter().map(|(_, invalid)| invalid.to_string()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<(usize, Invalid)>),
    /// More at once than is looked at.
    #[error("{found} changes at once; make at most {MAX_WISHES} at a time")]
    TooMany {
        /// How many there are.
        found: usize,
    },
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
    /// Whoever proposes a server does not approve it.
    #[error("`{name}` was proposed by {author}: somebody else has to approve it")]
    SameAuthor {
        /// The server's name.
        name: String,
        /// Who proposed it.
        author: String,
    },
    /// Rules that would not do any more what they say: the name of each, and why.
    #[error("this breaks {}; change them with it", .0.iter().map(|(rule, why)| format!("`{rule}`: {why}")).collect::<Vec<_>>().join("; "))]
    BreaksRules(Vec<(String, String)>),
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

impl RegistryError {
    /// The same, of the wish at a position.
    pub(super) fn at(self, position: usize) -> Self {
        if let Self::Invalid(problems) = self {
            return Self::Invalid(problems.into_iter().map(|(_, it)| (position, it)).collect());
        }
        self
    }
}
