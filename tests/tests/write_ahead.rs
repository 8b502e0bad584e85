//! Calls that go on only once their decision is on the record, through real Envoy: what that costs, what
//! becomes of them while the control plane is gone, and under a flood of strangers.

#![cfg(test)]

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use chancery_proto::audit::v1::{AuditLevel, OutcomeStatus, RecordFilter, entry::Event};
use chancery_tests::{hostile::stage::Stage, percentile, wait};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Its calls go on at once.
const STANDARD: &str = "read_note";

/// Its calls wait for the record.
const AHEAD: &str = "write_note";

/// One more rule beside those of the stage, which allow both and say nothing of the record.
const RULE: &str = r"
apiVersion: chancery.dev/v1
kind: Rule
metadata: {name: writing-is-recorded-first}
spec: {effect: allow, subjects: {groups: [dev]}, servers: [notes], tools: [write_note], audit: write_ahead}
";

async fn start() -> (Stage, Caller) {
    let stage = Stage::start().await.unwrap();
    stage.control_plane.apply_yaml(RULE).await.unwrap();
    stage.control_plane.converged(1).await.unwrap();
    let caller = Caller {
        url: format!("http://{}/mcp", stage.envoy.address().unwrap()),
        token: stage
            .provider
            .token("alice@example.test", &["dev"])
            .unwrap(),
        client: Client::new(),
    };
    (stage, caller)
}

#[derive(Clone)]
struct Caller {
    url: String,
    token: String,
    client: Client,
}

impl Caller {
    /// The reason that a call is refused for; `None`: it is not.
    async fn refusal(&self, tool: &str) -> Option<String> {
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool},
        });
        let request = self
            .client
            .post(&self.url)
            .header("host", "notes.test")
            .header("accept", "application/json, text/event-stream")
            .bearer_auth(&self.token)
            .json(&message);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let reason = &answer["error"]["data"]["reason"];
        reason.as_str().map(str::to_owned)
    }
}

fn number(variable: &str, otherwise: usize) -> usize {
    let number = std::env::var(variable).ok();
    number.and_then(|it| it.parse().ok()).unwrap_or(otherwise)
}

