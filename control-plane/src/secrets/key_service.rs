//! The interface of what holds the store key: a file, or a key management service.

use std::{fmt::Debug, io};

use zeroize::Zeroizing;

/// A store key, as far as anyone may see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreKey {
    /// Names it beside everything that it wraps.
    pub id: String,
    /// When it was made, in seconds since the Unix epoch.
    pub create_seconds: u64,
}

/// Why a key was not made, or a data key neither wrapped nor unwrapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no such key any more, or not here.
    #[error("there is no store key `{id}` here; bring back the key file that has it")]
    Unknown {
        /// Its id.
        id: String,
    },
    /// What is wrapped was altered, moved, or wrapped by another key of this id.
    #[error("store key `{id}` does not open what it is said to have sealed")]
    Foreign {
        /// Its id.
        id: String,
    },
    /// A key that still has to open something.
    #[error("store key `{id}` is the one that seals; it cannot be retired")]
    Current {
        /// Its id.
        id: String,
    },
    /// The system.
    #[error("the system has no random bytes for a key: {0}")]
    Random(#[from] getrandom::Error),
    /// Where the keys are.
    #[error("{place}: {error}")]
    Io {
        /// The file or address.
        place: String,
        /// Why.
        error: io::Error,
    },
    /// A file that others can read.
    #[error(
        "{place} has mode {mode:o}, so that others may read or change the keys; expected 600: `chmod 600 {place}`"
    )]
    Exposed {
        /// The file.
        place: String,
        /// Its mode.
        mode: u32,
    },
    /// A line that is no key.
    #[error(
        "{place}:{line}: found {found}, expected `ID CREATE_SECONDS KEY` as `chancery keys new` writes it"
    )]
    Line {
        /// The file.
        place: String,
        /// Its number, from 1.
        line: usize,
        /// What is wrong; never the key.
        found: &'static str,
    },
    /// A file without a key.
    #[error("{place} has no key; make one with `chancery keys new`")]
    Empty {
        /// The file.
        place: String,
    },
}

/// Holds the store keys and wraps data keys with them.
///
/// Every secret of the store is sealed with a data key of its own; what is kept beside it is that
/// data key as this service wrapped it. A key management service with `encrypt` and `decrypt` (AWS
/// KMS, Google Cloud KMS, Vault transit) fits behind it; [`super::key_file::KeyFile`] is the one
/// that needs none. Calls may block, and are made from threads that may.
pub trait KeyService: Debug + Send + Sync {
    /// Every key that opens, the one that seals last.
    fn keys(&self) -> Vec<StoreKey>;

    /// Wraps a data key with the key that seals, bound to `context`, and names that key.
    ///
    /// # Errors
    /// Where the service does not.
    fn wrap(&self, data_key: &[u8], context: &[u8]) -> Result<(String, Vec<u8>), KeyError>;

    /// Unwraps what the named key wrapped for the same `context`.
    ///
    /// # Errors
    /// [`KeyError::Unknown`], [`KeyError::Foreign`], or where the service does not.
    fn unwrap(
        &self,
        id: &str,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyError>;

    /// Makes a key that seals from now on; those before it go on opening.
    ///
    /// # Errors
    /// Where it cannot be made or kept.
    fn rotate(&self, now_seconds: u64) -> Result<StoreKey, KeyError>;

    /// Forgets a key with which nothing is wrapped any more.
    ///
    /// # Errors
    /// [`KeyError::Current`], or where it cannot be done.
    fn retire(&self, id: &str) -> Result<(), KeyError>;
}
