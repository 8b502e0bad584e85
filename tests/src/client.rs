//! Real MCP clients: rmcp in this process, and the Python SDK as a process.

use std::{io, process::Stdio, str};

use reqwest::Client as HttpClient;
use rmcp::{
    RoleClient,
    model::{ClientConfig, ProtocolVersion},
    service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt as _, RunningService},
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::artifacts::{self, Missing};

/// The eras of the protocol that a client can be made to speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Era {
    /// `initialize`, sessions: up to 2025-11-25.
    Legacy,
    /// Probes for 2026-07-28 and falls back.
    Auto,
}

/// Why a client has nothing to say.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no Python.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// rmcp could not connect.
    #[error("rmcp cannot connect: {0}")]
    Connect(#[from] Box<ClientInitializeError>),
    /// The program could not be run.
    #[error("cannot run mcp_session.py: {0}")]
    Run(#[from] io::Error),
    /// The program failed.
    #[error("mcp_session.py failed: {0}")]
    Failed(String),
    /// The program said something that is no JSON.
    #[error("mcp_session.py wrote a line that is no JSON: {0}")]
    Line(#[from] serde_json::Error),
}

/// A connected rmcp client.
pub type Session = RunningService<RoleClient, ClientConfig>;

/// Connects rmcp to an endpoint with a bearer token.
pub async fn connect(url: &str, era: Era, token: Option<&str>) -> Result<Session, ClientError> {
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
    let session = ClientConfig::default()
        .serve_with_lifecycle(transport, lifecycle)
        .await;
    Ok(session.map_err(Box::new)?)
}

/// Runs `clients/mcp_session.py` over these steps and gives its lines.
pub async fn python(
    url: &str,
    era: Era,
    token: Option<&str>,
    steps: &[Value],
) -> Result<Vec<Value>, ClientError> {
    let mut command = tokio::process::Command::new(artifacts::python()?);
    command.arg(artifacts::root().join("tests/clients/mcp_session.py"));
    command.args([
        "--era",
        match era {
            Era::Legacy => "legacy",
            Era::Auto => "auto",
        },
    ]);
    if let Some(token) = token {
        command.args(["--token", token]);
    }
    command
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        for step in steps {
            input.write_all(format!("{step}\n").as_bytes()).await?;
        }
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        return Err(ClientError::Failed(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    Ok(lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}
