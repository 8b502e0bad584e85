//! Not looking at what clients claim about their messages, as many a server does.

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

const MAX_BODY_BYTES: usize = 4 << 20;

/// A router that never sees a wrong `Mcp-Method` or `Mcp-Name`: `rmcp` would refuse it.
///
/// `Mcp-Param-*` needs nothing: `rmcp` compares it only for handlers that have `get_tool`.
pub(in crate::mcp_server) fn overlooking(router: Router) -> Router {
    router.layer(middleware::from_fn(overlook))
}

#[derive(Deserialize)]
struct Message {
    method: String,
    #[serde(default)]
    params: Params,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    name: Option<String>,
    uri: Option<String>,
    task_id: Option<String>,
}

async fn overlook(request: Request, next: Next) -> Result<Response, StatusCode> {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    };
    claim(&mut parts.headers, &body);
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

/// Lets the headers say what the body says.
fn claim(headers: &mut HeaderMap, body: &Bytes) {
    let Ok(Message { method, params }) = serde_json::from_slice(body) else {
        return;
    };
    let name = match method.as_str() {
        "tools/call" | "prompts/get" => params.name,
        "resources/read" => params.uri,
        "tasks/get" | "tasks/update" | "tasks/cancel" => params.task_id,
        _ => None,
    };
    headers.remove("mcp-name");
    for (header, value) in [("mcp-method", Some(method)), ("mcp-name", name)] {
        if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
            headers.insert(header, value);
        }
    }
}
