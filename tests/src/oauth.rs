//! An authorization server that gives the gateway tokens for upstreams: `oidc-provider`.

use std::{io, net::SocketAddr, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    artifacts::{self, Missing},
    mcp_server::listening,
    process::{Process, ProcessError},
};

/// The secret of its one client, `gateway`.
pub const CLIENT_SECRET: &str = "the-gateways-own-secret";

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// It is not installed.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Its folder could not be made.
    #[error("cannot make the authorization server's folder: {0}")]
    Folder(#[from] io::Error),
    /// It did not start, or ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// A running one. Dropping it ends it.
#[derive(Debug)]
pub struct AuthorizationServer {
    // Before the folder, so that it ends before its folder goes.
    _process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl AuthorizationServer {
    /// Starts it on a free port of 127.0.0.1. It exchanges tokens of this issuer.
    ///
    /// # Errors
    /// Where it is not installed, or does not start.
    pub async fn start(issuer: &str, jwks: &Value) -> Result<Self, OAuthError> {
        let folder = tempfile::Builder::new()
            .prefix("chancery-oauth-")
            .tempdir()?;
        let mut command = Command::new(artifacts::node()?);
        command
            .arg(artifacts::root().join("tests/servers/oauth.mjs"))
            .env("CLIENT_SECRET", CLIENT_SECRET)
            .env("SUBJECT_ISSUER", issuer)
            .env("SUBJECT_KEYS", jwks.to_string());
        let log = folder.path().join("log");
        let mut process = Process::start("the authorization server", command, &log)?;
        let address = process
            .until("it to listen", async |process| listening(&process.log()))
            .await?;
        Ok(Self {
            _process: process,
            address,
            _folder: folder,
        })
    }

    /// Who it is.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where tokens are had.
    pub fn token_uri(&self) -> String {
        format!("{}/token", self.issuer())
    }
}
