//! The whole stack, real: clients, Envoy, control plane, server; and what happens when parts die.

#![cfg(test)]

use std::collections::BTreeSet;

use chancery::signing::SigningKey;
use chancery_engine::id::Hex;
use chancery_proto::audit::v1::{RecordFilter, entry::Event};
use chancery_tests::{
    artifacts,
    client::{self, Era, Sdk},
    control_plane::{ControlPlane, ControlPlaneError},
    envoy::{Envoy, EnvoyOptions, Filter, Upstream},
    identity::IdentityProvider,
    mcp_server::McpServer,
    wait,
};
use rmcp::{ServiceError, model::CallToolRequestParams};
use serde_json::{Value, json};

const AUDIENCE: &str = "https://notes.test/mcp";

struct Stack {
    envoy: Envoy,
    control_plane: ControlPlane,
    server: McpServer,
    provider: IdentityProvider,
    instances: usize,
}

/// Starts everything with the demo's rules; the control plane may be dead while Envoy starts.
async fn start(concurrency: u32, is_dead: bool) -> Stack {
    let provider = IdentityProvider::generate("https://idp.test", AUDIENCE).unwrap();
    let server = McpServer::start().await.unwrap();
    let mut control_plane = ControlPlane::start().await.unwrap();
    let resources = artifacts::root().join("tests/demo/resources");
    control_plane.apply_path(&resources).await.unwrap();
    control_plane
        .apply(&[provider.resource("tests")])
        .await
        .unwrap();
    let upstream = Upstream::local("upstream", server.address());
    let filter = Filter::Chancery(artifacts::filter().unwrap());
    let mut options = EnvoyOptions::new(filter, vec![upstream], control_plane.address());
    options.concurrency = concurrency;
    if is_dead {
        control_plane.kill();
    }
    let envoy = Envoy::start(&options).await.unwrap();
    let instances = options.instances();
    if !is_dead {
        control_plane.converged(instances).await.unwrap();
    }
    Stack {
        envoy,
        control_plane,
        server,
        provider,
        instances,
    }
}

impl Stack {
    fn url(&self) -> String {
        format!("http://{}/mcp", self.envoy.address().unwrap())
    }

    fn alice(&self) -> String {
        self.provider
            .token("alice@demo.test", &["team", "support"])
            .unwrap()
    }

