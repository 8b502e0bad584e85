//! `chancery serve`: the control plane as a process.

mod door;

use std::{
    fs::{self, File, TryLockError},
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{Json, Router, middleware::from_fn_with_state, routing::get};
use chancery_proto::node::v1::node_service_server::NodeServiceServer;
use ipnet::IpNet;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};
use tonic::service::Routes;

use self::door::{Door, House};
use crate::{
    access::authenticator::TokenKeysError,
    api::{
        ControlPlane,
        authentication::{Attempts, Doorkeeper, authenticate},
    },
    config::Config,
    credential::Broker,
    egress::{Egress, EgressError},
    instances::Instances,
    issuer_keys::IssuerKeys,
    ledger::{Ledger, LedgerError},
    outbox::Outbox,
    registry::{Registry, RegistryError, now},
    secrets::{
        Secrets, SecretsError,
        key_file::KeyFile,
        key_service::{KeyError, KeyService},
    },
    signing::{Signer, SigningError, SigningKey},
    store::{Store, StoreError},
    tls::{Peer, Tls, TlsError, TlsListener},
};

/// How the control plane is run.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where the store and the log are.
    pub data_dir: PathBuf,
    /// The file with the store keys. `None`: one in the data folder, in development only.
    pub store_key: Option<PathBuf>,
    /// Files with the keys that sign snapshots. None: in development, one in the data folder.
    pub signing_keys: Vec<PathBuf>,
    /// The `iss` of assertions of principals.
    pub assertion_issuer: String,
    /// Networks that issuers may be in beside the public internet.
    pub allowed_networks: Vec<IpNet>,
    /// For whom.
    pub mode: Mode,
}

