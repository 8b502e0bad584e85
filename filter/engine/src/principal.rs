//! Who acts.

use crate::id::Digest;

/// Who a request acts for, as far as its token or certificate proves it: every field here was
/// verified, or derived from what was. What a client merely says of itself is no part of it.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Principal {
    /// The user. `None`: nobody is logged in.
    pub user: Option<Box<str>>,
    /// The user's groups.
    pub groups: Vec<Box<str>>,
    /// Whether there are groups that the token does not name (Entra ID: group overage). Whether
    /// the user is in one that is not in `groups` is unknown then.
    pub has_more_groups: bool,
    /// The user's roles, as the token names them.
    pub token_roles: Vec<Box<str>>,
    /// The user's team.
    pub team: Option<Box<str>>,
    /// The agent that acts, for a user or by itself.
    pub agent: Option<Box<str>>,
    /// The OAuth client.
    pub client: Option<Box<str>>,
    /// Scopes of the token.
    pub scopes: Vec<Box<str>>,
    /// The issuer that vouches for it.
    pub issuer: Option<Box<str>>,
    /// SHA-256 of the token's `jti`.
    pub token_id_digest: Option<Digest>,
}

impl Principal {
    /// The principal of a request without a token.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Whether anything vouches for it.
    pub fn is_authenticated(&self) -> bool {
        self.user.is_some() || self.agent.is_some()
    }
}
