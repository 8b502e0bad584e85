//! Bearer tokens: JWTs (RFC 7519) in compact form (RFC 7515), read strictly.
//!
//! Reading yields a [`SignatureCheck`] for the shell to perform; only its answer makes a
//! [`Principal`].

mod cache;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

pub use cache::TokenCache;

use crate::{
    id::{Digest, Time},
    json::{Document, Kind, Value},
    limits::Limits,
    policy::Policy,
    principal::Principal,
};

/// Who issues tokens, how they are checked and what is read from them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentityProvider {
    /// Its resource name, `organizations/{o}/identityProviders/{p}`.
    pub name: Box<str>,
    /// The exact `iss`.
    pub issuer: Box<str>,
    /// A token needs one of these in `aud`.
    pub audiences: Vec<Box<str>>,
    /// Public keys.
    pub keys: Vec<VerificationKey>,
    /// Where the user id is: object keys from the root of the claims.
    pub user_claim: Vec<Box<str>>,
    /// Where the groups are. Empty: principals have none.
    pub groups_claim: Vec<Box<str>>,
    /// How far clocks may differ, in seconds.
    pub leeway_seconds: u64,
}

impl IdentityProvider {
    /// The organization it belongs to, `organizations/{o}`.
    pub fn organization(&self) -> &str {
        self.name
            .split("/identityProviders/")
            .next()
            .unwrap_or_default()
    }
}

/// A public key and the one algorithm it may be used with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerificationKey {
    /// Its `kid`; empty where it has none.
    pub key_id: Box<str>,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// RSA and EC: SubjectPublicKeyInfo in DER. Ed25519: 32 bytes.
    pub public_key: Vec<u8>,
}

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

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// More than one Authorization header, or one that is not `Bearer` with one token.
    #[error("the Authorization header is not a single bearer token")]
    Scheme,
    /// In the query, where it would be forwarded and logged.
    #[error("a token in the query is not accepted")]
    InQuery,
    /// Longer than the limit.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of canonical base64url with JSON objects in the first two.
    #[error("the token is not a signed JWT")]
    Malformed,
    /// `alg` is missing or not one that is accepted.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// A header that changes how a token is to be read: `crit`, `b64`, `zip`, `jku`, `x5u`, `jwk`, `x5c`.
    #[error("the token has a header that is not accepted")]
    Header,
    /// No identity provider of the server's organization has this `iss`.
    #[error("the token's issuer is not known here")]
    Issuer,
    /// No key of the issuer fits.
    #[error("the token's key is not known")]
    Key,
    /// The signature does not fit.
    #[error("the token's signature is wrong")]
    Signature,
    /// No accepted audience.
    #[error("the token is meant for another audience")]
    Audience,
    /// `exp` is missing, not a number, or past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is not a number or still ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The claim that names the user is missing or not a string.
    #[error("the token names no user")]
    User,
    /// The groups claim is there and neither a string nor an array of strings.
    #[error("the token's groups cannot be read")]
    Groups,
}

/// A signature for the shell to check.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignatureCheck {
    /// With which algorithm.
    pub algorithm: Algorithm,
    /// With which key, as [`VerificationKey::public_key`].
    pub public_key: Vec<u8>,
    /// Over which bytes.
    pub message: Vec<u8>,
    /// The signature as in the token.
    pub signature: Vec<u8>,
}

/// A token that is right in all but its signature, which is not checked yet.
#[derive(Clone, Debug)]
pub struct UnverifiedToken {
    /// What must be checked before the principal counts.
    pub check: SignatureCheck,
    principal: Principal,
    /// When it stops being valid, leeway included.
    not_after: Time,
}

impl UnverifiedToken {
    /// The principal, for whoever has checked the signature.
    pub fn into_verified(self) -> VerifiedToken {
        VerifiedToken {
            principal: Arc::new(self.principal),
            not_after: self.not_after,
        }
    }
}

/// Whom a verified token vouches for, and until when.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedToken {
    /// Who.
    pub principal: Arc<Principal>,
    /// Until when, leeway included.
    pub not_after: Time,
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
    if !scheme.eq_ignore_ascii_case("bearer") || token.contains([' ', ',', '\t']) {
        return Err(TokenError::Scheme);
    }
    if token.len() > limits.max_token_bytes {
        return Err(TokenError::TooLong);
    }
    Ok(token)
}

