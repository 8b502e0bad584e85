//! Quotas where they are counted: in the shared data of a real Envoy with several workers.

#![cfg(test)]

use std::collections::BTreeSet;

use chancery_proto::audit::v1::{RecordFilter, entry::Event};
use chancery_tests::{
    case, control_plane::ControlPlaneError, fixture::Fixture, layer::RealEnvoy, wait,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Calls that the quota allows, and calls that are made at once.
const CALLS: usize = 20;
const TRIES: usize = 80;

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_call_at_once_grant_exactly_what_there_is() {
    let fixture = Fixture::new().unwrap();
    let quota = json!({
        "apiVersion": "chancery.dev/v1",
        "kind": "Quota",
        "metadata": {"name": "burst"},
        "spec": {
            "subjects": {"authenticated": true},
            "servers": ["tools"],
            "tools": ["get_*"],
            "calls": CALLS,
            "period": "24h",
        },
    });
    let path = fixture.folder().join("burst.json");
    std::fs::write(path, quota.to_string()).unwrap();
    let mut envoy = RealEnvoy::start(&fixture.folder(), 2).await.unwrap();
    let token = fixture.token("alice").unwrap();
    // The first call also tells the server what to answer to all others.
    let cases = case::all().unwrap();
    let first = cases
        .iter()
        .find(|case| case.name == "offers: what is offered and allowed may be used")
        .unwrap();
    let observed = envoy.run(first, Some(&token)).await.unwrap();
    assert!(observed.forwarded.is_some(), "{observed:?}");

    let address = envoy.envoy.listener("tools").unwrap();
    let mut calls = JoinSet::new();
    for _ in 1..TRIES {
        let (token, body) = (token.clone(), first.request.body.clone());
        calls.spawn(async move {
            // A connection of its own, which either worker may take.
            let client = reqwest::Client::builder()
                .pool_max_idle_per_host(0)
                .build()
                .unwrap();
            let request = client
                .post(format!("http://{address}/mcp"))
                .header("host", "tools.test")
                .header("content-type", "application/json")
                .bearer_auth(token)
                .body(body);
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            answer["error"]["data"]["reason"]
                .as_str()
                .map(str::to_owned)
        });
    }
    let reasons = calls.join_all().await;
    let refused = reasons.iter().flatten().count();
    assert!(
        reasons
            .iter()
            .flatten()
            .all(|word| word == "quota_exceeded")
    );
    assert_eq!(refused, TRIES - CALLS);

    let control_plane = &envoy.control_plane;
    wait::until("both workers to have judged", wait::PATIENCE, async || {
        let records = control_plane.records(RecordFilter::default()).await?;
        let judged = records
            .into_iter()
            .filter(|recorded| matches!(recorded.entry.event, Some(Event::Decision(_))));
        let instances: BTreeSet<_> = judged.map(|recorded| recorded.instance_id).collect();
        Ok::<_, ControlPlaneError>((instances.len() == 2).then_some(()))
    })
    .await
    .unwrap();
}
