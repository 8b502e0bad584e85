//! A tool that a server offers.

use chancery_proto::admin::v1 as admin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::document::Unreadable;

/// A tool's definition, as in tools/list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Tool {
    /// The tool's name.
    #[schemars(length(min = 1))]
    name: String,
    /// Everything else a definition may hold.
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl Tool {
    pub(super) fn to_message(&self) -> admin::ToolDefinition {
        let mut definition = serde_json::Map::new();
        definition.insert("name".to_owned(), self.name.as_str().into());
        definition.extend(self.rest.clone());
        admin::ToolDefinition {
            name: self.name.clone(),
            definition: serde_json::Value::Object(definition).to_string(),
        }
    }

    pub(super) fn parse(server: &str, message: admin::ToolDefinition) -> Result<Self, Unreadable> {
        let admin::ToolDefinition { name, definition } = message;
        let mut rest: serde_json::Map<_, _> =
            serde_json::from_str(&definition).map_err(|error| Unreadable {
                name: server.to_owned(),
                field: "tools",
                found: format!("not JSON ({error})"),
            })?;
        rest.shift_remove("name");
        Ok(Self { name, rest })
    }
}
