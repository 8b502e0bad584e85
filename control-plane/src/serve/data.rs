//! What is in the data folder, opened: the store, the record, and the keys that belong to them.

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::watch;

use super::{ServeError, door::House};
use crate::{
    api::{ControlPlane, authentication::Attempts, reading::Readings},
    credential::Broker,
    discovery::{Ways, scanner::Scanner},
    egress::Egress,
    instances::Instances,
    issuer_keys::IssuerKeys,
    ledger::{
        Index, Ledger,
        checkpoint::{Checkpoints, LogSigner},
    },
    outbox::Outbox,
    registry::{Registry, now},
    secrets::{Secrets, key_file::KeyFile, key_service::KeyService},
    signing::{Signer, SigningKey},
    store::Store,
    webhook::Webhooks,
};

/// Makes sure of being the only one; the lock ends with the process, however it ends.
pub(crate) fn lock(data_dir: &Path) -> Result<File, ServeError> {
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

/// What signs snapshots; in development, unless keys are given, a key of the data folder's own.
pub(super) fn signer(files: &[PathBuf], development: Option<&Path>) -> Result<Signer, ServeError> {
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

/// What signs the record; in development, unless a key is given, one of the data folder's own.
pub(super) fn log_key(
    file: Option<&Path>,
    development: Option<&Path>,
) -> Result<Arc<SigningKey>, ServeError> {
    let key = match (file, development) {
        (Some(file), _) => SigningKey::read(file)?,
        (None, Some(data_dir)) => SigningKey::read_or_make(&data_dir.join("log.pem"))?,
        (None, None) => return Err(ServeError::NoLogKey),
    };
    Ok(Arc::new(key))
}

/// The store keys. A development mode without any has its own, in the data folder.
pub(super) fn store_keys(
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

/// Opens the store, or makes it.
pub(super) fn store(data_dir: &Path) -> Result<Arc<Store>, ServeError> {
    let store = Store::open(&data_dir.join("store.sqlite"), now().seconds.unsigned_abs())?;
    Ok(Arc::new(store))
}

/// Opens everything that is in the data folder beside the store. The log ends, flushed, with the last that holds it.
pub(super) fn open(
    (data_dir, store): (&Path, Arc<Store>),
    (keys, signer, log_key): (Arc<dyn KeyService>, Signer, Arc<SigningKey>),
    (egress, assertion_issuer, ways): (Egress, String, Ways),
    house: &House,
    draining: watch::Receiver<bool>,
) -> Result<ControlPlane, ServeError> {
    let secrets = Secrets::open(Arc::clone(&store), keys)?;
    let folder = data_dir.join("ledger");
    let ledger = Arc::new(Ledger::open(&folder)?);
    let log_signer = LogSigner::open(&folder, log_key)?;
    let public_key = log_signer.public_key();
    tracing::info!(%public_key, "the record is signed; its checkpoints can be verified with this key");
    let checkpoints = Arc::new(Checkpoints::open(&ledger, log_signer)?);
    let index = Index::open(&data_dir.join("index.sqlite"), Arc::clone(&ledger))?;
    let index = Arc::new(index);
    tokio::spawn(Arc::clone(&index).run(draining.clone()));
    let outbox = Arc::new(Outbox::open(Arc::clone(&store), Arc::clone(&ledger))?);
    let registry = Arc::new(Registry::open(Arc::clone(&store), secrets.clone(), signer)?);
    registry.renew_for(&house.nodes)?;
    let nodes = Arc::new(house.nodes.clone());
    let followed = (Arc::clone(&registry), Arc::clone(&nodes));
    let webhooks = Webhooks::new(followed, (Arc::clone(&ledger), store), egress.clone());
    let webhooks = Arc::new(webhooks);
    tokio::spawn(Arc::clone(&webhooks).run(draining.clone()));
    let broker = Broker::new(Arc::clone(&registry), egress.clone(), assertion_issuer);
    let broker = Arc::new(broker);
    let published = registry.published();
    let (asked, recorded) = (
        (Arc::clone(&registry), Arc::clone(&broker)),
        Arc::clone(&ledger),
    );
    let scanner = Arc::new(Scanner::new(asked, (recorded, Arc::clone(&outbox)), ways));
    tokio::spawn(Arc::clone(&scanner).run(draining.clone()));
    Ok(ControlPlane {
        issuer_keys: IssuerKeys::start(Arc::clone(&registry), published, egress),
        broker,
        registry,
        scanner,
        secrets,
        outbox,
        rewrap: Arc::default(),
        readings: Arc::new(Readings::new(Arc::clone(&ledger))),
        attempts: Arc::new(Attempts::new(Arc::clone(&ledger))),
        ledger,
        checkpoints,
        index,
        instances: Arc::new(Instances::default()),
        administrators: house.administrators.as_slice().into(),
        nodes,
        webhooks,
        draining,
    })
}