    /// Calls a tool over a connection of its own.
    async fn call(&self, tool: &str, token: &str) -> (u16, Value) {
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": tool, "arguments": {"id": "welcome"}},
        });
        let request = client
            .post(self.url())
            .bearer_auth(token)
            .header("accept", "application/json, text/event-stream")
            .json(&message);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// Every decision in the record, and that none is there twice.
    async fn decisions(&self) -> BTreeSet<String> {
        let records = self
            .control_plane
            .records(RecordFilter::default())
            .await
            .unwrap();
        let mut places = BTreeSet::new();
        let mut decisions = BTreeSet::new();
        for recorded in records {
            if let Some(Event::Decision(_)) = recorded.entry.event {
                let id = Hex(&recorded.entry.decision_id).to_string();
                assert!(decisions.insert(id), "a decision is recorded twice");
            }
            let place = (recorded.node_id, recorded.instance_id, recorded.sequence);
            assert!(places.insert(place), "an entry is recorded twice");
        }
        decisions
    }

    async fn until_recorded(&self, ids: &BTreeSet<String>) {
        wait::until(
            "every decision to be recorded",
            wait::PATIENCE,
            async || Ok::<_, wait::TimedOut>(self.decisions().await.is_superset(ids).then_some(())),
        )
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rmcp_sees_what_it_may_in_both_eras() {
    let stack = start(2, false).await;
    for era in [Era::Legacy, Era::Auto] {
        let session = client::connect(&stack.url(), era, Some(&stack.alice()))
            .await
            .unwrap();
        let tools = session.list_all_tools().await.unwrap();
        let names: BTreeSet<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
        assert!(names.contains("get_note"), "{era:?}: {names:?}");
        assert!(!names.contains("delete_note"), "{era:?}: {names:?}");
        let call = |tool: &'static str| {
            let arguments = json!({"id": "welcome"}).as_object().cloned().unwrap();
            session.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments))
        };
        assert_ne!(call("get_note").await.unwrap().is_error, Some(true));
        let Err(ServiceError::McpError(error)) = call("delete_note").await else {
            panic!("{era:?}: delete_note was not refused in the protocol");
        };
        assert_eq!(error.code.0, -31_403);
        assert_eq!(error.data.unwrap()["reason"], "no_matching_rule");
        assert_ne!(
            call("get_note").await.unwrap().is_error,
            Some(true),
            "the session goes on"
        );
        session.cancel().await.unwrap();
    }
    assert!(
        !stack
            .server
            .received()
            .called_tools()
            .contains(&"delete_note".to_owned())
    );
    let all = stack.server.received().all();
    assert!(
        all.iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_sees_what_it_may_in_both_eras() {
    let stack = start(1, false).await;
    let steps = [
        json!({"list": "tools"}),
        json!({"call": "get_note", "arguments": {"id": "welcome"}}),
        json!({"call": "delete_note", "arguments": {"id": "welcome"}}),
        json!({"call": "export_customers", "arguments": {}}),
    ];
    for era in [Era::Legacy, Era::Auto] {
        let lines = client::session(Sdk::Python, &stack.url(), era, Some(&stack.alice()), &steps)
            .await
            .unwrap();
        let [_, tools, read, refused, exported] = &lines[..] else {
            panic!("{lines:#?}")
        };
        let tools = tools["tools"].as_array().unwrap();
        assert!(tools.contains(&json!("get_note")) && !tools.contains(&json!("delete_note")));
        assert!(read["result"].is_object(), "{read}");
        assert_eq!(refused["error"]["code"], -31_403);
        assert_eq!(refused["error"]["data"]["reason"], "no_matching_rule");
        let exported = exported.to_string();
        assert!(exported.contains("[redacted:email]"), "{exported}");
        assert!(!exported.contains("grace.hopper@"), "{exported}");
    }
    let lines = client::session(Sdk::Python, &stack.url(), Era::Auto, None, &steps)
        .await
        .unwrap();
    assert!(
        lines[0].get("protocol_version").is_none(),
        "no session without a token: {lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn four_workers_and_a_connection_a_request_record_every_decision() {
    let stack = start(4, false).await;
    let token = stack.alice();
    let mut refused = BTreeSet::new();
    for round in 0..60 {
        let tool = if round % 2 == 0 {
            "delete_note"
        } else {
            "wipe"
        };
        let (status, body) = stack.call(tool, &token).await;
        assert_eq!(status, 200, "{body}");
        refused.insert(
            body["error"]["data"]["decision"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(refused.len(), 60);
    stack.until_recorded(&refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_change_is_enforced_by_every_instance_without_a_restart() {
    let stack = start(4, false).await;
    let token = stack.alice();
    // Without a session the server says no, but it is asked.
    stack.call("get_note", &token).await;
    assert_eq!(stack.server.received().called_tools(), ["get_note"]);
    let freeze = json!({
        "apiVersion": "chancery.dev/v1", "kind": "Rule", "metadata": {"name": "freeze"},
        "spec": {"effect": "deny", "subjects": {"anyone": true}, "servers": ["*"], "tools": ["*"]},
    });
    stack.control_plane.apply(&[freeze]).await.unwrap();
    stack
        .control_plane
        .converged(stack.instances)
        .await
        .unwrap();
    for _ in 0..20 {
        let (_, body) = stack.call("get_note", &token).await;
        assert_eq!(body["error"]["data"]["reason"], "denied_by_rule");
    }
    assert_eq!(stack.server.received().called_tools(), ["get_note"]);
    // What the snapshot before the last had is in force again.
    let delete = ["delete", "rules", "freeze"];
    stack.control_plane.succeed(&delete).await.unwrap();
    let converged = stack.control_plane.converged(stack.instances).await;
    converged.unwrap();
    let (_, body) = stack.call("get_note", &token).await;
    assert_ne!(body["error"]["data"]["reason"], "denied_by_rule");
    let called = stack.server.received().called_tools();
    assert_eq!(called, ["get_note", "get_note"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_in_shadow_lets_calls_through_and_is_counted() {
    let stack = start(1, false).await;
    let freeze = |tool: &str, effect: &str| {
        json!({
            "apiVersion": "chancery.dev/v1", "kind": "Rule",
            "metadata": {"name": format!("{effect}-{tool}").replace('_', "-")},
            "spec": {
                "effect": effect, "mode": "shadow", "subjects": {"anyone": true},
                "servers": ["notes"], "tools": [tool],
            },
        })
    };
    let rules = [freeze("get_note", "deny"), freeze("delete_note", "allow")];
    stack.control_plane.apply(&rules).await.unwrap();
    let converged = stack.control_plane.converged(stack.instances).await;
    converged.unwrap();
    let token = stack.alice();
    stack.call("get_note", &token).await;
    assert_eq!(stack.server.received().called_tools(), ["get_note"]);
    for _ in 0..2 {
        let (_, body) = stack.call("delete_note", &token).await;
        assert_eq!(body["error"]["data"]["reason"], "no_matching_rule");
    }
    let expected = "\
RULE                    WOULD REFUSE  WOULD ALLOW
rule/allow-delete-note  0             2
rule/deny-get-note      1             0
";
    wait::until("the table to have them", wait::PATIENCE, async || {
        let counted = ["audit", "shadow", "--since", "1h"];
        let counted = stack.control_plane.succeed(&counted).await?;
        let columns = counted.lines().map(|line| {
            let (columns, _last) = line.rsplit_once("  ").unwrap_or_default();
            format!("{}\n", columns.trim_end())
        });
        Ok::<_, ControlPlaneError>((columns.collect::<String>() == expected).then_some(()))
    })
    .await
    .unwrap();
    for (name, expected) in [("shadow_refused", 1), ("shadow_allowed", 2), ("refused", 2)] {
        let name = format!("wasmcustom.chancery.decisions.{name}");
        wait::until(&name, wait::PATIENCE, async || {
            let found = stack.envoy.stat(&name).await.unwrap();
            Ok::<_, wait::TimedOut>((found == Some(expected)).then_some(()))
        })
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_control_plane_at_the_start_everything_is_refused() {
    let mut stack = start(1, true).await;
    let token = stack.alice();
    let (status, body) = stack.call("get_note", &token).await;
    assert_eq!(
        (status, &body["error"]["data"]["reason"]),
        (503, &json!("no_snapshot"))
    );
    stack.control_plane.restart().await.unwrap();
    stack
        .control_plane
        .converged(stack.instances)
        .await
        .unwrap();
    assert_eq!(stack.call("delete_note", &token).await.0, 200);
    assert!(stack.server.received().called_tools().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_control_plane_loses_no_entry_and_none_comes_twice() {
    let mut stack = start(2, false).await;
    let token = stack.alice();
    let mut refused = BTreeSet::new();
    for round in 0..5 {
        for _ in 0..20 {
            let (status, body) = stack.call("delete_note", &token).await;
            assert_eq!(status, 200, "enforcement goes on: {body}");
            refused.insert(
                body["error"]["data"]["decision"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        stack.control_plane.kill();
        for _ in 0..5 {
            let (_, body) = stack.call("delete_note", &token).await;
            refused.insert(
                body["error"]["data"]["decision"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        stack.control_plane.restart().await.unwrap();
        stack.until_recorded(&refused).await;
        assert_eq!(refused.len(), 25 * (round + 1));
    }
}

/// The filter trusts one key only: whatever else signs, an Envoy enforces nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_that_is_not_trusted_changes_nothing() {
    let stranger = SigningKey::generate().unwrap();
    let provider = IdentityProvider::generate("https://idp.test", AUDIENCE).unwrap();
    let server = McpServer::start().await.unwrap();
    let control_plane = ControlPlane::start().await.unwrap();
    let resources = artifacts::root().join("tests/demo/resources");
    control_plane.apply_path(&resources).await.unwrap();
    let upstream = Upstream::local("upstream", server.address());
    let filter = Filter::Chancery(artifacts::filter().unwrap());
    let mut options = EnvoyOptions::new(filter, vec![upstream], control_plane.address());
    options.plugin = json!({ "trust_keys": [stranger.trust_key()] });
    let envoy = Envoy::start(&options).await.unwrap();
    let refused = control_plane.refused(options.instances()).await.unwrap();
    for instance in refused {
        assert!(instance.applied.is_none(), "{instance:?}");
        assert!(
            instance.nack_reason.contains("signed by no key"),
            "{instance:?}"
        );
    }
    let stack = Stack {
        envoy,
        control_plane,
        server,
        provider,
        instances: options.instances(),
    };
    let (status, body) = stack.call("get_note", &stack.alice()).await;
    assert_eq!(
        (status, &body["error"]["data"]["reason"]),
        (503, &json!("no_snapshot"))
    );
}
