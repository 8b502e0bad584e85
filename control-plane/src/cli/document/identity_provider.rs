//! `kind: IdentityProvider`.

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use prost_types::Duration;
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use super::{ApiVersion, Metadata, Unreadable};
use crate::cli::name::{Kind, Scope};

/// Who issues tokens, and how they are checked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "IdentityProvider")]
pub(crate) struct IdentityProviderDocument {
    /// The version of this document.
    api_version: ApiVersion,
    /// The kind of this document.
    kind: IdentityProviderKind,
    /// Names the identity provider.
    pub(crate) metadata: Metadata,
    /// What the identity provider is.
    pub(crate) spec: IdentityProviderSpec,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
enum IdentityProviderKind {
    IdentityProvider,
}

/// What an identity provider is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityProviderSpec {
    /// The exact `iss` of its tokens.
    #[schemars(length(min = 1))]
    pub(crate) issuer: String,
    /// A token needs one of these in `aud`.
    #[schemars(length(min = 1))]
    pub(crate) audiences: Vec<String>,
    /// Its public keys.
    pub(crate) jwks: Jwks,
    /// Where a principal's fields are in the claims.
    #[serde(default)]
    pub(crate) claims: Claims,
    /// How far clocks may differ; 60s where left out.
    #[serde(default)]
    leeway: Leeway,
}

/// A JWK Set (RFC 7517): a mapping, or its JSON text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Jwks {
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

/// Where a principal's fields are, each a singular JSONPath (RFC 9535).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Claims {
    /// To the user id.
    pub(crate) user: ClaimPath,
    /// To the groups.
    pub(crate) groups: ClaimPath,
}

/// A singular JSONPath.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, title = "a JSONPath that begins with $", extend("pattern" = r"^\$"))]
pub(crate) struct ClaimPath(pub(crate) String);

impl Claims {
    const USER: &'static str = "$.sub";
    const GROUPS: &'static str = "$.groups";
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            user: ClaimPath(Self::USER.to_owned()),
            groups: ClaimPath(Self::GROUPS.to_owned()),
        }
    }
}

/// Whole seconds.
#[derive(Clone, Copy, Debug)]
struct Leeway(i64);

impl Leeway {
    const PATTERN: &'static str = "^(300|[12]?[0-9]?[0-9])s$";
}

impl Default for Leeway {
    fn default() -> Self {
        Self(60)
    }
}

impl Serialize for Leeway {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}s", self.0))
    }
}

impl<'de> Deserialize<'de> for Leeway {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let seconds = text
            .strip_suffix('s')
            .and_then(|seconds| seconds.parse().ok());
        seconds
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a number of seconds"))
    }
}

impl JsonSchema for Leeway {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Leeway".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "string",
            "title": "whole seconds from `0s` to `300s`",
            "pattern": Self::PATTERN,
        })
    }
}

impl IdentityProviderDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::IdentityProvider {
        let IdentityProviderSpec {
            issuer,
            audiences,
            jwks,
            claims,
            leeway,
        } = self.spec.clone();
        admin::IdentityProvider {
            name: self
                .metadata
                .name(Kind::IdentityProvider, scope)
                .to_string(),
            issuer,
            audiences,
            jwks: match jwks {
                Jwks::Text(text) => text,
                Jwks::Mapping(mapping) => serde_json::Value::Object(mapping).to_string(),
            },
            claims: Some(policy::ClaimMapping {
                user: claims.user.0,
                groups: claims.groups.0,
                ..policy::ClaimMapping::default()
            }),
            leeway: Some(Duration {
                seconds: leeway.0,
                nanos: 0,
            }),
            ..admin::IdentityProvider::default()
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
            ..
        } = message;
        let policy::ClaimMapping {
            user: user_claim,
            groups: groups_claim,
            ..
        } = claims.unwrap_or_default();
        let given = |claim: String, default: &str| {
            ClaimPath(if claim.is_empty() {
                default.to_owned()
            } else {
                claim
            })
        };
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: IdentityProviderKind::IdentityProvider,
            metadata: Metadata::parse(&name)?,
            spec: IdentityProviderSpec {
                issuer,
                audiences,
                jwks: serde_json::from_str(&jwks).map_or(Jwks::Text(jwks), Jwks::Mapping),
                claims: Claims {
                    user: given(user_claim, Claims::USER),
                    groups: given(groups_claim, Claims::GROUPS),
                },
                leeway: leeway.map_or_else(Leeway::default, |leeway| Leeway(leeway.seconds)),
            },
        })
    }
}
