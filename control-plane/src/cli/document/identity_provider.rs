//! `kind: IdentityProvider`.

mod claims;
mod leeway;

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use prost_types::Duration;
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use self::{
    claims::{ClaimPath, Claims},
    leeway::Leeway,
};
use super::{ApiVersion, Metadata, Unreadable, document, is_false, unknown, unless_empty};
use crate::cli::name::{Kind, Scope};

document! {
    /// Who issues tokens, and how they are checked.
    #[schemars(title = "IdentityProvider")]
    IdentityProviderDocument of IdentityProvider: IdentityProviderKind, Metadata, IdentityProviderSpec
}

/// What an identity provider is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct IdentityProviderSpec {
    /// The exact `iss` of its tokens. Of certificates: `spiffe://` and the trust domain, or left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(min = 1))]
    issuer: String,
    /// A token needs one of these in `aud`. Where left out, it is good only at endpoints with audiences
    /// of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    audiences: Vec<String>,
    /// Where its word is taken from: `token`, a bearer token, which the filter verifies;
    /// `envoy_metadata`, claims that Envoy's `jwt_authn` verified; or `peer_certificate`, the SPIFFE
    /// id in the peer's certificate, which Envoy verified.
    #[serde(default, skip_serializing_if = "is_default")]
    source: Source,
    /// Its public keys; those that it publishes where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwks: Option<Jwks>,
    /// Where its JWK Set is; where its metadata says, where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    /// For `envoy_metadata`: the key under which `jwt_authn` leaves the claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata_key: Option<String>,
    /// For `peer_certificate`: the SPIFFE trust domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trust_domain: Option<String>,
    /// Where a principal's fields are in the claims.
    #[serde(default)]
    claims: Claims,
    /// Claims that every token must carry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    required_claims: Vec<RequiredClaim>,
    /// The only algorithms that its keys may be used with; those of the keys where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    algorithms: Vec<Algorithm>,
    /// Whether only access tokens by RFC 9068 are accepted.
    #[serde(default, skip_serializing_if = "is_false")]
    access_tokens_only: bool,
    /// How far clocks may differ; 60s where left out.
    #[serde(default)]
    leeway: Leeway,
}

/// Where the word of a provider is taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Source {
    #[default]
    Token,
    EnvoyMetadata,
    PeerCertificate,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A claim that every token must carry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RequiredClaim {
    /// A JSONPath to one value.
    path: ClaimPath,
    /// The exact text.
    value: String,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
enum Algorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A JWK Set (RFC 7517): a mapping, or its JSON text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Jwks {
    Text(String),
    Mapping(serde_json::Map<String, serde_json::Value>),
}

impl JsonSchema for Jwks {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Jwks".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": ["object", "string"],
            "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
            "required": ["keys"],
            "minLength": 1,
        })
    }
}

impl Source {
    fn to_message(self) -> policy::IdentitySource {
        match self {
            Self::Token => policy::IdentitySource::Token,
            Self::EnvoyMetadata => policy::IdentitySource::EnvoyMetadata,
            Self::PeerCertificate => policy::IdentitySource::PeerCertificate,
        }
    }

    fn parse(provider: &str, number: i32) -> Result<Self, Unreadable> {
        match policy::IdentitySource::try_from(number) {
            Ok(policy::IdentitySource::Unspecified | policy::IdentitySource::Token) => {
                Ok(Self::Token)
            }
            Ok(policy::IdentitySource::EnvoyMetadata) => Ok(Self::EnvoyMetadata),
            Ok(policy::IdentitySource::PeerCertificate) => Ok(Self::PeerCertificate),
            Err(_) => Err(unknown(provider, "source", number)),
        }
    }
}

impl Algorithm {
    fn to_message(self) -> policy::SignatureAlgorithm {
        match self {
            Self::Rs256 => policy::SignatureAlgorithm::Rs256,
            Self::Es256 => policy::SignatureAlgorithm::Es256,
            Self::EdDsa => policy::SignatureAlgorithm::Eddsa,
        }
    }

