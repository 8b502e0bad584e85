//! One Envoy before one scripted server, and everything that comes of what is sent to it.

use std::{collections::BTreeMap, io, path::Path, time::Duration};

use chancery_proto::audit::v1::{
    Decision, Direction, Outcome, RecordFilter, Verdict, entry::Event,
};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::{
    http1::{Answer, Connection},
    http2, panel,
    table::{Refuser, Row, Wire, shown},
};
use crate::{
    artifacts,
    control_plane::{ControlPlane, ControlPlaneError},
    envoy::{Envoy, EnvoyError, EnvoyOptions, Filter, Upstream},
    identity::{IdentityError, IdentityProvider},
    mcp_server::{ListenError, ReceivedRequest, Reply, ScriptedServer},
    wait,
};

/// An entry that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(5);

const CLUSTER: &str = "notes";

/// The reason of a request that ended before it was whole.
const ABORTED: &str = "aborted";

/// What the server answers where a row does not say.
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

/// Why there is no stage.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Envoy.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// The control plane.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    /// The server.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Keys or tokens.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Something is not built.
    #[error(transparent)]
    Missing(#[from] artifacts::Missing),
    /// A connection.
    #[error("the connection to Envoy: {0}")]
    Connection(#[from] io::Error),
}

/// Envoy, the control plane and the server.
#[derive(Debug)]
pub struct Stage {
    /// Envoy.
    pub envoy: Envoy,
    /// The control plane.
    pub control_plane: ControlPlane,
    /// The server.
    pub server: ScriptedServer,
    /// Issues the tokens.
    pub provider: IdentityProvider,
}

impl Stage {
    /// Starts everything under `tests/hostile/policy.yaml`.
    ///
    /// # Errors
    /// Where a part does not start.
    pub async fn start() -> Result<Self, StageError> {
        let provider = IdentityProvider::generate("https://idp.test", "https://mcp.test")?;
        let control_plane = ControlPlane::start().await?;
        let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile/policy.yaml");
        control_plane.apply(&[provider.resource("tests")]).await?;
        control_plane.apply_path(&policy).await?;
        let server = ScriptedServer::start(Reply::ok("application/json", ANSWER)).await?;
        let upstream = Upstream::local(CLUSTER, server.address());
        let filter = Filter::Chancery(artifacts::filter()?);
        let options = EnvoyOptions::new(filter, vec![upstream], control_plane.address());
        let envoy = Envoy::start(&options).await?;
        control_plane.converged(options.instances()).await?;
        Ok(Self {
            envoy,
            control_plane,
            server,
            provider,
        })
    }

    /// A connection to Envoy.
    ///
    /// # Errors
    /// Where it is not accepted.
    pub async fn connect(&self) -> Result<Connection, StageError> {
        Ok(Connection::open(self.envoy.address()?).await?)
    }

    /// Sends a row over a connection of its own and gives every answer.
    ///
    /// # Errors
    /// Where one does not come in time.
    pub async fn send(&self, row: &Row) -> Result<Vec<Answer>, StageError> {
        let mut answers = Vec::new();
        match &row.wire {
            Wire::Http1(bytes) => {
                let mut connection = self.connect().await?;
                connection.send(bytes).await;
                let is_head = bytes.starts_with(b"HEAD ");
                while answers.len() < row.expect.answers {
                    let answer = if is_head {
                        connection.head().await?
                    } else {
                        connection.answer().await?
                    };
                    let is_last = answer.is_none();
                    answers.push(answer.unwrap_or_default());
                    if is_last {
                        break;
                    }
                }
            }
            Wire::Http2(request) => {
                answers.push(http2::send(self.envoy.address()?, request).await?);
            }
        }
        Ok(answers)
    }

    /// Sends every row: those that the filter sees one by one, so that refusals of strangers stay below
    /// the rate at which they are only counted, and the others beside them, because Envoy takes its
    /// time to close a connection on which it saw nonsense.
    pub async fn send_all(&self, rows: &[Row]) -> Vec<Result<Vec<Answer>, StageError>> {
        let of = |by: Refuser, at_once: usize| {
            let mut rows: Vec<_> = rows.iter().enumerate().collect();
            rows.retain(|(_, row)| row.expect.by == by);
            // Rows of one class stand together; strangers are to come one now and one then.
            rows.sort_by_key(|(index, _)| index % 97);
            stream::iter(
                rows.into_iter()
                    .map(async |(index, row)| (index, self.send(row).await)),
            )
            .buffer_unordered(at_once)
            .collect::<Vec<_>>()
        };
        let (filter, envoy) = tokio::join!(of(Refuser::Filter, 1), of(Refuser::Envoy, 64));
        let mut answers: Vec<_> = filter.into_iter().chain(envoy).collect();
        answers.sort_by_key(|(index, _)| *index);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// What reached the server, by `traceparent`.
    pub fn received(&self) -> BTreeMap<String, Vec<ReceivedRequest>> {
        let mut received = BTreeMap::<_, Vec<_>>::new();
        for request in self.server.received().all() {
            let trace = request.header("traceparent").unwrap_or_default().to_owned();
            received.entry(trace).or_default().push(request);
        }
        received
    }

    /// The record, once it holds `decisions` about what clients sent, or it grows no more: what is
    /// missing then is for the rows to complain of.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn record(&self, decisions: usize) -> Result<Record, StageError> {
        self.record_until(|record| record.decisions() >= decisions)
            .await
    }

    /// The record, once it holds how each of these requests ended.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn record_of(
        &self,
        traces: impl Iterator<Item = &str> + Clone,
    ) -> Result<Record, StageError> {
        let ended = |record: &Record, trace: &str| {
            record
                .exchanges
                .get(trace)
                .is_some_and(|exchange| !exchange.outcomes.is_empty())
        };
        self.record_until(|record| traces.clone().all(|trace| ended(record, trace)))
            .await
    }

    async fn record_until(&self, enough: impl Fn(&Record) -> bool) -> Result<Record, StageError> {
        let mut found = Record::default();
        let waited = wait::until("every entry", PATIENCE, async || {
            found = Record::read(&self.control_plane).await?;
            Ok::<_, ControlPlaneError>(enough(&found).then_some(()))
        });
        match waited.await {
            Ok(()) | Err(ControlPlaneError::TimedOut(_)) => Ok(found),
            Err(error) => Err(error.into()),
        }
    }
}

