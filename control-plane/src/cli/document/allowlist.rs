//! `kind: Allowlist`.

use chancery_proto::admin::v1 as admin;
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use super::{ApiVersion, Metadata, Unreadable, document, unless_empty};
use crate::cli::name::{Kind, Scope};

document! {
    /// What is left alone although a detector finds it, in the profiles that name this allowlist.
    #[schemars(title = "Allowlist")]
    AllowlistDocument of Allowlist: AllowlistKind, Metadata, AllowlistSpec
}

/// Which finds are left alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = some_value)]
struct AllowlistSpec {
    /// For people: why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whole values, in whatever case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    /// Globs (`*`, `?`) over whole values, such as `*@example.com`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    globs: Vec<String>,
    /// Only finds of these: ids of detectors, built in or of the organization, or `personal` or
    /// `secrets`; of all where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    detectors: Vec<String>,
}

fn some_value(schema: &mut schemars::Schema) {
    let any_of = json_schema!({"anyOf": [{"required": ["values"]}, {"required": ["globs"]}]});
    if let Some(alternatives) = any_of.get("anyOf") {
        schema.insert("anyOf".to_owned(), alternatives.clone());
    }
}

impl AllowlistDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Allowlist {
        let AllowlistSpec {
            description,
            values,
            globs,
            detectors,
        } = self.spec.clone();
        admin::Allowlist {
            name: self.metadata.name(Kind::Allowlist, scope).to_string(),
            description: description.unwrap_or_default(),
            values,
            globs,
            detectors,
            ..admin::Allowlist::default()
        }
    }
}

impl TryFrom<admin::Allowlist> for AllowlistDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Allowlist) -> Result<Self, Unreadable> {
        let admin::Allowlist {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            values,
            globs,
            detectors,
        } = message;
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: AllowlistKind::Allowlist,
            metadata: Metadata::parse(&name)?,
            spec: AllowlistSpec {
                description: unless_empty(description),
                values,
                globs,
                detectors,
            },
        })
    }
}
