//! Kill switches: how soon a block is in force everywhere, and that it ends what is open.

#![cfg(test)]

use std::time::{Duration, Instant};

use chancery_proto::{
    admin::v1::{
        Block, CreateBlockRequest, DeleteBlockRequest, ListInstancesRequest, block::Target,
        block_service_client::BlockServiceClient, instance_service_client::InstanceServiceClient,
    },
    audit::v1::{RecordFilter, Verdict, entry::Event},
};
use chancery_tests::{
    hostile::{
        phrase::{EVENTS, GET, alice, event},
        stage::Stage,
    },
    mcp_server::{Gate, Part, Reply},
    percentile, wait,
};
use reqwest::Client;
use serde_json::{Value, json};

const NOTES: &str = "organizations/default/workspaces/default/servers/notes";

fn block(id: &str, target: Target) -> Block {
    Block {
        name: format!("organizations/default/blocks/{id}"),
        reason: "INC-42".to_owned(),
        target: Some(target),
        ..Block::default()
    }
}

async fn create(stage: &Stage, block: Block) {
    let channel = stage.control_plane.connect().await.unwrap();
    let request = CreateBlockRequest {
        block: Some(block),
        validate_only: false,
    };
    let mut client = BlockServiceClient::new(channel);
    client.create_block(request).await.unwrap();
}

async fn lift(stage: &Stage, id: &str) {
    let channel = stage.control_plane.connect().await.unwrap();
    let request = DeleteBlockRequest {
        name: format!("organizations/default/blocks/{id}"),
        ..DeleteBlockRequest::default()
    };
    let mut client = BlockServiceClient::new(channel);
    client.delete_block(request).await.unwrap();
}

/// Whether every live instance enforces what was published last.
async fn is_converged(stage: &Stage) -> bool {
    let channel = stage.control_plane.connect().await.unwrap();
    let mut client = InstanceServiceClient::new(channel);
    let answer = client.list_instances(ListInstancesRequest::default()).await;
    answer.unwrap().into_inner().converged
}

/// The reason that a call of Alice's is refused for; `None`: it is not.
async fn refusal(stage: &Stage, client: &Client, token: &str) -> Option<String> {
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read_note"},
    });
    let url = format!("http://{}/mcp", stage.envoy.address().unwrap());
    let request = client
        .post(url)
        .header("host", "notes.test")
        .header("accept", "application/json, text/event-stream")
        .bearer_auth(token)
        .json(&message);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let reason = &answer["error"]["data"]["reason"];
    reason.as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_ends_a_stream_on_which_nothing_comes() {
    let stage = Stage::start().await.unwrap();
    let never = Gate::closed();
    let progress = "{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':1,'progress':1}}";
    let parts = vec![event(progress), Part::Wait(never.clone())];
    stage.server.set(Reply::ok(EVENTS, "").with_body(parts));
    let mut connection = alice(&stage).unwrap().begin(1, &GET, "").await.unwrap();
    let has =
        |part: &'static str| move |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(part);
    connection.read_until(has("progressToken")).await.unwrap();
    assert_eq!(stage.server.unfinished(), 1);
    create(&stage, block("notes", Target::Server(NOTES.to_owned()))).await;
    // The server sees its client go: Envoy has ended both sides.
    wait::until("the stream to end", wait::PATIENCE, async || {
        Ok::<_, wait::TimedOut>((stage.server.unfinished() == 0).then_some(()))
    })
    .await
    .unwrap();
    // And the client's side is closed, without another event.
    let wanted = |_: &[u8]| false;
    let rest = connection.read_until(wanted).await.unwrap();
    let events = String::from_utf8_lossy(rest).matches("data:").count();
    assert!(events <= 1, "{}", String::from_utf8_lossy(rest));
}

/// How long from the request that blocks until no instance lets the call through.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_in_force_everywhere_at_once() {
    let count: usize = std::env::var("CHANCERY_BLOCKS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(10);
    let stage = Stage::start().await.unwrap();
    let token = stage
        .provider
        .token("alice@example.test", &["dev"])
        .unwrap();
    let client = Client::new();
    let mut took: Vec<Duration> = Vec::new();
    for number in 0..count {
        assert_eq!(
            refusal(&stage, &client, &token).await,
            None,
            "before block {number}"
        );
        let target = match number % 2 {
            0 => Target::User("alice@example.test".to_owned()),
            _ => Target::Server(NOTES.to_owned()),
        };
        let id = format!("b{number}");
        let began = Instant::now();
        create(&stage, block(&id, target)).await;
        wait::until_closely("the block", wait::PATIENCE, async || {
            Ok::<_, wait::TimedOut>(is_converged(&stage).await.then_some(()))
        })
        .await
        .unwrap();
        took.push(began.elapsed());
        // Each connection may meet another instance.
        for _ in 0..8 {
            let reason = refusal(&stage, &Client::new(), &token).await;
            assert_eq!(reason.as_deref(), Some("blocked"), "block {number}");
        }
        lift(&stage, &id).await;
        wait::until("the block to be lifted", wait::PATIENCE, async || {
            let reason = refusal(&stage, &client, &token).await;
            Ok::<_, wait::TimedOut>(reason.is_none().then_some(()))
        })
        .await
        .unwrap();
    }
    let blocked = RecordFilter {
        server: NOTES.to_owned(),
        ..RecordFilter::default()
    };
    let records = stage.control_plane.records(blocked).await.unwrap();
    let says_which = records.iter().any(|record| match &record.entry.event {
        Some(Event::Decision(decision)) => {
            decision.verdict() == Verdict::Deny
                && decision.reason == "blocked"
                && decision.rules == ["organizations/default/blocks/b0"]
        }
        _ => false,
    });
    assert!(says_which, "no decision names the block");
    let at = |percent| percentile::milliseconds(&took, percent);
    println!(
        "block: {count} blocks, from asked for to enforced by every instance p50 {} ms, p99 {} ms",
        at(50),
        at(99)
    );
}
