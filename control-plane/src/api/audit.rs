//! Reads the record.

use std::{pin::Pin, sync::Arc};

use chancery_proto::audit::v1::{
    PositionedRecord, RecordFilter, SearchRecordsRequest, SearchRecordsResponse,
    TailRecordsRequest, TailRecordsResponse, audit_service_server::AuditService,
};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use super::{ControlPlane, admission::Admitted, error, page};
use crate::{
    access::Role,
    ledger::{Filter, Ledger, Positioned},
};

/// Records read from the log at a time.
const READ_AHEAD: u64 = 4_096;

#[tonic::async_trait]
impl AuditService for ControlPlane {
    async fn search_records(
        &self,
        request: Request<SearchRecordsRequest>,
    ) -> Result<Response<SearchRecordsResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let SearchRecordsRequest {
            filter,
            page_size,
            page_token,
        } = message;
        let filter = self.read_filter(filter, admitted)?;
        let size = page::size(page_size)?;
        let before = match &*page::read_token(&page_token)? {
            "" => u64::MAX,
            position => position.parse().map_err(|_not_a_number| {
                error::invalid_argument("page_token", "an unknown token", "the page before's")
            })?,
        };
        let ledger = Arc::clone(&self.ledger);
        let found = tokio::task::spawn_blocking(move || ledger.search(&filter, before, size));
        let found = found.await.map_err(|error| error::task(&error))?;
        let found = found.map_err(|error| error::ledger(&error))?;
        Ok(Response::new(SearchRecordsResponse {
            records: found.records.into_iter().map(positioned).collect(),
            next_page_token: found
                .next
                .map(|next| page::token(&next.to_string()))
                .unwrap_or_default(),
        }))
    }

    type TailRecordsStream =
        Pin<Box<dyn Stream<Item = Result<TailRecordsResponse, Status>> + Send + 'static>>;

    async fn tail_records(
        &self,
        request: Request<TailRecordsRequest>,
    ) -> Result<Response<Self::TailRecordsStream>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let TailRecordsRequest { filter, backlog } = message;
        let filter = self.read_filter(filter, admitted)?;
        let (sender, receiver) = mpsc::channel(256);
        let (ledger, draining) = (Arc::clone(&self.ledger), self.draining.clone());
        tokio::spawn(follow(ledger, filter, backlog, sender, draining));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Sends records until the caller or the control plane goes.
async fn follow(
    ledger: Arc<Ledger>,
    filter: Filter,
    backlog: u32,
    sender: mpsc::Sender<Result<TailRecordsResponse, Status>>,
    mut draining: tokio::sync::watch::Receiver<bool>,
) {
    let mut length = ledger.length();
    let mut from = length.borrow_and_update().saturating_sub(backlog.into());
    loop {
        let end = *length.borrow_and_update();
        while from < end {
            let to = end.min(from.saturating_add(READ_AHEAD));
            let (ledger, filter) = (Arc::clone(&ledger), filter.clone());
            let found = tokio::task::spawn_blocking(move || ledger.range(&filter, from, to)).await;
            let Ok(Ok(found)) = found else { return };
            for record in found {
                let response = TailRecordsResponse {
                    record: Some(positioned(record)),
                };
                if sender.send(Ok(response)).await.is_err() {
                    return;
                }
            }
            from = to;
        }
        tokio::select! {
            changed = length.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
            _ = draining.wait_for(|draining| *draining) => return,
        }
    }
}

impl ControlPlane {
    /// The filter that is asked for, with nothing in what it finds that the caller may not read.
    pub(super) fn read_filter(
        &self,
        filter: Option<RecordFilter>,
        admitted: Admitted,
    ) -> Result<Filter, Status> {
        let filter = filter.unwrap_or_default();
        let given = filter.decision_id.clone();
        let filter = Filter::new(filter).ok_or_else(|| {
            error::invalid_argument(
                "filter.decision_id",
                &format!("`{given}`"),
                "32 hexadecimal digits",
            )
        })?;
        if self.reads_all(&admitted) {
            Ok(filter)
        } else {
            Ok(filter.for_reader(admitted.grants))
        }
    }

    /// Whether the caller may read the whole record, also what belongs to no organization.
    pub(super) fn reads_all(&self, admitted: &Admitted) -> bool {
        let all = self.registry.organizations();
        admitted.grants.allow_in_all(Role::Auditor, &all)
    }
}

fn positioned(found: Positioned) -> PositionedRecord {
    let Positioned { position, record } = found;
    PositionedRecord {
        position,
        record: Some(record),
    }
}
