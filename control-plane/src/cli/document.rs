//! The resource documents, as people write them.
//!
//! The types are the contract: the published JSON Schemas are made from them, and [`super::check`]
//! holds what is written against those same schemas.

mod identity_provider;
mod rule;
mod server;

use chancery_proto::admin::v1::{self as admin, resource};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    identity_provider::IdentityProviderDocument, rule::RuleDocument, server::ServerDocument,
};
use super::name::{Kind, Name, Scope};

/// The version of every document.
pub(crate) const API_VERSION: &str = "chancery.dev/v1";

/// Any one document.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Document {
    Server(ServerDocument),
    IdentityProvider(IdentityProviderDocument),
    Rule(RuleDocument),
}

impl Document {
    /// Reads what has been checked against the kind's schema.
    pub(crate) fn from_json(kind: Kind, json: serde_json::Value) -> serde_json::Result<Self> {
        Ok(match kind {
            Kind::Server => Self::Server(serde_json::from_value(json)?),
            Kind::IdentityProvider => Self::IdentityProvider(serde_json::from_value(json)?),
            Kind::Rule => Self::Rule(serde_json::from_value(json)?),
        })
    }

    /// The document of a stored resource.
    pub(crate) fn from_message(message: resource::Kind) -> Result<Self, Unreadable> {
        Ok(match message {
            resource::Kind::Server(message) => Self::Server(message.try_into()?),
            resource::Kind::IdentityProvider(message) => {
                Self::IdentityProvider(message.try_into()?)
            }
            resource::Kind::Rule(message) => Self::Rule(message.try_into()?),
        })
    }

    /// What the control plane stores of it.
    pub(crate) fn to_message(&self, scope: &Scope) -> admin::Resource {
        admin::Resource {
            kind: Some(match self {
                Self::Server(document) => resource::Kind::Server(document.to_message(scope)),
                Self::IdentityProvider(document) => {
                    resource::Kind::IdentityProvider(document.to_message(scope))
                }
                Self::Rule(document) => resource::Kind::Rule(document.to_message(scope)),
            }),
        }
    }

    /// Its whole name.
    pub(crate) fn name(&self, scope: &Scope) -> Name {
        match self {
            Self::Server(document) => document.metadata.name(scope),
            Self::IdentityProvider(document) => {
                document.metadata.name(Kind::IdentityProvider, scope)
            }
            Self::Rule(document) => document.metadata.name(Kind::Rule, scope),
        }
    }
}

/// A stored resource is not what a document can say.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot show `{name}`: its {field} is {found}; is the control plane newer than this program?"
)]
pub(crate) struct Unreadable {
    name: String,
    field: &'static str,
    found: String,
}

/// The JSON Schema of a kind.
pub(crate) fn schema(kind: Kind) -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(WithoutNull);
    let generator = settings.into_generator();
    match kind {
        Kind::Server => generator.into_root_schema_for::<ServerDocument>(),
        Kind::IdentityProvider => generator.into_root_schema_for::<IdentityProviderDocument>(),
        Kind::Rule => generator.into_root_schema_for::<RuleDocument>(),
    }
}

/// A field that says nothing is an oversight, such as a list whose last item was deleted; what is
/// optional is left out instead. So `null` is in no schema.
#[derive(Clone, Debug)]
pub(crate) struct WithoutNull;

impl schemars::transform::Transform for WithoutNull {
    fn transform(&mut self, schema: &mut Schema) {
        schemars::transform::transform_subschemas(self, schema);
        let only = match schema
            .get("anyOf")
            .and_then(serde_json::Value::as_array)
            .map(Vec::as_slice)
        {
            Some([only, null]) if null.get("type").is_some_and(|is| is == "null") => only.clone(),
            _ => serde_json::Value::Null,
        };
        if let serde_json::Value::Object(only) = only {
            schema.remove("anyOf");
            for (keyword, value) in only {
                schema.insert(keyword, value);
            }
        }
        if let Some(serde_json::Value::Array(types)) = schema.get_mut("type") {
            types.retain(|one| one != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
        if schema
            .get("default")
            .is_some_and(serde_json::Value::is_null)
        {
            schema.remove("default");
        }
    }
}

/// The version of the documents.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) enum ApiVersion {
    #[serde(rename = "chancery.dev/v1")]
    V1,
}

/// The id of a resource.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(
    inline,
    title = "a name of 1 to 63 letters a-z, digits and inner hyphens",
    extend("pattern" = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
)]
pub(crate) struct Id(pub(crate) String);

/// Names a resource of an organization.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    /// The resource's id.
    name: Id,
    /// The organization it belongs to; `default` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<Id>,
}

impl Metadata {
    fn name(&self, kind: Kind, scope: &Scope) -> Name {
        Name {
            kind,
            organization: given_or(self.organization.as_ref(), &scope.organization),
            workspace: None,
            id: self.name.0.clone(),
        }
    }

    fn parse(name: &str) -> Result<Self, Unreadable> {
        let name = parse_name(name)?;
        Ok(Self {
            name: Id(name.id),
            organization: unless_default(name.organization),
        })
    }
}

fn parse_name(name: &str) -> Result<Name, Unreadable> {
    Name::parse(name).ok_or_else(|| Unreadable {
        name: name.to_owned(),
        field: "name",
        found: "of an unknown form".to_owned(),
    })
}

fn given_or(given: Option<&Id>, otherwise: &str) -> String {
    given.map_or_else(|| otherwise.to_owned(), |id| id.0.clone())
}

fn unless_default(id: String) -> Option<Id> {
    (id != Scope::DEFAULT).then_some(Id(id))
}

fn unless_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
