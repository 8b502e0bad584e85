//! The real control plane: `chancery serve` as a process, and its command line.

mod drift;
mod secured;

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output},
    time::Duration,
};

use chancery::signing::SigningError;
use chancery_proto::{
    admin::v1::{
        Instance, ListInstancesRequest, ListInstancesResponse,
        instance_service_client::InstanceServiceClient,
    },
    audit::v1::{
        Entry, RecordFilter, SearchRecordsRequest, audit_service_client::AuditServiceClient,
    },
};
use prost::Message as _;
use serde_json::Value;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

pub use secured::{AUDIENCE, ROOT, Secured};

use crate::{
    artifacts::{self, Missing},
    identity::IdentityError,
    pki::PkiError,
    process::{Process, ProcessError},
    signing,
    wait::{self, TimedOut},
};

const READY: &str = "chancery: listening on ";
/// Beside the data folder.
const SIGNING_KEY: &str = "signing.pem";
const PAGE: i32 = 1000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the control plane does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    /// It is not built.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// A folder or file of it.
    #[error("the control plane's files: {0}")]
    Files(#[from] io::Error),
    /// Its key.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// It did not start, or ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// What it announced is no address.
    #[error("the control plane announced `{0}`, which is no address")]
    Address(String),
    /// Certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// Who issues its administrators' tokens.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Its command line refused.
    #[error("`chancery {command}` ended with {status}:\n{message}")]
    Command {
        /// The arguments.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to standard error.
        message: String,
    },
    /// Its API cannot be reached.
    #[error("cannot reach the control plane: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Its API refused.
    #[error("the control plane's API: {0}")]
    Api(#[from] Box<tonic::Status>),
    /// A record holds an entry that is none.
    #[error("a record's entry cannot be read: {0}")]
    Entry(#[from] prost::DecodeError),
    /// It did not happen.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
}

impl From<tonic::Status> for ControlPlaneError {
    fn from(status: tonic::Status) -> Self {
        Self::Api(Box::new(status))
    }
}

/// A record of the log, with its entry read.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its place in the log.
    pub position: u64,
    /// The node, as authenticated.
    pub node_id: String,
    /// The instance; empty is the control plane.
    pub instance_id: Vec<u8>,
    /// The instance's sequence.
    pub sequence: u64,
    /// What the instance said.
    pub entry: Entry,
}

/// A running control plane. Dropping it ends it.
#[derive(Debug)]
pub struct ControlPlane {
    // `None` between `kill` and `restart`.
    process: Option<Process>,
    program: PathBuf,
    data: PathBuf,
    log: PathBuf,
    address: SocketAddr,
    folder: TempDir,
}

impl ControlPlane {
    /// Starts one with an empty store on a free port.
    pub async fn start() -> Result<Self, ControlPlaneError> {
        let program = artifacts::control_plane()?;
        let folder = tempfile::Builder::new().prefix("chancery-").tempdir()?;
        let (data, log) = (folder.path().join("data"), folder.path().join("log"));
        fs::create_dir(&data)?;
        signing::key().write(&folder.path().join(SIGNING_KEY))?;
        let (process, address) = serve(&program, &data, "127.0.0.1:0", &log).await?;
        Ok(Self {
            process: Some(process),
            program,
            data,
            log,
            address,
            folder,
        })
    }

    /// Where it listens, also while it is down.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `CHANCERY_SERVER` has to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The folder that it keeps its data in.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its process id; `None` while it is down.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// All that it wrote to standard output and error.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails if it has ended by itself.
    pub fn check(&mut self) -> Result<(), ControlPlaneError> {
        self.process
            .as_mut()
            .map_or(Ok(()), |process| Ok(process.check()?))
    }

    /// Kills it with -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Asks it to end and waits for that.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop();
        }
    }

    /// Starts it again with the same data on the same port.
    pub async fn restart(&mut self) -> Result<(), ControlPlaneError> {
        self.stop();
        // The announcement of the run before must not be taken for this one's.
        fs::rename(&self.log, self.log.with_extension("old"))?;
        let listen = self.address.to_string();
        let (process, address) = serve(&self.program, &self.data, &listen, &self.log).await?;
        (self.process, self.address) = (Some(process), address);
        Ok(())
    }

    /// `chancery` with these arguments, against this control plane; to be run or changed further.
    pub fn command<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("CHANCERY_SERVER", self.url())
            .env("NO_COLOR", "1");
        command
    }

    /// Runs `chancery` and gives what came of it, whatever that is.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output, ControlPlaneError> {
        Ok(tokio::process::Command::from(self.command(arguments))
            .kill_on_drop(true)
            .output()
            .await?)
    }

    /// Runs `chancery`, which must succeed, and gives its standard output.
    pub async fn succeed(&self, arguments: &[&str]) -> Result<String, ControlPlaneError> {
        let Output {
            status,
            stdout,
            stderr,
        } = self.run(arguments).await?;
        if !status.success() {
            return Err(ControlPlaneError::Command {
                command: arguments.join(" "),
                status,
                message: String::from_utf8_lossy(&stderr).into_owned(),
            });
        }
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    }

    /// Applies a file or folder.
    pub async fn apply_path(&self, path: &Path) -> Result<String, ControlPlaneError> {
        self.succeed(&["apply", "-f", &path.to_string_lossy()])
            .await
    }

    /// Applies documents in YAML.
    pub async fn apply_yaml(&self, yaml: &str) -> Result<String, ControlPlaneError> {
        let path = self.folder.path().join("apply.yaml");
        fs::write(&path, yaml)?;
        self.apply_path(&path).await
    }

    /// Applies documents.
    pub async fn apply(&self, documents: &[Value]) -> Result<String, ControlPlaneError> {
        // JSON is YAML.
        let documents: Vec<String> = documents.iter().map(Value::to_string).collect();
        self.apply_yaml(&documents.join("\n---\n")).await
    }

    /// A connection to its API.
    pub async fn connect(&self) -> Result<Channel, ControlPlaneError> {
        let endpoint = Endpoint::from_shared(self.url())?.connect_timeout(CONNECT_TIMEOUT);
        Ok(endpoint.connect().await?)
    }

    /// Waits until at least `instances` are live and every live one enforces the newest snapshot.
    pub async fn converged(&self, instances: usize) -> Result<Vec<Instance>, ControlPlaneError> {
        let what = format!("{instances} instances to enforce the newest snapshot");
        self.instances_until(&what, |live, converged| {
            converged && live.len() >= instances
        })
        .await
    }

    /// Waits until at least `instances` are live and every live one refused a snapshot.
    pub async fn refused(&self, instances: usize) -> Result<Vec<Instance>, ControlPlaneError> {
        let what = format!("{instances} instances to refuse the newest snapshot");
        self.instances_until(&what, |live, _| {
            let refused = |instance: &Instance| !instance.nack_reason.is_empty();
            live.len() >= instances && live.iter().all(refused)
        })
        .await
    }

    async fn instances_until(
        &self,
        what: &str,
        enough: impl Fn(&[Instance], bool) -> bool,
    ) -> Result<Vec<Instance>, ControlPlaneError> {
        let client = InstanceServiceClient::new(self.connect().await?);
        wait::until(what, wait::PATIENCE, async || {
            let request = ListInstancesRequest {
                page_size: PAGE,
                page_token: String::new(),
            };
            let response = client.clone().list_instances(request).await?.into_inner();
            let ListInstancesResponse {
                instances: listed,
                converged,
                ..
            } = response;
            let live: Vec<_> = listed
                .into_iter()
                .filter(|instance| instance.live)
                .collect();
            Ok(enough(&live, converged).then_some(live))
        })
        .await
    }

    /// Every record that matches, oldest first.
    pub async fn records(&self, filter: RecordFilter) -> Result<Vec<Recorded>, ControlPlaneError> {
        let mut client = AuditServiceClient::new(self.connect().await?);
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let filter = Some(filter.clone());
            let request = SearchRecordsRequest {
                filter,
                page_size: PAGE,
                page_token,
            };
            let page = client.search_records(request).await?.into_inner();
            for positioned in page.records {
                let record = positioned.record.unwrap_or_default();
                found.push(Recorded {
                    position: positioned.position,
                    node_id: record.node_id,
                    instance_id: record.instance_id,
                    sequence: record.sequence,
                    entry: Entry::decode(record.entry.as_slice())?,
                });
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                found.reverse();
                return Ok(found);
            }
        }
    }

    /// Waits until the record holds what `enough` looks for, and gives all of it.
    pub async fn records_until(
        &self,
        what: &str,
        filter: RecordFilter,
        enough: impl Fn(&[Recorded]) -> bool,
    ) -> Result<Vec<Recorded>, ControlPlaneError> {
        wait::until(what, wait::PATIENCE, async || {
            let records = self.records(filter.clone()).await?;
            Ok(enough(&records).then_some(records))
        })
        .await
    }
}

async fn serve(
    program: &Path,
    data: &Path,
    listen: &str,
    log: &Path,
) -> Result<(Process, SocketAddr), ControlPlaneError> {
    let mut command = Command::new(program);
    command
        .arg("serve")
        .arg("--data-dir")
        .arg(data)
        .args(["--listen", listen, "--insecure-development"])
        .arg("--signing-key")
        .arg(data.with_file_name(SIGNING_KEY))
        .env("NO_COLOR", "1")
        .env(
            "RUST_LOG",
            env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()),
        );
    let mut process = Process::start("the control plane", command, log)?;
    let announced = process
        .until("the control plane to listen", async |process| {
            announcement(&process.log())
        })
        .await?;
    match announced.parse() {
        Ok(address) => Ok((process, address)),
        Err(_) => Err(ControlPlaneError::Address(announced)),
    }
}

fn announcement(log: &str) -> Option<String> {
    // A last line without an end may be cut.
    let (whole, _) = log.rsplit_once('\n')?;
    let line = whole.lines().find_map(|line| line.split_once(READY))?.1;
    Some(line.split_whitespace().next()?.to_owned())
}
