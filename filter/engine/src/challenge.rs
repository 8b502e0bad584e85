//! What a client is told to do for a better token: `WWW-Authenticate` (RFC 6750 section 3, RFC 9728
//! section 5.1).

use std::fmt;

use crate::token::TokenError;

/// A challenge for a bearer token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    /// Where the client reads who issues tokens.
    pub metadata_url: Option<String>,
    /// The scopes that the token needs, with a space between each two.
    pub scopes: String,
    /// What was wrong with the token that came. `None`: none came.
    pub error: Option<ChallengeError>,
}

/// What was wrong with a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChallengeError {
    /// It proves nothing.
    InvalidToken(TokenError),
    /// It is good, and not for this.
    InsufficientScope,
}

/// As the value of the header. Nothing in it needs an escape: URLs and scopes have no quotes, and the
/// words are our own.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer realm=\"mcp\"")?;
        if let Some(url) = &self.metadata_url {
            write!(f, ", resource_metadata=\"{url}\"")?;
        }
        if !self.scopes.is_empty() {
            write!(f, ", scope=\"{}\"", self.scopes)?;
        }
        match self.error {
            None => Ok(()),
            Some(ChallengeError::InvalidToken(error)) => {
                write!(
                    f,
                    ", error=\"invalid_token\", error_description=\"{error}\""
                )
            }
            Some(ChallengeError::InsufficientScope) => f.write_str(
                ", error=\"insufficient_scope\", error_description=\"the token lacks a scope that \
                 this needs\"",
            ),
        }
    }
}
