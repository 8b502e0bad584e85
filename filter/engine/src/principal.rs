//! Who acts.

use crate::id::Digest;

/// Who a request acts for, as far as its token proves it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Principal {
    /// The verified user. `None`: the anonymous principal.
    pub user: Option<Box<str>>,
    /// The user's verified groups.
    pub groups: Vec<Box<str>>,
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

    /// Whether a token vouches for it.
    pub fn is_authenticated(&self) -> bool {
        self.user.is_some()
    }
}
