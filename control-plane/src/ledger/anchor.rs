//! Checkpoints in a place that the control plane's own disk is not: what is kept there proves that
//! nothing before it was taken away.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderValue};
use tokio::sync::watch;
use url::Url;

use super::{LedgerError, checkpoint::Checkpoints, io_error, segment::sync_folder};
use crate::egress::Egress;

/// How often a log that grows is anchored.
const ANCHORED_EVERY: Duration = Duration::from_mins(1);

/// Where checkpoints are kept beside the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// A folder: each in a file of its own, which is never written again.
    Folder(PathBuf),
    /// They are posted as they are.
    Url(Url),
}

impl std::str::FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self::Url(url)),
            Ok(_) | Err(_) if Path::new(text).is_absolute() => Ok(Self::Folder(text.into())),
            Ok(_) | Err(_) => Err(format!(
                "found `{text}`, expected the absolute path of a folder, or an https URL"
            )),
        }
    }
}

/// Keeps the newest checkpoint at the anchors, once a minute where the log grows, until told to stop.
pub async fn keep(
    anchors: Vec<Anchor>,
    checkpoints: Arc<Checkpoints>,
    egress: Egress,
    mut draining: watch::Receiver<bool>,
) {
    let mut newest = checkpoints.newest();
    newest.mark_changed();
    while newest.changed().await.is_ok() {
        let checkpoint = Arc::clone(&newest.borrow_and_update());
        for anchor in &anchors {
            if let Err(error) = anchor.keep(&checkpoint, &egress).await {
                tracing::error!(%error, ?anchor, "a checkpoint is not anchored; the next one will be");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(ANCHORED_EVERY) => {}
            _ = draining.wait_for(|draining| *draining) => return,
        }
    }
}

/// Why a checkpoint is not where it should be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// A file.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Whoever it was posted to.
    #[error(transparent)]
    Egress(#[from] crate::egress::EgressError),
    /// They did not take it.
    #[error("the answer is HTTP {0}, expected 2xx")]
    Refused(http::StatusCode),
}

impl Anchor {
    async fn keep(&self, checkpoint: &[u8], egress: &Egress) -> Result<(), AnchorError> {
        match self {
            Self::Folder(folder) => Ok(write(folder, checkpoint)?),
            Self::Url(url) => {
                let text = HeaderValue::from_static("text/plain; charset=utf-8");
                let headers = (text, HeaderMap::new());
                let sent = egress.post(url.as_str(), headers, checkpoint.to_vec());
                let status = sent.await?;
                if status.is_success() {
                    return Ok(());
                }
                Err(AnchorError::Refused(status))
            }
        }
    }
}

/// Writes a checkpoint to a file of its own, `{size}.checkpoint`.
fn write(folder: &Path, checkpoint: &[u8]) -> Result<(), LedgerError> {
    let size = super::checkpoint::head_of(checkpoint)
        .map_err(|problem| LedgerError::Malformed {
            path: folder.to_owned(),
            problem,
        })?
        .size;
    let path = folder.join(format!("{size:020}.checkpoint"));
    let mut options = OpenOptions::new();
    let opened = match options.write(true).create_new(true).open(&path) {
        // What is kept there is never written again.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        opened => opened,
    };
    let mut file = opened.map_err(io_error(&path))?;
    let written = file
        .write_all(checkpoint)
        .and_then(|()| file.sync_all())
        .map_err(io_error(&path));
    if written.is_err() {
        // Half of one would be taken for it.
        drop(fs::remove_file(&path));
    }
    written?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ledger::{
            Ledger,
            checkpoint::{LogKeys, LogSigner},
        },
        registry::now,
        signing::SigningKey,
    };

    #[tokio::test]
    async fn each_checkpoint_is_kept_once_and_never_written_again() {
        let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ledger = Ledger::open(folder.path()).unwrap();
        let key = Arc::new(SigningKey::from_secret(&[1; 32]));
        let signer = LogSigner::open(folder.path(), key).unwrap();
        let keys = LogKeys::parse(&signer.public_key()).unwrap();
        let checkpoints = Checkpoints::open(&ledger, signer).unwrap();
        let source = ("node".to_owned(), vec![1]);
        for _ in 0..3 {
            ledger
                .note_lost(&source, now().seconds.unsigned_abs())
                .await
                .unwrap();
            let checkpoint = checkpoints.sign().unwrap();
            write(kept.path(), &checkpoint).unwrap();
            write(kept.path(), &checkpoint).unwrap();
        }
        let mut names = Vec::new();
        for file in fs::read_dir(kept.path()).unwrap() {
            let path = file.unwrap().path();
            let kept = keys.open(&fs::read(&path).unwrap()).unwrap();
            names.push((kept.head.size, path.file_stem().unwrap().to_owned()));
        }
        names.sort();
        let expected = (1..=3).map(|size| (size, format!("{size:020}").into()));
        assert_eq!(names, expected.collect::<Vec<_>>());
    }

    #[test]
    fn an_anchor_is_a_folder_or_a_url() {
        let anchor = |text: &str| text.parse::<Anchor>();
        assert!(matches!(anchor("/mnt/worm"), Ok(Anchor::Folder(_))));
        assert!(matches!(
            anchor("https://a.example.com/log"),
            Ok(Anchor::Url(_))
        ));
        for text in ["worm", "", "ftp://a.example.com"] {
            assert!(anchor(text).unwrap_err().contains(&format!("`{text}`")));
        }
    }
}
