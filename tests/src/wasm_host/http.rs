//! What a test sends into an exchange and what it gets out.

use std::collections::BTreeMap;

use super::{Headers, property_key};

/// A client's request.
#[derive(Debug, Clone, Default)]
pub struct RequestSpec {
    /// Request headers, pseudo headers included. `content-length` is the test's business: without
    /// it the body counts as chunked.
    pub headers: Headers,
    /// The body in the pieces in which it reaches Envoy.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers. Over HTTP/1 Envoy drops them unless [`super::NodeConfig::http1_trailers`].
    pub trailers: Option<Headers>,
    /// HTTP/2 downstream: the last piece of the body ends the stream (over HTTP/1 an empty piece
    /// follows), and Envoy's default limit on held bytes is out of reach.
    pub http2: bool,
    /// The client goes on sending: [`super::Exchange::send_body`] and
    /// [`super::Exchange::end_request`] follow.
    pub unfinished: bool,
    /// Bytes that Envoy holds in one direction before it answers 413 or 500. `None`: the node's
    /// limit over HTTP/1, none over HTTP/2.
    pub buffer_limit_bytes: Option<usize>,
    /// Properties by path, as `get_property` returns them.
    pub properties: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl RequestSpec {
    /// A request with these headers and no body.
    pub fn new(headers: impl Into<Headers>) -> Self {
        Self {
            headers: headers.into(),
            ..Self::default()
        }
    }

    /// A `POST` over HTTP/1 with a JSON body in one piece, and its `content-length`.
    pub fn post(authority: &str, path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = Headers::from([
            (":authority", authority),
            (":path", path),
            (":method", "POST"),
            (":scheme", "http"),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ]);
        let headers = headers.with("content-length", body.len().to_string());
        Self {
            headers,
            chunks: vec![body],
            ..Self::default()
        }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.add(name, value);
        self
    }

    /// The same request with a property, such as `["xds", "cluster_name"]`.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: impl Into<Vec<u8>>) -> Self {
        self.properties.insert(property_key(path), value.into());
        self
    }
}

/// What has gone past the filter towards the upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForwardedRequest {
    /// Headers as the filter left them.
    pub headers: Headers,
    /// The pieces of the body, as they were let go.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers.
    pub trailers: Option<Headers>,
    /// The upstream has seen the end of the request.
    pub complete: bool,
}

impl ForwardedRequest {
    /// The whole body so far.
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}

/// An upstream's answer.
#[derive(Debug, Clone, Default)]
pub struct UpstreamResponse {
    /// Response headers with `:status`.
    pub headers: Headers,
    /// The body in the pieces in which it reaches Envoy.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers.
    pub trailers: Option<Headers>,
    /// HTTP/2 upstream: the last piece ends the stream; over HTTP/1 an empty piece follows.
    pub http2: bool,
}

impl UpstreamResponse {
    /// A response with that status and no body.
    pub fn status(status: u16) -> Self {
        Self {
            headers: Headers::from([(":status", status.to_string())]),
            ..Self::default()
        }
    }

    /// A 200 with a JSON body in one piece and its `content-length`.
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut response = Self::status(200).header("content-type", "application/json");
        response
            .headers
            .add("content-length", body.len().to_string());
        response.chunks.push(body);
        response
    }

    /// A 200 event stream that arrives in these pieces.
    pub fn event_stream<C: Into<Vec<u8>>>(chunks: impl IntoIterator<Item = C>) -> Self {
        let mut response = Self::status(200).header("content-type", "text/event-stream");
        response.chunks = chunks.into_iter().map(Into::into).collect();
        response
    }

    /// The same response with one more header.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.add(name, value);
        self
    }
}

/// What the client has received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientResponse {
    /// Headers with `:status`. `date`, `server` and the like are not modelled.
    pub headers: Headers,
    /// The pieces of the body, as they were let go.
    pub chunks: Vec<Vec<u8>>,
    /// Trailers.
    pub trailers: Option<Headers>,
    /// The response has ended properly.
    pub complete: bool,
}

impl ClientResponse {
    /// The status code, 0 if there is none.
    pub fn status(&self) -> u16 {
        self.headers
            .text(":status")
            .and_then(|status| status.parse().ok())
            .unwrap_or(0)
    }

    /// The whole body so far.
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    /// The whole body so far as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body()).into_owned()
    }
}
