//! `kind: Offer`.

use chancery_proto::admin::v1 as admin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiVersion, Metadata, Unreadable, document, unless_empty};
use crate::cli::name::{Kind, Scope};

document! {
    /// What an organization lets workspaces use. What rules allow in a workspace never exceeds it. A
    /// server that no offer names is offered whole to the workspace it is in, and to no other.
    #[schemars(title = "Offer")]
    OfferDocument of Offer: OfferKind, Metadata, OfferSpec
}

/// What is offered to whom.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfferSpec {
    /// For people: why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Globs (`*`, `?`) over server ids; one without either must name a server that exists.
    #[schemars(length(min = 1))]
    servers: Vec<String>,
    /// Globs over workspace ids.
    #[schemars(length(min = 1))]
    workspaces: Vec<String>,
    /// Globs over tool names. Without tools, prompts and resources: everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tools: Vec<String>,
    /// Globs over prompt names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prompts: Vec<String>,
    /// Globs over resource URIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<String>,
}

impl OfferDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Offer {
        let OfferSpec {
            description,
            servers,
            workspaces,
            tools,
            prompts,
            resources,
        } = self.spec.clone();
        admin::Offer {
            name: self.metadata.name(Kind::Offer, scope).to_string(),
            description: description.unwrap_or_default(),
            servers,
            workspaces,
            tools,
            prompts,
            resources,
            ..admin::Offer::default()
        }
    }
}

impl TryFrom<admin::Offer> for OfferDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Offer) -> Result<Self, Unreadable> {
        let admin::Offer {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            servers,
            workspaces,
            tools,
            prompts,
            resources,
        } = message;
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: OfferKind::Offer,
            metadata: Metadata::parse(&name)?,
            spec: OfferSpec {
                description: unless_empty(description),
                servers,
                workspaces,
                tools,
                prompts,
                resources,
            },
        })
    }
}
