//! Tools that talk to the client while they run.

use std::{collections::BTreeMap, time::Duration};

use rmcp::{
    ErrorData, Peer, RoleServer, ServiceError,
    model::{
        CallToolResult, ContentBlock, InputRequest, LoggingLevel, LoggingMessageNotification,
        LoggingMessageNotificationParam, ProgressNotificationParam, ServerNotification,
        ServerRequest,
    },
    service::RequestContext,
    transport::{
        common::http_header::HEADER_SESSION_ID,
        streamable_http_server::session::local::LocalSessionManager,
    },
};
use serde_json::json;

const STEP: Duration = Duration::from_millis(50);
/// In how many milliseconds a client that was sent away may come back.
const RETRY: Duration = Duration::from_millis(100);
/// More streams than a session has that calls `test_reconnection`.
const MAX_STREAMS: u64 = 16;

/// Logs three times.
pub(super) async fn log(client: &Peer<RoleServer>) -> Result<CallToolResult, ErrorData> {
    for text in [
        "Tool execution started",
        "Tool processing data",
        "Tool execution completed",
    ] {
        let entry = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(text));
        let entry = LoggingMessageNotification::new(entry);
        client
            .send_notification(ServerNotification::LoggingMessageNotification(entry))
            .await
            .map_err(failed)?;
        tokio::time::sleep(STEP).await;
    }
    Ok(said("Logged."))
}

/// Reports progress three times, if the request asks for it.
pub(super) async fn progress(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    for percent in [0, 50, 100] {
        if let Some(token) = context.meta.get_progress_token() {
            let progress =
                ProgressNotificationParam::new(token, f64::from(percent)).with_total(100.0);
            context
                .peer
                .notify_progress(progress)
                .await
                .map_err(failed)?;
        }
        tokio::time::sleep(STEP).await;
    }
    Ok(said("Done."))
}

/// Asks the client, who has to be of the versions in which servers send requests.
pub(super) async fn ask(
    client: &Peer<RoleServer>,
    questions: BTreeMap<String, InputRequest>,
) -> Result<CallToolResult, ErrorData> {
    let mut content = Vec::new();
    for question in questions.into_values() {
        let request = match question {
            InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
            InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
            InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
            _ => return Err(ErrorData::internal_error("there is no such question", None)),
        };
        let answer = client.send_request(request).await.map_err(failed)?;
        let answer = serde_json::to_string(&answer).unwrap_or_default();
        content.push(ContentBlock::text(format!("Answer: {answer}")));
    }
    Ok(CallToolResult::success(content))
}

/// Ends the streams of this session, then answers: whoever wants the answer has to come back.
pub(super) async fn reconnect(
    sessions: &LocalSessionManager,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let parts = context.extensions.get::<http::request::Parts>();
    let id = parts
        .and_then(|parts| parts.headers.get(HEADER_SESSION_ID))
        .and_then(|id| id.to_str().ok());
    let open = sessions.sessions.read().await;
    if let Some(session) = id.and_then(|id| open.get(id)) {
        // A handler is not told which stream is its own.
        for stream in 0..MAX_STREAMS {
            drop(session.close_sse_stream(stream, Some(RETRY)).await);
        }
    }
    drop(open);
    tokio::time::sleep(STEP).await;
    Ok(said("Welcome back."))
}

pub(super) fn said(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn failed(error: ServiceError) -> ErrorData {
    if let ServiceError::McpError(error) = error {
        return error;
    }
    ErrorData::internal_error(error.to_string(), None)
}
