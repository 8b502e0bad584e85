use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap as Headers, routing::post};
use chancery_proto::audit::v1::{Decision, Entry, Gap, entry::Event};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest, common::v1::any_value::Value,
};

use super::*;
use crate::ledger::Batch;

/// A collector that says no at first.
#[derive(Default)]
struct Collector {
    /// How often it still says no.
    refusals: AtomicUsize,
    /// The positions that it took, in order, and the header that came with them.
    taken: Mutex<Vec<(i64, String)>>,
    changed: tokio::sync::Notify,
}

async fn take(
    State(collector): State<Arc<Collector>>,
    headers: Headers,
    body: Bytes,
) -> StatusCode {
    let text = |name| {
        headers
            .get(name)
            .map_or("", |it| it.to_str().unwrap())
            .to_owned()
    };
    assert_eq!(text("content-type"), "application/x-protobuf");
    let less = |left: usize| left.checked_sub(1);
    if collector
        .refusals
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        .is_ok()
    {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let logs = request
        .resource_logs
        .into_iter()
        .flat_map(|it| it.scope_logs);
    let mut taken = collector.taken.lock().unwrap();
    for log in logs.flat_map(|it| it.log_records) {
        let position = log
            .attributes
            .iter()
            .find(|it| it.key == "chancery.position")
            .unwrap();
        let Some(Value::IntValue(position)) = position.value.clone().unwrap().value else {
            panic!("{position:?}")
        };
        taken.push((position, text("x-tenant")));
    }
    collector.changed.notify_one();
    StatusCode::OK
}

fn positions(collector: &Collector) -> Vec<i64> {
    let taken = collector.taken.lock().unwrap();
    taken
        .iter()
        .map(|(position, tenant)| {
            assert_eq!(tenant, "acme");
            *position
        })
        .collect()
}

async fn until(collector: &Collector, count: usize) {
    while positions(collector).len() < count {
        collector.changed.notified().await;
    }
}

async fn append(ledger: &Ledger, sequence: u64) {
    let entry = Entry {
        event: Some(Event::Decision(Decision::default())),
        ..Entry::default()
    };
    let batch = Batch {
        source: ("node".to_owned(), vec![1]),
        entries: vec![(sequence, entry.encode_to_vec())],
    };
    ledger.append(batch).await.unwrap();
}

#[tokio::test]
async fn a_collector_gets_all_in_order_whatever_it_answers_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Arc::new(Collector::default());
    collector.refusals.store(2, Ordering::SeqCst);
    let app = Router::new()
        .route("/v1/logs", post(take))
        .with_state(Arc::clone(&collector));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let headers_file = folder.path().join("headers");
    fs::write(&headers_file, "X-Tenant: acme\n").unwrap();
    let ledger = Arc::new(Ledger::open(&folder.path().join("ledger")).unwrap());
    ledger.note(Event::Gap(Gap::default())).await.unwrap();
    append(&ledger, 1).await;
    let start = || {
        let config = OtlpConfig {
            endpoint: format!("http://{address}/v1/logs"),
            headers_file: Some(headers_file.clone()),
        };
        let egress = Egress::new(true, Vec::new()).unwrap();
        let sender = Sender::new(config, egress, Arc::clone(&ledger), folder.path());
        let (drain, draining) = watch::channel(false);
        (drain, tokio::spawn(Arc::new(sender).run(draining)))
    };
    let (drain, running) = start();
    until(&collector, 2).await;
    append(&ledger, 2).await;
    until(&collector, 3).await;
    assert_eq!(positions(&collector), [0, 1, 2]);
    drain.send_replace(true);
    running.await.unwrap();
    append(&ledger, 3).await;
    let (drain, running) = start();
    until(&collector, 4).await;
    // The last may have been taken and not kept.
    assert!(matches!(positions(&collector)[3..], [3] | [2, 3]));
    drain.send_replace(true);
    running.await.unwrap();
}

#[test]
fn parts_are_bounded() {
    let record = |bytes| Positioned {
        position: 0,
        record: chancery_proto::audit::v1::Record {
            entry: vec![0; bytes],
            ..chancery_proto::audit::v1::Record::default()
        },
    };
    let sizes = |records: &[Positioned]| batches(records).map(<[_]>::len).collect::<Vec<_>>();
    assert_eq!(sizes(&vec![record(1); 2_001]), [1_000, 1_000, 1]);
    assert_eq!(sizes(&vec![record(MAX_BYTES / 2); 3]), [2, 1]);
    assert_eq!(sizes(&[record(MAX_BYTES + 1), record(1)]), [1, 1]);
    assert!(sizes(&[]).is_empty());
}
