//! From what a connection and a request show to a caller, or a refusal.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use chancery_engine::{id::Time, token::TokenError};

use super::{
    caller::Caller,
    token::{Bearer, TokenRules, Tokens, TokensError},
};
use crate::{config::TokenConfig, tls::Peer};

/// Proves callers.
#[derive(Debug)]
pub enum Authenticator {
    /// Development mode: everyone who reaches it is the same, and may do everything.
    Development,
    /// Certificates that the listener has checked, and tokens where there are rules for them.
    Proofs(Option<TokenKeys>),
}

/// Why a caller is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// Nothing was shown.
    #[error(
        "nobody is logged in: show a client certificate (--cert, --key) or a token (--token-file)"
    )]
    Nothing,
    /// A certificate that names nobody.
    #[error("the client certificate has neither a URI nor a DNS name, which is what bindings name")]
    Nameless,
    /// A token where none are accepted.
    #[error("tokens are not accepted here: the configuration has no `oidc` for this listener")]
    NoTokens,
    /// A token that proves nothing.
    #[error("{0}")]
    Token(#[from] TokenError),
}

impl Authenticator {
    /// Who calls. What is shown and does not hold is an error, whatever else is shown beside it.
    ///
    /// # Errors
    /// Where nothing is proven.
    pub fn caller(
        &self,
        peer: &Peer,
        authorization: &[&[u8]],
        now: Time,
    ) -> Result<Caller, Unproven> {
        let tokens = match self {
            Self::Development => return Ok(Caller::development(Some(peer.source))),
            Self::Proofs(tokens) => tokens,
        };
        let mut caller = Caller {
            source: Some(peer.source),
            ..Caller::default()
        };
        if let Some(names) = &peer.certificate {
            if names.is_empty() {
                return Err(Unproven::Nameless);
            }
            caller.certificate = names.to_vec();
        }
        match (authorization, tokens) {
            ([], _) => {}
            (_, None) => return Err(Unproven::NoTokens),
            ([header], Some(tokens)) => {
                let Bearer { user, groups } = tokens.current().check(header, now)?;
                (caller.user, caller.groups) = (Some(user), groups);
            }
            (_, Some(_)) => return Err(TokenError::Scheme.into()),
        }
        if caller.is_anonymous() {
            return Err(Unproven::Nothing);
        }
        Ok(caller)
    }
}

/// The issuer's keys, read again when their file changes.
pub struct TokenKeys {
    rules: TokenRules,
    file: PathBuf,
    current: RwLock<(Vec<u8>, Arc<Tokens>)>,
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKeys")
            .field("rules", &self.rules)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
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
}

impl TokenKeys {
    /// Reads the keys.
    ///
    /// # Errors
    /// Where they or the rules are unfit.
    pub fn open(config: TokenConfig) -> Result<Self, TokenKeysError> {
        let TokenConfig { rules, jwks_file } = config;
        let read = read(&jwks_file)?;
        let tokens = parse(&rules, &jwks_file, &read)?;
        Ok(Self {
            rules,
            file: jwks_file,
            current: RwLock::new((read, Arc::new(tokens))),
        })
    }

    /// Reads the file again. True where there is something else in it than before.
    ///
    /// # Errors
    /// Where it is unfit. The keys stay as they were then.
    pub fn reload(&self) -> Result<bool, TokenKeysError> {
        let read = read(&self.file)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.0 == read {
            return Ok(false);
        }
        let tokens = parse(&self.rules, &self.file, &read)?;
        *current = (read, Arc::new(tokens));
        Ok(true)
    }

    fn current(&self) -> Arc<Tokens> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.1)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TokenKeysError> {
    fs::read(path).map_err(|error| TokenKeysError::File {
        path: path.to_owned(),
        error,
    })
}

fn parse(rules: &TokenRules, path: &Path, bytes: &[u8]) -> Result<Tokens, TokenKeysError> {
    let text = String::from_utf8_lossy(bytes);
    Tokens::new(rules, &text).map_err(|error| TokenKeysError::Unfit {
        path: path.to_owned(),
        error: Box::new(error),
    })
}
