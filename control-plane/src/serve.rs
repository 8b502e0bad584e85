//! `chancery serve`: the control plane as a process.

mod data;
mod door;
mod error;
mod log;

use std::{io, net::SocketAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration};

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
use tonic_health::pb::health_server::{Health, HealthServer};

pub(crate) use self::data::lock;
pub use self::error::ServeError;
use self::{
    door::{Door, House},
    error::io_error,
};
use crate::{
    access::token_keys::TokenKeys,
    api::{
        ControlPlane,
        authentication::{Doorkeeper, authenticate},
        metrics::metrics,
    },
    config::{Config, LogSettings},
    credential::Broker,
    discovery::{Settings, Ways},
    egress::Egress,
    otlp::OtlpConfig,
    registry::now,
    tls::{Peer, PlainListener, Tls, TlsListener},
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
    /// How the record is signed and kept.
    pub log: LogSettings,
    /// The `iss` of assertions of principals.
    pub assertion_issuer: String,
    /// Networks that issuers may be in beside the public internet.
    pub allowed_networks: Vec<IpNet>,
    /// Where servers that are asked what they offer may be.
    pub discovery: Settings,
    /// Where the record is sent. `None`: nowhere.
    pub otlp: Option<OtlpConfig>,
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
        /// Where the registry's API is served, on loopback too. `None`: nowhere.
        registry_listen: Option<SocketAddr>,
    },
    /// For those whom a configuration lets in.
    Configured(Box<Config>),
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
        log,
        assertion_issuer,
        allowed_networks,
        discovery,
        otlp,
        mode,
    } = options;
    let is_development = matches!(mode, Mode::InsecureDevelopment { .. });
    // What is wrong with the configuration is found before the folder is touched.
    let egress = Egress::new(is_development, allowed_networks)?;
    let ways = Ways::new(egress.clone(), &discovery, is_development)?;
    let mut house = House::build(mode, &egress)?;
    let _lock = lock(&data_dir)?;
    let signer = data::signer(&signing_keys, is_development.then_some(&*data_dir))?;
    let log_key = data::log_key(log.key.as_deref(), is_development.then_some(&*data_dir))?;
    let (drain, draining) = watch::channel(false);
    let keys = data::store_keys(store_key.as_deref(), is_development, &data_dir)?;
    let store = data::store(&data_dir)?;
    let asked = (egress.clone(), assertion_issuer, ways);
    let opened = (&*data_dir, Arc::clone(&store));
    let control_plane = data::open(
        opened,
        (keys, signer, log_key),
        asked,
        &house,
        draining.clone(),
    )?;
    let ways_out = (egress.clone(), &*data_dir);
    log::tend(&control_plane, (log, otlp), ways_out, &draining);
    let tokens = house.tokens.take();
    let tokens = tokens
        .map(|tokens| tokens.start(store, egress))
        .transpose()?;
    let tokens = tokens.map(Arc::new);
    tokio::spawn(rewrap(control_plane.clone()));
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_serving::<NodeServiceServer<ControlPlane>>()
        .await;
    let mut serving = JoinSet::new();
    for door in &house.doors {
        let app = match door.registry(&control_plane) {
            Some(registry) => registry,
            None => services(door, (&control_plane, tokens.as_ref()), &health_service)?,
        };
        let listener = door.bind().await?;
        serving.spawn(serve(listener, door.tls.clone(), app, draining.clone()));
    }
    let keeping = tokio::spawn(keep((house.doors, tokens), control_plane, draining));
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
    // It records last what was only counted.
    keeping
        .await
        .map_err(io::Error::other)
        .map_err(io_error("keeping"))
}

/// What is behind a door where callers prove who they are.
fn services<H>(
    door: &Door,
    (control_plane, tokens): (&ControlPlane, Option<&Arc<TokenKeys>>),
    health: &HealthServer<H>,
) -> Result<Router, ServeError>
where
    H: Health,
{
    let mut routes = Routes::builder();
    routes.add_service(health.clone());
    door.add_services(&mut routes, control_plane)?;
    let doorkeeper = Doorkeeper {
        authenticator: Arc::new(door.authenticator(tokens)),
        attempts: Arc::clone(&control_plane.attempts),
    };
    let broker = Arc::clone(&control_plane.broker);
    let watched = if door.is_for_administrators() {
        let figures = get(metrics).with_state(control_plane.clone());
        Router::new().route("/metrics", figures)
    } else {
        Router::new()
    };
    Ok(Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/.well-known/jwks.json", get(|| jwk_set(broker)))
        .merge(watched)
        .merge(routes.routes().prepare().into_axum_router())
        .layer(from_fn_with_state(doorkeeper, authenticate)))
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
                axum::serve(PlainListener::new(listener), app)
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
async fn keep(
    (doors, tokens): (Vec<Door>, Option<Arc<TokenKeys>>),
    control_plane: ControlPlane,
    draining: watch::Receiver<bool>,
) {
    let reload = || {
        doors.iter().for_each(Door::reload);
        if let Some(tokens) = &tokens {
            reload_tokens(tokens);
        }
    };
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
            _ = look.tick() => reload(),
            _ = hangup => reload(),
            _ = settle.tick() => {
                control_plane.attempts.settle().await;
                control_plane.readings.settle(false).await;
                if let Err(error) = control_plane.outbox.drain().await {
                    tracing::error!(%error, "changes wait in the store to be recorded");
                }
            }
            () = &mut stopped => break,
        }
    }
    control_plane.readings.settle(true).await;
}

/// Reads the keys of administrators' tokens again, if their file has changed.
fn reload_tokens(tokens: &TokenKeys) {
    match tokens.reload() {
        Ok(false) => {}
        Ok(true) => tracing::info!("the keys of administrators' tokens were replaced"),
        Err(error) => tracing::error!(%error, "keys are not replaced; those before count on"),
    }
}

/// What verifies assertions of principals.
async fn jwk_set(broker: Arc<Broker>) -> Json<serde_json::Value> {
    Json(broker.jwk_set().await)
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