/// For whom a control plane runs.
#[derive(Clone, Debug)]
pub enum Mode {
    /// For whoever is on this machine, on one port for everything.
    InsecureDevelopment {
        /// Where it listens, on loopback; port 0 for any.
        listen: SocketAddr,
    },
    /// For those whom a configuration lets in.
    Configured(Box<Config>),
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
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
    /// A listener's certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys of administrators' tokens.
    #[error(transparent)]
    TokenKeys(#[from] TokenKeysError),
    /// Reflection.
    #[error("server reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// How long streams may take to end when it shuts down.
const DRAIN_FOR: Duration = Duration::from_secs(5);

/// How often store keys that were rotated are looked at.
const REWRAPPED_EVERY: Duration = Duration::from_hours(1);

/// How often files are looked at for changes.
const RELOAD_EVERY: Duration = Duration::from_secs(10);

/// How often attempts that were only counted are recorded.
const SETTLE_EVERY: Duration = Duration::from_mins(1);

/// Runs until it is told to stop.
///
/// # Errors
/// Where it cannot start, or a listener fails.
pub async fn run(options: ServeOptions) -> Result<(), ServeError> {
    let ServeOptions {
        data_dir,
        store_key,
        signing_keys,
        assertion_issuer,
        allowed_networks,
        mode,
    } = options;
    let is_development = matches!(mode, Mode::InsecureDevelopment { .. });
    // What is wrong with the configuration is found before the folder is touched.
    let house = House::build(mode)?;
    let _lock = lock(&data_dir)?;
    let signer = signer(&signing_keys, is_development.then_some(&*data_dir))?;
    let (drain, draining) = watch::channel(false);
    let keys = store_keys(store_key.as_deref(), is_development, &data_dir)?;
    let egress = Egress::new(is_development, allowed_networks)?;
    let asked = (egress, assertion_issuer);
    let control_plane = open(&data_dir, (keys, signer), asked, &house, draining.clone())?;
    tokio::spawn(rewrap(control_plane.clone()));
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_serving::<NodeServiceServer<ControlPlane>>()
        .await;
    let mut serving = JoinSet::new();
    for door in &house.doors {
        let mut routes = Routes::builder();
        routes.add_service(health_service.clone());
        door.add_services(&mut routes, &control_plane)?;
        let doorkeeper = Doorkeeper {
            authenticator: Arc::clone(&door.authenticator),
            attempts: Arc::clone(&control_plane.attempts),
        };
        let broker = Arc::clone(&control_plane.broker);
        let app = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/.well-known/jwks.json", get(|| jwk_set(broker)))
            .merge(routes.routes().prepare().into_axum_router())
            .layer(from_fn_with_state(doorkeeper, authenticate));
        let listener = door.bind().await?;
        serving.spawn(serve(listener, door.tls.clone(), app, draining.clone()));
    }
    tokio::spawn(keep(house.doors, control_plane, draining));
    tokio::spawn(async move {
        until_told_to_stop().await;
        tracing::info!("draining");
        health
            .set_not_serving::<NodeServiceServer<ControlPlane>>()
            .await;
        drain.send_replace(true);
    });
    while let Some(served) = serving.join_next().await {
        let served = served.map_err(io::Error::other).and_then(|served| served);
        served.map_err(io_error("serving"))?;
    }
    Ok(())
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> ServeError {
    let what = what.into();
    move |error| ServeError::Io { what, error }
}

/// Serves until told to stop, and then for as long as streams may take to end.
async fn serve(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    app: Router,
    draining: watch::Receiver<bool>,
) -> io::Result<()> {
    let app = app.into_make_service_with_connect_info::<Peer>();
    let stopped = until(draining.clone());
    let serving = async {
        match tls {
            Some(tls) => {
                let listener = TlsListener::new(listener, tls)?;
                axum::serve(listener, app)
                    .with_graceful_shutdown(stopped)
                    .await
            }
            None => {
                axum::serve(listener, app)
                    .with_graceful_shutdown(stopped)
                    .await
            }
        }
    };
    let deadline = async {
        until(draining).await;
        tokio::time::sleep(DRAIN_FOR).await;
    };
    tokio::select! {
        served = serving => served,
        () = deadline => Ok(()),
    }
}

async fn until(mut flag: watch::Receiver<bool>) {
    // Whoever could raise it being gone is as good as raised.
    drop(flag.wait_for(|raised| *raised).await);
}

/// What is done at once, and then now and then: files that changed are read again; attempts that
/// were only counted, and changes that a crash kept from the record, are recorded.
async fn keep(doors: Vec<Door>, control_plane: ControlPlane, draining: watch::Receiver<bool>) {
    let mut hangups = signal(SignalKind::hangup()).ok();
    let mut look = tokio::time::interval(RELOAD_EVERY);
    let mut settle = tokio::time::interval(SETTLE_EVERY);
    let mut stopped = pin!(until(draining));
    loop {
        let hangup = async {
            match &mut hangups {
                Some(hangups) => hangups.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = look.tick() => doors.iter().for_each(Door::reload),
            _ = hangup => doors.iter().for_each(Door::reload),
            _ = settle.tick() => {
                control_plane.attempts.settle().await;
                if let Err(error) = control_plane.outbox.drain().await {
                    tracing::error!(%error, "changes wait in the store to be recorded");
                }
            }
            () = &mut stopped => return,
        }
    }
}

/// Opens everything in the data folder. The log ends, flushed, with the last that holds it.
fn open(
    data_dir: &Path,
    (keys, signer): (Arc<dyn KeyService>, Signer),
    (egress, assertion_issuer): (Egress, String),
    house: &House,
    draining: watch::Receiver<bool>,
) -> Result<ControlPlane, ServeError> {
    let store = Store::open(&data_dir.join("store.sqlite"), now().seconds.unsigned_abs())?;
    let store = Arc::new(store);
    let secrets = Secrets::open(Arc::clone(&store), keys)?;
    let ledger = Arc::new(Ledger::open(&data_dir.join("ledger"))?);
    let outbox = Outbox::open(Arc::clone(&store), Arc::clone(&ledger))?;
    let registry = Arc::new(Registry::open(store, secrets.clone(), signer)?);
    let broker = Broker::new(Arc::clone(&registry), egress.clone(), assertion_issuer);
    Ok(ControlPlane {
        issuer_keys: IssuerKeys::start(Arc::clone(&registry), egress),
        broker: Arc::new(broker),
        registry,
        secrets,
        outbox: Arc::new(outbox),
        rewrap: Arc::default(),
        attempts: Arc::new(Attempts::new(Arc::clone(&ledger))),
        ledger,
        instances: Arc::new(Instances::default()),
        administrators: house.administrators.as_slice().into(),
        nodes: Arc::new(house.nodes.clone()),
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
