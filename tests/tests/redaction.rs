//! Redaction with real clients through real Envoy: what one server says comes to another by a token.

#![cfg(test)]

use chancery_proto::audit::v1::RecordFilter;
use chancery_tests::{
    artifacts,
    client::{self, Era, Sdk},
    control_plane::{ControlPlane, Recorded},
    envoy::{Envoy, EnvoyOptions, Filter, Listener, Route, Upstream},
    identity::IdentityProvider,
    mcp_server::{Answers, DeskServer, PATH, samples},
};
use prost::Message as _;
use serde_json::{Value, json};

const CLIENTS: [Sdk; 3] = [Sdk::Python, Sdk::TypeScriptV2, Sdk::Rmcp];

/// `crm` says what `post` is given.
struct Stage {
    envoy: Envoy,
    control_plane: ControlPlane,
    post: DeskServer,
    _crm: DeskServer,
    provider: IdentityProvider,
}

fn document(kind: &str, name: &str, spec: &Value) -> Value {
    let metadata = json!({"name": name});
    json!({"apiVersion": "chancery.dev/v1", "kind": kind, "metadata": metadata, "spec": spec})
}

fn allowed(server: &str, tools: &[&str], redact: &[&str], reveal: &[&str]) -> Value {
    let name = format!("{server}-{}", tools.join("-")).replace('_', "-");
    let spec = json!({
        "effect": "allow", "subjects": {"authenticated": true}, "servers": [server],
        "tools": tools, "redact": redact, "reveal": reveal,
    });
    document("Rule", &name, &spec)
}

async fn set(answers: Answers) -> Stage {
    let provider = IdentityProvider::generate("https://idp.test", "https://mcp.test").unwrap();
    let crm = DeskServer::start(answers).await.unwrap();
    let post = DeskServer::start(answers).await.unwrap();
    let control_plane = ControlPlane::start().await.unwrap();
    let servers = [("crm", &crm), ("post", &post)];
    let upstreams = servers.map(|(name, server)| Upstream::local(name, server.address()));
    let filter = Filter::Chancery(artifacts::filter().unwrap());
    let mut options = EnvoyOptions::new(filter, upstreams.into(), control_plane.address());
    let listener = |name: &str| Listener {
        name: name.to_owned(),
        plugin: json!({}),
        routes: vec![Route::everything(name)],
    };
    options.listeners = servers.map(|(name, _)| listener(name)).into();
    // So that one instance opens what another has sealed.
    options.concurrency = 2;
    let envoy = Envoy::start(&options).await.unwrap();
    let seal = json!([{"detectors": ["email", "payment_card"], "action": "token", "direction": "to_client"}]);
    let mut resources = vec![
        provider.resource("tests"),
        document("RedactionProfile", "sealed", &json!({"redact": seal})),
        allowed("crm", &["find_customer"], &["sealed"], &[]),
        allowed("post", &["send_mail"], &["sealed"], &["email"]),
        allowed("post", &["keep_note"], &["sealed"], &[]),
    ];
    for (name, _) in servers {
        let host = envoy.listener(name).unwrap();
        let endpoint = json!({"cluster": name, "host": host, "path": PATH});
        let spec =
            json!({"owner": "tests", "endpoints": [endpoint], "tools": DeskServer::definitions()});
        resources.push(document("Server", name, &spec));
    }
    control_plane.apply(&resources).await.unwrap();
    control_plane.converged(options.instances()).await.unwrap();
    Stage {
        envoy,
        control_plane,
        post,
        _crm: crm,
        provider,
    }
}

impl Stage {
    /// Holds a session with a server, and gives what came of the steps.
    async fn session(
        &self,
        (sdk, era): (Sdk, Era),
        server: &str,
        user: &str,
        steps: &[Value],
    ) -> Vec<Value> {
        let url = format!("http://{}{PATH}", self.envoy.listener(server).unwrap());
        let token = self.provider.token(user, &[]).unwrap();
        // Clients that know a tool's schema hold its results to it.
        let mut all = vec![json!({"list": "tools"})];
        all.extend_from_slice(steps);
        let lines = client::session(sdk, &url, era, Some(&token), &all).await;
        let mut lines = lines.unwrap();
        assert_eq!(lines.len(), 1 + all.len(), "{sdk:?} {era:?}: {lines:#?}");
        lines.split_off(2)
    }

