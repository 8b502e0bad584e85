//! `kind: Role`.

use chancery_proto::admin::v1 as admin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApiVersion, Metadata, Unreadable, document, subjects::Subjects, unless_empty};
use crate::cli::name::{Kind, Scope};

document! {
    /// A named set of principals, which rules refer to by its id.
    #[schemars(title = "Role")]
    RoleDocument of Role: RoleKind, Metadata, RoleSpec
}

/// What a role says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RoleSpec {
    /// For people: why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Its members: the union of these. Roles have no roles in them.
    subjects: Subjects,
}

impl RoleDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Role {
        let RoleSpec {
            description,
            subjects,
        } = self.spec.clone();
        admin::Role {
            name: self.metadata.name(Kind::Role, scope).to_string(),
            description: description.unwrap_or_default(),
            subjects: Some(subjects.into_message()),
            ..admin::Role::default()
        }
    }
}

impl TryFrom<admin::Role> for RoleDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Role) -> Result<Self, Unreadable> {
        let admin::Role {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            subjects,
        } = message;
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: RoleKind::Role,
            metadata: Metadata::parse(&name)?,
            spec: RoleSpec {
                description: unless_empty(description),
                subjects: subjects.unwrap_or_default().into(),
            },
        })
    }
}
