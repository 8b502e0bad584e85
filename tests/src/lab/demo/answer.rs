//! What Alice asks, and what she gets, as her client shows it.

use rmcp::{
    ErrorData, ServiceError,
    model::{CallToolRequestParams, CallToolResult, PaginatedRequestParams},
};
use serde_json::{Value, json};

use super::{super::LabError, scene::Scene};
use crate::client::Session;

/// A result, or the error that her client shows.
pub(super) type Answer = Result<CallToolResult, ErrorData>;

/// The names of all tools, sorted.
pub(super) async fn tool_names(session: &Session) -> Result<Vec<String>, LabError> {
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let page = session
            .list_tools(Some(PaginatedRequestParams::default().with_cursor(cursor)))
            .await
            .map_err(Box::new)?;
        names.extend(page.tools.into_iter().map(|tool| tool.name.into_owned()));
        cursor = page.next_cursor;
        if cursor.is_none() {
            names.sort();
            return Ok(names);
        }
    }
}

/// A call by Alice.
pub(super) async fn call(
    scene: &Scene,
    tool: &'static str,
    arguments: Value,
) -> Result<Answer, LabError> {
    let mut request = CallToolRequestParams::new(tool);
    if let Value::Object(arguments) = arguments {
        request = request.with_arguments(arguments);
    }
    surfaced(scene.session.call_tool(request).await)
}

/// Alice writes a note.
pub(super) async fn create_note(scene: &Scene, id: &str, text: &str) -> Result<Answer, LabError> {
    call(scene, "create_note", json!({ "id": id, "text": text })).await
}

/// Errors of the protocol are answers too.
pub(super) fn surfaced(answer: Result<CallToolResult, ServiceError>) -> Result<Answer, LabError> {
    match answer {
        Ok(result) => Ok(Ok(result)),
        Err(ServiceError::McpError(error)) => Ok(Err(error)),
        Err(error) => Err(Box::new(error).into()),
    }
}

/// The members of each customer, a line each.
pub(super) fn customers(answer: &Answer) -> String {
    let structured = answer
        .as_ref()
        .ok()
        .and_then(|result| result.structured_content.as_ref());
    let listed = structured.and_then(|content| content.get("customers")?.as_array());
    let members = listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flatten();
    let lines = members.map(|(name, value)| format!("{name:8}{}", value.as_str().unwrap_or("?")));
    let lines = lines.collect::<Vec<_>>().join("\n");
    if lines.is_empty() {
        said(answer)
    } else {
        lines
    }
}

/// An answer as a person reads it.
pub(super) fn said(answer: &Answer) -> String {
    match answer {
        Ok(result) => {
            let texts = result
                .content
                .iter()
                .filter_map(|content| content.as_text());
            texts
                .map(|text| text.text.as_str())
                .collect::<Vec<_>>()
                .join("\n")
        }
        Err(error) => {
            let member = |name| error.data.as_ref()?.get(name)?.as_str();
            let next = member("next").unwrap_or_default();
            let decision = member("decision").unwrap_or("none");
            format!(
                "error {}: {}\n{next}\ndecision {decision}",
                error.code.0, error.message
            )
        }
    }
}
