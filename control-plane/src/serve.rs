//! `chancery serve`: the control plane as a process.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Json, Router, routing::get};
use chancery_proto::{
    DESCRIPTORS,
    admin::v1::{
        apply_service_server::ApplyServiceServer, binding_service_server::BindingServiceServer,
        credential_service_server::CredentialServiceServer,
        identity_provider_service_server::IdentityProviderServiceServer,
        instance_service_server::InstanceServiceServer, offer_service_server::OfferServiceServer,
        organization_service_server::OrganizationServiceServer,
        policy_service_server::PolicyServiceServer, quota_service_server::QuotaServiceServer,
        role_service_server::RoleServiceServer, rule_service_server::RuleServiceServer,
        server_service_server::ServerServiceServer, snapshot_service_server::SnapshotServiceServer,
        store_key_service_server::StoreKeyServiceServer,
    },
    audit::v1::audit_service_server::AuditServiceServer,
    node::v1::node_service_server::NodeServiceServer,
};
use ipnet::IpNet;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tonic::service::{Routes, RoutesBuilder};

use crate::{
    api::ControlPlane,
    credential::Broker,
    egress::{Egress, EgressError},
    instances::Instances,
    issuer_keys::IssuerKeys,
    ledger::{Ledger, LedgerError},
    registry::{Registry, RegistryError, now},
    secrets::{
        Secrets, SecretsError,
        key_file::KeyFile,
        key_service::{KeyError, KeyService},
    },
    signing::{Signer, SigningError, SigningKey},
    store::{Store, StoreError},
};

/// How the control plane is run.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where the store and the log are.
    pub data_dir: PathBuf,
    /// The file with the store keys. `None`: one in the data folder, in development only.
    pub store_key: Option<PathBuf>,
    /// Where it listens; port 0 for any.
    pub listen: SocketAddr,
    /// Files with the keys that sign snapshots. None: in development, one in the data folder.
    pub signing_keys: Vec<PathBuf>,
    /// The `iss` of assertions of principals.
    pub assertion_issuer: String,
    /// Networks that issuers may be in beside the public internet.
    pub allowed_networks: Vec<IpNet>,
    /// Without authentication, on loopback only.
    pub insecure_development: bool,
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Callers cannot be authenticated yet.
    #[error(
        "callers are not authenticated yet: run with `--insecure-development`, on loopback, and nowhere else"
    )]
    NoAuthentication,
    /// Development mode is for this machine alone.
    #[error(
        "`--insecure-development` listens on loopback only, not on {listen}: use 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// What was asked for.
        listen: SocketAddr,
    },
    /// Secrets could not be sealed.
    #[error(
        "there is no store key: make one with `chancery keys new FILE`, and run with `--store-key FILE`"
    )]
    NoStoreKey,
    /// Another control plane has it.
    #[error(
        "{path} is in use by another control plane: stop that one, or use another `--data-dir`"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file or socket.
    #[error("{what}: {error}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        error: io::Error,
    },
    /// Filters could not tell it from anyone else.
    #[error(
        "no key signs the snapshots: make one with `chancery keygen FILE` and name it with `--signing-key FILE`"
    )]
    NoSigningKey,
    /// A key that signs snapshots.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// What is asked of others.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The log.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The resources.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is kept sealed.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reflection.
    #[error("server reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// How long streams may take to end when it shuts down.
const DRAIN_FOR: Duration = Duration::from_secs(5);

/// How often store keys that were rotated are looked at.
const REWRAPPED_EVERY: Duration = Duration::from_hours(1);

const WARNING: &str = "\
******************************************************************************
*  INSECURE DEVELOPMENT MODE: anyone on this machine may change every rule,  *
*  read the whole record, and pose as any node. Never use this in production. *
******************************************************************************";

/// Runs until it is told to stop.
///
/// # Errors
/// Where it cannot start, or the listener fails.
pub async fn run(options: ServeOptions) -> Result<(), ServeError> {
    let ServeOptions {
        data_dir,
        store_key,
        listen,
        signing_keys,
        assertion_issuer,
        allowed_networks,
        insecure_development,
    } = options;
    if !insecure_development {
        return Err(ServeError::NoAuthentication);
    }
    if !listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback { listen });
    }
    let io = |what: String| move |error| ServeError::Io { what, error };
    writeln!(io::stderr(), "{WARNING}").map_err(io("standard error".to_owned()))?;
    let _lock = lock(&data_dir)?;
    let signer = signer(&signing_keys, insecure_development.then_some(&*data_dir))?;
    let (drain, draining) = watch::channel(false);
    let keys = store_keys(store_key.as_deref(), insecure_development, &data_dir)?;
    let egress = Egress::new(insecure_development, allowed_networks)?;
    let asked = (egress, assertion_issuer);
    let control_plane = open(&data_dir, keys, signer, asked, draining)?;
    let broker = Arc::clone(&control_plane.broker);
    tokio::spawn(rewrap(control_plane.clone()));
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()?;
    health
        .set_serving::<NodeServiceServer<ControlPlane>>()
        .await;
    let mut routes = Routes::builder();
    routes.add_service(health_service).add_service(reflection);
    add_services(&mut routes, &control_plane);
    let app = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/.well-known/jwks.json", get(|| jwk_set(broker)))
        .merge(routes.routes().prepare().into_axum_router());

    let listener = TcpListener::bind(listen)
        .await
        .map_err(io(format!("listening on {listen}")))?;
    let address = listener
        .local_addr()
        .map_err(io(format!("listening on {listen}")))?;
    let mut stdout = io::stdout();
    writeln!(stdout, "chancery: listening on {address}")
        .and_then(|()| stdout.flush())
        .map_err(io("standard output".to_owned()))?;
    let stopped = async move {
        until_told_to_stop().await;
        tracing::info!("draining");
        health
            .set_not_serving::<NodeServiceServer<ControlPlane>>()
            .await;
        drain.send_replace(true);
    };
    serve(listener, app, stopped)
        .await
        .map_err(io(format!("serving on {address}")))
}

