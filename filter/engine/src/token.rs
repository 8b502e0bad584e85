//! Bearer tokens: JWTs (RFC 7519) in compact form (RFC 7515), read strictly.
//!
//! Reading yields a [`SignatureCheck`] for the shell to perform; only its answer makes a
//! [`Principal`].

mod cache;
mod error;
mod provider;
mod wanted;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

pub use cache::TokenCache;
pub use error::TokenError;
pub use provider::{IdentityProvider, KeySet, Source, VerificationKey};
pub use wanted::{Ask, WantedKey, WantedKeys};

use crate::{
    claims::Claims,
    id::Time,
    json::{Document, Kind, Value},
    limits::Limits,
    policy::Policy,
    principal::Principal,
};
use provider::{MissingKey, Proof};

/// Signature algorithms (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256; signatures are `r || s`.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    fn from_jose(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A signature for the shell to check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SignatureCheck<'t> {
    /// With which algorithm.
    pub algorithm: Algorithm,
    /// With which key, as [`VerificationKey::public_key`].
    pub public_key: &'t [u8],
    /// Over which bytes.
    pub message: &'t [u8],
    /// The signature as in the token.
    pub signature: &'t [u8],
}

/// A token that is right in all but its signature, which is not checked yet.
#[derive(Clone, Debug)]
pub struct UnverifiedToken {
    token: Box<str>,
    /// How much of the token is signed.
    signed_bytes: usize,
    signature: Vec<u8>,
    algorithm: Algorithm,
    public_key: Arc<[u8]>,
    claims: VerifiedToken,
}

impl UnverifiedToken {
    /// What must be checked before the principal counts.
    pub fn check(&self) -> SignatureCheck<'_> {
        let signed = self.token.get(..self.signed_bytes).unwrap_or_default();
        SignatureCheck {
            algorithm: self.algorithm,
            public_key: &self.public_key,
            message: signed.as_bytes(),
            signature: &self.signature,
        }
    }

    /// What it would prove.
    pub fn claimed(&self) -> &VerifiedToken {
        &self.claims
    }

    /// The token and what it proves, for whoever has checked the signature.
    pub fn into_verified(self) -> (Box<str>, VerifiedToken) {
        (self.token, self.claims)
    }
}

/// Whom a verified token vouches for, for which audiences, and until when.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedToken {
    /// Who.
    pub principal: Arc<Principal>,
    /// `aud`: whoever accepts the token looks for itself among these.
    pub audiences: Arc<[Box<str>]>,
    /// Until when, leeway included.
    pub not_after: Time,
}

impl From<Proof> for VerifiedToken {
    fn from(proof: Proof) -> Self {
        let Proof {
            principal,
            audiences,
            not_after,
        } = proof;
        Self {
            principal: Arc::new(principal),
            audiences: audiences.into(),
            not_after,
        }
    }
}

/// Why nothing is read from a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unreadable {
    /// It proves nothing.
    Refused(TokenError),
    /// Its key is not known here, and its issuer may have it: everything else about it is right.
    UnknownKey(WantedKey),
}

impl From<TokenError> for Unreadable {
    fn from(error: TokenError) -> Self {
        Self::Refused(error)
    }
}

impl From<Unreadable> for TokenError {
    /// For whoever cannot ask for a key.
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Refused(error) => error,
            Unreadable::UnknownKey(_) => Self::Key,
        }
    }
}

/// The token of an Authorization header (RFC 6750 section 2.1).
///
/// # Errors
/// [`TokenError::Scheme`] or [`TokenError::TooLong`].
pub fn bearer<'h>(header: &'h [u8], limits: &Limits) -> Result<&'h str, TokenError> {
    let text = std::str::from_utf8(header)
        .ok()
        .and_then(|text| text.split_once(' '));
    let (scheme, token) = text.ok_or(TokenError::Scheme)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer")
        || memchr::memchr3(b' ', b',', b'\t', token.as_bytes()).is_some()
    {
        return Err(TokenError::Scheme);
    }
    if token.len() > limits.max_token_bytes {
        return Err(TokenError::TooLong);
    }
    Ok(token)
}

/// Reads a token against a policy: everything but the signature, and whom it is meant for.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(
    token: &str,
    policy: &Policy,
    organization: &str,
    now: Time,
    limits: &Limits,
) -> Result<UnverifiedToken, Unreadable> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let header = object(&header, limits)?;
    let claims = object(&claims, limits)?;
    let (header, claims) = (header.root(), Claims::new(claims.root()));

    let provider = issuer(&claims, policy, Some(organization))?;
    if provider.source != Source::Token {
        return Err(TokenError::Issuer.into());
    }
    let algorithm = provider.algorithm(header)?;
    let proof = provider.prove(&claims, now)?;
    let key = provider.key(header, algorithm).map_err(|key| match key {
        MissingKey::Unknown => Unreadable::Refused(TokenError::Key),
        MissingKey::Wanted(key) => Unreadable::UnknownKey(key),
    })?;
    Ok(UnverifiedToken {
        signed_bytes: signed.len(),
        signature,
        algorithm,
        public_key: Arc::clone(&key.public_key),
        claims: proof.into(),
        token: token.into(),
    })
}

/// Reads claims that Envoy's `jwt_authn` has verified and left under `key` in dynamic metadata, of an
/// issuer of this organization. `None`: of any.
///
/// # Errors
/// As [`read`]; [`TokenError::Issuer`] where the key belongs to another issuer's claims.
pub fn read_metadata(
    (key, bytes): (&str, &[u8]),
    policy: &Policy,
    organization: Option<&str>,
    now: Time,
    limits: &Limits,
) -> Result<VerifiedToken, TokenError> {
    let json = crate::claims::metadata_to_json(bytes).ok_or(TokenError::Malformed)?;
    let document = object(json.as_bytes(), limits)?;
    let claims = Claims::new(document.root());
    let provider = issuer(&claims, policy, organization)?;
    match &provider.source {
        Source::Metadata { key: expected } if **expected == *key => {
            provider.prove(&claims, now).map(VerifiedToken::from)
        }
        Source::Metadata { .. } | Source::Token | Source::Certificate { .. } => {
            Err(TokenError::Issuer)
        }
    }
}

fn issuer<'p>(
    claims: &Claims<'_>,
    policy: &'p Policy,
    organization: Option<&str>,
) -> Result<&'p IdentityProvider, TokenError> {
    let issuer = claims.get("iss").and_then(Value::as_str);
    let provider = issuer.and_then(|issuer| policy.identity_provider(&issuer));
    provider
        .filter(|provider| organization.is_none_or(|it| provider.organization() == it))
        .ok_or(TokenError::Issuer)
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .ok()
        .filter(|bytes| !bytes.is_empty())
        .ok_or(TokenError::Malformed)
}

fn object<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Document<'b>, TokenError> {
    Document::parse(bytes, limits.max_token_bytes, limits)
        .ok()
        .filter(|document| document.root().kind() == Kind::Object)
        .ok_or(TokenError::Malformed)
}