    /// The arguments that `post` got, by tool.
    fn posted(&self) -> Vec<(String, Value)> {
        let received = self.post.received().all();
        let calls = received.iter().filter_map(|request| {
            let message = request.json();
            let tool = message.pointer("/params/name")?.as_str()?.to_owned();
            Some((tool, message.pointer("/params/arguments")?.clone()))
        });
        calls.collect()
    }
}

fn has(records: &[Recorded], text: &str) -> bool {
    records.iter().any(|record| {
        let entry = record.entry.encode_to_vec();
        let mut windows = entry.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    })
}

/// What a client shows of a result, whose text is a copy of what is structured.
fn structured(line: &Value) -> Value {
    let result = &line["result"];
    assert_ne!(result["isError"], true, "{line}");
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    let copy: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{line}"));
    assert_eq!(copy, result["structuredContent"]);
    copy
}

async fn a_value_comes_round_as_a_token(stage: &Stage, client: (Sdk, Era)) {
    let email = samples().email;
    stage.post.received().clear();
    let find = [json!({"call": "find_customer"})];
    let found = stage
        .session(client, "crm", "alice@example.test", &find)
        .await;
    let customer = structured(&found[0]);
    // What its schema does not let be a token is one of nobody's values.
    assert_eq!(customer["name"], "Grace");
    assert_eq!(customer["email"], "redacted@redacted.invalid");
    assert_eq!(customer["card"], 0);
    let contact = customer["contact"].as_str().unwrap();
    let token = contact.strip_prefix("Grace <").unwrap();
    let token = token.strip_suffix('>').unwrap();
    assert!(token.starts_with("r1.email."), "{client:?}: {contact}");

    let mail = json!({"call": "send_mail", "arguments": {"to": token, "text": "hello"}});
    let note = json!({"call": "keep_note", "arguments": {"text": contact}});
    let steps = [mail.clone(), note];
    let sent = stage
        .session(client, "post", "alice@example.test", &steps)
        .await;
    let expected = [
        ("send_mail", json!({"to": email, "text": "hello"})),
        ("keep_note", json!({"text": contact})),
    ];
    let expected = expected.map(|(tool, arguments)| (tool.to_owned(), arguments));
    assert_eq!(stage.posted(), expected, "{client:?}");
    // What the server repeats is sealed again, as its own; a token is none to be sealed.
    let [repeated, kept] = [&sent[0], &sent[1]].map(Value::to_string);
    assert!(repeated.contains("r1.email."), "{repeated}");
    assert!(!repeated.contains(&email), "{repeated}");
    assert!(kept.contains(token), "{kept}");

    let refused = stage
        .session(client, "post", "bob@example.test", &[mail])
        .await;
    let error = &refused[0]["error"];
    assert_eq!(error["code"], -32_602, "{client:?}: {}", refused[0]);
    assert_eq!(error["data"]["reason"], "unopened_token");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("copy it exactly"), "{message}");
    assert_eq!(stage.posted().len(), 2, "{client:?}");

    let records = stage.control_plane.records_until(
        "the record to hold the token",
        RecordFilter::default(),
        |records| has(records, token),
    );
    let records = records.await.unwrap();
    assert!(!has(&records, &email), "{client:?}");
}

async fn every_client(answers: Answers) {
    let stage = set(answers).await;
    for sdk in CLIENTS {
        for era in sdk.eras() {
            a_value_comes_round_as_a_token(&stage, (sdk, *era)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_comes_round_as_a_token_in_json() {
    every_client(Answers::Json).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_comes_round_as_a_token_in_event_streams() {
    every_client(Answers::Events).await;
}