/// What was recorded of one request.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Decisions about what the client sent.
    pub decisions: Vec<Decision>,
    /// Decisions about what the server sent.
    pub answers: Vec<Decision>,
    /// How it ended.
    pub outcomes: Vec<Outcome>,
}

/// What was recorded, by `traceparent`.
#[derive(Clone, Debug, Default)]
pub struct Record {
    exchanges: BTreeMap<String, Recorded>,
    /// Refusals of strangers that were counted only.
    pub coalesced: usize,
}

impl Record {
    async fn read(control_plane: &ControlPlane) -> Result<Self, ControlPlaneError> {
        let mut record = Self::default();
        let mut traces = BTreeMap::new();
        for recorded in control_plane.records(RecordFilter::default()).await? {
            let entry = recorded.entry;
            match entry.event {
                Some(Event::Decision(decision))
                    if decision.count > 1 || entry.decision_id.is_empty() =>
                {
                    record.coalesced += usize::try_from(decision.count).unwrap_or(0);
                }
                Some(Event::Decision(decision)) => {
                    traces.insert(entry.decision_id, decision.trace_parent.clone());
                    let exchange = record
                        .exchanges
                        .entry(decision.trace_parent.clone())
                        .or_default();
                    match decision.direction() {
                        Direction::ToClient => exchange.answers.push(decision),
                        Direction::ToServer | Direction::Unspecified => {
                            exchange.decisions.push(decision);
                        }
                    }
                }
                Some(Event::Outcome(outcome)) => {
                    let trace = traces.get(&entry.decision_id).cloned().unwrap_or_default();
                    record
                        .exchanges
                        .entry(trace)
                        .or_default()
                        .outcomes
                        .push(outcome);
                }
                Some(Event::Gap(gap)) => {
                    record.coalesced += usize::try_from(gap.count).unwrap_or(0);
                }
                Some(
                    Event::Drift(_)
                    | Event::Shadow(_)
                    | Event::AdminChange(_)
                    | Event::Review(_)
                    | Event::Tombstone(_)
                    | Event::Restoration(_)
                    | Event::InstanceEnd(_)
                    | Event::RecordAccess(_),
                )
                | None => {}
            }
        }
        Ok(record)
    }

