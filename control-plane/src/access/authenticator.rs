//! From what a connection and a request show to a caller, or a refusal.

use std::sync::Arc;

use chancery_engine::{id::Time, token::TokenError};

use super::{
    caller::Caller,
    token::Bearer,
    token_keys::{BearerError, TokenKeys},
};
use crate::tls::Peer;

/// Proves callers.
#[derive(Debug)]
pub enum Authenticator {
    /// Development mode: everyone who reaches it is the same, and may do everything.
    Development,
    /// Certificates that the listener has checked, and tokens where there are rules for them.
    Proofs(Option<Arc<TokenKeys>>),
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
    Token(#[from] BearerError),
}

impl Authenticator {
    /// Who calls. What is shown and does not hold is an error, whatever else is shown beside it. May
    /// take some seconds, where a token's key has to be looked for.
    ///
    /// # Errors
    /// Where nothing is proven.
    pub async fn caller(
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
                let Bearer { user, groups } = tokens.bearer(header, now).await?;
                (caller.user, caller.groups) = (Some(user), groups);
            }
            (_, Some(_)) => return Err(BearerError::from(TokenError::Scheme).into()),
        }
        if caller.is_anonymous() {
            return Err(Unproven::Nothing);
        }
        Ok(caller)
    }
}
