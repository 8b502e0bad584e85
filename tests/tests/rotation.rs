//! Keys that real issuers publish and rotate, through the real control plane and real Envoy.

#![cfg(test)]

use std::time::{Duration, Instant};

use chancery_tests::{
    artifacts,
    control_plane::ControlPlane,
    envoy::{Envoy, EnvoyOptions, Filter, Upstream},
    mcp_server::McpServer,
    openid::OpenIdProviders,
    percentile, wait,
};
use serde_json::json;

const AUDIENCE: &str = "https://notes.test/mcp";

/// An issuer may be asked this often at once for keys that are missed.
const AT_ONCE: usize = 5;

struct Stack {
    envoy: Envoy,
    control_plane: ControlPlane,
    providers: OpenIdProviders,
    _server: McpServer,
    client: reqwest::Client,
}

async fn start(issuers: usize) -> Stack {
    let providers = OpenIdProviders::start(issuers, AUDIENCE).await.unwrap();
    let server = McpServer::start().await.unwrap();
    let control_plane = ControlPlane::start().await.unwrap();
    let resources = artifacts::root().join("tests/demo/resources");
    control_plane.apply_path(&resources).await.unwrap();
    control_plane.apply(&providers.resources()).await.unwrap();
    let upstream = Upstream::local("upstream", server.address());
    let filter = Filter::Chancery(artifacts::filter().unwrap());
    let options = EnvoyOptions::new(filter, vec![upstream], control_plane.address());
    let envoy = Envoy::start(&options).await.unwrap();
    control_plane.converged(options.instances()).await.unwrap();
    let stack = Stack {
        envoy,
        control_plane,
        providers,
        _server: server,
        client: reqwest::Client::new(),
    };
    for issuer in 0..issuers {
        let token = stack.providers.token(issuer).await.unwrap();
        wait::until("an issuer's keys", wait::PATIENCE, async || {
            Ok::<_, wait::TimedOut>((stack.call(&token).await == 200).then_some(()))
        })
        .await
        .unwrap();
    }
    stack
}

impl Stack {
    /// The status of a call that the rules refuse: 200 once it is known who asks, else 401.
    async fn call(&self, token: &str) -> u16 {
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_note"},
        });
        let url = format!("http://{}/mcp", self.envoy.address().unwrap());
        let request = self
            .client
            .post(url)
            .bearer_auth(token)
            .header("accept", "application/json, text/event-stream")
            .json(&message);
        request.send().await.unwrap().status().as_u16()
    }

    /// How long from a rotation until its key is accepted, at the first call.
    async fn rotate(&self, issuer: usize) -> Duration {
        self.providers.rotate(issuer).await.unwrap();
        let rotated = Instant::now();
        let token = self.providers.token(issuer).await.unwrap();
        assert_eq!(self.call(&token).await, 200, "the first call");
        rotated.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_call_with_a_rotated_key_is_accepted() {
    let rotations: usize = std::env::var("CHANCERY_ROTATIONS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(10);
    let issuers = rotations.div_ceil(AT_ONCE);
    let stack = start(issuers).await;
    let mut took = Vec::new();
    for number in 0..rotations {
        took.push(stack.rotate(number % issuers).await);
    }
    let at = |percent| percentile::milliseconds(&took, percent);
    println!(
        "rotation: {rotations} rotations of {issuers} issuers, from rotated to accepted p50 {} ms, p99 {} ms",
        at(50),
        at(99)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_published_no_more_is_accepted_no_more() {
    let stack = start(1).await;
    let first = stack.providers.token(0).await.unwrap();
    stack.rotate(0).await;
    assert_eq!(
        stack.call(&first).await,
        200,
        "published beside the new one"
    );
    stack.rotate(0).await;
    assert_eq!(stack.call(&first).await, 401, "published no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_outlast_a_restart_while_their_issuer_is_away() {
    let mut stack = start(1).await;
    let token = stack.providers.token(0).await.unwrap();
    stack.providers.kill();
    stack.control_plane.restart().await.unwrap();
    // An Envoy that has nothing of before has them from the control plane alone.
    let upstream = Upstream::local("upstream", ([127, 0, 0, 1], 1).into());
    let filter = Filter::Chancery(artifacts::filter().unwrap());
    let options = EnvoyOptions::new(filter, vec![upstream], stack.control_plane.address());
    stack.envoy = Envoy::start(&options).await.unwrap();
    stack
        .control_plane
        .converged(options.instances())
        .await
        .unwrap();
    assert_eq!(stack.call(&token).await, 200);
    let snapshots = stack.control_plane.succeed(&["snapshot", "list"]).await;
    assert!(snapshots.unwrap().contains("keys of organizations/default"));
}
