//! A server with two approved tools, behind a real Envoy.

use chancery_proto::audit::v1::DriftSighting;
use chancery_tests::{
    artifacts,
    client::{self, Era},
    control_plane::ControlPlane,
    envoy::{Envoy, EnvoyOptions, Filter, Upstream},
    identity::IdentityProvider,
    mcp_server::{PATH, TurncoatServer},
};
use rmcp::model::{CallToolRequestParams, Tool};
use serde_json::{Value, json};

const AUDIENCE: &str = "https://pins.test/mcp";

pub(crate) struct Scene {
    pub(crate) control_plane: ControlPlane,
    pub(crate) envoy: Envoy,
    pub(crate) server: TurncoatServer,
    pub(crate) provider: IdentityProvider,
    pub(crate) instances: usize,
}

pub(crate) fn search() -> Value {
    json!({
        "name": "search",
        "description": "Searches the notes",
        "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}},
        "annotations": {"readOnlyHint": true},
    })
}

pub(crate) fn read() -> Value {
    json!({"name": "read", "description": "Reads a note", "inputSchema": {"type": "object"}})
}

pub(crate) fn tools(definitions: &[Value]) -> Vec<Tool> {
    let tools = definitions.iter().cloned();
    tools
        .map(|it| serde_json::from_value(it).unwrap())
        .collect()
}

pub(crate) fn document(kind: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "chancery.dev/v1", "kind": kind,
        "metadata": {"name": "notes"}, "spec": spec,
    })
}

/// A pinned server of which two tools are approved.
pub(crate) fn pinned() -> Value {
    json!({
        "owner": "tests", "endpoints": [{"cluster": "upstream", "path": "/mcp"}],
        "pinning": "enforce",
        "tools": [search(), read()],
    })
}

impl Scene {
    /// Two tools are approved, and the server offers them.
    pub(crate) async fn start() -> Self {
        let provider = IdentityProvider::generate("https://idp.test", AUDIENCE).unwrap();
        let server = TurncoatServer::start(PATH).await.unwrap();
        server.offer(vec![tools(&[search(), read()])]);
        let control_plane = ControlPlane::start().await.unwrap();
        let documents = [
            provider.resource("tests"),
            document("Server", &pinned()),
            document(
                "Rule",
                &json!({
                    "effect": "allow", "subjects": {"authenticated": true},
                    "servers": ["notes"], "tools": ["*"],
                }),
            ),
        ];
        control_plane.apply(&documents).await.unwrap();
        let upstream = Upstream::local("upstream", server.address());
        let filter = Filter::Chancery(artifacts::filter().unwrap());
        let options = EnvoyOptions::new(filter, vec![upstream], control_plane.address());
        let envoy = Envoy::start(&options).await.unwrap();
        let instances = options.instances();
        control_plane.converged(instances).await.unwrap();
        Self {
            control_plane,
            envoy,
            server,
            provider,
            instances,
        }
    }

    /// What a client of an era sees, page by page, and whether it can call a tool.
    pub(crate) async fn sees(&self, era: Era, tool: &'static str) -> (Vec<String>, bool) {
        self.sees_as("alice@example.test", era, tool).await
    }

    /// The same of a client of somebody's.
    pub(crate) async fn sees_as(
        &self,
        user: &str,
        era: Era,
        tool: &'static str,
    ) -> (Vec<String>, bool) {
        let url = self.url();
        let token = self.provider.token(user, &[]).unwrap();
        let session = client::connect(&url, era, Some(&token)).await.unwrap();
        let listed = session.list_all_tools().await.unwrap();
        let called = session.call_tool(CallToolRequestParams::new(tool)).await;
        session.cancel().await.unwrap();
        let names = listed.into_iter().map(|tool| tool.name.into_owned());
        (names.collect(), called.is_ok())
    }

    pub(crate) async fn drift(&self, count: usize) -> Vec<DriftSighting> {
        self.control_plane.drift(count).await.unwrap()
    }

    /// Where clients reach it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.envoy.address().unwrap())
    }

    pub(crate) async fn chancery(&self, arguments: &[&str]) -> String {
        self.control_plane.succeed(arguments).await.unwrap()
    }
}
