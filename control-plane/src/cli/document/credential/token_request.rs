//! What a token endpoint is asked for a credential.

use chancery_proto::admin::v1::{self as admin, credential::Kind as Message};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretSource;
use crate::cli::document::unless_empty;

/// OAuth client credentials.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ClientCredentials {
    /// The token endpoint.
    #[schemars(length(min = 1))]
    token_uri: String,
    /// The client.
    #[schemars(length(min = 1))]
    client_id: String,
    /// Where the client's secret is; the stored one stays where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_secret: Option<SecretSource>,
    /// The scopes to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    /// The `resource` to ask for (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
}

/// Token exchange.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TokenExchange {
    /// The token endpoint.
    #[schemars(length(min = 1))]
    token_uri: String,
    /// The client that exchanges.
    #[schemars(length(min = 1))]
    client_id: String,
    /// Where the client's secret is; the stored one stays where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_secret: Option<SecretSource>,
    /// The `audience` to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    /// The `resource` to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    /// The scopes to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
}

impl ClientCredentials {
    pub(super) fn into_message(self) -> Message {
        let Self {
            token_uri,
            client_id,
            client_secret: _,
            scopes,
            resource,
        } = self;
        Message::ClientCredentials(admin::ClientCredentials {
            token_uri,
            client_id,
            client_secret: String::new(),
            scopes,
            resource: resource.unwrap_or_default(),
        })
    }
}

impl TokenExchange {
    pub(super) fn into_message(self) -> Message {
        let Self {
            token_uri,
            client_id,
            client_secret: _,
            audience,
            resource,
            scopes,
        } = self;
        Message::TokenExchange(admin::TokenExchange {
            token_uri,
            client_id,
            client_secret: String::new(),
            audience: audience.unwrap_or_default(),
            resource: resource.unwrap_or_default(),
            scopes,
        })
    }
}

impl From<admin::ClientCredentials> for ClientCredentials {
    fn from(message: admin::ClientCredentials) -> Self {
        let admin::ClientCredentials {
            token_uri,
            client_id,
            client_secret: _,
            scopes,
            resource,
        } = message;
        Self {
            token_uri,
            client_id,
            client_secret: None,
            scopes,
            resource: unless_empty(resource),
        }
    }
}

impl From<admin::TokenExchange> for TokenExchange {
    fn from(message: admin::TokenExchange) -> Self {
        let admin::TokenExchange {
            token_uri,
            client_id,
            client_secret: _,
            audience,
            resource,
            scopes,
        } = message;
        Self {
            token_uri,
            client_id,
            client_secret: None,
            audience: unless_empty(audience),
            resource: unless_empty(resource),
            scopes,
        }
    }
}
