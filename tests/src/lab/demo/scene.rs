//! What the tour plays in: the stack, a server, an identity provider, and Alice at her client.

use serde_json::Value;

use super::super::{LabError, Stack};
use crate::{
    artifacts,
    client::{self, Era, Session},
    control_plane::ControlPlane,
    envoy::{EnvoyOptions, Filter, Route, Upstream},
    identity::IdentityProvider,
    mcp_server::{McpServer, PATH, TurncoatServer},
};

const ISSUER: &str = "https://idp.demo.test";
const AUDIENCE: &str = "https://mcp.demo.test/mcp";
const USER: &str = "alice@demo.test";
const GROUPS: [&str; 2] = ["team", "support"];
const WORKERS: u32 = 2;
const SEARCH_PATH: &str = "/search";

/// All of it, running.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) session: Session,
    pub(super) stack: Stack,
    pub(super) server: McpServer,
    /// A server that somebody else runs.
    pub(super) search: TurncoatServer,
    pub(super) search_url: String,
    pub(super) identities: IdentityProvider,
    pub(super) url: String,
    pub(super) http: reqwest::Client,
}

impl Scene {
    pub(super) async fn open() -> Result<Self, LabError> {
        let filter = Filter::Chancery(artifacts::filter()?);
        artifacts::envoy()?;
        let identities = IdentityProvider::generate(ISSUER, AUDIENCE)?;
        let server = McpServer::start().await?;
        let search = TurncoatServer::start(SEARCH_PATH).await?;

        let control_plane = ControlPlane::start().await?;
        control_plane.apply(&[identities.resource("demo")]).await?;
        control_plane
            .apply_path(&artifacts::root().join("tests/demo/resources"))
            .await?;
        let upstreams = vec![
            Upstream::local("upstream", server.address()),
            Upstream::local("search", search.address()),
        ];
        let options = EnvoyOptions {
            concurrency: WORKERS,
            routes: vec![
                Route::path(SEARCH_PATH, "search"),
                Route::everything("upstream"),
            ],
            ..EnvoyOptions::new(filter, upstreams, control_plane.address())
        };
        let stack = Stack::start(control_plane, &options).await?;

        let url = stack.url(PATH)?;
        let search_url = stack.url(SEARCH_PATH)?;
        let token = identities.token(USER, &GROUPS)?;
        let session = client::connect(&url, Era::Auto, Some(&token)).await?;
        Ok(Self {
            session,
            stack,
            server,
            search,
            search_url,
            identities,
            url,
            http: reqwest::Client::new(),
        })
    }

    /// A good token of Alice's.
    pub(super) fn alice(&self) -> Result<String, LabError> {
        Ok(self.identities.token(USER, &GROUPS)?)
    }

    /// Who Alice is, in tokens.
    pub(super) fn alice_is() -> (&'static str, [&'static str; 2]) {
        (USER, GROUPS)
    }

    /// A call as a client's library would send it, so that the answer can be seen raw.
    pub(super) async fn post(
        &self,
        token: Option<&str>,
        message: &Value,
    ) -> Result<reqwest::Response, LabError> {
        let mut request = self
            .http
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
            .json(message);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Ok(request.send().await?)
    }
}