    fn parse(provider: &str, number: i32) -> Result<Self, Unreadable> {
        match policy::SignatureAlgorithm::try_from(number) {
            Ok(policy::SignatureAlgorithm::Rs256) => Ok(Self::Rs256),
            Ok(policy::SignatureAlgorithm::Es256) => Ok(Self::Es256),
            Ok(policy::SignatureAlgorithm::Eddsa) => Ok(Self::EdDsa),
            Ok(policy::SignatureAlgorithm::Unspecified) | Err(_) => {
                Err(unknown(provider, "algorithms", number))
            }
        }
    }
}

impl IdentityProviderDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::IdentityProvider {
        let IdentityProviderSpec {
            issuer,
            audiences,
            source,
            jwks,
            jwks_uri,
            metadata_key,
            trust_domain,
            claims,
            required_claims,
            algorithms,
            access_tokens_only,
            leeway,
        } = self.spec.clone();
        let required_claims = required_claims.into_iter().map(
            |RequiredClaim {
                 path: ClaimPath(path),
                 value,
             }| policy::RequiredClaim { path, value },
        );
        let algorithms = algorithms.into_iter().map(Algorithm::to_message);
        admin::IdentityProvider {
            name: self
                .metadata
                .name(Kind::IdentityProvider, scope)
                .to_string(),
            etag: String::new(),
            create_time: None,
            update_time: None,
            issuer,
            audiences,
            jwks: match jwks {
                Some(Jwks::Text(text)) => text,
                Some(Jwks::Mapping(mapping)) => serde_json::Value::Object(mapping).to_string(),
                None => String::new(),
            },
            leeway: Some(Duration {
                seconds: leeway.0,
                nanos: 0,
            }),
            claims: Some(claims.into_message()),
            source: source.to_message().into(),
            metadata_key: metadata_key.unwrap_or_default(),
            trust_domain: trust_domain.unwrap_or_default(),
            required_claims: required_claims.collect(),
            algorithms: algorithms.map(Into::into).collect(),
            access_tokens_only,
            jwks_uri: jwks_uri.unwrap_or_default(),
        }
    }
}

impl TryFrom<admin::IdentityProvider> for IdentityProviderDocument {
    type Error = Unreadable;

    fn try_from(message: admin::IdentityProvider) -> Result<Self, Unreadable> {
        let admin::IdentityProvider {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            issuer,
            audiences,
            jwks,
            leeway,
            claims,
            source,
            metadata_key,
            trust_domain,
            required_claims,
            algorithms,
            access_tokens_only,
            jwks_uri,
        } = message;
        let jwks = unless_empty(jwks);
        let required_claims =
            required_claims
                .into_iter()
                .map(|policy::RequiredClaim { path, value }| RequiredClaim {
                    path: ClaimPath(path),
                    value,
                });
        let algorithms = algorithms
            .into_iter()
            .map(|algorithm| Algorithm::parse(&name, algorithm));
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: IdentityProviderKind::IdentityProvider,
            metadata: Metadata::parse(&name)?,
            spec: IdentityProviderSpec {
                issuer,
                audiences,
                source: Source::parse(&name, source)?,
                jwks: jwks.map(|jwks| {
                    serde_json::from_str(&jwks).map_or(Jwks::Text(jwks), Jwks::Mapping)
                }),
                jwks_uri: unless_empty(jwks_uri),
                metadata_key: unless_empty(metadata_key),
                trust_domain: unless_empty(trust_domain),
                claims: claims.unwrap_or_default().into(),
                required_claims: required_claims.collect(),
                algorithms: algorithms.collect::<Result<_, _>>()?,
                access_tokens_only,
                leeway: leeway.map_or_else(Leeway::default, |leeway| Leeway(leeway.seconds)),
            },
        })
    }
}
