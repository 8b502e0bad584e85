//! A real Envoy, running the shipped `envoy/envoy.yaml` with a test's addresses in it.

mod config;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use config::ConfigError;

use crate::{
    artifacts::{self, Missing},
    pki::Identity,
    process::{Process, ProcessError},
};

/// The main listener's name.
pub const LISTENER: &str = "mcp";

const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no Envoy, or why it does not answer.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    /// Something is not installed.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The configuration could not be made.
    #[error("cannot make Envoy's configuration: {0}")]
    Config(#[from] ConfigError),
    /// Its folder could not be written.
    #[error("cannot write Envoy's folder: {0}")]
    Folder(#[from] io::Error),
    /// It did not start.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The admin interface.
    #[error("Envoy's admin interface: {0}")]
    Admin(#[from] reqwest::Error),
    /// A listener was asked for that it does not have.
    #[error("Envoy has no listener `{0}`")]
    NoListener(String),
}

/// What stands between the listener and the router.
#[derive(Clone, Debug)]
pub enum Filter {
    /// Chancery, from this file.
    Chancery(PathBuf),
    /// These HTTP filters instead; none is plain Envoy.
    Others(Vec<Value>),
}

/// A server that Envoy forwards to, as a cluster.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The cluster's name.
    pub cluster: String,
    /// A name or an IP address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether to speak TLS, verified against the system's roots.
    pub tls: bool,
}

impl Upstream {
    /// A server in this process.
    pub fn local(cluster: &str, address: SocketAddr) -> Self {
        Self {
            cluster: cluster.to_owned(),
            host: address.ip().to_string(),
            port: address.port(),
            tls: false,
        }
    }
}

/// Where requests go.
#[derive(Clone, Debug)]
pub struct Route {
    /// Envoy's `RouteMatch`.
    pub matches: Value,
    /// The cluster.
    pub cluster: String,
    /// What the upstream gets as `Host`, where that is not what the client sent.
    pub host: Option<String>,
    /// Route metadata by filter name.
    pub metadata: Option<Value>,
}

impl Route {
    /// Everything goes to this cluster.
    pub fn everything(cluster: &str) -> Self {
        Self {
            matches: json!({ "prefix": "/" }),
            cluster: cluster.to_owned(),
            host: None,
            metadata: None,
        }
    }

    /// Requests for exactly this path go to this cluster.
    pub fn path(path: &str, cluster: &str) -> Self {
        Self {
            matches: json!({ "path": path }),
            ..Self::everything(cluster)
        }
    }

    /// Requests for exactly this `Host` go to this cluster.
    pub fn host(host: &str, cluster: &str) -> Self {
        let header = json!({ "name": ":authority", "string_match": { "exact": host } });
        Self {
            matches: json!({ "prefix": "/", "headers": [header] }),
            ..Self::everything(cluster)
        }
    }
}

/// A listener besides the main one, with the same filters.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name, to find its address by.
    pub name: String,
    /// Members of the plugin configuration that differ on this listener.
    pub plugin: Value,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// What `envoy/control-plane-tls.yaml` has in other places.
#[derive(Clone, Debug)]
pub struct ControlPlaneTls {
    /// Who signed the control plane's certificate.
    pub ca: PathBuf,
    /// A DNS name of that certificate.
    pub name: String,
    /// This Envoy's certificate.
    pub identity: Identity,
}

/// What differs from the shipped configuration.
#[derive(Clone, Debug)]
pub struct EnvoyOptions {
    /// What judges.
    pub filter: Filter,
    /// Where requests may go.
    pub upstreams: Vec<Upstream>,
    /// The main listener's routes. None: everything goes to the first upstream.
    pub routes: Vec<Route>,
    /// Listeners besides the main one.
    pub listeners: Vec<Listener>,
    /// Where the control plane listens.
    pub control_plane: SocketAddr,
    /// How the control plane is to be known, and this Envoy to it. Absent: without TLS.
    pub control_plane_tls: Option<ControlPlaneTls>,
    /// The node's id.
    pub node_id: String,
    /// Members of the plugin configuration to add or replace.
    pub plugin: Value,
    /// Worker threads.
    pub concurrency: u32,
    /// The main listener's port; 0 is a free one.
    pub port: u16,
    /// HTTP filters that come before what judges, on every listener.
    pub before: Vec<Value>,
    /// How every listener's clients connect. `None`: in the clear.
    pub transport_socket: Option<Value>,
    /// What `chancery export envoy -o json` wrote, in the place of the main listener's routes and
    /// beside the upstreams.
    pub exported: Option<Value>,
}

impl EnvoyOptions {
    /// One worker with `filter` before `upstreams`; everything goes to the first of them.
    pub fn new(filter: Filter, upstreams: Vec<Upstream>, control_plane: SocketAddr) -> Self {
        Self {
            filter,
            upstreams,
            routes: Vec::new(),
            listeners: Vec::new(),
            control_plane,
            control_plane_tls: None,
            node_id: "envoy-1".to_owned(),
            plugin: json!({}),
            concurrency: 1,
            port: 0,
            before: Vec::new(),
            transport_socket: None,
            exported: None,
        }
    }

    /// How many instances of the filter will live: one a worker, and the main thread's.
    pub fn instances(&self) -> usize {
        usize::try_from(self.concurrency).map_or(usize::MAX, |workers| workers + 1)
    }
}

/// A running Envoy. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Envoy {
    // Before the folder, so that it ends before its folder goes.
    process: Process,
    admin: SocketAddr,
    listeners: BTreeMap<String, SocketAddr>,
    folder: TempDir,
}

