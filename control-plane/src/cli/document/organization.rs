//! `kind: Organization`.

use chancery_proto::admin::v1 as admin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiVersion, Id, Unreadable, document, is_false, parse_name, unless_empty};
use crate::cli::name::{Kind, Name, Scope};

document! {
    /// What holds for a whole organization. One without a document has the defaults.
    #[schemars(title = "Organization")]
    OrganizationDocument of Organization: OrganizationKind, OrganizationMetadata, OrganizationSpec
}

/// Names an organization.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OrganizationMetadata {
    /// The organization's id.
    name: Id,
}

impl OrganizationMetadata {
    pub(super) fn name(&self, kind: Kind, scope: &Scope) -> Name {
        scope.name(kind, &self.name.0)
    }
}

/// What holds for an organization.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OrganizationSpec {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whether what an author changes is published only once a reviewer, who is somebody else, says
    /// so.
    #[serde(default, skip_serializing_if = "is_false")]
    second_person: bool,
    /// Who is told of what happens, such as drift; 8 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    webhooks: Vec<Webhook>,
}

/// A place that is told what happened (Standard Webhooks).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Webhook {
    /// Its id.
    id: Id,
    /// Where notifications are posted to.
    #[schemars(title = "a URL", extend("pattern" = "^https?://"))]
    url: String,
    /// Which events it is told of; all where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<String>,
    /// The id of the Credential with the `signingSecret` that signs.
    credential: Id,
}

impl Webhook {
    fn into_message(self) -> admin::Webhook {
        let Self {
            id,
            url,
            events,
            credential,
        } = self;
        admin::Webhook {
            id: id.0,
            url,
            events,
            credential: credential.0,
        }
    }
}

impl From<admin::Webhook> for Webhook {
    fn from(message: admin::Webhook) -> Self {
        let admin::Webhook {
            id,
            url,
            events,
            credential,
        } = message;
        Self {
            id: Id(id),
            url,
            events,
            credential: Id(credential),
        }
    }
}

impl OrganizationDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Organization {
        let OrganizationSpec {
            description,
            second_person,
            webhooks,
        } = self.spec.clone();
        admin::Organization {
            name: self.metadata.name(Kind::Organization, scope).to_string(),
            description: description.unwrap_or_default(),
            second_person,
            webhooks: webhooks.into_iter().map(Webhook::into_message).collect(),
            ..admin::Organization::default()
        }
    }
}

impl TryFrom<admin::Organization> for OrganizationDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Organization) -> Result<Self, Unreadable> {
        let admin::Organization {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            second_person,
            webhooks,
        } = message;
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: OrganizationKind::Organization,
            metadata: OrganizationMetadata {
                name: Id(parse_name(&name)?.id),
            },
            spec: OrganizationSpec {
                description: unless_empty(description),
                second_person,
                webhooks: webhooks.into_iter().map(Webhook::from).collect(),
            },
        })
    }
}