/// Milliseconds with two decimals.
fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1_000.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_costs_a_round_trip_to_the_record() {
    let (stage, caller) = start().await;
    let calls = number("CHANCERY_CALLS", 50);
    let (mut standard, mut ahead) = (Vec::new(), Vec::new());
    for round in 0..calls + 10 {
        for (tool, took) in [(STANDARD, &mut standard), (AHEAD, &mut ahead)] {
            let began = Instant::now();
            assert_eq!(caller.refusal(tool).await, None, "{tool}");
            // The first connect and compile.
            if round >= 10 {
                took.push(began.elapsed());
            }
        }
    }
    let filter = RecordFilter {
        capability: AHEAD.to_owned(),
        ..RecordFilter::default()
    };
    let records = stage.control_plane.records(filter).await.unwrap();
    let levels = records
        .iter()
        .filter_map(|record| match &record.entry.event {
            Some(Event::Decision(decision)) => Some(decision.audit()),
            _ => None,
        });
    let levels: Vec<_> = levels.collect();
    assert_eq!(
        levels.len(),
        calls + 10,
        "each is on the record before it is answered"
    );
    assert!(levels.iter().all(|level| *level == AuditLevel::WriteAhead));
    let at = |took: &[Duration], percent| percentile::duration(took, percent);
    let added = |percent| at(&ahead, percent).saturating_sub(at(&standard, percent));
    println!(
        "write-ahead: {calls} calls, standard p50 {} ms, p99 {} ms; write-ahead p50 {} ms, p99 {} ms; added p50 {} ms, p99 {} ms",
        milliseconds(at(&standard, 50)),
        milliseconds(at(&standard, 99)),
        milliseconds(at(&ahead, 50)),
        milliseconds(at(&ahead, 99)),
        milliseconds(added(50)),
        milliseconds(added(99)),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_control_plane_is_gone_nothing_goes_on_that_is_to_be_recorded_first() {
    let (mut stage, caller) = start().await;
    assert_eq!(caller.refusal(AHEAD).await, None);
    stage.control_plane.kill();
    assert_eq!(caller.refusal(STANDARD).await, None, "this goes on");
    for _ in 0..2 {
        let refusal = caller.refusal(AHEAD).await;
        assert_eq!(refusal.as_deref(), Some("audit_unavailable"));
    }
    let sent = || {
        let tools = stage.server.received().called_tools();
        let of = |tool: &str| tools.iter().filter(|it| *it == tool).count();
        (of(STANDARD), of(AHEAD))
    };
    assert_eq!(
        sent(),
        (1, 1),
        "nothing that was refused reached the server"
    );
    stage.control_plane.restart().await.unwrap();
    wait::until("calls to go on again", wait::PATIENCE, async || {
        let refusal = caller.refusal(AHEAD).await;
        Ok::<_, wait::TimedOut>(refusal.is_none().then_some(()))
    })
    .await
    .unwrap();
    // What was allowed and held says that nothing was sent; what could not even wait was not allowed.
    let records = stage
        .control_plane
        .records(RecordFilter::default())
        .await
        .unwrap();
    let says_so = |event: &&Option<Event>| match event {
        Some(Event::Outcome(outcome)) => {
            let is_refused = outcome.status() == OutcomeStatus::Refused;
            is_refused && outcome.unsent && outcome.reason == "audit_unavailable"
        }
        Some(Event::Decision(decision)) => decision.reason == "audit_unavailable",
        _ => false,
    };
    let events = records.iter().map(|record| &record.entry.event);
    assert!(events.filter(says_so).count() >= 2);
}

/// Sends requests without a token as fast as they are answered, until it is told to stop.
async fn flood(address: std::net::SocketAddr, stop: &AtomicBool, answered: &AtomicU64) {
    const REQUEST: &[u8] =
        b"GET /mcp HTTP/1.1\r\nhost: notes.test\r\naccept: text/event-stream\r\n\r\n";
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = vec![0; 4 << 10];
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(REQUEST).await.unwrap();
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 401"));
        // The answer is shorter than a packet, and comes as one.
        assert!(answer[..length].ends_with(b"}}}"));
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_strangers_refuses_no_call() {
    let (stage, caller) = start().await;
    let seconds = number("CHANCERY_FLOOD_SECONDS", 5);
    let address = stage.envoy.address().unwrap();
    let (stop, strangers) = (AtomicBool::new(false), AtomicU64::new(0));
    let until = Instant::now() + Duration::from_secs(seconds as u64);
    let calls = async {
        let (mut took, mut refused) = (Vec::new(), Vec::new());
        while Instant::now() < until {
            let began = Instant::now();
            refused.extend(caller.refusal(AHEAD).await);
            took.push(began.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
        (took, refused)
    };
    let floods = (0..64).map(|_| flood(address, &stop, &strangers));
    let floods = futures_util::future::join_all(floods);
    let ((took, refused), _) = tokio::join!(calls, floods);
    assert!(refused.is_empty(), "{refused:?}");
    let strangers = strangers.load(Ordering::Relaxed);
    assert!(strangers > 1_000, "{strangers} strangers are no flood");
    assert!(took.len() > 10, "{} calls", took.len());
    let at = |percent| milliseconds(percentile::duration(&took, percent));
    println!(
        "flood: {seconds} s, {} anonymous requests/s, {} write-ahead calls beside them, {} refused, p50 {} ms, p99 {} ms",
        strangers / seconds as u64,
        took.len(),
        refused.len(),
        at(50),
        at(99),
    );
    // Most of the flood is counted and not kept.
    wait::until(
        "the flood to be on the record",
        wait::PATIENCE,
        async || {
            let records = stage.control_plane.records(RecordFilter::default()).await?;
            let counted = records
                .iter()
                .filter_map(|record| match &record.entry.event {
                    Some(Event::Gap(gap)) if gap.reason == "flood" => Some(gap.count),
                    Some(Event::Decision(decision)) if decision.reason == "no_token" => Some(1),
                    _ => None,
                });
            let all = counted.sum::<u64>() >= strangers;
            Ok::<_, chancery_tests::control_plane::ControlPlaneError>(all.then_some(()))
        },
    )
    .await
    .unwrap();
}