    fn decisions(&self) -> usize {
        let single: usize = self
            .exchanges
            .values()
            .map(|exchange| exchange.decisions.len())
            .sum();
        single + self.coalesced
    }

    /// What was recorded of a request.
    pub fn of(&self, trace: &str) -> Recorded {
        self.exchanges.get(trace).cloned().unwrap_or_default()
    }
}

/// Everything about a hostile row that is not as it must be.
pub fn check_hostile(
    row: &Row,
    answers: &[Answer],
    received: &[ReceivedRequest],
    recorded: &Recorded,
) -> Vec<String> {
    let mut faults = Vec::new();
    let expect = &row.expect;
    let refusals = expect.answers - expect.allowed;
    for request in received {
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        for call in panel::refused_calls(headers, &request.body) {
            faults.push(format!("{call:?} REACHED THE SERVER in {}", line(request)));
        }
        for name in &expect.stripped {
            if request.headers.contains_key(name) {
                faults.push(format!("header `{name}` reached the server"));
            }
        }
    }
    if received.len() != expect.allowed {
        let requests: Vec<_> = received.iter().map(line).collect();
        faults.push(format!(
            "{} requests reached the server, not {}: {requests:?}",
            received.len(),
            expect.allowed
        ));
    }
    let refused = answers.iter().filter(|answer| is_refusal(answer)).count();
    if refused != refusals {
        let heard: Vec<_> = answers.iter().map(heard).collect();
        faults.push(format!(
            "the client heard {refused} refusals, not {refusals}: {heard:?}"
        ));
    }
    let verdicts = |wanted: Verdict| {
        recorded
            .decisions
            .iter()
            .filter(|decision| decision.verdict() == wanted)
            .count()
    };
    // The filter had the head in hand when Envoy found that the body is none.
    let broken_off = match expect.by {
        Refuser::Filter => 0,
        Refuser::Envoy => recorded
            .decisions
            .iter()
            .filter(|one| one.reason == ABORTED)
            .count(),
    };
    let denied = match expect.by {
        Refuser::Filter => refusals,
        Refuser::Envoy => 0,
    };
    let found = (
        verdicts(Verdict::Allow),
        verdicts(Verdict::Deny) - broken_off,
    );
    if found != (expect.allowed, denied) && !is_unrecorded(row, recorded) {
        let reasons: Vec<_> = recorded
            .decisions
            .iter()
            .map(|decision| &decision.reason)
            .collect();
        faults.push(format!(
            "the record has {} allowed and {} refused {reasons:?}, not {} and {denied}",
            found.0, found.1, expect.allowed
        ));
    }
    faults
}

/// Whether a refusal by the filter has no entry of its own: it was one of many strangers', or it is a
/// fault, which their number tells.
pub fn is_unrecorded(row: &Row, recorded: &Recorded) -> bool {
    recorded.decisions.is_empty() && row.expect.by == Refuser::Filter && row.expect.allowed == 0
}

/// Whether an answer says no: by its status, or with a JSON-RPC error. A connection that ends without
/// an answer says no too.
pub fn is_refusal(answer: &Answer) -> bool {
    match answer.status {
        0 | 400..=599 => true,
        200 => {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            body.get("error").is_some() && body.get("result").is_none()
        }
        _ => false,
    }
}

/// An answer in a line.
pub fn heard(answer: &Answer) -> String {
    format!("{} {}", answer.status, shown(&answer.body))
}

fn line(request: &ReceivedRequest) -> String {
    format!(
        "{} {} {}",
        request.method,
        request.uri,
        shown(&request.body)
    )
}
