//! The record, judged again: samples as they are found, the counts at the end.

use std::{ops::ControlFlow, pin::Pin, sync::Arc};

use chancery_proto::{
    admin::v1::{
        ReplayDecisionsRequest, ReplayDecisionsResponse, ReplaySample,
        replay_decisions_response::Part,
    },
    audit::v1::{Entry, entry::Event},
};
use prost::Message as _;
use prost_types::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::Status;

use super::overlaid;
use crate::{
    api::{
        ControlPlane,
        error::{self, Naming},
    },
    ledger::{Filter, Ledger},
    simulate::{Bounds, Replay, Sample, unix_time},
};

/// Samples of each kind where the caller does not say.
const DEFAULT_SAMPLES: usize = 20;

/// Samples of each kind that a caller can have.
const MAX_SAMPLES: usize = 10_000;

/// Parts that wait for the caller.
const WAITING: usize = 64;

/// What is sent.
pub(super) type Parts =
    Pin<Box<dyn Stream<Item = Result<ReplayDecisionsResponse, Status>> + Send + 'static>>;

type Sender = mpsc::Sender<Result<ReplayDecisionsResponse, Status>>;

/// Compiles the rules, then judges the record by them for as long as somebody listens.
pub(super) async fn run(
    control_plane: &ControlPlane,
    request: ReplayDecisionsRequest,
    readable: Filter,
) -> Result<Parts, Status> {
    let ReplayDecisionsRequest {
        candidate: rules,
        start_time,
        end_time,
        max_samples,
    } = request;
    let max_samples = match usize::try_from(max_samples) {
        Ok(0) => DEFAULT_SAMPLES,
        Ok(wanted) => wanted.min(MAX_SAMPLES),
        Err(_) => MAX_SAMPLES,
    };
    let registry = Arc::clone(&control_plane.registry);
    let compiled = tokio::task::spawn_blocking(move || {
        let resources = match rules {
            Some(rules) => overlaid(&registry, rules)?,
            None => registry.resources(),
        };
        Bounds::of(&resources).map_err(|error| error::registry(&error.into(), Naming::Batch))
    });
    let rules = compiled.await.map_err(|error| error::task(&error))??;
    let ledger = Arc::clone(&control_plane.ledger);
    let (sender, parts) = mpsc::channel(WAITING);
    let span = Span {
        start_time,
        end_time,
    };
    tokio::task::spawn_blocking(move || {
        let replay = Replay::new(rules, max_samples);
        judge(&ledger, replay, &readable, &span, &sender);
    });
    Ok(Box::pin(ReceiverStream::new(parts)))
}

/// From when until before when.
struct Span {
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
}

impl Span {
    fn holds(&self, time: &Timestamp) -> bool {
        let key = |time: &Timestamp| (time.seconds, time.nanos);
        let start = self.start_time.as_ref();
        let end = self.end_time.as_ref();
        start.is_none_or(|start| key(time) >= key(start))
            && end.is_none_or(|end| key(time) < key(end))
    }
}

fn judge(ledger: &Ledger, mut replay: Replay, readable: &Filter, span: &Span, sender: &Sender) {
    let send = |part| {
        let response = ReplayDecisionsResponse { part: Some(part) };
        match sender.blocking_send(Ok(response)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_gone) => ControlFlow::Break(()),
        }
    };
    let visited = ledger.visit(|record| {
        if sender.is_closed() {
            return ControlFlow::Break(());
        }
        if !readable.admits(&record) {
            return ControlFlow::Continue(());
        }
        let Ok(entry) = Entry::decode(&*record.entry) else {
            return ControlFlow::Continue(());
        };
        let time = entry.time.unwrap_or_default();
        let Some(Event::Decision(decision)) = entry.event.filter(|_| span.holds(&time)) else {
            return ControlFlow::Continue(());
        };
        let Some(sample) = replay.judge(&decision, unix_time(&time)) else {
            return ControlFlow::Continue(());
        };
        let Sample {
            verdict,
            reason,
            rules,
        } = sample;
        let sample = ReplaySample {
            decision_id: entry.decision_id,
            decision: Some(decision),
            verdict: verdict.into(),
            reason,
            rules,
        };
        send(Part::Sample(sample))
    });
    // Nobody can be told where nobody listens any more.
    match visited {
        Ok(()) => {
            let _gone = send(Part::Counts(replay.into_counts()));
        }
        Err(error) => drop(sender.blocking_send(Err(error::ledger(&error)))),
    }
}
