//! `chancery serve`.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use chancery_engine::glob::Glob;
use http::uri::Authority;
use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::{
    config,
    console::{Console, has_colours},
    exit::Exit,
    time,
};
use crate::{
    config::{Config, LogSettings},
    discovery::Settings,
    ledger::anchor::Anchor,
    otlp::OtlpConfig,
    serve::{self, Mode, ServeError, ServeOptions},
};

/// Where it listens in development where nothing else is said.
const DEVELOPMENT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7400);

/// The `iss` of assertions where nothing else is said.
const DEFAULT_ISSUER: &str = "chancery";

/// What is logged where nothing else is said. rmcp tells of every session with a server; what of it
/// fails is in reports and in the record.
const LOGGED: &str = "info,rmcp=off";

const NOBODY_MAY_CALL: &str = "error: it is not said who may call: give certificates, administrators \
                               and nodes in a file with --config FILE (README.md, Run it for real, has one \
                               to begin with), or use --insecure-development, on this machine alone";

const NOWHERE_TO_KEEP: &str = "error: it is not said where the store and the log are kept: use \
                               --data-dir DIR, or `dataDir` in the configuration";

/// Run the control plane
///
/// Logs go to standard error; the variable `RUST_LOG` says which (info). SIGINT and SIGTERM drain it and end
/// it; SIGHUP reads certificates and keys again, which is otherwise done within 10 s of a change.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery serve --config /etc/chancery/chancery.yaml
  chancery serve --data-dir ./data --insecure-development")]
pub(crate) struct ServeArgs {
    /// Who may call, and where: a YAML file (see README.md, Run it for real)
    #[arg(
        long,
        value_name = "FILE",
        env = "CHANCERY_CONFIG",
        conflicts_with = "insecure_development"
    )]
    config: Option<PathBuf>,
    /// Where the store and the log are kept; made where it is not there
    #[arg(long, value_name = "DIR", env = "CHANCERY_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// The keys that seal secrets in the store; made by `chancery keys new`. In development: left
    /// out, one is made in the data folder
    #[arg(long, value_name = "FILE", env = "CHANCERY_STORE_KEY")]
    store_key: Option<PathBuf>,
    /// Where to listen for administrators; port 0 takes any
    #[arg(long, value_name = "ADDRESS", env = "CHANCERY_LISTEN")]
    listen: Option<SocketAddr>,
    /// Where to listen for nodes
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "CHANCERY_NODE_LISTEN",
        conflicts_with = "insecure_development"
    )]
    node_listen: Option<SocketAddr>,
    /// Where to serve the registry's API v0.1, in development; `registry` of a configuration says it otherwise
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "CHANCERY_REGISTRY_LISTEN",
        requires = "insecure_development"
    )]
    registry_listen: Option<SocketAddr>,
    /// A key that signs snapshots (see `chancery keygen`); repeatable, to replace one without a gap
    ///
    /// In development and without it one is made in the data folder; the log says what filters need
    /// to trust it.
    #[arg(
        long = "signing-key",
        value_name = "FILE",
        env = "CHANCERY_SIGNING_KEY"
    )]
    signing_keys: Vec<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
    /// The `iss` of assertions (chancery); their keys are at `/.well-known/jwks.json`
    #[arg(long, value_name = "ISSUER", env = "CHANCERY_ASSERTION_ISSUER")]
    assertion_issuer: Option<String>,
    /// A network that the issuers of tokens may be in beside the public internet; repeatable
    #[arg(long = "allow-network", value_name = "CIDR")]
    allowed_networks: Vec<IpNet>,
    /// The forward proxy, `HOST:PORT`, that servers are asked through what they offer
    #[arg(long, value_name = "HOST:PORT", env = "CHANCERY_DISCOVERY_PROXY")]
    discovery_proxy: Option<Authority>,
    /// A host, as a glob, that may be asked what its server offers; repeatable
    ///
    /// Without any, no server is asked, but with a proxy whatever that lets through, and in development
    /// what is on this machine.
    #[arg(long = "discovery-host", value_name = "GLOB", value_parser = glob)]
    discovery_hosts: Vec<Glob>,
    /// How often pinned servers are looked at whose entry does not say that (15m)
    #[arg(long, value_name = "LENGTH", value_parser = time::parse_length)]
    scan_interval: Option<Duration>,
    #[command(flatten)]
    otlp: OtlpArgs,
    /// Authenticate nobody; on loopback, for development only
    #[arg(long)]
    insecure_development: bool,
}

/// How the record is signed and kept.
#[derive(Debug, clap::Args)]
struct LogArgs {
    /// The key that signs the record (see `chancery keygen`)
    ///
    /// In development and without it one is made in the data folder. `chancery audit key` prints its public
    /// half, which is what `chancery audit verify` needs.
    #[arg(long = "log-key", value_name = "FILE", env = "CHANCERY_LOG_KEY")]
    key: Option<PathBuf>,
    /// Where signed heads of the record are kept once a minute: a folder's absolute path, or a URL; repeatable
    #[arg(long = "log-anchor", value_name = "DIR|URL")]
    anchors: Vec<Anchor>,
    /// How old records may become, such as 400d; for ever where left out. Their hashes stay
    #[arg(long = "log-retention", value_name = "LENGTH", value_parser = time::parse_length)]
    retention: Option<Duration>,
}

