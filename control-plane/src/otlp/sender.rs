//! Sends the record to a collector: OTLP over HTTP, in protobuf, in order, at least once.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use prost::Message as _;
use tokio::sync::watch;

use super::log::request;
use crate::{
    egress::{Egress, EgressError},
    ledger::{Follower, Ledger, LedgerError, Positioned},
};

/// Most records in one request.
const MAX_RECORDS: usize = 1_000;

/// Most bytes of records in one request, unless one alone has more.
const MAX_BYTES: usize = 1 << 20;

/// How long to wait for more records before they are sent.
const GATHERED_FOR: Duration = Duration::from_millis(500);

/// The first and the longest wait before a collector is tried again.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Where the record is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    /// The URL that takes logs, such as `https://collector.example/v1/logs`.
    pub endpoint: String,
    /// A file with more headers, `NAME: VALUE` a line. It is read before each request.
    pub headers_file: Option<PathBuf>,
}

/// Why the record is not sent for now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// A file of ours.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line of the file with headers.
    #[error("{path}, line {line}: expected `NAME: VALUE`")]
    Header {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// The collector does not answer.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The collector says no, for now.
    #[error("the collector answered {0}")]
    Status(StatusCode),
    /// The record cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A task of ours.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// Sends a record to a collector.
#[derive(Debug)]
pub struct Sender {
    config: OtlpConfig,
    egress: Egress,
    ledger: Arc<Ledger>,
    /// The file with the position after what the collector has taken.
    position_file: PathBuf,
}

impl Sender {
    /// One that keeps its position in a folder. It begins with the first record.
    pub fn new(config: OtlpConfig, egress: Egress, ledger: Arc<Ledger>, folder: &Path) -> Self {
        Self {
            config,
            egress,
            ledger,
            position_file: folder.join("otlp.position"),
        }
    }

    /// Sends until told to stop. What was not taken by then is sent by the next control plane.
    pub async fn run(self: Arc<Self>, mut draining: watch::Receiver<bool>) {
        let sending = async {
            let mut wait = AGAIN_AFTER.0;
            loop {
                let before = self.position();
                let Err(error) = self.follow().await else {
                    return;
                };
                let endpoint = &self.config.endpoint;
                tracing::error!(endpoint, %error, "the record is not sent to the collector for now");
                if self.position() != before {
                    wait = AGAIN_AFTER.0;
                }
                tokio::time::sleep(wait).await;
                wait = wait.saturating_mul(2).min(AGAIN_AFTER.1);
            }
        };
        tokio::select! {
            () = sending => {}
            _ = draining.wait_for(|draining| *draining) => {}
        }
    }

    /// The position after what the collector has taken.
    fn position(&self) -> u64 {
        let text = fs::read_to_string(&self.position_file).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    async fn follow(self: &Arc<Self>) -> Result<(), OtlpError> {
        let mut length = self.ledger.length();
        // A record from a backup may be shorter than it was.
        let start = self.position().min(*length.borrow());
        let mut follower = Follower::new(start);
        loop {
            length.mark_unchanged();
            let before = follower.position();
            let this = Arc::clone(self);
            let read = move || {
                let found = follower.read(&this.ledger);
                (follower, found)
            };
            let (next, found) = tokio::task::spawn_blocking(read).await?;
            follower = next;
            for batch in batches(&found?) {
                self.send(batch).await?;
            }
            if follower.position() != before {
                continue;
            }
            if length.changed().await.is_err() {
                return Ok(());
            }
            tokio::time::sleep(GATHERED_FOR).await;
        }
    }

    /// Sends some records, and keeps that they were taken.
    async fn send(self: &Arc<Self>, batch: &[Positioned]) -> Result<(), OtlpError> {
        let Some(last) = batch.last() else {
            return Ok(());
        };
        let (headers, body) = (self.headers()?, request(batch).encode_to_vec());
        let content = HeaderValue::from_static("application/x-protobuf");
        let endpoint = &self.config.endpoint;
        let status = self.egress.post(endpoint, (content, headers), body).await?;
        if is_final(status) {
            // OTLP: such a request is never sent again.
            let (count, position) = (batch.len(), last.position);
            tracing::error!(endpoint, %status, count, position, "the collector refused records for good");
        } else if !status.is_success() {
            return Err(OtlpError::Status(status));
        }
        let (this, after) = (Arc::clone(self), last.position.saturating_add(1));
        tokio::task::spawn_blocking(move || this.keep(after)).await?
    }

    /// Puts a position in the place of the one before, whole or not at all.
    fn keep(&self, position: u64) -> Result<(), OtlpError> {
        let beside = self.position_file.with_extension("new");
        let write = || {
            let mut file = File::create(&beside)?;
            writeln!(file, "{position}")?;
            file.sync_data()?;
            fs::rename(&beside, &self.position_file)
        };
        write().map_err(|error| OtlpError::Io {
            path: self.position_file.clone(),
            error,
        })
    }

    fn headers(&self) -> Result<HeaderMap, OtlpError> {
        let mut headers = HeaderMap::new();
        let Some(path) = &self.config.headers_file else {
            return Ok(headers);
        };
        let text = fs::read_to_string(path).map_err(|error| OtlpError::Io {
            path: path.clone(),
            error,
        })?;
        for (place, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let header = line.split_once(':').and_then(|(name, value)| {
                let name: HeaderName = name.trim().parse().ok()?;
                let mut value = HeaderValue::from_str(value.trim()).ok()?;
                value.set_sensitive(true);
                Some((name, value))
            });
            let (name, value) = header.ok_or_else(|| OtlpError::Header {
                path: path.clone(),
                line: place.saturating_add(1),
            })?;
            headers.append(name, value);
        }
        Ok(headers)
    }
}

/// Whether a collector will never take what it answered so: OTLP names the codes that may be tried
/// again; what a wrong address or credential causes can be mended.
fn is_final(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
    )
}

/// Records in parts that are sent together.
fn batches(mut records: &[Positioned]) -> impl Iterator<Item = &[Positioned]> {
    std::iter::from_fn(move || {
        let mut bytes = 0_usize;
        let fits = records.iter().take(MAX_RECORDS).take_while(|found| {
            bytes = bytes.saturating_add(found.record.entry.len());
            bytes <= MAX_BYTES
        });
        let count = fits.count().max(1);
        let (batch, rest) = records.split_at_checked(count)?;
        records = rest;
        Some(batch)
    })
}

#[cfg(test)]
mod tests;
