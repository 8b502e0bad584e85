//! A control plane as it is run for real: TLS on two listeners, certificates and tokens.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::{CONNECT_TIMEOUT, ControlPlaneError, READY};
use crate::{
    artifacts,
    identity::IdentityProvider,
    pki::{Authority, Identity, Pki},
    process::Process,
    signing,
};

/// The administrator that the configuration names.
pub const ROOT: &str = "spiffe://test/root";

/// A running control plane. Dropping it ends it.
#[derive(Debug)]
pub struct Secured {
    process: Process,
    program: PathBuf,
    admin: SocketAddr,
    node: SocketAddr,
    /// Everyone's certificates.
    pub pki: Pki,
    /// Who issues administrators' tokens.
    pub issuer: IdentityProvider,
    folder: TempDir,
    configuration: Value,
}

/// The audience of administrators' tokens.
pub const AUDIENCE: &str = "chancery";

impl Secured {
    /// Starts one with an empty store on free ports. Nodes are those that `nodes` of the
    /// configuration says.
    pub async fn start(nodes: Value) -> Result<Self, ControlPlaneError> {
        Self::start_with(Pki::new()?, json!({ "nodes": nodes })).await
    }

    /// The same with certificates that there are already, and with these values in the place of those
    /// of its configuration. It trusts whom the administrators' CA has signed.
    pub async fn start_with(pki: Pki, changed: Value) -> Result<Self, ControlPlaneError> {
        let program = artifacts::control_plane()?;
        let folder = tempfile::Builder::new().prefix("chancery-").tempdir()?;
        let issuer = IdentityProvider::generate("https://idp.test", AUDIENCE)?;
        let at = |name: &str| folder.path().join(name);
        fs::write(at("jwks.json"), issuer.jwks().to_string())?;
        signing::key().write(&at("signing.pem"))?;
        signing::key().write(&at("log.pem"))?;
        let server = pki.server()?;
        let listener = |ca: Authority| {
            json!({
                "listen": "127.0.0.1:0",
                "tls": {
                    "certificate": server.certificate,
                    "key": server.key,
                    "clientCa": pki.ca(ca),
                },
            })
        };
        let mut configuration = json!({
            "dataDir": at("data"),
            "storeKey": at("store-key"),
            "signingKeys": [at("signing.pem")],
            "log": { "key": at("log.pem") },
            "admin": listener(Authority::Admins),
            "node": listener(Authority::Nodes),
            "oidc": {
                "issuer": "https://idp.test",
                "audience": AUDIENCE,
                "jwksFile": at("jwks.json"),
                "claims": { "user": "$.sub" },
            },
            "administrators": [format!("certificate:{ROOT}")],
        });
        change(&mut configuration, changed);
        fs::write(at("chancery.yaml"), configuration.to_string())?;
        let made = Command::new(&program)
            .args(["keys", "new"])
            .arg(at("store-key"))
            .output()?;
        if !made.status.success() {
            return Err(ControlPlaneError::Command {
                command: "keys new".to_owned(),
                status: made.status,
                message: String::from_utf8_lossy(&made.stderr).into_owned(),
            });
        }
        let (process, (admin, node)) = run(&program, folder.path(), &pki).await?;
        Ok(Self {
            process,
            program,
            admin,
            node,
            pki,
            issuer,
            folder,
            configuration,
        })
    }

    /// Ends it as a shutdown does, and starts it with these values in the place of those before.
    pub async fn restart(&mut self, changed: Value) -> Result<(), ControlPlaneError> {
        self.process.stop();
        change(&mut self.configuration, changed);
        let configuration = self.configuration.to_string();
        fs::write(self.folder().join("chancery.yaml"), configuration)?;
        // Where it listened before is said there.
        fs::remove_file(self.folder().join("log"))?;
        let run = run(&self.program, self.folder.path(), &self.pki);
        (self.process, (self.admin, self.node)) = run.await?;
        Ok(())
    }

    /// Where administrators call.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Where nodes call.
    pub fn node(&self) -> SocketAddr {
        self.node
    }

    /// All that it wrote.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection to a listener; nobody where there is no identity.
    pub async fn connect(
        &self,
        address: SocketAddr,
        identity: Option<&Identity>,
    ) -> Result<Channel, ControlPlaneError> {
        let ca = Certificate::from_pem(fs::read(self.pki.ca(Authority::Admins))?);
        let mut tls = ClientTlsConfig::new().ca_certificate(ca);
        if let Some(Identity { certificate, key }) = identity {
            let (certificate, key) = (fs::read(certificate)?, fs::read(key)?);
            tls = tls.identity(tonic::transport::Identity::from_pem(certificate, key));
        }
        let endpoint = Endpoint::from_shared(format!("https://{address}"))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tls_config(tls)?;
        Ok(endpoint.connect().await?)
    }

    /// `chancery` with these arguments, called with a certificate.
    pub fn command(&self, identity: &Identity, arguments: &[&str]) -> Command {
        let mut command = self.bare_command(arguments);
        command
            .env("CHANCERY_CERT", &identity.certificate)
            .env("CHANCERY_KEY", &identity.key);
        command
    }

    /// `chancery` with these arguments, called by nobody.
    pub fn bare_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("CHANCERY_SERVER", format!("https://{}", self.admin))
            .env("CHANCERY_CA", self.pki.ca(Authority::Admins))
            .env("NO_COLOR", "1");
        command
    }
}

fn change(configuration: &mut Value, changed: Value) {
    if let (Value::Object(configuration), Value::Object(changed)) = (configuration, changed) {
        configuration.extend(changed);
    }
}

/// Runs what the folder configures, and says where administrators and nodes call.
async fn run(
    program: &Path,
    folder: &Path,
    pki: &Pki,
) -> Result<(Process, (SocketAddr, SocketAddr)), ControlPlaneError> {
    let mut command = Command::new(program);
    command
        .args(["serve", "--config"])
        .arg(folder.join("chancery.yaml"))
        .env("SSL_CERT_FILE", pki.ca(Authority::Admins))
        .env("NO_COLOR", "1");
    let mut process = Process::start("the control plane", command, &folder.join("log"))?;
    let what = "the control plane to listen for administrators and nodes";
    let announced = process
        .until(what, async |process| announced(&process.log()))
        .await?;
    Ok((process, announced?))
}

/// Both addresses, once both are announced.
fn announced(log: &str) -> Option<Result<(SocketAddr, SocketAddr), ControlPlaneError>> {
    // A last line without an end may be cut.
    let (whole, _) = log.rsplit_once('\n')?;
    let address = |whom: &str| {
        let announcement = |line: &str| {
            let address = line.split_once(READY)?.1.strip_suffix(whom)?;
            Some(
                address
                    .parse()
                    .map_err(|_no_address| ControlPlaneError::Address(address.to_owned())),
            )
        };
        whole.lines().find_map(announcement)
    };
    match (address(" for administrators")?, address(" for nodes")?) {
        (Ok(admin), Ok(node)) => Some(Ok((admin, node))),
        (Err(error), _) | (_, Err(error)) => Some(Err(error)),
    }
}
