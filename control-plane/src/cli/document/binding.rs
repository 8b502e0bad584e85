//! `kind: Binding`.

use chancery_proto::admin::v1 as admin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ApiVersion, Id, Metadata, Unreadable, document, id_unless_empty, unknown, unless_empty,
};
use crate::cli::name::{Kind, Scope};

document! {
    /// Which administrators may do what.
    #[schemars(title = "Binding")]
    BindingDocument of Binding: BindingKind, Metadata, BindingSpec
}

/// Who may do what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BindingSpec {
    /// For people: why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Who: `user:ID`, `group:NAME` or `certificate:SUBJECT`.
    #[schemars(length(min = 1))]
    members: Vec<Member>,
    /// What they may do.
    #[schemars(length(min = 1))]
    roles: Vec<AdminRole>,
    /// The workspace in which; the whole organization where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<Id>,
}

/// One administrator, or several.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(
    inline,
    title = "`user:ID`, `group:NAME` or `certificate:SUBJECT`",
    extend("pattern" = "^(user|group|certificate):.")
)]
struct Member(String);

/// What an administrator may do. None includes another.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum AdminRole {
    Viewer,
    Author,
    Reviewer,
    Approver,
    Auditor,
    Operator,
}

impl AdminRole {
    fn to_message(self) -> admin::AdminRole {
        match self {
            Self::Viewer => admin::AdminRole::Viewer,
            Self::Author => admin::AdminRole::Author,
            Self::Reviewer => admin::AdminRole::Reviewer,
            Self::Approver => admin::AdminRole::Approver,
            Self::Auditor => admin::AdminRole::Auditor,
            Self::Operator => admin::AdminRole::Operator,
        }
    }

    fn parse(binding: &str, number: i32) -> Result<Self, Unreadable> {
        match admin::AdminRole::try_from(number) {
            Ok(admin::AdminRole::Viewer) => Ok(Self::Viewer),
            Ok(admin::AdminRole::Author) => Ok(Self::Author),
            Ok(admin::AdminRole::Reviewer) => Ok(Self::Reviewer),
            Ok(admin::AdminRole::Approver) => Ok(Self::Approver),
            Ok(admin::AdminRole::Auditor) => Ok(Self::Auditor),
            Ok(admin::AdminRole::Operator) => Ok(Self::Operator),
            Ok(admin::AdminRole::Unspecified) | Err(_) => Err(unknown(binding, "roles", number)),
        }
    }
}

impl BindingDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Binding {
        let BindingSpec {
            description,
            members,
            roles,
            workspace,
        } = self.spec.clone();
        admin::Binding {
            name: self.metadata.name(Kind::Binding, scope).to_string(),
            description: description.unwrap_or_default(),
            members: members.into_iter().map(|member| member.0).collect(),
            roles: roles
                .into_iter()
                .map(|role| role.to_message().into())
                .collect(),
            workspace: workspace.map(|id| id.0).unwrap_or_default(),
            ..admin::Binding::default()
        }
    }
}

impl TryFrom<admin::Binding> for BindingDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Binding) -> Result<Self, Unreadable> {
        let admin::Binding {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            members,
            roles,
            workspace,
        } = message;
        let roles = roles.into_iter().map(|role| AdminRole::parse(&name, role));
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: BindingKind::Binding,
            metadata: Metadata::parse(&name)?,
            spec: BindingSpec {
                description: unless_empty(description),
                members: members.into_iter().map(Member).collect(),
                roles: roles.collect::<Result<_, _>>()?,
                workspace: id_unless_empty(workspace),
            },
        })
    }
}