/// Everything that is called over gRPC.
fn add_services(routes: &mut RoutesBuilder, control_plane: &ControlPlane) {
    routes
        .add_service(NodeServiceServer::new(control_plane.clone()))
        .add_service(ServerServiceServer::new(control_plane.clone()))
        .add_service(RuleServiceServer::new(control_plane.clone()))
        .add_service(IdentityProviderServiceServer::new(control_plane.clone()))
        .add_service(RoleServiceServer::new(control_plane.clone()))
        .add_service(OfferServiceServer::new(control_plane.clone()))
        .add_service(QuotaServiceServer::new(control_plane.clone()))
        .add_service(CredentialServiceServer::new(control_plane.clone()))
        .add_service(BindingServiceServer::new(control_plane.clone()))
        .add_service(OrganizationServiceServer::new(control_plane.clone()))
        .add_service(ApplyServiceServer::new(control_plane.clone()))
        .add_service(PolicyServiceServer::new(control_plane.clone()))
        .add_service(InstanceServiceServer::new(control_plane.clone()))
        .add_service(SnapshotServiceServer::new(control_plane.clone()))
        .add_service(StoreKeyServiceServer::new(control_plane.clone()))
        .add_service(AuditServiceServer::new(control_plane.clone()));
}

/// Serves until told to stop, and then for as long as streams may take to end.
async fn serve(
    listener: TcpListener,
    app: Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, mut is_stopping) = watch::channel(false);
    let stopped = async move {
        stopped.await;
        stop.send_replace(true);
    };
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopped);
    let deadline = async move {
        // A sender that is gone has stopped already.
        drop(is_stopping.wait_for(|stopping| *stopping).await);
        tokio::time::sleep(DRAIN_FOR).await;
    };
    tokio::select! {
        served = serving => served,
        () = deadline => Ok(()),
    }
}

/// Opens everything in the data folder. The log ends, flushed, with the last that holds it.
fn open(
    data_dir: &Path,
    keys: Arc<dyn KeyService>,
    signer: Signer,
    (egress, assertion_issuer): (Egress, String),
    draining: watch::Receiver<bool>,
) -> Result<ControlPlane, ServeError> {
    let store = Store::open(&data_dir.join("store.sqlite"), now().seconds.unsigned_abs())?;
    let store = Arc::new(store);
    let secrets = Secrets::open(Arc::clone(&store), keys)?;
    let registry = Arc::new(Registry::open(store, secrets.clone(), signer)?);
    let broker = Broker::new(Arc::clone(&registry), egress.clone(), assertion_issuer);
    Ok(ControlPlane {
        issuer_keys: IssuerKeys::start(Arc::clone(&registry), egress),
        broker: Arc::new(broker),
        registry,
        secrets,
        rewrap: Arc::default(),
        ledger: Arc::new(Ledger::open(&data_dir.join("ledger"))?),
        instances: Arc::new(Instances::default()),
        draining,
    })
}

/// What verifies assertions of principals.
async fn jwk_set(broker: Arc<Broker>) -> Json<serde_json::Value> {
    Json(broker.jwk_set().await)
}

/// What signs snapshots; in development, unless keys are given, a key of the data folder's own.
fn signer(files: &[PathBuf], development: Option<&Path>) -> Result<Signer, ServeError> {
    let keys = match (files, development) {
        ([], None) => return Err(ServeError::NoSigningKey),
        ([], Some(data_dir)) => vec![SigningKey::read_or_make(&data_dir.join("signing.pem"))?],
        (files, _) => files
            .iter()
            .map(|file| SigningKey::read(file))
            .collect::<Result<_, _>>()?,
    };
    for key in &keys {
        tracing::info!(trust_key = %key.trust_key(), "snapshots are signed; filters can trust this key");
    }
    Ok(Signer::new(keys)?)
}

/// The store keys. A development mode without any has its own, in the data folder.
fn store_keys(
    file: Option<&Path>,
    is_development: bool,
    data_dir: &Path,
) -> Result<Arc<dyn KeyService>, ServeError> {
    let keys = match file {
        Some(file) => KeyFile::open(file)?,
        None if is_development => {
            let path = data_dir.join("store.key");
            if path.exists() {
                KeyFile::open(&path)?
            } else {
                KeyFile::create(&path, now().seconds.unsigned_abs())?
            }
        }
        None => return Err(ServeError::NoStoreKey),
    };
    Ok(Arc::new(keys))
}

/// Keeps every secret wrapped with the newest store key.
async fn rewrap(control_plane: ControlPlane) {
    loop {
        let secrets = control_plane.secrets.clone();
        let now_seconds = now().seconds.unsigned_abs();
        let done = tokio::task::spawn_blocking(move || secrets.rewrap(now_seconds)).await;
        if let Ok(Err(error)) = done {
            tracing::error!(%error, "secrets are not all wrapped with the newest store key");
        }
        // Either way: it is time again.
        let asked = control_plane.rewrap.notified();
        drop(tokio::time::timeout(REWRAPPED_EVERY, asked).await);
    }
}

/// Makes sure of being the only one; the lock ends with the process, however it ends.
fn lock(data_dir: &Path) -> Result<File, ServeError> {
    let path = data_dir.join("lock");
    let io = |error| ServeError::Io {
        what: data_dir.display().to_string(),
        error,
    };
    // It will hold keys and what was said: nobody else's business.
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(data_dir).map_err(io)?;
    let file = File::create(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServeError::InUse {
            path: data_dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

async fn until_told_to_stop() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}
