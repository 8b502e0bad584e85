//! `kind: Quota`.

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    ApiVersion, Metadata, Unreadable, document, subjects::Subjects, time::Length, unknown,
    unless_empty,
};
use crate::cli::name::{Kind, Scope};

document! {
    /// How much may be called. Counted in each node by itself, so approximate across nodes.
    #[schemars(title = "Quota")]
    QuotaDocument of Quota: QuotaKind, Metadata, QuotaSpec
}

/// Whose calls of what are counted, and how many there may be.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QuotaSpec {
    /// For people: why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whose calls are counted: the union of these.
    subjects: Subjects,
    /// Globs (`*`, `?`) over server ids; one without either must name a server that exists.
    #[schemars(length(min = 1))]
    servers: Vec<String>,
    /// Globs over tool names; all tools where left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tools: Vec<String>,
    /// How many calls a full bucket holds.
    calls: Calls,
    /// In what time an empty bucket is full again.
    period: Length,
    /// What has a bucket of its own; where left out, all that is counted shares one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    per: Vec<QuotaKey>,
}

/// A number of calls.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Calls(u32);

impl JsonSchema for Calls {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Calls".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": u32::MAX})
    }
}

/// What has a bucket of its own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum QuotaKey {
    Principal,
    Tool,
    Server,
}

impl QuotaKey {
    fn to_message(self) -> policy::QuotaKey {
        match self {
            Self::Principal => policy::QuotaKey::Principal,
            Self::Tool => policy::QuotaKey::Tool,
            Self::Server => policy::QuotaKey::Server,
        }
    }

    fn parse(quota: &str, number: i32) -> Result<Self, Unreadable> {
        match policy::QuotaKey::try_from(number) {
            Ok(policy::QuotaKey::Principal) => Ok(Self::Principal),
            Ok(policy::QuotaKey::Tool) => Ok(Self::Tool),
            Ok(policy::QuotaKey::Server) => Ok(Self::Server),
            Ok(policy::QuotaKey::Unspecified) | Err(_) => Err(unknown(quota, "per", number)),
        }
    }
}

impl QuotaDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Quota {
        let QuotaSpec {
            description,
            subjects,
            servers,
            tools,
            calls,
            period,
            per,
        } = self.spec.clone();
        admin::Quota {
            name: self.metadata.name(Kind::Quota, scope).to_string(),
            description: description.unwrap_or_default(),
            subjects: Some(subjects.into_message()),
            servers,
            tools,
            calls: calls.0,
            period: Some(period.into_message()),
            per: per.into_iter().map(|key| key.to_message().into()).collect(),
            ..admin::Quota::default()
        }
    }
}

impl TryFrom<admin::Quota> for QuotaDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Quota) -> Result<Self, Unreadable> {
        let admin::Quota {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            description,
            subjects,
            servers,
            tools,
            calls,
            period,
            per,
        } = message;
        let per = per.into_iter().map(|key| QuotaKey::parse(&name, key));
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: QuotaKind::Quota,
            metadata: Metadata::parse(&name)?,
            spec: QuotaSpec {
                description: unless_empty(description),
                subjects: subjects.unwrap_or_default().into(),
                servers,
                tools,
                calls: Calls(calls),
                period: period.unwrap_or_default().into(),
                per: per.collect::<Result<_, _>>()?,
            },
        })
    }
}
