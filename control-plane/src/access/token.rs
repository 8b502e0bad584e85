//! Administrators' bearer tokens, read by the engine as strictly as agents' are.

use chancery_engine::{
    id::Time,
    limits::Limits,
    policy::Policy,
    snapshot::InvalidSnapshot,
    token::{self, Algorithm, SignatureCheck, TokenError, Unreadable},
};
use chancery_proto::{
    admin::v1::IdentityProvider,
    policy::v1::{ClaimMapping, SignatureAlgorithm, VerificationKey},
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use spki::{SubjectPublicKeyInfoRef, der::Decode as _};

use super::caller::User;
use crate::{
    registry::now,
    resource::Resource,
    snapshot::{self, BuildError, KeySets},
};

/// The organization that the administrators' identity provider is in, in a policy of its own: no
/// resource of the registry meets it.
const ORGANIZATION: &str = "organizations/administrators";
const PROVIDER: &str = "organizations/administrators/identityProviders/administrators";

/// Who issues administrators' tokens, and what must be in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
    /// The exact `iss`.
    pub issuer: String,
    /// What `aud` must hold.
    pub audience: String,
    /// The algorithms that keys may be used with. Empty: each key's own.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Where the user id is in the claims, as a JSONPath.
    pub user_claim: String,
    /// Where the groups are.
    pub groups_claim: String,
}

/// The issuer's keys.
#[derive(Clone, Copy, Debug)]
pub enum KeysAs<'k> {
    /// A JWK Set (RFC 7517) as JSON text: there are no others.
    Written(&'k str),
    /// What the issuer publishes, as last read: there may be others by now.
    Published(&'k [VerificationKey]),
}

/// Checks tokens.
#[derive(Debug)]
pub struct Tokens {
    policy: Policy,
    audience: String,
    limits: Limits,
}

/// Whom a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The user.
    pub user: User,
    /// The user's groups.
    pub groups: Vec<String>,
}

/// Why rules and keys make no checker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// The rules or the keys.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Both together.
    #[error(transparent)]
    Compile(#[from] InvalidSnapshot),
}

impl Tokens {
    /// Puts rules and keys together.
    ///
    /// # Errors
    /// Where a rule or a key is unfit.
    pub fn new(rules: &TokenRules, keys: KeysAs<'_>) -> Result<Self, TokensError> {
        let (jwks, key_sets) = match keys {
            KeysAs::Written(jwks) => (jwks, KeySets::new()),
            KeysAs::Published(keys) => {
                let key_set = (PROVIDER.to_owned(), keys.to_vec());
                ("", KeySets::from([key_set]))
            }
        };
        let provider = IdentityProvider {
            name: PROVIDER.to_owned(),
            issuer: rules.issuer.clone(),
            audiences: vec![rules.audience.clone()],
            jwks: jwks.to_owned(),
            claims: Some(ClaimMapping {
                user: rules.user_claim.clone(),
                groups: rules.groups_claim.clone(),
                ..ClaimMapping::default()
            }),
            algorithms: rules.algorithms.iter().map(|a| i32::from(*a)).collect(),
            ..IdentityProvider::default()
        };
        let resources = [Resource::IdentityProvider(provider)];
        let snapshot = snapshot::build(&resources, &key_sets, (1, 1), now(), None)?;
        let policy =
            chancery_engine::snapshot::compile(&snapshot.manifest, snapshot.sections.values())?;
        Ok(Self {
            policy,
            audience: rules.audience.clone(),
            limits: Limits::default(),
        })
    }

    /// Whom the token of an Authorization header stands for, at a time.
    ///
    /// # Errors
    /// What is wrong with it, or which key of the issuer is missing.
    pub fn check(&self, header: &[u8], at: Time) -> Result<Bearer, Unreadable> {
        let token = token::bearer(header, &self.limits)?;
        let read = token::read(token, &self.policy, ORGANIZATION, at, &self.limits)?;
        if !is_signed(&read.check()) {
            return Err(TokenError::Signature.into());
        }
        let (_, verified) = read.into_verified();
        if !verified
            .audiences
            .iter()
            .any(|audience| **audience == *self.audience)
        {
            return Err(TokenError::Audience.into());
        }
        let principal = verified.principal;
        let (Some(id), Some(issuer)) = (&principal.user, &principal.issuer) else {
            return Err(TokenError::User.into());
        };
        Ok(Bearer {
            user: User {
                id: id.to_string(),
                issuer: issuer.to_string(),
            },
            groups: principal.groups.iter().map(ToString::to_string).collect(),
        })
    }
}

/// Whether a signature fits.
fn is_signed(check: &SignatureCheck<'_>) -> bool {
    let inner = || {
        let info = SubjectPublicKeyInfoRef::from_der(check.public_key).ok()?;
        Some(info.subject_public_key.raw_bytes().to_vec())
    };
    let (message, signature) = (check.message, check.signature);
    match check.algorithm {
        Algorithm::Rs256 => inner().is_some_and(|key| {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                .verify(message, signature)
                .is_ok()
        }),
        Algorithm::Es256 => inner().is_some_and(|key| {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
                .verify(message, signature)
                .is_ok()
        }),
        Algorithm::EdDsa => UnparsedPublicKey::new(&ED25519, check.public_key)
            .verify(message, signature)
            .is_ok(),
    }
}
