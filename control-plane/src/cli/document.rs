//! The resource documents, as people write them.
//!
//! The types are the contract: the published JSON Schemas are made from them, and [`super::check`]
//! holds what is written against those same schemas.

mod allowlist;
mod binding;
mod block;
mod condition;
mod credential;
mod detector;
mod identity_provider;
mod offer;
mod organization;
mod quota;
mod redaction_profile;
mod role;
mod rule;
mod scalar;
mod server;
mod subjects;
mod time;

use chancery_proto::admin::v1::{self as admin, resource};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};

pub(crate) use self::credential::SecretSource;
use self::{
    allowlist::AllowlistDocument, binding::BindingDocument, block::BlockDocument,
    credential::CredentialDocument, detector::DetectorDocument,
    identity_provider::IdentityProviderDocument, offer::OfferDocument,
    organization::OrganizationDocument, quota::QuotaDocument,
    redaction_profile::RedactionProfileDocument, role::RoleDocument, rule::RuleDocument,
    server::ServerDocument,
};
use super::{
    name::{Kind, Name, Scope},
    path::Path,
};

/// The version of every document.
pub(crate) const API_VERSION: &str = "chancery.dev/v1";

/// Writes down what the documents of all kinds share.
macro_rules! documents {
    ($($kind:ident($document:ident)),+ $(,)?) => {
        /// Any one document.
        #[derive(Clone, Debug, Serialize)]
        #[serde(untagged)]
        pub(crate) enum Document {
            $($kind($document),)+
        }

        impl Document {
            /// Reads what has been checked against the kind's schema.
            pub(crate) fn from_json(kind: Kind, text: &str) -> serde_json::Result<Self> {
                Ok(match kind {
                    $(Kind::$kind => Self::$kind(serde_json::from_str(text)?),)+
                })
            }

            /// The document of a stored resource.
            pub(crate) fn from_message(message: resource::Kind) -> Result<Self, Unreadable> {
                Ok(match message {
                    $(resource::Kind::$kind(message) => Self::$kind(message.try_into()?),)+
                })
            }

            /// What the control plane stores of it, without its secret.
            pub(crate) fn to_message(&self, scope: &Scope) -> admin::Resource {
                admin::Resource {
                    kind: Some(match self {
                        $(Self::$kind(document) => {
                            resource::Kind::$kind(document.to_message(scope))
                        })+
                    }),
                }
            }

            /// Its whole name.
            pub(crate) fn name(&self, scope: &Scope) -> Name {
                match self {
                    $(Self::$kind(document) => document.metadata.name(Kind::$kind, scope),)+
                }
            }
        }

        /// The JSON Schema of a kind.
        pub(crate) fn schema(kind: Kind) -> Schema {
            match kind {
                $(Kind::$kind => schema_of::<$document>(),)+
            }
        }
    };
}

/// The JSON Schema of a type.
pub(crate) fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(WithoutNull);
    settings.into_generator().into_root_schema_for::<T>()
}

documents! {
    Allowlist(AllowlistDocument),
    Binding(BindingDocument),
    Block(BlockDocument),
    Credential(CredentialDocument),
    Detector(DetectorDocument),
    IdentityProvider(IdentityProviderDocument),
    Offer(OfferDocument),
    Organization(OrganizationDocument),
    Quota(QuotaDocument),
    RedactionProfile(RedactionProfileDocument),
    Role(RoleDocument),
    Rule(RuleDocument),
    Server(ServerDocument),
}

impl Document {
    /// Where its secret is, and the path of the field that says so.
    pub(crate) fn secret(&self) -> Option<(Path, &SecretSource)> {
        match self {
            Self::Credential(document) => document.secret(),
            Self::Allowlist(_)
            | Self::Binding(_)
            | Self::Block(_)
            | Self::Detector(_)
            | Self::IdentityProvider(_)
            | Self::Offer(_)
            | Self::Organization(_)
            | Self::Quota(_)
            | Self::RedactionProfile(_)
            | Self::Role(_)
            | Self::Rule(_)
            | Self::Server(_) => None,
        }
    }
}

/// Puts a secret into the message of the document that says where it is.
pub(crate) fn set_secret(message: &mut admin::Resource, secret: String) {
    if let Some(resource::Kind::Credential(message)) = &mut message.kind {
        credential::set_secret(message, secret);
    }
}

/// The outside of a document: the version, the kind, the name, and what it says.
macro_rules! document {
    ($(#[$attribute:meta])* $document:ident of $kind:ident: $kind_type:ident, $metadata:ty, $spec:ty) => {
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        $(#[$attribute])*
        pub(crate) struct $document {
            /// The version of this document.
            api_version: $crate::cli::document::ApiVersion,
            /// The kind of this document.
            kind: $kind_type,
            /// Names it.
            pub(super) metadata: $metadata,
            /// What it says.
            spec: $spec,
        }

        #[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[schemars(inline)]
        enum $kind_type {
            $kind,
        }
    };
}
use document;

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

/// A field that says nothing is an oversight, such as a list whose last item was deleted; what is
/// optional is left out instead. So `null` is in no schema, but where any scalar is meant.
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
        let is_scalar = schema
            .get("title")
            .is_some_and(|title| title == scalar::TITLE);
        if let Some(serde_json::Value::Array(types)) = schema.get_mut("type")
            && !is_scalar
        {
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

fn id_unless_empty(id: String) -> Option<Id> {
    (!id.is_empty()).then_some(Id(id))
}

fn unless_default(id: String) -> Option<Id> {
    (id != Scope::DEFAULT).then_some(Id(id))
}

fn unless_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn unknown(name: &str, field: &'static str, number: i32) -> Unreadable {
    Unreadable {
        name: name.to_owned(),
        field,
        found: format!("the unknown value {number}"),
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests;
