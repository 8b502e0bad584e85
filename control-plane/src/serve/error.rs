//! Why the control plane does not run.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{
    access::token_keys::TokenKeysError,
    egress::EgressError,
    ledger::{LedgerError, index::IndexError},
    registry::RegistryError,
    secrets::{SecretsError, key_service::KeyError},
    signing::SigningError,
    store::StoreError,
    tls::TlsError,
};

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Development mode is for this machine alone.
    #[error(
        "`--insecure-development` listens on loopback only, not on {listen}: use 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// What was asked for.
        listen: SocketAddr,
    },
    /// Secrets could not be sealed.
    #[error(
        "there is no store key: make one with `chancery keys new FILE`, and run with `--store-key FILE`"
    )]
    NoStoreKey,
    /// Another control plane has it.
    #[error(
        "{path} is in use by another control plane: stop that one, or use another `--data-dir`"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file or socket.
    #[error("{what}: {error}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        error: io::Error,
    },
    /// Filters could not tell it from anyone else.
    #[error(
        "no key signs the snapshots: make one with `chancery keygen FILE` and name it with `--signing-key FILE`"
    )]
    NoSigningKey,
    /// Nobody could tell the record from any other.
    #[error(
        "no key signs the record: make one with `chancery keygen FILE` and name it with `--log-key FILE`"
    )]
    NoLogKey,
    /// A key that signs.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// What is asked of others.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The log.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The index of the log.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The resources.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is kept sealed.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A listener's certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys of administrators' tokens.
    #[error(transparent)]
    TokenKeys(#[from] TokenKeysError),
    /// Reflection.
    #[error("server reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

pub(super) fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> ServeError {
    let what = what.into();
    move |error| ServeError::Io { what, error }
}
