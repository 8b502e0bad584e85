//! Who issues tokens, and what of them is accepted.

use std::sync::Arc;

use super::{Algorithm, TokenError, WantedKey};
use crate::{
    claims::{ClaimMapping, Claims, RequiredClaim},
    id::Time,
    json::Value,
    name::organization_of,
    principal::Principal,
    server::Endpoint,
};

/// Who vouches for principals, how that is checked and what is read from it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentityProvider {
    /// Its resource name, `organizations/{o}/identityProviders/{p}`.
    pub name: Box<str>,
    /// The exact `iss`. For certificates: `spiffe://` and the trust domain.
    pub issuer: Box<str>,
    /// Where its word is taken from.
    pub source: Source,
    /// A token needs one of these in `aud`, unless the endpoint has audiences of its own.
    pub audiences: Vec<Box<str>>,
    /// Public keys.
    pub keys: Vec<VerificationKey>,
    /// The only algorithms that its keys may be used with. Empty: those of the keys.
    pub algorithms: Vec<Algorithm>,
    /// Whether only access tokens by RFC 9068 are accepted.
    pub access_tokens_only: bool,
    /// Whether its issuer publishes keys beside those that are known, so that an unknown one is
    /// asked for.
    pub has_key_set: bool,
    /// Where a principal's fields are.
    pub claims: ClaimMapping,
    /// What every token must carry.
    pub required_claims: Vec<RequiredClaim>,
    /// How far clocks may differ, in seconds.
    pub leeway_seconds: u64,
}

/// Where the word of a provider is taken from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A bearer token, verified here.
    Token,
    /// Claims that Envoy's `jwt_authn` verified and left in dynamic metadata under this key.
    Metadata {
        /// `payload_in_metadata`.
        key: Box<str>,
    },
    /// The SPIFFE id of the peer's certificate, which Envoy verified.
    Certificate {
        /// Of which trust domain.
        trust_domain: Box<str>,
    },
}

/// A public key and the one algorithm it may be used with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerificationKey {
    /// Its `kid`; empty where it has none.
    pub key_id: Box<str>,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// RSA and EC: SubjectPublicKeyInfo in DER. Ed25519: 32 bytes.
    pub public_key: Arc<[u8]>,
}

/// The keys of one provider as its issuer publishes them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeySet {
    /// The provider's resource name.
    pub identity_provider: Box<str>,
    /// Public keys.
    pub keys: Vec<VerificationKey>,
}

/// Longest `kid` that is asked for, in bytes.
const MAX_WANTED_KEY_ID_BYTES: usize = 256;

impl IdentityProvider {
    /// The organization it belongs to, `organizations/{o}`.
    pub fn organization(&self) -> &str {
        organization_of(&self.name)
    }

    /// What its claims prove, whatever vouches for them: that they hold now, for whom, and who acts.
    pub(super) fn prove(&self, claims: &Claims<'_>, now: Time) -> Result<Proof, TokenError> {
        let not_after = self.check_times(claims, now)?;
        for required in &self.required_claims {
            required.check(claims)?;
        }
        Ok(Proof {
            principal: self.claims.principal(claims, &self.issuer)?,
            audiences: audiences(claims)?,
            not_after,
        })
    }

