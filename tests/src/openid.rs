//! Real OpenID providers: `tests/identity/openid.mjs`, whose keys can be rotated.

use std::{io, net::SocketAddr, process::Command};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    artifacts::{self, Missing},
    pki::Identity,
    process::{Process, ProcessError},
};

const READY: &str = "listening on ";
const CLIENT: (&str, &str) = ("agent", "secret");

/// Why there are no providers, or why they do not answer.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdError {
    /// Something is not installed.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Their folder could not be made.
    #[error("cannot make the providers' folder: {0}")]
    Folder(#[from] io::Error),
    /// They did not start, or ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A request to one.
    #[error("an OpenID provider: {0}")]
    Request(#[from] reqwest::Error),
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
}

/// Where a provider is, and whom it says it is.
#[derive(Debug)]
struct Listening {
    /// Where tests ask for tokens and rotations.
    address: SocketAddr,
    issuer: String,
}

/// Running providers, in one process. Dropping them ends it.
#[derive(Debug)]
pub struct OpenIdProviders {
    // Before the folder, so that it ends before its folder goes.
    process: Process,
    listening: Vec<Listening>,
    audience: String,
    client: reqwest::Client,
    _folder: TempDir,
}

impl OpenIdProviders {
    /// Starts so many, whose access tokens are for this audience and the group `team`.
    pub async fn start(count: usize, audience: &str) -> Result<Self, OpenIdError> {
        Self::start_as(count, audience, None).await
    }

    /// The same as issuers with TLS.
    pub async fn start_tls(
        count: usize,
        audience: &str,
        identity: &Identity,
    ) -> Result<Self, OpenIdError> {
        Self::start_as(count, audience, Some(identity)).await
    }

    async fn start_as(
        count: usize,
        audience: &str,
        identity: Option<&Identity>,
    ) -> Result<Self, OpenIdError> {
        let folder = tempfile::Builder::new()
            .prefix("chancery-openid-")
            .tempdir()?;
        let mut command = Command::new(artifacts::node()?);
        command
            .arg(artifacts::root().join("tests/identity/openid.mjs"))
            .args([&count.to_string(), audience]);
        if let Some(Identity { certificate, key }) = identity {
            command.args([certificate, key]);
        }
        let log = folder.path().join("log");
        let mut process = Process::start("the OpenID providers", command, &log)?;
        let listening = process
            .until("them to listen", async |process| {
                let listening = listening(&process.log());
                (listening.len() == count).then_some(listening)
            })
            .await?;
        Ok(Self {
            process,
            listening,
            audience: audience.to_owned(),
            client: reqwest::Client::builder().build()?,
            _folder: folder,
        })
    }

    /// Their resource documents: who they are, and nothing of their keys.
    pub fn resources(&self) -> Vec<Value> {
        let resource = |(number, provider): (usize, &Listening)| {
            json!({
                "apiVersion": "chancery.dev/v1",
                "kind": "IdentityProvider",
                "metadata": { "name": format!("openid-{number}") },
                "spec": { "issuer": provider.issuer, "audiences": [self.audience] },
            })
        };
        self.listening.iter().enumerate().map(resource).collect()
    }

    /// The `iss` of one's tokens.
    pub fn issuer(&self, provider: usize) -> &str {
        let provider = self.listening.get(provider);
        provider.map_or("", |provider| &provider.issuer)
    }

    /// Makes one sign with a new key, which it publishes beside the one before.
    pub async fn rotate(&self, provider: usize) -> Result<(), OpenIdError> {
        let request = self.client.post(self.url(provider, "/rotate"));
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// An access token (RFC 9068) of one, by client credentials.
    pub async fn token(&self, provider: usize) -> Result<String, OpenIdError> {
        let (id, secret) = CLIENT;
        let request = self
            .client
            .post(self.url(provider, "/token"))
            .basic_auth(id, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let response = request.send().await?.error_for_status()?;
        Ok(response.json::<Granted>().await?.access_token)
    }

    /// Kills them with -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    fn url(&self, provider: usize, path: &str) -> String {
        let provider = self.listening.get(provider);
        let address = provider.map(|provider| provider.address.to_string());
        format!("http://{}{path}", address.unwrap_or_default())
    }
}

/// Those whose lines are whole.
fn listening(log: &str) -> Vec<Listening> {
    let read = |line: &str| {
        let (address, issuer) = line
            .strip_suffix('\n')?
            .strip_prefix(READY)?
            .split_once(" as ")?;
        Some(Listening {
            address: address.parse().ok()?,
            issuer: issuer.to_owned(),
        })
    };
    log.split_inclusive('\n').filter_map(read).collect()
}
