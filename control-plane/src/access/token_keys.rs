//! The keys that administrators' tokens are verified with.

mod file;
mod issuer;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use chancery_engine::{
    id::Time,
    token::{TokenError, Unreadable},
};

use self::{
    file::FileKeys,
    issuer::{IssuerSource, PublishedKeys},
};
use super::token::{Bearer, Tokens, TokensError};
use crate::{
    config::{KeysFrom, TokenConfig},
    egress::{Egress, EgressError},
    issuer_keys::KeyMissing,
    store::{Store, StoreError},
};

/// How long a call waits for a key that is not known.
const KEY_WITHIN: Duration = Duration::from_secs(5);

/// Where keys come from, and what must be in the tokens: found to be right, and nobody asked yet.
#[derive(Debug)]
pub struct TokenSource(Source);

#[derive(Debug)]
enum Source {
    File(FileKeys),
    Issuer(IssuerSource),
}

/// Keys that are kept up to date.
#[derive(Debug)]
pub struct TokenKeys(Keys);

#[derive(Debug)]
enum Keys {
    /// In a file that somebody else writes.
    File(FileKeys),
    /// As the issuer publishes them.
    Issuer(PublishedKeys),
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenKeysError {
    /// The file.
    #[error("{}: {error}, expected a file with a JWK Set", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What is in it, or the rules beside it.
    #[error("`oidc` and {}: {error}", path.display())]
    Unfit {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: Box<TokensError>,
    },
    /// The rules, or keys that the issuer publishes.
    #[error("`oidc`: {0}")]
    Rules(#[from] Box<TokensError>),
    /// Where the issuer is to be asked.
    #[error("`oidc`: {0}")]
    Place(#[from] EgressError),
    /// Where the keys are kept that the issuer published last.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BearerError {
    /// What is wrong with it.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It is signed with a key that is not there, even after a look for it.
    #[error("the token's key is not known: {0}")]
    Key(#[from] KeyMissing),
}

impl TokenSource {
    /// Checks rules, and reads or checks where the keys are.
    ///
    /// # Errors
    /// Where they are unfit.
    pub fn check(config: TokenConfig, egress: &Egress) -> Result<Self, TokenKeysError> {
        let TokenConfig { rules, keys } = config;
        let source = match keys {
            KeysFrom::File(file) => Source::File(FileKeys::open(rules, file)?),
            KeysFrom::Url(url) => Source::Issuer(IssuerSource::check(rules, url, egress)?),
            KeysFrom::Discovery => {
                Source::Issuer(IssuerSource::check(rules, String::new(), egress)?)
            }
        };
        Ok(Self(source))
    }

    /// Begins to ask the issuer, where it is to be asked, with the keys of before to go on with.
    ///
    /// # Errors
    /// Where those cannot be read.
    pub fn start(self, store: Arc<Store>, egress: Egress) -> Result<TokenKeys, TokenKeysError> {
        let keys = match self.0 {
            Source::File(keys) => Keys::File(keys),
            Source::Issuer(source) => Keys::Issuer(source.start(store, egress)?),
        };
        Ok(TokenKeys(keys))
    }
}

impl TokenKeys {
    /// Whom the token of an Authorization header stands for, at a time. A key that is not known is
    /// looked for once, where there is someone to ask.
    ///
    /// # Errors
    /// Where it proves nothing.
    pub async fn bearer(&self, header: &[u8], at: Time) -> Result<Bearer, BearerError> {
        let unreadable = match self.current().check(header, at) {
            Ok(bearer) => return Ok(bearer),
            Err(unreadable) => unreadable,
        };
        match (unreadable, &self.0) {
            (Unreadable::UnknownKey(wanted), Keys::Issuer(keys)) => {
                keys.find(&wanted.key_id, KEY_WITHIN).await?;
                let checked = self.current().check(header, at);
                Ok(checked.map_err(TokenError::from)?)
            }
            (unreadable, Keys::File(_) | Keys::Issuer(_)) => {
                Err(TokenError::from(unreadable).into())
            }
        }
    }

    /// Reads the file again, if there is one. True where there is something else in it than before.
    ///
    /// # Errors
    /// Where it is unfit. The keys stay as they were then.
    pub fn reload(&self) -> Result<bool, TokenKeysError> {
        match &self.0 {
            Keys::File(keys) => keys.reload(),
            Keys::Issuer(_) => Ok(false),
        }
    }

    fn current(&self) -> Arc<Tokens> {
        match &self.0 {
            Keys::File(keys) => keys.current(),
            Keys::Issuer(keys) => keys.current(),
        }
    }
}
