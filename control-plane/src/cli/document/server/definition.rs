//! What a server offers beside tools, as it describes it.

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::document::{Unreadable, unknown};

/// A whole definition, as in the list that it stands in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Definition(serde_json::Map<String, serde_json::Value>);

impl Definition {
    /// `key` tells definitions of its kind apart.
    pub(super) fn into_message(self, key: &str) -> admin::Definition {
        let name = self.0.get(key).and_then(serde_json::Value::as_str);
        admin::Definition {
            name: name.unwrap_or_default().to_owned(),
            definition: serde_json::Value::Object(self.0).to_string(),
        }
    }

    pub(super) fn into_text(self) -> String {
        serde_json::Value::Object(self.0).to_string()
    }

    pub(super) fn parse_all(
        server: &str,
        field: &'static str,
        definitions: &[admin::Definition],
    ) -> Result<Vec<Self>, Unreadable> {
        let definitions = definitions.iter();
        definitions
            .map(|it| Self::parse(server, field, &it.definition))
            .collect()
    }

    pub(super) fn parse_texts(
        server: &str,
        field: &'static str,
        texts: &[String],
    ) -> Result<Vec<Self>, Unreadable> {
        let texts = texts.iter();
        texts.map(|text| Self::parse(server, field, text)).collect()
    }

    fn parse(server: &str, field: &'static str, definition: &str) -> Result<Self, Unreadable> {
        let parsed = serde_json::from_str(definition);
        parsed.map(Self).map_err(|error| Unreadable {
            name: server.to_owned(),
            field,
            found: format!("not JSON ({error})"),
        })
    }
}

/// What the arguments of a tool must fit beyond what its definitions say.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArgumentSchema {
    /// The tool's name.
    #[schemars(length(min = 1))]
    tool: String,
    /// A JSON schema, every keyword of which can be enforced.
    schema: serde_json::Map<String, serde_json::Value>,
}

impl ArgumentSchema {
    pub(super) fn into_message(self) -> admin::ArgumentSchema {
        let Self { tool, schema } = self;
        admin::ArgumentSchema {
            tool,
            schema: serde_json::Value::Object(schema).to_string(),
        }
    }

    pub(super) fn parse(server: &str, message: admin::ArgumentSchema) -> Result<Self, Unreadable> {
        let admin::ArgumentSchema { tool, schema } = message;
        let Definition(schema) = Definition::parse(server, "argument_schemas", &schema)?;
        Ok(Self { tool, schema })
    }
}

/// Whether only what is approved of a server may be seen and used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Pinning {
    /// Whatever it offers may be.
    #[default]
    Off,
    /// What differs is recorded.
    Observe,
    /// What differs is recorded, hidden, and cannot be used.
    Enforce,
}

impl Pinning {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde asks for"
    )]
    pub(super) fn is_off(&self) -> bool {
        *self == Self::Off
    }

    pub(super) fn to_message(self) -> policy::Pinning {
        match self {
            Self::Off => policy::Pinning::Unspecified,
            Self::Observe => policy::Pinning::Observe,
            Self::Enforce => policy::Pinning::Enforce,
        }
    }

    pub(super) fn try_from_message(message: &admin::Server) -> Result<Self, Unreadable> {
        match policy::Pinning::try_from(message.pinning) {
            Ok(policy::Pinning::Unspecified) => Ok(Self::Off),
            Ok(policy::Pinning::Observe) => Ok(Self::Observe),
            Ok(policy::Pinning::Enforce) => Ok(Self::Enforce),
            Err(_) => Err(unknown(&message.name, "pinning", message.pinning)),
        }
    }
}
