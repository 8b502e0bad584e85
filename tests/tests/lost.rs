//! Calls whose end nobody will ever say: an Envoy that is killed takes them with it, and the record says
//! so, once, also where the control plane was killed meanwhile.

#![cfg(test)]

use std::collections::BTreeMap;

use chancery_proto::audit::v1::{OutcomeStatus, RecordFilter, entry::Event};
use chancery_tests::{
    control_plane::ControlPlaneError,
    hostile::stage::Stage,
    mcp_server::{Gate, Part, Reply},
    wait,
};
use serde_json::json;

/// Begins a call that the server never answers, and waits until the server has it.
async fn begin_call(stage: &Stage) {
    let token = stage
        .provider
        .token("alice@example.test", &["dev"])
        .unwrap();
    let url = format!("http://{}/mcp", stage.envoy.address().unwrap());
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read_note"},
    });
    let request = reqwest::Client::new()
        .post(url)
        .header("host", "notes.test")
        .header("accept", "application/json, text/event-stream")
        .bearer_auth(token)
        .json(&message);
    let before = stage.server.received().all().len();
    tokio::spawn(request.send());
    wait::until("the server to be called", wait::PATIENCE, async || {
        let is_there = stage.server.received().all().len() > before;
        Ok::<_, wait::TimedOut>(is_there.then_some(()))
    })
    .await
    .unwrap();
}

/// How each decision ended as nobody knows, and how many are on the record.
async fn record(stage: &Stage) -> Result<(usize, BTreeMap<Vec<u8>, usize>), ControlPlaneError> {
    let (mut decisions, mut unknown) = (0, BTreeMap::new());
    for recorded in stage.control_plane.records(RecordFilter::default()).await? {
        match recorded.entry.event {
            Some(Event::Decision(_)) => decisions += 1,
            Some(Event::Outcome(outcome)) => {
                assert_eq!(outcome.status(), OutcomeStatus::Unknown);
                assert_eq!(outcome.reason, "instance_lost");
                assert_eq!(outcome.lost_node_id, "envoy-1");
                assert!(recorded.node_id.is_empty(), "the control plane says so");
                *unknown.entry(recorded.entry.decision_id).or_default() += 1;
            }
            _ => {}
        }
    }
    Ok((decisions, unknown))
}

async fn until(what: &str, stage: &Stage, enough: impl Fn(usize, usize) -> bool) {
    wait::until(what, wait::PATIENCE * 2, async || {
        let (decisions, unknown) = record(stage).await?;
        Ok::<_, ControlPlaneError>(enough(decisions, unknown.len()).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_envoy_had_sent_on_ends_as_unknown_once() {
    let mut stage = Stage::start().await.unwrap();
    let never = vec![Part::Wait(Gate::closed())];
    stage
        .server
        .set(Reply::ok("application/json", "").with_body(never));
    begin_call(&stage).await;
    begin_call(&stage).await;
    until("two decisions", &stage, |decisions, _| decisions == 2).await;
    stage.envoy.kill();
    // Nor does it matter that nobody was there to see it go.
    stage.control_plane.kill();
    stage.control_plane.restart().await.unwrap();
    until("two unknown ends", &stage, |_, unknown| unknown == 2).await;
    stage.control_plane.kill();
    stage.control_plane.restart().await.unwrap();
    let (_, unknown) = record(&stage).await.unwrap();
    assert!(unknown.values().all(|times| *times == 1), "{unknown:?}");
    let id = chancery_engine::id::Hex(unknown.keys().next().unwrap()).to_string();
    let explained = stage
        .control_plane
        .succeed(&["audit", "search", "--decision", &id])
        .await;
    let explained = explained.unwrap();
    assert!(explained.contains("unknown"), "{explained}");
}
