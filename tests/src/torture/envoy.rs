//! A real Envoy with calls through it, to be killed.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;

use super::TortureError;
use crate::{
    artifacts,
    control_plane::ControlPlane,
    envoy::{Envoy, EnvoyOptions, Filter, Upstream},
    identity::IdentityProvider,
    mcp_server::McpServer,
};

const AUDIENCE: &str = "https://notes.test/mcp";

/// Calls that are under way at once.
const CALLERS: usize = 4;

/// How soon a caller calls again.
const AGAIN_AFTER: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Traffic {
    options: EnvoyOptions,
    envoy: Option<Envoy>,
    /// The instances of the Envoy that runs.
    instances: Vec<Vec<u8>>,
    callers: Vec<JoinHandle<()>>,
    token: String,
    // Held, so that there is something to call.
    _server: McpServer,
}

impl Traffic {
    pub(super) async fn start(control_plane: &ControlPlane) -> Result<Self, TortureError> {
        let provider = IdentityProvider::generate("https://idp.test", AUDIENCE).map_err(said)?;
        let server = McpServer::start().await.map_err(said)?;
        let resources = artifacts::root().join("tests/demo/resources");
        control_plane.apply_path(&resources).await?;
        control_plane.apply(&[provider.resource("tests")]).await?;
        let upstream = Upstream::local("upstream", server.address());
        let filter = Filter::Chancery(artifacts::filter().map_err(said)?);
        let mut options = EnvoyOptions::new(filter, vec![upstream], control_plane.address());
        options.concurrency = 1;
        let token = provider.token("alice@demo.test", &["team", "support"]);
        let mut traffic = Self {
            options,
            envoy: None,
            instances: Vec::new(),
            callers: Vec::new(),
            token: token.map_err(said)?,
            _server: server,
        };
        traffic.restart(control_plane).await?;
        Ok(traffic)
    }

    pub(super) async fn restart(
        &mut self,
        control_plane: &ControlPlane,
    ) -> Result<(), TortureError> {
        let envoy = Envoy::start(&self.options).await.map_err(said)?;
        let url = format!("http://{}/mcp", envoy.address().map_err(said)?);
        let live = control_plane.converged(self.options.instances()).await?;
        let live = live
            .into_iter()
            .filter(|it| !it.node_id.starts_with("torture-"));
        self.instances = live.map(|it| it.instance_id).collect();
        let callers = (0..CALLERS).map(|_| tokio::spawn(call(url.clone(), self.token.clone())));
        self.callers = callers.collect();
        self.envoy = Some(envoy);
        Ok(())
    }

    /// Kills Envoy while calls are under way. The answer is whose loss must be recorded.
    pub(super) fn kill(&mut self) -> Vec<Vec<u8>> {
        if let Some(mut envoy) = self.envoy.take() {
            envoy.kill();
        }
        self.stop();
        std::mem::take(&mut self.instances)
    }

    pub(super) fn end(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.callers.drain(..).for_each(|caller| caller.abort());
    }
}

async fn call(url: String, token: String) {
    let client = reqwest::Client::new();
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "get_note", "arguments": { "id": "welcome" }, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        } },
    });
    loop {
        let request = client
            .post(&url)
            .bearer_auth(&token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "get_note")
            .json(&message);
        // Whether Envoy was there to answer it does not matter.
        drop(request.send().await);
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

fn said(error: impl std::fmt::Display) -> TortureError {
    TortureError::Envoy(error.to_string())
}
