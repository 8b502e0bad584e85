//! An HTTP server whose answers a test writes.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::sync::Semaphore;

use super::{ListenError, Received, Served};

/// Lets a held answer go on.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// A closed one.
    pub fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.0.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    async fn passed(&self) {
        // It fails where the semaphore is closed, which nobody does.
        drop(self.0.acquire().await);
    }
}

/// A part of an answer's body.
#[derive(Clone, Debug)]
pub enum Part {
    /// Sent at once, as a chunk of its own.
    Bytes(Bytes),
    /// Nothing more until the gate is open.
    Wait(Gate),
    /// The connection breaks here.
    Abort,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. One part of bytes is sent with a `content-length`, all else in chunks.
    pub body: Vec<Part>,
}

impl Reply {
    /// 200 with this content type and body.
    pub fn ok(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = [(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        )];
        Self {
            status: StatusCode::OK,
            headers: headers.into_iter().collect(),
            body: vec![Part::Bytes(body.into())],
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with a header more.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The same with another body.
    #[must_use]
    pub fn with_body(mut self, body: Vec<Part>) -> Self {
        self.body = body;
        self
    }

    fn into_response(self, unfinished: Unfinished) -> Response {
        let body = match <[Part; 1]>::try_from(self.body) {
            Ok([Part::Bytes(whole)]) => Body::from(whole),
            Ok(parts) => Body::from_stream(chunks(parts.into(), unfinished)),
            Err(parts) => Body::from_stream(chunks(parts, unfinished)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// The connection was to break here.
#[derive(Debug, thiserror::Error)]
#[error("the script ends the connection")]
struct Aborted;

/// Lives as long as the answer that holds it is being sent.
type Unfinished = Arc<()>;

fn chunks(
    parts: Vec<Part>,
    unfinished: Unfinished,
) -> impl stream::Stream<Item = Result<Bytes, Aborted>> {
    stream::unfold(
        (parts.into_iter(), unfinished),
        async |(mut parts, unfinished)| {
            loop {
                match parts.next()? {
                    Part::Bytes(bytes) => return Some((Ok(bytes), (parts, unfinished))),
                    Part::Wait(gate) => gate.passed().await,
                    Part::Abort => {
                        return Some((Err(Aborted), (Vec::new().into_iter(), unfinished)));
                    }
                }
            }
        },
    )
}

/// Answers every request, whatever it is, with the reply that was set last.
///
/// Dropping it ends it.
#[derive(Debug)]
pub struct ScriptedServer {
    served: Served,
    script: Script,
}

#[derive(Debug)]
struct Script {
    reply: Arc<Mutex<Reply>>,
    unfinished: Unfinished,
}

impl ScriptedServer {
    /// Starts it on a free port of 127.0.0.1, with this reply.
    pub async fn start(reply: Reply) -> Result<Self, ListenError> {
        let script = Script {
            reply: Arc::new(Mutex::new(reply)),
            unfinished: Unfinished::default(),
        };
        let unfinished = Arc::downgrade(&script.unfinished);
        let state = (Arc::clone(&script.reply), unfinished);
        let router = Router::new().fallback(answer).with_state(state);
        Ok(Self {
            served: Served::start(router).await?,
            script,
        })
    }

    /// Answers so from now on.
    pub fn set(&self, reply: Reply) {
        *self
            .script
            .reply
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = reply;
    }

    /// How many answers in parts are being sent to someone.
    pub fn unfinished(&self) -> usize {
        Arc::strong_count(&self.script.unfinished).saturating_sub(1)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.served.address
    }

    /// What reached it.
    pub fn received(&self) -> &Received {
        &self.served.received
    }
}

type Shared = (Arc<Mutex<Reply>>, Weak<()>);

async fn answer(State((reply, unfinished)): State<Shared>) -> Result<Response, Infallible> {
    let reply = reply.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // It is gone where the server is, and then nobody asks.
    Ok(reply.into_response(unfinished.upgrade().unwrap_or_default()))
}
