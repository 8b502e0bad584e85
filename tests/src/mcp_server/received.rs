//! What reached an upstream.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;

const MAX_BODY_BYTES: usize = 64 << 20;

/// A request as an upstream saw it.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// The HTTP method.
    pub method: Method,
    /// The request target.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl ReceivedRequest {
    /// The body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's value; `None` where it is absent or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// All that reached an upstream, in order.
#[derive(Clone, Debug, Default)]
pub struct Received(Arc<Mutex<Vec<ReceivedRequest>>>);

impl Received {
    /// Everything since the start or since [`Self::clear`].
    pub fn all(&self) -> Vec<ReceivedRequest> {
        self.lock().clone()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The names in all `tools/call` requests, in order.
    pub fn called_tools(&self) -> Vec<String> {
        let called = |request: &ReceivedRequest| {
            let message = request.json();
            let is_call = message.get("method")? == "tools/call";
            let name = message.pointer("/params/name")?.as_str()?.to_owned();
            is_call.then_some(name)
        };
        self.lock().iter().filter_map(called).collect()
    }

    pub(super) fn layered(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), keep))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ReceivedRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep(
    State(received): State<Received>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        // The peer went away, or sent more than any test does.
        return Err(StatusCode::BAD_REQUEST);
    };
    received.lock().push(ReceivedRequest {
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        headers: parts.headers.clone(),
        body: body.clone(),
    });
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}
