//! The record as a log that others can verify.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    pin::Pin,
    sync::Arc,
};

use chancery_proto::audit::v1::{
    CopyLogRequest, CopyLogResponse, GetCheckpointRequest, GetCheckpointResponse,
    ProveRecordsRequest, ProveRecordsResponse, RecordAccess, RecordFilter,
    log_service_server::LogService, prove_records_request::Which,
};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use super::{
    ControlPlane,
    admission::{Admitted, Guarded as _},
    error,
};
use crate::ledger::{Filter, Ledger, LedgerError, Positioned, proof::Proof};

/// Bytes of a file in one message.
const PART_BYTES: usize = 1 << 20;

/// Records of one decision: more are not proven at once.
const MAX_PROOFS: usize = 1_000;

#[tonic::async_trait]
impl LogService for ControlPlane {
    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        self.admit(request).await?;
        let checkpoint = self.sign().await?;
        Ok(Response::new(GetCheckpointResponse {
            checkpoint: String::from_utf8_lossy(&checkpoint).into_owned(),
            public_key: self.checkpoints.signer().public_key(),
        }))
    }

    async fn prove_records(
        &self,
        request: Request<ProveRecordsRequest>,
    ) -> Result<Response<ProveRecordsResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let Some(which) = message.which else {
            let expected = "a decision's id or a position in the log";
            return Err(error::invalid_argument("which", "nothing", expected));
        };
        let named = named(&which);
        let (filter, access) = self.filter_of(&which, admitted)?;
        // Signed now, so that it covers what was durable when this was asked for.
        let checkpoint = self.sign().await?;
        let ledger = Arc::clone(&self.ledger);
        let proved = tokio::task::spawn_blocking(move || {
            let found = find(&ledger, &which, &filter)?;
            ledger.prove(&found, &checkpoint)
        });
        let proofs = proved.await.map_err(|error| error::task(&error))?;
        let proofs = proofs.map_err(|error| error::ledger(&error))?;
        if proofs.is_empty() {
            return Err(error::no_record(&named));
        }
        let noted = self.readings.note(RecordAccess {
            given_count: u64::try_from(proofs.len()).unwrap_or(u64::MAX),
            ..access
        });
        noted.await.map_err(|error| error::ledger(&error))?;
        let proofs = proofs.iter().map(Proof::to_text).collect();
        Ok(Response::new(ProveRecordsResponse { proofs }))
    }

    type CopyLogStream =
        Pin<Box<dyn Stream<Item = Result<CopyLogResponse, Status>> + Send + 'static>>;

    async fn copy_log(
        &self,
        request: Request<CopyLogRequest>,
    ) -> Result<Response<Self::CopyLogStream>, Status> {
        let (admitted, message) = self.admit(request).await?;
        self.acted(&admitted, "CopyLog", "log").await?;
        let checkpoint = self.sign().await?;
        let (sender, receiver) = mpsc::channel(4);
        let files = self.ledger.files(message.from_position);
        tokio::task::spawn_blocking(move || {
            let first = part("checkpoint", checkpoint.to_vec());
            let mut sent = sender.blocking_send(Ok(first)).is_ok();
            for path in files {
                sent = sent
                    && match copy(&path, &sender) {
                        Ok(()) => true,
                        Err(error) => {
                            let status = error::ledger(&LedgerError::Io { path, error });
                            drop(sender.blocking_send(Err(status)));
                            false
                        }
                    };
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

fn part(file: &str, data: Vec<u8>) -> CopyLogResponse {
    CopyLogResponse {
        file: file.to_owned(),
        data,
    }
}

type Parts = mpsc::Sender<Result<CopyLogResponse, Status>>;

/// Sends a file as it is by now.
fn copy(path: &Path, parts: &Parts) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let length = fs::metadata(path)?.len();
    let mut file = File::open(path)?.take(length);
    loop {
        let mut data = Vec::new();
        let limit = u64::try_from(PART_BYTES).unwrap_or(u64::MAX);
        file.by_ref().take(limit).read_to_end(&mut data)?;
        if data.is_empty() {
            return Ok(());
        }
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        parts.blocking_send(Ok(part(&name, data))).map_err(gone)?;
    }
}

fn named(which: &Which) -> String {
    match which {
        Which::DecisionId(id) => format!("decision {id}"),
        Which::Position(position) => format!("record {position}"),
    }
}

/// The records that are asked for, oldest first.
fn find(ledger: &Ledger, which: &Which, filter: &Filter) -> Result<Vec<Positioned>, LedgerError> {
    match which {
        Which::DecisionId(_) => {
            let mut found = ledger.search(filter, u64::MAX, MAX_PROOFS)?.records;
            found.reverse();
            Ok(found)
        }
        Which::Position(position) => ledger.range(filter, *position, position.saturating_add(1)),
    }
}

impl ControlPlane {
    async fn sign(&self) -> Result<Arc<[u8]>, Status> {
        let checkpoints = Arc::clone(&self.checkpoints);
        let signed = tokio::task::spawn_blocking(move || checkpoints.sign()).await;
        let signed = signed.map_err(|error| error::task(&error))?;
        signed.map_err(|error| error::ledger(&error))
    }

    fn filter_of(
        &self,
        which: &Which,
        admitted: Admitted,
    ) -> Result<(Filter, RecordAccess), Status> {
        let decision_id = match which {
            Which::DecisionId(id) if id.is_empty() => {
                let expected = "32 hexadecimal digits";
                return Err(error::invalid_argument("decision_id", "``", expected));
            }
            Which::DecisionId(id) => id.clone(),
            Which::Position(_) => String::new(),
        };
        let filter = RecordFilter {
            decision_id,
            ..RecordFilter::default()
        };
        self.read_filter(Some(filter), ProveRecordsRequest::METHOD, admitted)
    }
}
