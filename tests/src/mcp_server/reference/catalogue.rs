//! What the reference server offers, as data.

use std::{collections::BTreeMap, io};

use rmcp::model::{
    CallToolResult, ErrorData, GetPromptResult, InputRequest, JsonObject, Prompt, Resource,
    ResourceContents, ResourceTemplate, ResultType, ServerCapabilities, Tool,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// `catalogue.json`. In prompts and questions, `{name}` stands for the argument of that name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Catalogue {
    pub(super) capabilities: ServerCapabilities,
    #[serde(deserialize_with = "tools")]
    pub(super) tools: Vec<Tool>,
    tool_results: BTreeMap<String, CallToolResult>,
    pub(super) prompts: Vec<Prompt>,
    prompt_results: BTreeMap<String, Value>,
    pub(super) resources: Vec<Resource>,
    pub(super) resource_templates: Vec<ResourceTemplate>,
    resource_contents: BTreeMap<String, ResourceContents>,
    questions: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Catalogue {
    pub(super) fn read() -> io::Result<Self> {
        Ok(serde_json::from_str(include_str!("catalogue.json"))?)
    }

    /// What a tool says that always says the same.
    pub(super) fn tool_result(&self, tool: &str) -> Option<CallToolResult> {
        let mut result = self.tool_results.get(tool).cloned()?;
        result.result_type = Some(ResultType::COMPLETE);
        Some(result)
    }

    /// What a prompt is with these arguments.
    pub(super) fn prompt_result(
        &self,
        prompt: &str,
        arguments: &JsonObject,
    ) -> Result<Option<GetPromptResult>, ErrorData> {
        let Some(template) = self.prompt_results.get(prompt) else {
            return Ok(None);
        };
        let mut result: GetPromptResult = filled(template, arguments)?;
        result.result_type = Some(ResultType::COMPLETE);
        Ok(Some(result))
    }

    /// What is in a resource that is listed.
    pub(super) fn contents(&self, uri: &str) -> Option<ResourceContents> {
        self.resource_contents.get(uri).cloned()
    }

    /// What a tool or prompt has to ask the client, by the names of the answers.
    pub(super) fn questions(
        &self,
        name: &str,
        arguments: &JsonObject,
    ) -> Result<BTreeMap<String, InputRequest>, ErrorData> {
        let templates = self.questions.get(name).into_iter().flatten();
        templates
            .map(|(key, value)| Ok((key.clone(), filled(value, arguments)?)))
            .collect()
    }
}

/// A tool that says nothing of its arguments takes any.
fn tools<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Tool>, D::Error> {
    let mut tools = Vec::<JsonObject>::deserialize(deserializer)?;
    for tool in &mut tools {
        tool.entry("inputSchema")
            .or_insert_with(|| json!({ "type": "object" }));
    }
    let tools = tools.into_iter().map(Value::Object).collect();
    serde_json::from_value(Value::Array(tools)).map_err(serde::de::Error::custom)
}

fn filled<T: DeserializeOwned>(template: &Value, arguments: &JsonObject) -> Result<T, ErrorData> {
    let value = with_arguments(template, arguments);
    serde_json::from_value(value)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn with_arguments(template: &Value, arguments: &JsonObject) -> Value {
    match template {
        Value::String(text) => {
            let fill = |text: String, (name, value): (&String, &Value)| {
                text.replace(&format!("{{{name}}}"), value.as_str().unwrap_or_default())
            };
            Value::String(arguments.iter().fold(text.clone(), fill))
        }
        Value::Array(items) => items
            .iter()
            .map(|item| with_arguments(item, arguments))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), with_arguments(value, arguments)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    }
}
