//! The API v0.1 of MCP registries, read-only and for everyone: which servers are approved, and where they
//! are reached through Envoy.
//!
//! It tells of one organization what is public by intent: names, texts and governed URLs. What a
//! server's owner, rules, credentials and definitions are stays inside; so do its packages, which a client
//! would run past Envoy.

mod catalogue;
mod query;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::get,
};
use chancery_engine::id::Hex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::{catalogue::Catalogue, query::Query};
use crate::{
    registry::Registry,
    resource::{Kind, Resources},
};

/// How long what was answered may be used. A server that is suspended is gone for new clients by then;
/// Envoy refuses calls to it at once.
const CACHED_FOR: HeaderValue = HeaderValue::from_static("public, max-age=10");

/// What pages of any origin may do: read.
const ALLOWED: [(HeaderName, HeaderValue); 4] = [
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, OPTIONS"),
    ),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("*"),
    ),
    (
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("86400"),
    ),
    (
        header::ALLOW,
        HeaderValue::from_static("GET, HEAD, OPTIONS"),
    ),
];

/// What is answered from.
#[derive(Clone, Debug)]
struct Shelf {
    registry: Arc<Registry>,
    /// `organizations/{organization}/`.
    prefix: Arc<str>,
}

/// What cannot be answered.
#[derive(Debug, thiserror::Error)]
enum Problem {
    /// A parameter makes no sense.
    #[error("parameter `{parameter}`: found {found}, expected {expected}")]
    Parameter {
        parameter: &'static str,
        found: String,
        expected: &'static str,
    },
    /// There is no such server or version, or it is not approved.
    #[error("no approved server has this name and version")]
    NoServer,
    /// There is nothing at this path.
    #[error("nothing is here: the registry's API v0.1 has `/v0.1/servers`")]
    NoPath,
    /// It cannot be changed through here.
    #[error("this registry is read-only: use GET")]
    Method,
}

/// The API over what an organization has approved.
pub fn router(registry: Arc<Registry>, organization: &str) -> Router {
    let prefix = format!("organizations/{organization}/").into();
    Router::new()
        .route("/v0.1/servers", get(list))
        .route("/v0.1/servers/{server}/versions", get(versions))
        .route("/v0.1/servers/{server}/versions/{version}", get(version))
        .method_not_allowed_fallback(async || Problem::Method.answer())
        .fallback(async || Problem::NoPath.answer())
        .layer(from_fn(for_any_origin))
        .with_state(Shelf { registry, prefix })
}

impl Shelf {
    fn answer(
        &self,
        headers: &HeaderMap,
        ask: impl FnOnce(&Catalogue<'_>) -> Result<Value, Problem>,
    ) -> Response {
        let resources = self.registry.current();
        match ask(&self.catalogue(&resources)) {
            Ok(body) => fresh(&body, headers),
            Err(problem) => problem.answer(),
        }
    }

    fn catalogue<'r>(&self, resources: &'r Resources) -> Catalogue<'r> {
        let servers = resources.of_kind(Kind::Server);
        let servers = servers.filter_map(|stored| stored.as_server());
        Catalogue::of(servers.filter(|server| server.name.starts_with(&*self.prefix)))
    }
}

async fn list(
    State(shelf): State<Shelf>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::read(query.as_deref().unwrap_or_default());
    shelf.answer(&headers, |catalogue| Ok(catalogue.page(&query?)))
}

async fn versions(
    State(shelf): State<Shelf>,
    headers: HeaderMap,
    Path(server): Path<String>,
) -> Response {
    shelf.answer(&headers, |catalogue| {
        catalogue.versions(&server).ok_or(Problem::NoServer)
    })
}

async fn version(
    State(shelf): State<Shelf>,
    headers: HeaderMap,
    Path((server, version)): Path<(String, String)>,
) -> Response {
    shelf.answer(&headers, |catalogue| {
        catalogue
            .version(&server, &version)
            .ok_or(Problem::NoServer)
    })
}

/// The answer, unless the client has it already.
fn fresh(body: &Value, headers: &HeaderMap) -> Response {
    let body = body.to_string();
    let etag = format!("\"{}\"", Hex(&Sha256::digest(&body)));
    let asked = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = asked.filter_map(|value| value.to_str().ok());
    let is_known = known.any(|value| value == "*" || value.contains(&etag));
    let shared = [
        (header::ETAG, etag),
        (header::CONTENT_TYPE, "application/json".to_owned()),
    ];
    let cached = [(header::CACHE_CONTROL, CACHED_FOR)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, shared, cached).into_response();
    }
    (shared, cached, body).into_response()
}

/// Answers what a page asks before it asks, and lets it read.
async fn for_any_origin(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        (StatusCode::NO_CONTENT, ALLOWED).into_response()
    } else {
        next.run(request).await
    };
    let everyone = HeaderValue::from_static("*");
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, everyone);
    response
}

impl Problem {
    /// As RFC 9457 says.
    fn answer(&self) -> Response {
        let status = match self {
            Self::Parameter { .. } => StatusCode::BAD_REQUEST,
            Self::NoServer | Self::NoPath => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
        };
        let body = json!({
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        let kind = HeaderValue::from_static("application/problem+json");
        (status, [(header::CONTENT_TYPE, kind)], body.to_string()).into_response()
    }
}
