//! Upstreams: an MCP server to govern, and an HTTP server that says what a test tells it to.
//!
//! Both keep what reached them, so that a test can tell what was forwarded and what was not. Servers
//! on other SDKs are programs.

mod desk;
mod notes;
mod program;
mod received;
mod reference;
mod replays;
mod scripted;
mod turncoat;

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use rmcp::{
    model::Tool,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::{net::TcpListener, task::JoinHandle};

pub use notes::{Samples, samples};
pub(crate) use program::listening;
pub use program::{Program, ProgramError, ServerProgram};
pub use received::{Received, ReceivedRequest};
use reference::{Reference, overlooking};
pub use scripted::{Gate, Part, Reply, ScriptedServer};

/// The path of the MCP endpoint.
pub const PATH: &str = "/mcp";

/// A server could not listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on 127.0.0.1: {0}")]
pub struct ListenError(#[from] std::io::Error);

/// A running MCP server of notes and customers, in both eras of the protocol.
///
/// Dropping it ends it.
#[derive(Debug)]
pub struct McpServer {
    served: Served,
}

impl McpServer {
    /// Starts it on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self, ListenError> {
        let notes = notes::Notes::default();
        let service = StreamableHttpService::new(
            move || Ok(notes.clone()),
            LocalSessionManager::default().into(),
            // It is reached through a proxy, under any name.
            StreamableHttpServerConfig::default().disable_allowed_hosts(),
        );
        Ok(Self {
            served: Served::start(Router::new().nest_service(PATH, service)).await?,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.served.address
    }

    /// Its endpoint.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.served.address)
    }

    /// What reached it.
    pub fn received(&self) -> &Received {
        &self.served.received
    }
}

/// A running server that has everything the conformance suite looks for, in both eras, and that
/// does not compare `Mcp-*` headers with bodies.
///
/// Dropping it ends it.
#[derive(Debug)]
pub struct ReferenceServer {
    served: Served,
}

impl ReferenceServer {
    /// Starts it on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self, ListenError> {
        let sessions = Arc::new(LocalSessionManager::default());
        let reference = Reference::new(Arc::clone(&sessions))?;
        let service = StreamableHttpService::new(
            move || Ok(reference.clone()),
            sessions,
            StreamableHttpServerConfig::default(),
        );
        let router = Router::new().nest_service(PATH, service);
        Ok(Self {
            served: Served::start(overlooking(router)).await?,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.served.address
    }

    /// Its endpoint.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.served.address)
    }
}

/// A running MCP server that offers other tools from one moment to the next, in both eras of the
/// protocol.
///
/// Dropping it ends it.
#[derive(Debug)]
pub struct TurncoatServer {
    turncoat: turncoat::Turncoat,
    served: Served,
}

impl TurncoatServer {
    /// Starts it on a free port of 127.0.0.1, at a path, without tools.
    pub async fn start(path: &str) -> Result<Self, ListenError> {
        let turncoat = turncoat::Turncoat::default();
        let each = turncoat.clone();
        let sessions = LocalSessionManager::default();
        let sessions = sessions.with_event_store(Arc::new(replays::Replays::default()));
        let service = StreamableHttpService::new(
            move || Ok(each.clone()),
            sessions.into(),
            StreamableHttpServerConfig::default().disable_allowed_hosts(),
        );
        Ok(Self {
            turncoat,
            served: Served::start(Router::new().nest_service(path, service)).await?,
        })
    }

    /// Offers these tools from now on, page by page.
    pub fn offer(&self, pages: Vec<Vec<Tool>>) {
        self.turncoat.offer(pages);
    }

    /// Says from now on that it is this release.
    pub fn introduce_as(&self, release: &str) {
        self.turncoat.introduce_as(release);
    }

    /// Gives these instructions from now on.
    pub fn instruct(&self, instructions: Option<&str>) {
        self.turncoat.instruct(instructions);
    }

    /// Tells everybody who has a session (`initialize`) that it offers something else.
    pub async fn announce(&self) {
        self.turncoat.announce().await;
    }

    /// Returns once this many have a session.
    pub async fn announced_to(&self, count: usize) {
        self.turncoat.announced_to(count).await;
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

/// How a server answers calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answers {
    /// As JSON, and without sessions.
    Json,
    /// As event streams, and in older versions with sessions.
    Events,
}

/// A running MCP server whose tools give values away, and get them, in both eras of the protocol.
///
/// Dropping it ends it.
#[derive(Debug)]
pub struct DeskServer {
    served: Served,
}

impl DeskServer {
    /// Starts it on a free port of 127.0.0.1.
    pub async fn start(answers: Answers) -> Result<Self, ListenError> {
        // It is reached through a proxy, under any name.
        let mut config = StreamableHttpServerConfig::default().disable_allowed_hosts();
        config.legacy_session_mode = answers == Answers::Events;
        config.json_response = answers == Answers::Json;
        let service = StreamableHttpService::new(
            || Ok(desk::Desk::default()),
            LocalSessionManager::default().into(),
            config,
        );
        Ok(Self {
            served: Served::start(Router::new().nest_service(PATH, service)).await?,
        })
    }

    /// The definitions of its tools, as in tools/list.
    pub fn definitions() -> Vec<serde_json::Value> {
        desk::Desk::default().definitions()
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

/// A router on a free port, behind a layer that keeps what comes in.
#[derive(Debug)]
struct Served {
    address: SocketAddr,
    received: Received,
    task: JoinHandle<()>,
}

impl Served {
    async fn start(router: Router) -> Result<Self, ListenError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let received = Received::default();
        let router = received.layered(router);
        // It fails where accepting does, after which tests see refused connections.
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self {
            address,
            received,
            task,
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}
