//! The harness itself: what real clients see through an Envoy that governs nothing.

use serde_json::{Value, json};

use super::*;
use crate::{
    client::{self, Era, Sdk},
    mcp_server::{McpServer, PATH, Part, Reply, ScriptedServer},
};

fn nowhere() -> SocketAddr {
    ([127, 0, 0, 1], 1).into()
}

fn plain(upstream: SocketAddr) -> EnvoyOptions {
    let upstreams = vec![Upstream::local("upstream", upstream)];
    EnvoyOptions::new(Filter::Others(Vec::new()), upstreams, nowhere())
}

#[tokio::test]
async fn both_clients_work_through_plain_envoy_in_both_eras() {
    let server = McpServer::start().await.unwrap();
    let envoy = Envoy::start(&EnvoyOptions {
        concurrency: 2,
        ..plain(server.address())
    })
    .await
    .unwrap();
    let url = format!("http://{}{PATH}", envoy.address().unwrap());
    let steps = [
        json!({ "list": "tools" }),
        json!({ "call": "echo", "arguments": { "text": "hi" } }),
        json!({ "call": "count_slowly", "arguments": { "steps": 3 } }),
        json!({ "await": "notifications/progress", "times": 3 }),
        json!({ "call": "nope" }),
        json!({ "prompt": "summary", "arguments": { "id": "welcome" } }),
        json!({ "read": "note://public/welcome" }),
    ];
    for era in [Era::Legacy, Era::Auto] {
        let lines = client::session(Sdk::Python, &url, era, Some("token"), &steps)
            .await
            .unwrap();
        assert_eq!(lines.len(), 1 + steps.len(), "{lines:?}");
        let version = if era == Era::Auto {
            "2026-07-28"
        } else {
            "2025-11-25"
        };
        assert_eq!(lines[0], json!({ "protocol_version": version }));
        assert_eq!(lines[1]["tools"].as_array().unwrap().len(), 7);
        assert_eq!(lines[2]["result"]["content"][0]["text"], "hi");
        assert_eq!(lines[4]["notifications"][2]["progress"], 3.0, "{era:?}");
        assert!(lines[5]["error"]["code"].is_i64(), "{}", lines[5]);
        assert!(lines[7]["result"]["contents"][0]["uri"].is_string());

        let session = client::connect(&url, era, None).await.unwrap();
        let tools = session.list_all_tools().await.unwrap();
        assert_eq!(tools.len(), 7);
        session.cancel().await.unwrap();
    }
    assert!(
        server
            .received()
            .called_tools()
            .contains(&"count_slowly".to_owned())
    );
    assert!(
        server
            .received()
            .all()
            .iter()
            .any(|r| r.header("authorization") == Some("Bearer token"))
    );
}

#[tokio::test]
async fn what_envoy_answers_itself_is_json_rpc() {
    let reply = Reply::ok("application/json", "{}");
    let server = ScriptedServer::start(reply.clone()).await.unwrap();
    let mut envoy = Envoy::start(&plain(server.address())).await.unwrap();
    let url = format!("http://{}{PATH}", envoy.address().unwrap());
    let http = reqwest::Client::new();
    assert_eq!(
        http.post(&url)
            .body("{}")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "{}"
    );
    assert_eq!(server.received().all()[0].body, "{}");

    server.set(reply.with_body(vec![Part::Abort]));
    drop(http.post(&url).body("{}").send().await);
    let broken = Envoy::start(&plain(nowhere())).await.unwrap();
    let answer = http
        .post(format!("http://{}/", broken.address().unwrap()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["error"]["code"], -32603);
    assert_eq!(answer["id"], Value::Null);

    assert_eq!(
        envoy
            .stat("listener_manager.total_listeners_active")
            .await
            .unwrap(),
        Some(1)
    );
    envoy.stop();
    assert!(
        envoy.access_log().iter().any(|line| line["status"] == 200),
        "{}",
        envoy.log()
    );
}
