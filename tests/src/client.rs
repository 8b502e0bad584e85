//! Real MCP clients: rmcp in this process, and other SDKs as processes.
//!
//! All take the same steps and say what came of each as a line; `tests/clients/README.md` has both.

mod program;
mod steps;

use std::io;

use reqwest::Client as HttpClient;
use rmcp::{
    ClientHandler, RoleClient,
    model::{ClientConfig, ProtocolVersion},
    service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt as _, RunningService},
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::Value;

use crate::artifacts::Missing;

/// The eras of the protocol that a client can be made to speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Era {
    /// `initialize`, sessions: up to 2025-11-25.
    Legacy,
    /// Probes for 2026-07-28 and falls back.
    Auto,
}

impl Era {
    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Auto => "auto",
        }
    }
}

/// The libraries that clients are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sdk {
    /// The SDK of Python.
    Python,
    /// fastmcp, which wraps it.
    FastMcp,
    /// The SDK of TypeScript before 2026-07-28, which most hosts still have.
    TypeScriptV1,
    /// The SDK of TypeScript.
    TypeScriptV2,
    /// The SDK of Rust.
    Rmcp,
}

impl Sdk {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Python,
        Self::FastMcp,
        Self::TypeScriptV1,
        Self::TypeScriptV2,
        Self::Rmcp,
    ];

    /// What its users call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "Python mcp",
            Self::FastMcp => "fastmcp",
            Self::TypeScriptV1 => "TypeScript v1",
            Self::TypeScriptV2 => "TypeScript v2",
            Self::Rmcp => "rmcp",
        }
    }

    /// The eras it speaks.
    pub fn eras(self) -> &'static [Era] {
        match self {
            Self::TypeScriptV1 => &[Era::Legacy],
            Self::Python | Self::FastMcp | Self::TypeScriptV2 | Self::Rmcp => {
                &[Era::Legacy, Era::Auto]
            }
        }
    }
}

/// Why a client has nothing to say.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It is not installed.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// rmcp could not connect.
    #[error("rmcp cannot connect: {0}")]
    Connect(#[from] Box<ClientInitializeError>),
    /// A program could not be run.
    #[error("cannot run {program}: {source}")]
    Run {
        /// Which program.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A program failed.
    #[error("{program} failed: {message}")]
    Failed {
        /// Which program.
        program: &'static str,
        /// What it wrote to standard error.
        message: String,
    },
    /// A program said something that is no JSON.
    #[error("{program} wrote a line that is no JSON: {source}")]
    Line {
        /// Which program.
        program: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// rmcp was asked for what no step says.
    #[error("there is no such step: {0}")]
    Step(Value),
    /// What rmcp gave could not be written as JSON.
    #[error("rmcp gave what is no JSON: {0}")]
    Write(#[from] serde_json::Error),
}

/// A connected rmcp client.
pub type Session = RunningService<RoleClient, ClientConfig>;

/// Connects rmcp to an endpoint with a bearer token.
pub async fn connect(url: &str, era: Era, token: Option<&str>) -> Result<Session, ClientError> {
    let session = serve(ClientConfig::default(), url, era, token).await;
    Ok(session.map_err(Box::new)?)
}

/// Connects a client that is told what the server says, with a bearer token.
pub async fn hold<H: ClientHandler>(
    handler: H,
    url: &str,
    era: Era,
    token: Option<&str>,
) -> Result<RunningService<RoleClient, H>, ClientError> {
    Ok(serve(handler, url, era, token).await.map_err(Box::new)?)
}

/// Holds a session with the steps in it, and gives a line for the handshake and for each step.
pub async fn session(
    sdk: Sdk,
    url: &str,
    era: Era,
    token: Option<&str>,
    steps: &[Value],
) -> Result<Vec<Value>, ClientError> {
    match sdk {
        Sdk::Python => program::run(program::PYTHON, url, era, token, steps).await,
        Sdk::FastMcp => program::run(program::FASTMCP, url, era, token, steps).await,
        Sdk::TypeScriptV1 => program::run(program::TYPESCRIPT_V1, url, era, token, steps).await,
        Sdk::TypeScriptV2 => program::run(program::TYPESCRIPT_V2, url, era, token, steps).await,
        Sdk::Rmcp => steps::run(url, era, token, steps).await,
    }
}

async fn serve<H: ClientHandler>(
    handler: H,
    url: &str,
    era: Era,
    token: Option<&str>,
) -> Result<RunningService<RoleClient, H>, ClientInitializeError> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url);
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    let transport = StreamableHttpClientTransport::with_client(HttpClient::new(), config);
    let lifecycle = match era {
        Era::Legacy => ClientLifecycleMode::Initialize,
        Era::Auto => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: None,
        },
    };
    handler.serve_with_lifecycle(transport, lifecycle).await
}