impl Envoy {
    /// Starts one and waits until it accepts connections.
    pub async fn start(options: &EnvoyOptions) -> Result<Self, EnvoyError> {
        let program = artifacts::envoy()?;
        let folder = tempfile::Builder::new()
            .prefix("chancery-envoy-")
            .tempdir()?;
        let config = config::build(options)?;
        let config_path = folder.path().join("envoy.json");
        std::fs::write(&config_path, config.to_string())?;

        let admin_path = folder.path().join("admin");
        let mut command = Command::new(program);
        command
            .arg("--config-path")
            .arg(&config_path)
            .arg("--admin-address-path")
            .arg(&admin_path)
            .args(["--concurrency", &options.concurrency.to_string()])
            // Neither shared memory nor a base id: any number of them run side by side.
            .arg("--disable-hot-restart")
            .args(["--log-level", "warning", "--component-log-level", "wasm:info"])
            .args(["--file-flush-interval-msec", "50"])
            .current_dir(folder.path());
        let mut process = Process::start("Envoy", command, &folder.path().join("log"))?;

        let admin = process
            .until("Envoy to be ready", async |_| ready(&admin_path).await)
            .await?;
        let listeners = listeners(admin).await?;
        Ok(Self {
            process,
            admin,
            listeners,
            folder,
        })
    }

    /// Where the main listener listens.
    pub fn address(&self) -> Result<SocketAddr, EnvoyError> {
        self.listener(LISTENER)
    }

    /// Where a listener listens.
    pub fn listener(&self, name: &str) -> Result<SocketAddr, EnvoyError> {
        let address = self.listeners.get(name).copied();
        address.ok_or_else(|| EnvoyError::NoListener(name.to_owned()))
    }

    /// Where the admin interface listens.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The folder with its configuration and its log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that it wrote, access log included.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The access log's lines so far.
    pub fn access_log(&self) -> Vec<Value> {
        let log = self.log();
        log.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(Value::is_object)
            .collect()
    }

    /// A counter or gauge; `None` where there is none of that name.
    pub async fn stat(&self, name: &str) -> Result<Option<u64>, EnvoyError> {
        let url = format!("http://{}/stats?usedonly", self.admin);
        let stats = admin_client()?.get(url).send().await?.text().await?;
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok();
        Ok(stats.lines().find_map(value))
    }

    /// Fails if it has ended.
    pub fn check(&mut self) -> Result<(), EnvoyError> {
        Ok(self.process.check()?)
    }

    /// Kills it with -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to end and waits for that.
    pub fn stop(&mut self) {
        self.process.stop();
    }
}

fn admin_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().timeout(ADMIN_TIMEOUT).build()
}

async fn ready(admin_path: &Path) -> Option<SocketAddr> {
    let admin: SocketAddr = std::fs::read_to_string(admin_path)
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let url = format!("http://{admin}/ready");
    let response = admin_client().ok()?.get(url).send().await.ok()?;
    response.status().is_success().then_some(admin)
}

#[derive(Deserialize)]
struct Listeners {
    listener_statuses: Vec<ListenerStatus>,
}

#[derive(Deserialize)]
struct ListenerStatus {
    name: String,
    local_address: LocalAddress,
}

#[derive(Deserialize)]
struct LocalAddress {
    socket_address: SocketAddress,
}

#[derive(Deserialize)]
struct SocketAddress {
    address: std::net::IpAddr,
    port_value: u16,
}

async fn listeners(admin: SocketAddr) -> Result<BTreeMap<String, SocketAddr>, reqwest::Error> {
    let url = format!("http://{admin}/listeners?format=json");
    let listeners: Listeners = admin_client()?.get(url).send().await?.json().await?;
    let named = |status: ListenerStatus| {
        let SocketAddress {
            address,
            port_value,
        } = status.local_address.socket_address;
        (status.name, SocketAddr::new(address, port_value))
    };
    Ok(listeners.listener_statuses.into_iter().map(named).collect())
}
