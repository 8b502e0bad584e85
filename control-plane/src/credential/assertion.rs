//! Assertions: short-lived JWTs that say for whom a server is called, signed with the control
//! plane's own key of that credential.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_engine::{id::Hex, secret::Secret};
use chancery_proto::{
    admin::v1 as admin,
    audit::v1::{Attribute, Principal},
};
use ed25519_dalek::{SECRET_KEY_LENGTH, Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Had, Lack};
use crate::{
    access::Place as AccessPlace,
    secrets::{Place, Purpose, Sealed, Secrets, SecretsError, key_service::KeyError},
};

/// How long an assertion is valid where nothing is said.
const DEFAULT_LIFETIME_SECONDS: u64 = 5 * 60;

/// A key is replaced once, and the one before it stays for as long as assertions of it are valid.
const KEYS_KEPT: u32 = 2;

/// A key made here, published, and not used elsewhere.
pub(crate) struct Key {
    signing: SigningKey,
    /// From when on it signs, in seconds since the Unix epoch.
    from_seconds: u64,
}

impl Key {
    fn read((from_seconds, secret): &(u64, Secret)) -> Option<Self> {
        let seed: &[u8; SECRET_KEY_LENGTH] = secret.expose().try_into().ok()?;
        Some(Self {
            signing: SigningKey::from_bytes(seed),
            from_seconds: *from_seconds,
        })
    }

    fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.signing.verifying_key().as_bytes())
    }

    /// Its thumbprint (RFC 7638).
    fn id(&self) -> String {
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.public());
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }

    /// Its public half (RFC 8037).
    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "x": self.public(),
            "kid": self.id(),
            "alg": "EdDSA",
            "use": "sig",
        })
    }
}

/// A credential's keys, the newest first. Blocks.
///
/// # Errors
/// Where they cannot be read.
pub(crate) fn keys(secrets: &Secrets, credential: &str) -> Result<Vec<Key>, SecretsError> {
    let kept = secrets.read(Purpose::Assertion, credential)?;
    Ok(kept.iter().filter_map(Key::read).collect())
}

/// A credential's keys to sign with; a first one is made where there is none. Blocks.
///
/// # Errors
/// Where they can be neither read nor made.
pub(crate) fn signing_keys(
    secrets: &Secrets,
    credential: &str,
    now_seconds: u64,
) -> Result<Vec<Key>, SecretsError> {
    let kept = keys(secrets, credential)?;
    if !kept.is_empty() {
        return Ok(kept);
    }
    let place = place(credential, now_seconds);
    secrets.add(place, &new_seed()?, 0, KEYS_KEPT)?;
    keys(secrets, credential)
}

/// Makes another key. With an overlap it is published at once and signs after that, so that whoever
/// verifies has it by then, and the one before stays published; without, that one is gone at once.
///
/// # Errors
/// Where it cannot be made.
pub(crate) fn rotated(
    secrets: &Secrets,
    credential: &str,
    (now_seconds, overlap_seconds): (u64, u64),
) -> Result<Vec<Sealed>, SecretsError> {
    let from_seconds = now_seconds.saturating_add(overlap_seconds);
    let mut sealed = vec![secrets.seal(place(credential, from_seconds), &new_seed()?)?];
    if overlap_seconds > 0 {
        let kept = secrets.read(Purpose::Assertion, credential)?;
        let in_use = kept.into_iter().find(|(from, _)| *from <= now_seconds);
        if let Some((from, seed)) = in_use {
            sealed.push(secrets.seal(place(credential, from), &seed)?);
        }
    }
    Ok(sealed)
}

fn place(credential: &str, create_seconds: u64) -> Place {
    Place {
        purpose: Purpose::Assertion,
        name: credential.to_owned(),
        create_seconds,
    }
}

fn new_seed() -> Result<Secret, KeyError> {
    let mut seed = Zeroizing::new([0; SECRET_KEY_LENGTH]);
    getrandom::getrandom(&mut *seed)?;
    Ok(Secret::new(*seed))
}

/// What an assertion is about.
pub(super) struct Subject<'s> {
    pub(super) issuer: &'s str,
    /// The server's resource name.
    pub(super) server: &'s str,
    pub(super) principal: &'s Principal,
    pub(super) now_seconds: u64,
}

/// Signs an assertion.
pub(super) fn sign(
    keys: &[Key],
    kind: &admin::Assertion,
    subject: &Subject<'_>,
) -> Result<Had, Lack> {
    let Subject {
        issuer,
        server,
        principal,
        now_seconds,
    } = *subject;
    let organization = AccessPlace::of(server).ok_or(Lack::NoCredential)?;
    let organization = organization.organization;
    // The node says who calls, and none may speak for another organization's.
    let is_stranger = |theirs: &str| theirs != organization;
    if said(principal.organization.as_ref()).is_some_and(is_stranger) {
        return Err(Lack::ForeignPrincipal);
    }
    // A key that is not due yet signs where there is no other.
    let due = keys.iter().find(|key| key.from_seconds <= now_seconds);
    let key = due.or_else(|| keys.last()).ok_or(Lack::NoSecret)?;
    let mut id = [0; 16];
    getrandom::getrandom(&mut id).map_err(|_error| Lack::NoSecret)?;
    let lifetime = kind
        .lifetime
        .map(|lifetime| lifetime.seconds.unsigned_abs());
    let lifetime_seconds = lifetime.unwrap_or(DEFAULT_LIFETIME_SECONDS);
    let (user, agent) = (
        said(principal.user.as_ref()),
        said(principal.agent.as_ref()),
    );
    let mut claims = json!({
        "iss": issuer,
        "aud": kind.audience,
        "sub": user.or(agent).ok_or(Lack::NoSubject)?,
        "iat": now_seconds,
        "exp": now_seconds.saturating_add(lifetime_seconds),
        "jti": Hex(&id).to_string(),
        "groups": principal.groups,
        "server": server,
    });
    let further = [
        ("agent", agent),
        ("client_id", said(principal.client.as_ref())),
        ("org", Some(organization)),
        ("workspace", said(principal.workspace.as_ref())),
        ("sub_iss", said(principal.issuer.as_ref())),
    ];
    if let Some(claims) = claims.as_object_mut() {
        let there = further
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        claims.extend(there.map(|(name, value)| (name.to_owned(), value.into())));
    }
    let header = json!({"alg": "EdDSA", "typ": "chancery-assertion+jwt", "kid": key.id()});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = key.signing.sign(signed.as_bytes()).to_bytes();
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Ok(Had {
        value: Secret::new(format!("Bearer {signed}.{signature}")),
        lifetime_seconds,
    })
}

/// An attribute's value, if it has one.
fn said(attribute: Option<&Attribute>) -> Option<&str> {
    let value = attribute.map(|attribute| &*attribute.value);
    value.filter(|value| !value.is_empty())
}
