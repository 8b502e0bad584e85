//! What carries rmcp's messages: our own connections in the place of its HTTP client.
//!
//! rmcp reads lists into types, which forget what they do not know; a pin counts every field. So the
//! text of each result is kept here, before rmcp reads anything, and rmcp gets an empty one in the
//! place of a list: nothing that a stranger says of its tools is read but by the engine.

mod asked;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use chancery_engine::{
    json::{Document, Kind},
    limits::Limits,
    sse::EventSplitter,
};
use futures_util::stream::BoxStream;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use rmcp::{
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::streamable_http_client::{
        SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
    },
};
use sse_stream::Sse;

pub(super) use self::asked::words;
use self::asked::{Asked, error_data};
use super::{DiscoveryError, MAX_ANSWER_BYTES, MAX_BYTES, Ways};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// What a server is shown, so that it answers: a header, whose value is secret.
pub(crate) type Shown = (HeaderName, HeaderValue);

/// Carries messages to one server.
#[derive(Clone, Debug)]
pub(super) struct Conduit {
    ways: Arc<Ways>,
    heard: Heard,
    shown: Option<Shown>,
}

/// What came over a conduit, for whoever asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Said>>);

#[derive(Debug, Default)]
struct Said {
    /// The text of the last `result`.
    result: Option<String>,
    /// Why there was none; rmcp's own words for it say less.
    failure: Option<DiscoveryError>,
    bytes: usize,
}

impl Heard {
    fn with<T>(&self, act: impl FnOnce(&mut Said) -> T) -> T {
        // It is changed as a whole, so a panic leaves it as it was.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The text of the last `result`, once.
    pub(super) fn result(&self) -> Option<String> {
        self.with(|said| said.result.take())
    }

    /// Why there was none, once.
    pub(super) fn failure(&self) -> Option<DiscoveryError> {
        self.with(|said| said.failure.take())
    }
}

/// An error that rmcp passes on; what went wrong is in [`Heard`].
#[derive(Debug)]
pub(super) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server did not answer well")
    }
}

impl std::error::Error for Failed {}

type Headers = HashMap<HeaderName, HeaderValue>;
type Outcome<T> = Result<T, StreamableHttpError<Failed>>;

impl StreamableHttpClient for Conduit {
    type Error = Failed;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _: Option<String>,
        custom_headers: Headers,
    ) -> Outcome<StreamableHttpPostResponse> {
        let body = serde_json::to_vec(&message).map_err(StreamableHttpError::Deserialize)?;
        let mut request = self.request(Method::POST, session_id, custom_headers);
        *request.body_mut() = body.into();
        let posted = self.post(&uri, &request, &message).await;
        posted.map_err(|failure| self.failed(failure))
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _: Option<String>,
        custom_headers: Headers,
    ) -> Outcome<()> {
        let request = self.request(Method::DELETE, Some(session_id), custom_headers);
        // A session that stays is the server's own affair.
        drop(self.ways.exchange(&uri, &request).await);
        Ok(())
    }

    /// What servers say without being asked is not waited for.
    async fn get_stream(
        &self,
        _: Arc<str>,
        _: Option<Arc<str>>,
        _: Option<String>,
        _: Option<String>,
        _: Headers,
    ) -> Outcome<BoxStream<'static, Result<Sse, SseError>>> {
        Err(StreamableHttpError::ServerDoesNotSupportSse)
    }
}

impl Conduit {
    pub(super) fn new(ways: Arc<Ways>, heard: Heard, shown: Option<Shown>) -> Self {
        Self { ways, heard, shown }
    }

    fn request(
        &self,
        method: Method,
        session_id: Option<Arc<str>>,
        custom_headers: Headers,
    ) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        let headers = request.headers_mut();
        headers.extend(custom_headers);
        headers.insert(ACCEPT, BOTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let session = session_id.and_then(|id| HeaderValue::from_str(&id).ok());
        headers.extend(session.map(|id| (SESSION, id)));
        headers.extend(self.shown.clone());
        request
    }

    fn failed(&self, failure: DiscoveryError) -> StreamableHttpError<Failed> {
        self.heard.with(|said| said.failure = Some(failure));
        StreamableHttpError::Client(Failed)
    }

    async fn post(
        &self,
        uri: &str,
        request: &Request<Bytes>,
        message: &ClientJsonRpcMessage,
    ) -> Result<StreamableHttpPostResponse, DiscoveryError> {
        let response = self.ways.exchange(uri, request).await?;
        let ClientJsonRpcMessage::Request(asked) = message else {
            return match response.status() {
                status if status.is_success() => Ok(StreamableHttpPostResponse::Accepted),
                status => Err(refused(status)),
            };
        };
        let asked = Asked::new(&asked.id, &asked.request);
        let session = response.headers().get(SESSION);
        let session = session.and_then(|it| it.to_str().ok()).map(str::to_owned);
        let Some(answer) = self.answer(response, &asked).await? else {
            return Err(DiscoveryError::BrokenOff);
        };
        Ok(StreamableHttpPostResponse::Json(answer, session))
    }

