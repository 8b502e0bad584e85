//! `kind: Credential`.
//!
//! A document says where a secret is, never what it is: documents are kept in repositories.

mod token_request;

use chancery_proto::admin::v1::{self as admin, credential::Kind as Message};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::token_request::{ClientCredentials, TokenExchange};
use super::{
    ApiVersion, Metadata, Unreadable, document,
    time::{Length, Moment},
    unless_empty,
};
use crate::cli::{
    name::{Kind, Scope},
    path::Path,
};

document! {
    /// As whom servers are called. Secrets are given from files or the environment when it is
    /// applied, and are never shown again.
    #[schemars(title = "Credential")]
    CredentialDocument of Credential: CredentialKind, Metadata, CredentialSpec
}

/// As whom servers are called, or what signs: exactly one of `clientCredentials`, `tokenExchange`,
/// `assertion`, `staticHeader` and `signingSecret`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = one_kind)]
struct CredentialSpec {
    /// For people: why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Ids of the servers that are called with it; none for a signing secret. A server has one at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    servers: Vec<String>,
    /// Hosts, each with its port where that is not 443, to which the control plane itself may show it when
    /// it looks at these servers. It stands for the gateway then: client credentials or a static header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scan_hosts: Vec<String>,
    /// OAuth client credentials (RFC 6749 section 4.4): the gateway's own identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_credentials: Option<ClientCredentials>,
    /// Token exchange (RFC 8693): the user's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_exchange: Option<TokenExchange>,
    /// A signed assertion of the principal, for internal servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assertion: Option<Assertion>,
    /// One static secret for all, as an approved exception.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    static_header: Option<StaticHeader>,
    /// What signs notifications to webhooks (Standard Webhooks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_secret: Option<SigningSecret>,
}

fn one_kind(schema: &mut schemars::Schema) {
    let kinds = [
        "clientCredentials",
        "tokenExchange",
        "assertion",
        "staticHeader",
        "signingSecret",
    ];
    let kinds = kinds.map(|kind| serde_json::json!({"required": [kind]}));
    schema.insert("oneOf".to_owned(), kinds.to_vec().into());
}

/// Where a secret is: exactly one of `file` and `env`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = one_source, extend("writeOnly" = true))]
pub(crate) struct SecretSource {
    /// The file that holds it, seen from the folder of this document. A line end after it is not
    /// part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(crate) file: Option<String>,
    /// The environment variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(crate) env: Option<String>,
}

fn one_source(schema: &mut schemars::Schema) {
    let sources = ["file", "env"].map(|source| serde_json::json!({"required": [source]}));
    schema.insert("oneOf".to_owned(), sources.to_vec().into());
}

/// A signed assertion of the principal.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Assertion {
    /// Its `aud`.
    #[schemars(length(min = 1))]
    audience: String,
    /// How long one is valid; 5m where left out, at most 15m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime: Option<Length>,
}

/// A static header.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StaticHeader {
    /// Its name; `authorization` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    /// Where the whole value is, with `Bearer ` where there is one; the stored one stays where left
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<SecretSource>,
    /// When the exception ends: at most 90 days ahead.
    expires: Moment,
    /// Who agreed to it.
    #[schemars(length(min = 1))]
    approver: String,
    /// Why there is no better way.
    #[schemars(length(min = 1))]
    reason: String,
}

/// A secret that signs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SigningSecret {
    /// Where it is: `whsec_` and base64, or the secret as it is; the stored one stays where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<SecretSource>,
}

impl CredentialDocument {
    /// Where its secret is, and the path of the field that says so.
    pub(super) fn secret(&self) -> Option<(Path, &SecretSource)> {
        let CredentialSpec {
            description: _,
            servers: _,
            scan_hosts: _,
            client_credentials,
            token_exchange,
            assertion: _,
            static_header,
            signing_secret,
        } = &self.spec;
        let client = client_credentials.as_ref().and_then(|kind| {
            Some((
                "clientCredentials",
                "clientSecret",
                kind.client_secret.as_ref()?,
            ))
        });
        let exchange = token_exchange.as_ref().and_then(|kind| {
            Some((
                "tokenExchange",
                "clientSecret",
                kind.client_secret.as_ref()?,
            ))
        });
        let header = static_header
            .as_ref()
            .and_then(|kind| Some(("staticHeader", "value", kind.value.as_ref()?)));
        let signing = signing_secret
            .as_ref()
            .and_then(|kind| Some(("signingSecret", "secret", kind.secret.as_ref()?)));
        let (kind, field, source) = client.or(exchange).or(header).or(signing)?;
        Some((
            Path::default().field("spec").field(kind).field(field),
            source,
        ))
    }

