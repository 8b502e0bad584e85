//! A real Envoy, with the real control plane and a scripted server behind every cluster.

use std::collections::BTreeMap;

use chancery_proto::audit::v1::{Entry, RecordFilter, entry::Event};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::{
    artifacts,
    case::{Case, Forwarded, Observed, Request},
    control_plane::{ControlPlane, ControlPlaneError},
    envoy::{Envoy, EnvoyError, EnvoyOptions, Filter, Listener, Route, Upstream},
    mcp_server::{ListenError, Part, Reply, ScriptedServer},
    wait,
};

/// The clusters of the case table. Each has a listener of its own that routes everything to it.
const CLUSTERS: [&str; 10] = [
    "notes",
    "vault",
    "open",
    "tools",
    "pinned",
    "halted",
    "partly",
    "proposed",
    "suspended",
    "retired",
];

/// Envoy, the control plane and the servers.
#[derive(Debug)]
pub struct RealEnvoy {
    /// Envoy.
    pub envoy: Envoy,
    /// The control plane.
    pub control_plane: ControlPlane,
    servers: BTreeMap<&'static str, ScriptedServer>,
    client: reqwest::Client,
    /// Records seen so far.
    seen: usize,
}

/// Why a case could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RealEnvoyError {
    /// Envoy.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// The control plane.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    /// A server.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The request.
    #[error("the request: {0:?}")]
    Request(#[from] reqwest::Error),
    /// Something is not built.
    #[error(transparent)]
    Missing(#[from] artifacts::Missing),
    /// What a case says cannot be sent.
    #[error("the case cannot be sent: {0}")]
    Case(String),
}

impl RealEnvoy {
    /// Starts everything and waits until all instances enforce the documents in `resources`.
    ///
    /// # Errors
    /// Where a part does not start.
    pub async fn start(
        resources: &std::path::Path,
        concurrency: u32,
    ) -> Result<Self, RealEnvoyError> {
        let control_plane = ControlPlane::start().await?;
        let mut servers = BTreeMap::new();
        let mut upstreams = Vec::new();
        for cluster in CLUSTERS {
            let server = ScriptedServer::start(Reply::ok("application/json", "")).await?;
            upstreams.push(Upstream::local(cluster, server.address()));
            servers.insert(cluster, server);
        }
        let filter = Filter::Chancery(artifacts::filter()?);
        let mut options = EnvoyOptions::new(filter, upstreams, control_plane.address());
        options.concurrency = concurrency;
        options.listeners = CLUSTERS.map(listener).into();
        control_plane.apply_path(resources).await?;
        let envoy = Envoy::start(&options).await?;
        control_plane.converged(options.instances()).await?;
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self {
            envoy,
            control_plane,
            servers,
            client,
            seen: 0,
        })
    }

    /// Runs a case with its token, if it has one.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub async fn run(
        &mut self,
        case: &Case,
        token: Option<&str>,
    ) -> Result<Observed, RealEnvoyError> {
        let cluster = &*case.request.cluster;
        let server = self.servers.get(cluster);
        let server = server.ok_or_else(|| RealEnvoyError::Case(format!("no cluster {cluster}")))?;
        server.set(answer(case)?);
        server.received().clear();
        let address = self.envoy.listener(cluster)?;
        let request = build(&self.client, &case.request, address, token)?;
        let response = self.client.execute(request).await?;
        let status = response.status().as_u16();
        let headers = pairs(response.headers());
        let body = response.bytes().await?.to_vec();
        let received = server.received().all();
        let forwarded = received.into_iter().next().map(|request| Forwarded {
            headers: pairs(&request.headers),
            body: request.body.to_vec(),
        });
        let entries = self.entries(case).await?;
        Ok(Observed {
            status,
            headers,
            body,
            forwarded,
            entries,
        })
    }

    /// The entries of the exchange that was just had, once they are durable.
    async fn entries(&mut self, case: &Case) -> Result<Vec<Entry>, RealEnvoyError> {
        let seen = self.seen;
        // What a server asks for in between is decided as well; the outcome comes last.
        let is_last = |entry: &Entry| match case.expect.outcome {
            Some(_) => matches!(entry.event, Some(Event::Outcome(_))),
            None => true,
        };
        let control_plane = &self.control_plane;
        let found = wait::until("the entries to be durable", wait::PATIENCE, async || {
            let records = control_plane.records(RecordFilter::default()).await?;
            let mine: Vec<_> = records
                .into_iter()
                .filter(|recorded| !recorded.node_id.is_empty())
                .collect();
            let mut new = mine.iter().skip(seen);
            let is_complete = new.any(|recorded| is_last(&recorded.entry));
            Ok::<_, ControlPlaneError>(is_complete.then_some(mine))
        })
        .await?;
        self.seen = found.len();
        Ok(found
            .into_iter()
            .skip(seen)
            .map(|recorded| recorded.entry)
            .collect())
    }
}

fn listener(cluster: &str) -> Listener {
    Listener {
        name: cluster.to_owned(),
        plugin: serde_json::json!({}),
        routes: vec![Route::everything(cluster)],
    }
}

fn build(
    client: &reqwest::Client,
    request: &Request,
    address: std::net::SocketAddr,
    token: Option<&str>,
) -> Result<reqwest::Request, RealEnvoyError> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes());
    let method = method.map_err(|error| RealEnvoyError::Case(error.to_string()))?;
    let mut builder = client.request(method, format!("http://{address}{}", request.path));
    builder = builder.header("host", &request.host);
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    if let Some(token) = token {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    let body = request.bytes();
    if !body.is_empty() || request.method == "POST" {
        builder = builder.body(body);
    }
    Ok(builder.build()?)
}

fn answer(case: &Case) -> Result<Reply, RealEnvoyError> {
    let invalid = |error: &dyn std::fmt::Display| RealEnvoyError::Case(error.to_string());
    let upstream = &case.upstream;
    let mut reply = Reply::ok("application/json", "");
    reply.headers.clear();
    if upstream.status > 0 {
        let status = StatusCode::from_u16(upstream.status).map_err(|error| invalid(&error))?;
        reply = reply.with_status(status);
    }
    for (name, value) in &upstream.headers {
        let name: HeaderName = name.parse().map_err(|error| invalid(&error))?;
        let value = HeaderValue::from_str(value).map_err(|error| invalid(&error))?;
        reply = reply.with_header(name, value);
    }
    Ok(reply.with_body(vec![Part::Bytes(upstream.bytes().into())]))
}

fn pairs(headers: &http::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}
