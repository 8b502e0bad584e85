//! What the sessions are held on: all servers, and one Envoy in front of them, twice each.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Server, Trouble};
use crate::{
    artifacts::{self, Missing},
    control_plane::{ControlPlane, ControlPlaneError},
    envoy::{Envoy, EnvoyError, EnvoyOptions, Filter, Listener, Route, Upstream},
    identity::{Flaw, IdentityError, IdentityProvider},
    mcp_server::{ListenError, McpServer, PATH, Program, ProgramError, ServerProgram},
};

const ISSUER: &str = "https://idp.test";
const AUDIENCE: &str = "https://mcp.test";
const USER: &str = "alice@example.test";
const GROUP: &str = "team";

/// Why it is not set.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Something is not installed.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The server in this process.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Another server.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Envoy.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// The control plane.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    /// Tokens.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// All of it, running. Dropping it ends it.
#[derive(Debug)]
pub struct Stage {
    // Envoy goes first, so that its instances say goodbye to somebody.
    envoy: Envoy,
    _control_plane: ControlPlane,
    notes: McpServer,
    everything: ServerProgram,
    python: ServerProgram,
    typescript: ServerProgram,
    provider: IdentityProvider,
}

impl Stage {
    /// Starts everything and waits until the rules are enforced.
    pub async fn set() -> Result<Self, StageError> {
        let filter = Filter::Chancery(artifacts::filter()?);
        let provider = IdentityProvider::generate(ISSUER, AUDIENCE)?;
        let notes = McpServer::start().await?;
        let (everything, python, typescript) = tokio::try_join!(
            ServerProgram::start(Program::Everything),
            ServerProgram::start(Program::Python),
            ServerProgram::start(Program::TypeScriptV2),
        )?;
        let control_plane = ControlPlane::start().await?;
        let mut upstreams = Vec::new();
        for (server, address) in [
            (Server::Notes, notes.address()),
            (Server::Everything, everything.address()),
            (Server::Python, python.address()),
            (Server::TypeScriptV2, typescript.address()),
        ] {
            upstreams.push(Upstream::local(server.name(), address));
            upstreams.push(Upstream::local(&hiding(server), address));
        }
        let mut options = EnvoyOptions::new(filter, upstreams, control_plane.address());
        let clusters = options.upstreams.iter().map(|upstream| &upstream.cluster);
        options.listeners = clusters.map(|cluster| listener(cluster)).collect();
        let envoy = Envoy::start(&options).await?;
        // Servers are told apart by the port, which is known only now.
        let mut resources = vec![provider.resource("tests"), profile(), rule()];
        for server in Server::ALL {
            for (name, on_denied) in [(server.name(), "reveal"), (&hiding(server), "hide")] {
                resources.push(resource(name, envoy.listener(name)?, on_denied));
            }
        }
        control_plane.apply(&resources).await?;
        control_plane.converged(options.instances()).await?;
        Ok(Self {
            envoy,
            _control_plane: control_plane,
            notes,
            everything,
            python,
            typescript,
            provider,
        })
    }

    /// A server's own URL.
    pub fn direct(&self, server: Server) -> String {
        url(match server {
            Server::Notes => self.notes.address(),
            Server::Everything => self.everything.address(),
            Server::Python => self.python.address(),
            Server::TypeScriptV2 => self.typescript.address(),
        })
    }

    /// The URL through the filter, where refusals say why.
    pub fn revealing(&self, server: Server) -> Result<String, StageError> {
        Ok(url(self.envoy.listener(server.name())?))
    }

    /// The URL through the filter, where what is refused does not seem to exist.
    pub fn hiding(&self, server: Server) -> Result<String, StageError> {
        Ok(url(self.envoy.listener(&hiding(server))?))
    }

    /// A good token of somebody whom the rule is about.
    pub fn token(&self) -> Result<String, StageError> {
        Ok(self.provider.token(USER, &[GROUP])?)
    }

    /// The token, if any, of somebody in trouble.
    pub fn troubled_token(&self, trouble: Trouble) -> Result<Option<String>, StageError> {
        Ok(match trouble {
            Trouble::NoToken => None,
            Trouble::BadToken => Some(self.provider.flawed(Flaw::Expired, USER, &[GROUP])?),
            Trouble::Stranger => Some(self.provider.token("bob@example.test", &[])?),
            Trouble::Nowhere | Trouble::TooLarge => Some(self.token()?),
        })
    }
}

/// A URL that no server has.
pub(super) fn nowhere(url: &str) -> String {
    format!("{url}/nowhere")
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}{PATH}")
}

fn hiding(server: Server) -> String {
    format!("{}-hiding", server.name())
}

fn listener(cluster: &str) -> Listener {
    Listener {
        name: cluster.to_owned(),
        plugin: json!({}),
        routes: vec![Route::everything(cluster)],
    }
}

fn resource(name: &str, address: SocketAddr, on_denied: &str) -> Value {
    json!({
        "apiVersion": "chancery.dev/v1", "kind": "Server", "metadata": {"name": name},
        "spec": {
            "owner": "tests",
            "owner": "tests", "endpoints": [{"cluster": name, "host": address, "path": PATH}],
            "onDenied": on_denied,
        },
    })
}

/// What passes is seen to differ from what a server sent in addresses alone.
fn profile() -> Value {
    json!({
        "apiVersion": "chancery.dev/v1", "kind": "RedactionProfile", "metadata": {"name": "mail"},
        "spec": {
            "redact": [{"detectors": ["email"]}],
            "media": {"images": "pass", "audio": "pass", "blobs": "pass"},
        },
    })
}

fn rule() -> Value {
    json!({
        "apiVersion": "chancery.dev/v1", "kind": "Rule", "metadata": {"name": "team-uses-tools"},
        "spec": {
            "effect": "allow",
            "subjects": {"groups": [GROUP]},
            "servers": ["*"],
            "tools": super::script::ALLOWED_TOOLS,
            "prompts": super::script::ALLOWED_PROMPTS,
            "resources": super::script::ALLOWED_RESOURCES,
            "redact": ["mail"],
        },
    })
}