    pub(super) fn to_message(&self, scope: &Scope) -> admin::Credential {
        let CredentialSpec {
            description,
            servers,
            scan_hosts,
            client_credentials,
            token_exchange,
            assertion,
            static_header,
            signing_secret,
        } = self.spec.clone();
        // The schema has made sure that there is one.
        let kinds = [
            client_credentials.map(ClientCredentials::into_message),
            token_exchange.map(TokenExchange::into_message),
            assertion.map(Assertion::into_message),
            static_header.map(StaticHeader::into_message),
            signing_secret.map(|_| Message::SigningSecret(admin::SigningSecret::default())),
        ];
        admin::Credential {
            name: self.metadata.name(Kind::Credential, scope).to_string(),
            description: description.unwrap_or_default(),
            servers,
            scan_hosts,
            kind: kinds.into_iter().flatten().next(),
            ..admin::Credential::default()
        }
    }
}

/// Puts a secret into a message.
pub(super) fn set_secret(message: &mut admin::Credential, secret: String) {
    match &mut message.kind {
        Some(Message::ClientCredentials(kind)) => kind.client_secret = secret,
        Some(Message::TokenExchange(kind)) => kind.client_secret = secret,
        Some(Message::StaticHeader(kind)) => kind.value = secret,
        Some(Message::SigningSecret(kind)) => kind.secret = secret,
        Some(Message::Assertion(_)) | None => {}
    }
}

impl Assertion {
    fn into_message(self) -> Message {
        let Self { audience, lifetime } = self;
        Message::Assertion(admin::Assertion {
            audience,
            lifetime: lifetime.map(Length::into_message),
        })
    }
}

impl StaticHeader {
    fn into_message(self) -> Message {
        let Self {
            header,
            value: _,
            expires,
            approver,
            reason,
        } = self;
        Message::StaticHeader(admin::StaticHeader {
            header: header.unwrap_or_default(),
            value: String::new(),
            expire_time: Some(expires.0),
            approver,
            reason,
        })
    }
}

impl TryFrom<admin::Credential> for CredentialDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Credential) -> Result<Self, Unreadable> {
        let admin::Credential {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            servers,
            kind,
            rotate_time: _,
            scan_hosts,
        } = message;
        let bare = CredentialSpec {
            description: unless_empty(description),
            servers,
            scan_hosts,
            ..CredentialSpec::default()
        };
        let unreadable = || Unreadable {
            name: name.clone(),
            field: "kind",
            found: "of an unknown form".to_owned(),
        };
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: CredentialKind::Credential,
            metadata: Metadata::parse(&name)?,
            spec: match kind.ok_or_else(unreadable)? {
                Message::ClientCredentials(kind) => CredentialSpec {
                    client_credentials: Some(kind.into()),
                    ..bare
                },
                Message::TokenExchange(kind) => CredentialSpec {
                    token_exchange: Some(kind.into()),
                    ..bare
                },
                Message::Assertion(admin::Assertion { audience, lifetime }) => CredentialSpec {
                    assertion: Some(Assertion {
                        audience,
                        lifetime: lifetime.map(Length::from),
                    }),
                    ..bare
                },
                Message::StaticHeader(kind) => CredentialSpec {
                    static_header: Some(kind.into()),
                    ..bare
                },
                Message::SigningSecret(_) => CredentialSpec {
                    signing_secret: Some(SigningSecret { secret: None }),
                    ..bare
                },
            },
        })
    }
}

impl From<admin::StaticHeader> for StaticHeader {
    fn from(message: admin::StaticHeader) -> Self {
        let admin::StaticHeader {
            header,
            value: _,
            expire_time,
            approver,
            reason,
        } = message;
        Self {
            header: unless_empty(header),
            value: None,
            expires: Moment(expire_time.unwrap_or_default()),
            approver,
            reason,
        }
    }
}