/// Reads a token against a policy: everything but the signature.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(
    token: &str,
    policy: &Policy,
    organization: &str,
    now: Time,
    limits: &Limits,
) -> Result<UnverifiedToken, TokenError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let header = object(&header, limits)?;
    let claims = object(&claims, limits)?;
    let (header, claims) = (header.root(), claims.root());

    let issuer = claims
        .get("iss")
        .and_then(Value::as_str)
        .ok_or(TokenError::Issuer)?;
    let provider = policy
        .identity_provider(&issuer)
        .ok_or(TokenError::Issuer)?;
    if provider.organization() != organization {
        return Err(TokenError::Issuer);
    }
    let key = provider.key(header)?;
    provider.check_audience(claims)?;
    let not_after = provider.check_times(claims, now)?;
    let token_id = claims.get("jti").and_then(Value::as_str);
    Ok(UnverifiedToken {
        check: SignatureCheck {
            algorithm: key.algorithm,
            public_key: key.public_key.clone(),
            message: signed.as_bytes().to_vec(),
            signature,
        },
        principal: Principal {
            user: Some(provider.user(claims)?),
            groups: provider.groups(claims)?,
            issuer: Some(provider.issuer.clone()),
            token_id_digest: token_id.map(|id| Digest::of(id.as_bytes())),
            ..Principal::default()
        },
        not_after,
    })
}

impl IdentityProvider {
    /// The key a token's header asks for: by `kid`, or the only one of its algorithm.
    fn key(&self, header: Value<'_>) -> Result<&VerificationKey, TokenError> {
        const REFUSED: [&str; 7] = ["crit", "b64", "zip", "jku", "x5u", "jwk", "x5c"];
        if REFUSED.iter().any(|name| header.get(name).is_some()) {
            return Err(TokenError::Header);
        }
        if let Some(kind) = header.get("typ") {
            let kind = kind
                .as_str()
                .ok_or(TokenError::Header)?
                .to_ascii_lowercase();
            if !["jwt", "at+jwt", "application/at+jwt"].contains(&&*kind) {
                return Err(TokenError::Header);
            }
        }
        let algorithm = header
            .get("alg")
            .and_then(Value::as_str)
            .ok_or(TokenError::Algorithm)?;
        let algorithm = Algorithm::from_jose(&algorithm).ok_or(TokenError::Algorithm)?;
        let mut keys = self.keys.iter().filter(|key| key.algorithm == algorithm);
        match header.get("kid") {
            Some(id) => keys.find(|key| id.is(&key.key_id)).ok_or(TokenError::Key),
            None => match (keys.next(), keys.next()) {
                (Some(key), None) => Ok(key),
                _ => Err(TokenError::Key),
            },
        }
    }

    fn check_audience(&self, claims: Value<'_>) -> Result<(), TokenError> {
        let audience = claims.get("aud").ok_or(TokenError::Audience)?;
        let accepted = |value: Value<'_>| self.audiences.iter().any(|audience| value.is(audience));
        if accepted(audience) || audience.items().any(accepted) {
            Ok(())
        } else {
            Err(TokenError::Audience)
        }
    }

    fn check_times(&self, claims: Value<'_>, now: Time) -> Result<Time, TokenError> {
        let leeway_ms = self.leeway_seconds.saturating_mul(1_000);
        let expiry = claims
            .get("exp")
            .and_then(numeric_date)
            .ok_or(TokenError::Expired)?;
        let not_after = expiry.plus_ms(leeway_ms);
        if not_after <= now {
            return Err(TokenError::Expired);
        }
        if let Some(not_before) = claims.get("nbf") {
            let not_before = numeric_date(not_before).ok_or(TokenError::NotYetValid)?;
            if not_before > now.plus_ms(leeway_ms) {
                return Err(TokenError::NotYetValid);
            }
        }
        Ok(not_after)
    }

    fn user(&self, claims: Value<'_>) -> Result<Box<str>, TokenError> {
        let user = claims.descend(&self.user_claim);
        let user = user.and_then(Value::as_str).ok_or(TokenError::User)?;
        if user.is_empty() {
            Err(TokenError::User)
        } else {
            Ok(user.into())
        }
    }

    fn groups(&self, claims: Value<'_>) -> Result<Vec<Box<str>>, TokenError> {
        if self.groups_claim.is_empty() {
            return Ok(Vec::new());
        }
        let Some(groups) = claims.descend(&self.groups_claim) else {
            return Ok(Vec::new());
        };
        let text = |value: Value<'_>| value.as_str().map(Box::from).ok_or(TokenError::Groups);
        match groups.kind() {
            Kind::Array => groups.items().map(text).collect(),
            Kind::String => Ok(vec![text(groups)?]),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Object => Err(TokenError::Groups),
        }
    }
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

/// A NumericDate (RFC 7519 section 2): seconds, perhaps with a fraction, which is cut off.
fn numeric_date(value: Value<'_>) -> Option<Time> {
    let lexeme = value.as_number()?;
    let seconds = match lexeme.split_once('.') {
        Some((seconds, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => seconds,
        Some(_) => return None,
        None => lexeme,
    };
    // Far dates saturate instead of wrapping into the past.
    let seconds = seconds.parse::<u64>().ok()?;
    Some(Time::from_unix_ms(seconds.saturating_mul(1_000)))
}