    /// The workspace that a call belongs to whose token has these audiences: the one that the
    /// endpoint gives to the audience, or else the endpoint's.
    ///
    /// # Errors
    /// [`TokenError::Audience`] or [`TokenError::AmbiguousWorkspace`].
    pub fn admit<'e>(
        &self,
        audiences: &[Box<str>],
        endpoint: &'e Endpoint,
    ) -> Result<&'e str, TokenError> {
        if endpoint.audiences.is_empty() {
            let ours = audiences.iter().find(|one| self.audiences.contains(one));
            return ours
                .map(|_| &*endpoint.workspace)
                .ok_or(TokenError::Audience);
        }
        let accepted = &endpoint.audiences;
        let mut selected = accepted
            .iter()
            .filter(|accepted| audiences.contains(&accepted.value))
            .map(|accepted| accepted.workspace.as_ref().unwrap_or(&endpoint.workspace));
        let first = selected.next().ok_or(TokenError::Audience)?;
        match selected.find(|other| *other != first) {
            None => Ok(first),
            Some(_) => Err(TokenError::AmbiguousWorkspace),
        }
    }

    /// The algorithm of a token's header, which must have nothing in it that changes how the token
    /// is read.
    pub(super) fn algorithm(&self, header: Value<'_>) -> Result<Algorithm, TokenError> {
        const REFUSED: [&str; 7] = ["crit", "b64", "zip", "jku", "x5u", "jwk", "x5c"];
        if REFUSED.iter().any(|name| header.get(name).is_some()) {
            return Err(TokenError::Header);
        }
        self.check_type(header.get("typ"))?;
        let name = header.get("alg").and_then(Value::as_str);
        let algorithm = name.and_then(|name| Algorithm::from_jose(&name));
        let is_accepted =
            |found: &Algorithm| self.algorithms.is_empty() || self.algorithms.contains(found);
        algorithm.filter(is_accepted).ok_or(TokenError::Algorithm)
    }

    /// RFC 7519 section 5.1, RFC 9068 section 4.
    fn check_type(&self, kind: Option<Value<'_>>) -> Result<(), TokenError> {
        let Some(kind) = kind else {
            return if self.access_tokens_only {
                Err(TokenError::Type)
            } else {
                Ok(())
            };
        };
        let kind = kind.as_str().ok_or(TokenError::Header)?;
        match &*kind.to_ascii_lowercase() {
            "jwt" if self.access_tokens_only => Err(TokenError::Type),
            "jwt" | "at+jwt" | "application/at+jwt" => Ok(()),
            _ => Err(TokenError::Header),
        }
    }

    /// The key that a token's header asks for: by `kid`, or the only one of its algorithm.
    pub(super) fn key(
        &self,
        header: Value<'_>,
        algorithm: Algorithm,
    ) -> Result<&VerificationKey, MissingKey> {
        let mut keys = self.keys.iter().filter(|key| key.algorithm == algorithm);
        let Some(id) = header.get("kid") else {
            return match (keys.next(), keys.next()) {
                (Some(key), None) => Ok(key),
                _ => Err(MissingKey::Unknown),
            };
        };
        keys.find(|key| id.is(&key.key_id)).ok_or_else(|| {
            let key_id = id
                .as_str()
                .filter(|id| self.has_key_set && id.len() <= MAX_WANTED_KEY_ID_BYTES);
            match key_id {
                // Known, and of another algorithm: its issuer will say nothing else.
                Some(id) if self.keys.iter().any(|key| *key.key_id == *id) => MissingKey::Unknown,
                Some(id) => MissingKey::Wanted(WantedKey {
                    identity_provider: self.name.clone(),
                    key_id: id.into(),
                }),
                None => MissingKey::Unknown,
            }
        })
    }

    fn check_times(&self, claims: &Claims<'_>, now: Time) -> Result<Time, TokenError> {
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
}

/// What claims prove.
pub(super) struct Proof {
    pub(super) principal: Principal,
    pub(super) audiences: Vec<Box<str>>,
    pub(super) not_after: Time,
}

/// There is no key for a token.
pub(super) enum MissingKey {
    /// And there will be none.
    Unknown,
    /// Its issuer may have it.
    Wanted(WantedKey),
}

/// `aud`: one string or several (RFC 7519 section 4.1.3).
fn audiences(claims: &Claims<'_>) -> Result<Vec<Box<str>>, TokenError> {
    let claim = claims.get("aud").ok_or(TokenError::Audience)?;
    let text = |value: Value<'_>| value.as_str().map(Box::from);
    let found: Vec<_> = match text(claim) {
        Some(one) => vec![one],
        None => claim.items().filter_map(text).collect(),
    };
    if found.is_empty() {
        return Err(TokenError::Audience);
    }
    Ok(found)
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