impl LogArgs {
    fn settings(self) -> LogSettings {
        LogSettings {
            key: self.key,
            anchors: self.anchors,
            retention: self.retention,
        }
    }
}

/// Where the record is sent; a configuration can say it, too.
#[derive(Debug, clap::Args)]
struct OtlpArgs {
    /// A collector's URL for OTLP logs (HTTP, protobuf) that the record is sent to
    #[arg(long, value_name = "URL", env = "CHANCERY_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
    /// A file with more headers for it, `NAME: VALUE` a line
    #[arg(
        long,
        value_name = "FILE",
        env = "CHANCERY_OTLP_HEADERS_FILE",
        requires = "otlp_endpoint"
    )]
    otlp_headers_file: Option<PathBuf>,
}

impl OtlpArgs {
    fn config(self) -> Option<OtlpConfig> {
        let endpoint = self.otlp_endpoint?;
        Some(OtlpConfig {
            endpoint,
            headers_file: self.otlp_headers_file,
        })
    }
}

pub(crate) async fn run(args: ServeArgs, console: &mut Console<'_>) -> Exit {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(has_colours(&io::stderr()))
        .with_writer(io::stderr);
    if let Err(error) = subscriber.try_init() {
        console.talk(format_args!("warning: no logs: {error}"));
    }
    let options = match options(args, console) {
        Ok(options) => options,
        Err(exit) => return exit,
    };
    match serve::run(options).await {
        Ok(()) => Exit::Success,
        Err(error) => {
            console.talk(format_args!("error: {error}"));
            exit_of(&error)
        }
    }
}

fn options(args: ServeArgs, console: &mut Console<'_>) -> Result<ServeOptions, Exit> {
    let ServeArgs {
        config,
        mut data_dir,
        mut store_key,
        listen,
        node_listen,
        registry_listen,
        mut signing_keys,
        log,
        mut assertion_issuer,
        mut allowed_networks,
        discovery_proxy,
        discovery_hosts,
        scan_interval,
        otlp,
        insecure_development,
    } = args;
    let mut log = log.settings();
    let mut otlp = otlp.config();
    let mut discovery = Settings {
        proxy: discovery_proxy,
        hosts: discovery_hosts,
        scan_interval,
    };
    let mode = match config {
        Some(file) => {
            let mut config = configuration(&file, console)?;
            config.admin.listen = listen.unwrap_or(config.admin.listen);
            config.node.listen = node_listen.unwrap_or(config.node.listen);
            data_dir = data_dir.or_else(|| config.data_dir.take());
            store_key = store_key.or_else(|| config.store_key.take());
            if signing_keys.is_empty() {
                signing_keys = std::mem::take(&mut config.signing_keys);
            }
            log = log.over(std::mem::take(&mut config.log));
            assertion_issuer = assertion_issuer.or_else(|| config.assertion_issuer.take());
            allowed_networks.append(&mut config.allowed_networks);
            discovery = discovery.over(std::mem::take(&mut config.discovery));
            otlp = otlp.or_else(|| config.otlp.take());
            Mode::Configured(Box::new(config))
        }
        None if insecure_development => Mode::InsecureDevelopment {
            listen: listen.unwrap_or(DEVELOPMENT_LISTEN),
            registry_listen,
        },
        None => {
            console.talk(NOBODY_MAY_CALL);
            return Err(Exit::Invalid);
        }
    };
    let Some(data_dir) = data_dir else {
        console.talk(NOWHERE_TO_KEEP);
        return Err(Exit::Invalid);
    };
    Ok(ServeOptions {
        data_dir,
        store_key,
        signing_keys,
        log,
        assertion_issuer: assertion_issuer.unwrap_or_else(|| DEFAULT_ISSUER.to_owned()),
        allowed_networks,
        discovery,
        otlp,
        mode,
    })
}

fn configuration(file: &Path, console: &mut Console<'_>) -> Result<Config, Exit> {
    config::read(file).map_err(|problems| {
        for problem in problems {
            console.talk(problem);
        }
        console.talk("error: the control plane is not started");
        Exit::Invalid
    })
}

fn glob(text: &str) -> Result<Glob, String> {
    Glob::parse(text).map_err(|error| format!("it {error}"))
}

fn exit_of(error: &ServeError) -> Exit {
    match error {
        ServeError::NotLoopback { .. }
        | ServeError::NoSigningKey
        | ServeError::NoLogKey
        | ServeError::NoStoreKey
        | ServeError::Signing(_)
        | ServeError::Key(_)
        | ServeError::Tls(_)
        | ServeError::TokenKeys(_) => Exit::Invalid,
        ServeError::InUse { .. } => Exit::Conflict,
        ServeError::Io { .. }
        | ServeError::Egress(_)
        | ServeError::Ledger(_)
        | ServeError::Index(_)
        | ServeError::Registry(_)
        | ServeError::Secrets(_)
        | ServeError::Store(_)
        | ServeError::Reflection(_) => Exit::Unavailable,
    }
}
