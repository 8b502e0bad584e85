//! An identity provider for tests: keys made at run time, and tokens, good and bad.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, jwk::Jwk};
use rsa::{pkcs1::EncodeRsaPrivateKey as _, pkcs8::EncodePrivateKey as _};
use serde_json::{Map, Value, json};

use crate::clock::now_unix_ms;

const RSA_BITS: usize = 2048;
const LIFETIME_SECONDS: u64 = 3600;

/// Why a key or token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The RSA key.
    #[error("cannot make an RSA key: {0}")]
    Rsa(#[from] rsa::Error),
    /// The encoding of the RSA key.
    #[error("cannot encode an RSA key: {0}")]
    RsaEncoding(#[from] rsa::pkcs1::Error),
    /// The encoding of another key.
    #[error("cannot encode a key: {0}")]
    Encoding(#[from] rsa::pkcs8::Error),
    /// The signature, or the public half of a key.
    #[error("cannot use a key: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
    /// The public half as JSON.
    #[error("cannot write a key as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The algorithms that a provider has a key for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    fn jose(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// What can be wrong with a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// `exp` is an hour ago.
    Expired,
    /// `nbf` is in an hour.
    NotYetValid,
    /// There is no `exp`.
    NoExpiry,
    /// `aud` names someone else.
    WrongAudience,
    /// `iss` names someone else.
    WrongIssuer,
    /// `alg` is `none` and there is no signature.
    AlgorithmNone,
    /// `alg` is `HS256`, keyed with the public key.
    PublicKeyAsSecret,
    /// The claims were changed after signing.
    Tampered,
    /// `kid` names no known key, and the signature is by none.
    UnknownKey,
    /// `crit` names an extension that nobody knows.
    CriticalHeader,
    /// Three words that are not a token.
    Garbage,
}

/// Issues tokens.
pub struct IdentityProvider {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` of its tokens.
    pub audience: String,
    keys: Vec<Key>,
    stranger: Key,
}

impl std::fmt::Debug for IdentityProvider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            issuer,
            audience,
            keys: _,
            stranger: _,
        } = self;
        formatter
            .debug_struct("IdentityProvider")
            .field("issuer", issuer)
            .field("audience", audience)
            .finish_non_exhaustive()
    }
}

impl IdentityProvider {
    /// Makes a key for every algorithm.
    pub fn generate(issuer: &str, audience: &str) -> Result<Self, IdentityError> {
        let keys = Algorithm::ALL.map(|algorithm| Key::generate(algorithm, algorithm.name()));
        Ok(Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            keys: keys.into_iter().collect::<Result<_, _>>()?,
            stranger: Key::generate(Algorithm::EdDsa, "stranger")?,
        })
    }

    /// The public keys as a JWKS (RFC 7517).
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(|key| &key.public).collect::<Vec<_>>() })
    }

    /// Envoy's own filter that verifies its tokens, where a request has one, and puts their claims into
    /// the metadata as `jwt_payload`.
    pub fn jwt_authn(&self) -> Value {
        json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {
                    "idp": {
                        "issuer": self.issuer,
                        "local_jwks": { "inline_string": self.jwks().to_string() },
                        "payload_in_metadata": "jwt_payload",
                    },
                },
                "rules": [{
                    "match": { "prefix": "/" },
                    "requires": { "requires_any": { "requirements": [
                        { "provider_name": "idp" }, { "allow_missing": {} },
                    ] } },
                }],
            },
        })
    }

    /// The provider as a resource document.
    pub fn resource(&self, name: &str) -> Value {
        json!({
            "apiVersion": "chancery.dev/v1",
            "kind": "IdentityProvider",
            "metadata": { "name": name },
            "spec": {
                "issuer": self.issuer,
                "audiences": [self.audience],
                "jwks": self.jwks(),
                "claims": { "roles": "$.roles", "team": "$.team" },
            },
        })
    }

    /// The claims of a good token.
    pub fn claims(&self, user: &str, groups: &[&str]) -> Map<String, Value> {
        let now = unix_seconds();
        [
            ("iss", json!(self.issuer)),
            ("aud", json!(self.audience)),
            ("sub", json!(user)),
            ("groups", json!(groups)),
            ("iat", json!(now)),
            ("exp", json!(now + LIFETIME_SECONDS)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// A good token, signed with Ed25519.
    pub fn token(&self, user: &str, groups: &[&str]) -> Result<String, IdentityError> {
        self.sign(Algorithm::EdDsa, &self.claims(user, groups))
    }

    /// A token with these claims.
    pub fn sign(
        &self,
        algorithm: Algorithm,
        claims: &Map<String, Value>,
    ) -> Result<String, IdentityError> {
        let key = self
            .keys
            .iter()
            .find(|key| key.algorithm == algorithm)
            .unwrap_or(&self.stranger);
        key.sign(
            &json!({ "typ": "JWT", "alg": algorithm.name(), "kid": key.id }),
            claims,
        )
    }

    /// A token with these claims whose header is what the caller says, signed with `algorithm`'s key.
    pub fn sign_with_header(
        &self,
        algorithm: Algorithm,
        header: &Value,
        claims: &Map<String, Value>,
    ) -> Result<String, IdentityError> {
        let key = self
            .keys
            .iter()
            .find(|key| key.algorithm == algorithm)
            .unwrap_or(&self.stranger);
        key.sign(header, claims)
    }

    /// A token that must not be accepted.
    pub fn flawed(&self, flaw: Flaw, user: &str, groups: &[&str]) -> Result<String, IdentityError> {
        let mut claims = self.claims(user, groups);
        let hour = 3600;
        let mut set = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        match flaw {
            Flaw::Expired => set("exp", json!(unix_seconds() - hour)),
            Flaw::NotYetValid => set("nbf", json!(unix_seconds() + hour)),
            Flaw::NoExpiry => drop(claims.remove("exp")),
            Flaw::WrongAudience => set("aud", json!("https://elsewhere.test/mcp")),
            Flaw::WrongIssuer => set("iss", json!("https://elsewhere.test")),
            Flaw::AlgorithmNone => {
                return Ok(format!(
                    "{}.",
                    unsigned(&json!({ "typ": "JWT", "alg": "none" }), &claims)
                ));
            }
            Flaw::PublicKeyAsSecret => return self.signed_with_public_key(&claims),
            Flaw::Tampered => return self.tampered(claims),
            Flaw::UnknownKey => {
                let header = json!({ "typ": "JWT", "alg": "EdDSA", "kid": self.stranger.id });
                return self.stranger.sign(&header, &claims);
            }
            Flaw::CriticalHeader => {
                let header =
                    json!({ "typ": "JWT", "alg": "EdDSA", "kid": "EdDSA", "crit": ["exp"] });
                return self.sign_with_header(Algorithm::EdDsa, &header, &claims);
            }
            Flaw::Garbage => return Ok("not.a.token".to_owned()),
        }
        self.sign(Algorithm::EdDsa, &claims)
    }

    fn signed_with_public_key(&self, claims: &Map<String, Value>) -> Result<String, IdentityError> {
        let public = self.keys.first().unwrap_or(&self.stranger);
        let secret = EncodingKey::from_secret(public.public.to_string().as_bytes());
        let message = unsigned(
            &json!({ "typ": "JWT", "alg": "HS256", "kid": public.id }),
            claims,
        );
        let signature = jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &secret,
            jsonwebtoken::Algorithm::HS256,
        )?;
        Ok(format!("{message}.{signature}"))
    }

    fn tampered(&self, mut claims: Map<String, Value>) -> Result<String, IdentityError> {
        let good = self.sign(Algorithm::EdDsa, &claims)?;
        claims.insert("groups".to_owned(), json!(["admins"]));
        let mut parts: Vec<&str> = good.split('.').collect();
        let changed = encode(&Value::Object(claims));
        if let Some(part) = parts.get_mut(1) {
            *part = &changed;
        }
        Ok(parts.join("."))
    }
}

struct Key {
    id: String,
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

impl Key {
    fn generate(algorithm: Algorithm, id: &str) -> Result<Self, IdentityError> {
        let mut random = rand::thread_rng();
        let private = match algorithm {
            Algorithm::Rs256 => {
                let key = rsa::RsaPrivateKey::new(&mut random, RSA_BITS)?;
                EncodingKey::from_rsa_der(key.to_pkcs1_der()?.as_bytes())
            }
            Algorithm::Es256 => {
                let key = p256::ecdsa::SigningKey::random(&mut random);
                EncodingKey::from_ec_der(key.to_pkcs8_der()?.as_bytes())
            }
            Algorithm::EdDsa => {
                let key = ed25519_dalek::SigningKey::generate(&mut random);
                // Version 1, without the public half: the form whose length jsonwebtoken expects.
                let pair = ed25519_dalek::pkcs8::KeypairBytes {
                    secret_key: key.to_bytes(),
                    public_key: None,
                };
                EncodingKey::from_ed_der(pair.to_pkcs8_der()?.as_bytes())
            }
        };
        let mut public = Jwk::from_encoding_key(&private, algorithm.jose())?;
        public.common.key_id = Some(id.to_owned());
        public.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        Ok(Self {
            id: id.to_owned(),
            algorithm,
            private,
            public: serde_json::to_value(public)?,
        })
    }

    fn sign(&self, header: &Value, claims: &Map<String, Value>) -> Result<String, IdentityError> {
        let message = unsigned(header, claims);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, self.algorithm.jose())?;
        Ok(format!("{message}.{signature}"))
    }
}

fn unsigned(header: &Value, claims: &Map<String, Value>) -> String {
    format!(
        "{}.{}",
        encode(header),
        encode(&Value::Object(claims.clone()))
    )
}

fn encode(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

fn unix_seconds() -> u64 {
    now_unix_ms() / 1_000
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, jwk::JwkSet};

    use super::*;

    #[test]
    fn tokens_verify_with_the_published_keys() {
        let provider = IdentityProvider::generate("https://idp.test", "https://mcp.test").unwrap();
        let keys: JwkSet = serde_json::from_value(provider.jwks()).unwrap();
        for algorithm in Algorithm::ALL {
            let claims = provider.claims("alice@example.test", &["dev"]);
            let token = provider.sign(algorithm, &claims).unwrap();
            let header = decode_header(&token).unwrap();
            let key = keys.find(&header.kid.unwrap()).unwrap();
            let mut validation = Validation::new(algorithm.jose());
            validation.set_audience(&["https://mcp.test"]);
            let key = DecodingKey::from_jwk(key).unwrap();
            let decoded = decode::<Map<String, Value>>(&token, &key, &validation).unwrap();
            assert_eq!(decoded.claims, claims, "{algorithm:?}");
        }
    }
}
