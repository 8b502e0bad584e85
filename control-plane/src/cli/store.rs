//! `chancery store`: copies of a control plane's data, and going on from one.

use std::{
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    console::Console,
    exit::{Exit, Failure},
};
use crate::{
    ledger::restore::{Restored, restore},
    registry::now,
    serve::lock,
    signing::SigningKey,
    store::Store,
};

/// The files of a log that come first in a copy: the checkpoint before all that it covers.
const FIRST: &str = "checkpoint";

/// Copy a control plane's data, and go on from a copy
#[derive(Debug, clap::Subcommand)]
pub(crate) enum StoreCommand {
    /// Copy the store and the record, also while a control plane works with them
    #[command(after_help = "\
Examples:
  chancery store backup /var/lib/chancery /backup/2026-12-01

Keys are not copied: keep those of the store and of the log elsewhere, without them the copy does not open.")]
    Backup {
        /// The folder of the data
        data_dir: PathBuf,
        /// Where to: a folder that is not there yet
        target: PathBuf,
    },
    /// Go on from a copy, in whose place a control plane has gone further
    ///
    /// Nodes take every snapshot from then on for newer than all before it, and the record has another name, as
    /// what came after the copy is lost to it; it says so itself.
    #[command(after_help = "\
Examples:
  cp -a /backup/2026-12-01 /var/lib/chancery
  chancery store new-epoch /var/lib/chancery --log-key /etc/chancery/log.pem")]
    NewEpoch {
        /// The folder of the data, which no control plane works with
        data_dir: PathBuf,
        /// The key that signs the record; the one of the data folder where left out
        #[arg(long, value_name = "FILE", env = "CHANCERY_LOG_KEY")]
        log_key: Option<PathBuf>,
    },
}

pub(crate) async fn run(
    command: &StoreCommand,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    match command {
        StoreCommand::Backup { data_dir, target } => backup(data_dir, target)?,
        StoreCommand::NewEpoch { data_dir, log_key } => {
            new_epoch(data_dir, log_key.as_deref(), console).await?;
        }
    }
    Ok(Exit::Success)
}

fn unusable(path: &Path) -> impl FnOnce(&dyn fmt::Display) -> Failure {
    move |error| Failure::Usage(format!("{}: {error}", path.display()))
}

fn backup(data_dir: &Path, target: &Path) -> Result<(), Failure> {
    let ledger = data_dir.join("ledger");
    fs::create_dir(target).map_err(|error| unusable(target)(&error))?;
    let kept = target.join("ledger");
    fs::create_dir(&kept).map_err(|error| unusable(&kept)(&error))?;
    // What the store says is on the record is on the record that is copied after it.
    let store = data_dir.join("store.sqlite");
    Store::copy(&store, &target.join("store.sqlite")).map_err(|error| unusable(&store)(&error))?;
    let mut paths = Vec::new();
    for file in fs::read_dir(&ledger).map_err(|error| unusable(&ledger)(&error))? {
        paths.push(file.map_err(|error| unusable(&ledger)(&error))?.path());
    }
    paths.sort_by_key(|path| (path.file_name() != Some(OsStr::new(FIRST)), path.clone()));
    for path in paths.into_iter().filter(|path| is_of_the_log(path)) {
        let name = path.file_name().unwrap_or_default();
        fs::copy(&path, kept.join(name)).map_err(|error| unusable(&path)(&error))?;
    }
    Ok(())
}

/// Whether a file is the log's own: what is derived from it is made again.
fn is_of_the_log(path: &Path) -> bool {
    let named = |name: &str| path.file_name() == Some(OsStr::new(name));
    let is_segment = path.extension() == Some(OsStr::new("segment"));
    is_segment || [FIRST, "origin", "tree"].into_iter().any(named)
}

async fn new_epoch(
    data_dir: &Path,
    log_key: Option<&Path>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let failed = |error: &dyn fmt::Display| Failure::Usage(error.to_string());
    let _lock = lock(data_dir).map_err(|error| failed(&error))?;
    let key = match log_key {
        Some(file) => SigningKey::read(file),
        None => SigningKey::read(&data_dir.join("log.pem")),
    };
    let key = Arc::new(key.map_err(|error| failed(&error))?);
    let now_seconds = now().seconds.unsigned_abs();
    let epoch = Store::begin_epoch(&data_dir.join("store.sqlite"), now_seconds)
        .map_err(|error| failed(&error))?;
    let Restored {
        before,
        origin,
        head,
    } = restore(&data_dir.join("ledger"), key)
        .await
        .map_err(|error| failed(&error))?;
    console.talk(format_args!(
        "epoch {epoch}; the record of {before} goes on as {origin} after {} records",
        head.size
    ));
    Ok(())
}
