//! Reads the record.

use std::{pin::Pin, sync::Arc, time::Duration};

use chancery_proto::audit::v1::{
    PositionedRecord, RecordAccess, RecordFilter, SearchRecordsRequest, SearchRecordsResponse,
    TailRecordsRequest, TailRecordsResponse, audit_service_server::AuditService,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use super::{
    ControlPlane,
    admission::{Admitted, Guarded as _},
    error, page,
    reading::access,
};
use crate::{
    access::Role,
    ledger::{Filter, Index, Positioned},
};

/// Records read at a time for who follows.
const READ_AHEAD: usize = 1_000;

/// How often what a long answer has given is recorded.
const RECORDED_EVERY: Duration = Duration::from_hours(1);

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
        let method = SearchRecordsRequest::METHOD;
        let (filter, mut access) = self.read_filter(filter, method, admitted)?;
        let size = page::size(page_size)?;
        let before = match &*page::read_token(&page_token)? {
            "" => u64::MAX,
            position => position.parse().map_err(|_not_a_number| {
                error::invalid_argument("page_token", "an unknown token", "the page before's")
            })?,
        };
        let index = Arc::clone(&self.index);
        let found = tokio::task::spawn_blocking(move || index.search(&filter, before, size));
        let found = found.await.map_err(|error| error::task(&error))?;
        let found = found.map_err(|error| error::index(&error))?;
        let records: Vec<_> = found.page.records.into_iter().map(positioned).collect();
        access.given_count = count(records.len());
        let noted = self.readings.note(access).await;
        noted.map_err(|error| error::ledger(&error))?;
        let next = found.page.next;
        Ok(Response::new(SearchRecordsResponse {
            records,
            next_page_token: next.map_or_else(String::new, |next| page::token(&next.to_string())),
            indexed_position: found.horizon.position,
            index_time: found.horizon.time,
        }))
    }

    type TailRecordsStream =
        Pin<Box<dyn Stream<Item = Result<TailRecordsResponse, Status>> + Send + 'static>>;

    async fn tail_records(
        &self,
        request: Request<TailRecordsRequest>,
    ) -> Result<Response<Self::TailRecordsStream>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let TailRecordsRequest {
            filter,
            backlog,
            whole,
            from_position,
        } = message;
        let method = TailRecordsRequest::METHOD;
        let (filter, access) = self.read_filter(filter, method, admitted)?;
        // Before the entry of this one, which would else be the first that it gives.
        let length = *self.ledger.length().borrow();
        let noted = self.readings.record(access.clone()).await;
        noted.map_err(|error| error::ledger(&error))?;
        let (sender, receiver) = mpsc::channel(256);
        let tail = Tail {
            index: Arc::clone(&self.index),
            filter,
            from: if whole {
                from_position
            } else {
                length.saturating_sub(backlog.into())
            },
            end: whole.then_some(length),
            sender,
            given: 0,
        };
        tokio::spawn(self.clone().send(tail, access));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Who is sent records, oldest first.
struct Tail {
    index: Arc<Index>,
    filter: Filter,
    /// What comes next.
    from: u64,
    /// Where it ends; with the caller, where this is absent.
    end: Option<u64>,
    sender: mpsc::Sender<Result<TailRecordsResponse, Status>>,
    /// How many were sent that are not recorded yet.
    given: u64,
}

impl Tail {
    /// Sends a part of what there is before a position; false where the caller is gone or the record
    /// cannot be read.
    async fn send_up_to(&mut self, end: u64) -> bool {
        let (index, filter) = (Arc::clone(&self.index), self.filter.clone());
        let range = (self.from, end);
        let found =
            tokio::task::spawn_blocking(move || index.range(&filter, range, READ_AHEAD)).await;
        let found = match found {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                // Who is gone need not know.
                drop(self.sender.send(Err(error::index(&error))).await);
                return false;
            }
            Err(error) => {
                drop(self.sender.send(Err(error::task(&error))).await);
                return false;
            }
        };
        for record in found.page.records {
            let response = TailRecordsResponse {
                record: Some(positioned(record)),
            };
            if self.sender.send(Ok(response)).await.is_err() {
                return false;
            }
            self.given = self.given.saturating_add(1);
        }
        self.from = found.page.next.unwrap_or(end);
        true
    }
}

impl ControlPlane {
    /// Sends records until the caller or the control plane goes, or all were sent, and records that.
    async fn send(self, mut tail: Tail, access: RecordAccess) {
        let mut length = self.ledger.length();
        let mut draining = self.draining.clone();
        let mut record_at = Instant::now() + RECORDED_EVERY;
        loop {
            let end = tail.end.unwrap_or_else(|| *length.borrow_and_update());
            if tail.from < end {
                if !tail.send_up_to(end).await {
                    break;
                }
            } else if tail.end.is_some() {
                break;
            } else {
                tokio::select! {
                    changed = length.changed() => if changed.is_err() { break },
                    () = tail.sender.closed() => break,
                    _ = draining.wait_for(|draining| *draining) => break,
                    () = tokio::time::sleep_until(record_at) => {}
                }
            }
            if record_at <= Instant::now() {
                record_at = Instant::now() + RECORDED_EVERY;
                self.record_given(&mut tail, &access).await;
            }
        }
        self.record_given(&mut tail, &access).await;
    }

    async fn record_given(&self, tail: &mut Tail, access: &RecordAccess) {
        let given_count = std::mem::take(&mut tail.given);
        if given_count == 0 {
            return;
        }
        let access = RecordAccess {
            given_count,
            ..access.clone()
        };
        if let Err(error) = self.readings.record(access).await {
            tracing::error!(%error, "what was read is not recorded");
        }
    }

    /// The filter that is asked for, with nothing in what it finds that the caller may not read; and
    /// the entry that says so.
    pub(super) fn read_filter(
        &self,
        filter: Option<RecordFilter>,
        method: &str,
        admitted: Admitted,
    ) -> Result<(Filter, RecordAccess), Status> {
        let filter = filter.unwrap_or_default();
        let reads_all = self.reads_all(&admitted);
        let access = access(&admitted, reads_all, method, &filter);
        let filter = Filter::new(filter).map_err(error::filter)?;
        let filter = if reads_all {
            filter
        } else {
            filter.for_reader(admitted.grants)
        };
        Ok((filter, access))
    }

    /// Whether the caller may read the whole record, also what belongs to no organization.
    pub(super) fn reads_all(&self, admitted: &Admitted) -> bool {
        let all = self.registry.organizations();
        admitted.grants.allow_in_all(Role::Auditor, &all)
    }
}

fn count(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}

fn positioned(found: Positioned) -> PositionedRecord {
    let Positioned { position, record } = found;
    PositionedRecord {
        position,
        record: Some(record),
    }
}