    /// The answer to a request, however it is sent; `None` where a stream ends without one.
    async fn answer(
        &self,
        response: Response<Incoming>,
        asked: &Asked<'_>,
    ) -> Result<Option<ServerJsonRpcMessage>, DiscoveryError> {
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(DiscoveryError::Unauthorized(status));
        }
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        let media_type = content_type.as_ref().map_or(&b""[..], |it| it.as_bytes());
        let media_type = media_type.split(|byte| *byte == b';').next();
        let media_type = media_type.unwrap_or_default().trim_ascii();
        let is_json = media_type.eq_ignore_ascii_case(b"application/json");
        let is_stream = media_type.eq_ignore_ascii_case(b"text/event-stream");
        if !status.is_success() {
            // Errors come with many a status; older servers do not know what they are asked first.
            let body = if is_json {
                self.whole(response.into_body()).await?
            } else {
                Vec::new()
            };
            let answer = self.read(&body, asked).ok().flatten();
            return match answer {
                Some(error @ ServerJsonRpcMessage::Error(_)) => Ok(Some(error)),
                Some(_) | None if asked.is_probe && status.is_client_error() => {
                    Ok(Some(asked.unknown_method()))
                }
                Some(_) | None => Err(refused(status)),
            };
        }
        if is_json {
            let body = self.whole(response.into_body()).await?;
            return self.read(&body, asked);
        }
        if is_stream {
            return self.streamed(response.into_body(), asked).await;
        }
        let found = String::from_utf8_lossy(media_type);
        Err(DiscoveryError::ContentType {
            found: words(&found),
        })
    }

    /// Counts what comes in.
    fn take(&self, count: usize) -> Result<(), DiscoveryError> {
        let bytes = self.heard.with(|said| {
            said.bytes = said.bytes.saturating_add(count);
            said.bytes
        });
        if bytes > MAX_BYTES {
            return Err(DiscoveryError::TooMuch);
        }
        Ok(())
    }

    async fn chunk(&self, body: &mut Incoming) -> Result<Option<Bytes>, DiscoveryError> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_broken| DiscoveryError::BrokenOff)?;
            // Trailers say nothing.
            if let Ok(data) = frame.into_data() {
                self.take(data.len())?;
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    async fn whole(&self, mut body: Incoming) -> Result<Vec<u8>, DiscoveryError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk(&mut body).await? {
            whole.extend_from_slice(&chunk);
            if whole.len() > MAX_ANSWER_BYTES {
                return Err(DiscoveryError::LongAnswer);
            }
        }
        Ok(whole)
    }

    /// Reads an event stream up to the answer; what else the server says there is not for us.
    async fn streamed(
        &self,
        mut body: Incoming,
        asked: &Asked<'_>,
    ) -> Result<Option<ServerJsonRpcMessage>, DiscoveryError> {
        let mut splitter = EventSplitter::default();
        while let Some(chunk) = self.chunk(&mut body).await? {
            splitter.push(&chunk);
            loop {
                let event = splitter.next_event(MAX_ANSWER_BYTES);
                let event = event.map_err(|_too_long| DiscoveryError::LongAnswer)?;
                let Some(event) = event else { break };
                let data = event.data().filter(|data| !data.trim_ascii().is_empty());
                let Some(data) = data else { continue };
                if let Some(answer) = self.read(&data, asked)? {
                    return Ok(Some(answer));
                }
            }
        }
        Ok(None)
    }

    /// Reads a message as the filter reads it; `None` where it is none that answers.
    fn read(
        &self,
        bytes: &[u8],
        asked: &Asked<'_>,
    ) -> Result<Option<ServerJsonRpcMessage>, DiscoveryError> {
        let wrong = |why: String| DiscoveryError::Answer {
            method: asked.method,
            why,
        };
        let document = Document::parse(bytes, MAX_ANSWER_BYTES, &Limits::DEFAULT)
            .map_err(|error| wrong(format!("is no JSON that every reader reads alike: {error}")))?;
        let root = document.root();
        if root.kind() != Kind::Object {
            return Err(wrong("is no JSON-RPC message".to_owned()));
        }
        let is_answer = root.get("method").is_none();
        if let Some(error) = root.get("error").filter(|_| is_answer) {
            let error = error_data(error).ok_or_else(|| wrong("is no JSON-RPC error".into()))?;
            return Ok(Some(asked.error(error)));
        }
        let Some(result) = root.get("result").filter(|_| is_answer) else {
            return Ok(None);
        };
        if !root.get("id").is_some_and(|id| asked.is_answered(id)) {
            return Err(wrong("has another id than the question".to_owned()));
        }
        if result.kind() != Kind::Object {
            return Err(wrong("has a `result` that is no object".to_owned()));
        }
        let for_rmcp = if asked.is_greeting {
            result.raw()
        } else {
            "{}"
        };
        let answer = format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{for_rmcp}}}"#,
            serde_json::to_string(asked.id).unwrap_or_default(),
        );
        let answer = serde_json::from_str(&answer)
            .map_err(|_not_for_rmcp| wrong("is not what the protocol says".to_owned()))?;
        let raw = result.raw().to_owned();
        self.heard.with(|said| said.result = Some(raw));
        Ok(Some(answer))
    }
}

fn refused(status: StatusCode) -> DiscoveryError {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => DiscoveryError::Unauthorized(status),
        _ => DiscoveryError::Status(status),
    }
}
