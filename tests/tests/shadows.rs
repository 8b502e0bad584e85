//! MCP to servers that nobody registered: unharmed, listed, and gone once somebody has decided about
//! it.

#![cfg(test)]

use std::net::SocketAddr;

use chancery_proto::audit::v1::{RecordFilter, Verdict, entry::Event};
use chancery_tests::{
    artifacts,
    client::{self, Era},
    control_plane::ControlPlane,
    envoy::{Envoy, EnvoyOptions, Filter, Upstream},
    identity::{Algorithm, IdentityProvider},
    mcp_server::{McpServer, Reply, ScriptedServer},
    mesh::Mesh,
    wait,
};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const ISSUER: &str = "https://idp.test";
const AUDIENCE: &str = "https://mcp.test";
const ACCEPT: &str = "application/json, text/event-stream";
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn document(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "chancery.dev/v1", "kind": kind, "metadata": { "name": name }, "spec": spec,
    })
}

/// An Envoy whose listener carries other traffic too, to one cluster, and what observes it.
struct Stage {
    control_plane: ControlPlane,
    envoy: Envoy,
    provider: IdentityProvider,
    instances: usize,
}

impl Stage {
    async fn start(to: SocketAddr, change: impl FnOnce(&mut EnvoyOptions)) -> Self {
        let provider = IdentityProvider::generate(ISSUER, AUDIENCE).unwrap();
        let control_plane = ControlPlane::start().await.unwrap();
        let trusted = json!({
            "source": "envoy_metadata", "metadataKey": "jwt_payload",
            "issuer": ISSUER, "audiences": [AUDIENCE],
        });
        let trusted = document("IdentityProvider", "proxy", &trusted);
        control_plane.apply(&[trusted]).await.unwrap();
        let filter = Filter::Chancery(artifacts::filter().unwrap());
        let upstreams = vec![Upstream::local("egress", to)];
        let mut options = EnvoyOptions::new(filter, upstreams, control_plane.address());
        options.plugin = json!({ "unmatched": "observe" });
        options.before = vec![provider.jwt_authn()];
        change(&mut options);
        let envoy = Envoy::start(&options).await.unwrap();
        let instances = options.instances();
        control_plane.converged(instances).await.unwrap();
        Self {
            control_plane,
            envoy,
            provider,
            instances,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.envoy.address().unwrap())
    }

    async fn shadows(&self) -> Vec<Value> {
        let listed = ["registry", "shadows", "-o", "json"];
        let listed = self.control_plane.succeed(&listed).await.unwrap();
        serde_json::from_str(&listed).unwrap()
    }

    /// What is listed, once this is true of it.
    async fn listed(&self, what: &str, is_it: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let found = async || -> Result<_, wait::TimedOut> {
            let shadows = self.shadows().await;
            Ok(is_it(&shadows).then_some(shadows))
        };
        wait::until(what, wait::PATIENCE, found).await.unwrap()
    }

    async fn enforced(&self) {
        self.control_plane.converged(self.instances).await.unwrap();
    }
}

/// What a client gets of a request that lists tools.
async fn ask(url: &str) -> (u16, String) {
    let request = Client::new()
        .post(url)
        .header("content-type", "application/json")
        .header("accept", ACCEPT)
        .body(LIST);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.text().await.unwrap())
}

/// Blocks a host that is listed, and takes the block away.
async fn stops_while_blocked(stage: &Stage, server: &McpServer, host: &str) {
    let block = ["block", "host", host, "-m", "not ours", "--name", "it"];
    stage.control_plane.succeed(&block).await.unwrap();
    stage.enforced().await;
    let reached = server.received().all().len();
    let (status, body) = ask(&stage.url("/mcp")).await;
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("\"reason\":\"blocked\""), "{body}");
    assert_eq!(server.received().all().len(), reached);
    assert_eq!(stage.shadows().await, [Value::Null; 0]);
    let is_refusal = |event: &Event| {
        matches!(event, Event::Decision(decision)
            if decision.verdict() == Verdict::Deny && decision.reason == "blocked"
                && decision.rules == ["organizations/default/blocks/it"])
    };
    let all = RecordFilter::default();
    let records = stage
        .control_plane
        .records_until("the refusal", all, |records| {
            let mut events = records.iter().filter_map(|it| it.entry.event.as_ref());
            events.any(is_refusal)
        });
    records.await.unwrap();

    stage
        .control_plane
        .succeed(&["unblock", "it"])
        .await
        .unwrap();
    stage.enforced().await;
    assert_eq!(stage.shadows().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_server_works_unharmed_and_is_listed_until_somebody_decides() {
    let server = McpServer::start().await.unwrap();
    let stage = Stage::start(server.address(), |_| {}).await;
    let host = stage.envoy.address().unwrap().to_string();
    let claims = stage.provider.claims("ann12345", &[]);
    let token = stage.provider.sign(Algorithm::Es256, &claims).unwrap();
    for era in [Era::Legacy, Era::Auto] {
        let tools = async |url: &str| {
            let session = client::connect(url, era, Some(&token)).await.unwrap();
            let tools = session.list_all_tools().await.unwrap();
            session.cancel().await.unwrap();
            tools
        };
        let through = tools(&stage.url("/mcp")).await;
        assert_eq!(through, tools(&server.url()).await, "{era:?}");
        assert!(!through.is_empty());
    }
    let listed = stage.listed("the server", |found| !found.is_empty()).await;
    let [shadow] = &*listed else {
        panic!("{listed:?}");
    };
    for (field, expected) in [
        ("kind", json!("mcp")),
        ("host", json!(host)),
        ("path", json!("/mcp")),
        ("principals", json!(["ann12345"])),
        ("nodes", json!(["envoy-1"])),
        ("clusters", json!(["egress"])),
        ("sources", json!(["127.0.0.1"])),
    ] {
        assert_eq!(shadow[field], expected, "{field}: {shadow}");
    }
    let table = ["registry", "shadows"];
    let table = stage.control_plane.succeed(&table).await.unwrap();
    for part in [
        format!("chancery registry discover https://{host}/mcp --as "),
        format!("chancery block host {host} -m "),
    ] {
        assert!(table.contains(&part), "{table}");
    }
    let recorded = ["audit", "search"];
    let recorded = stage.control_plane.succeed(&recorded).await.unwrap();
    assert!(
        recorded.contains("shadow") && recorded.contains(&host),
        "{recorded}"
    );

    stops_while_blocked(&stage, &server, &host).await;
    let registered = json!({
        "owner": "tests",
        "endpoints": [{ "cluster": "egress", "host": host, "path": "/mcp" }],
    });
    let registered = document("Server", "notes", &registered);
    stage.control_plane.apply(&[registered]).await.unwrap();
    stage.enforced().await;
    assert_eq!(stage.shadows().await, [Value::Null; 0]);
    // And nobody may use it before rules say so.
    assert_eq!(ask(&stage.url("/mcp")).await.0, 401);
}

/// Sends a request as it is written, and gives the answer's status line.
async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_traffic_passes_byte_for_byte_and_is_not_listed() {
    let server = ScriptedServer::start(Reply::ok("text/plain", "done"));
    let server = server.await.unwrap();
    let stage = Stage::start(server.address(), |_| {}).await;
    let address = stage.envoy.address().unwrap();
    // More than the filter ever holds of a request.
    let upload: Vec<u8> = (0_u32..3 << 20)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect();
    let media_types = ["application/octet-stream", "application/json"];
    for media_type in media_types {
        let request = Client::new()
            .post(stage.url("/upload"))
            .header("content-type", media_type)
            .header("accept", ACCEPT)
            .body(upload.clone());
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    let got = Client::new()
        .get(stage.url("/page?q=1"))
        .header("accept", "text/event-stream");
    assert_eq!(got.send().await.unwrap().text().await.unwrap(), "done");
    let rpc = r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[]}"#;
    let (first, second) = rpc.split_at(20);
    let chunked = format!(
        "POST /rpc HTTP/1.1\r\nhost: web.test\r\ncontent-type: application/json\r\naccept: {ACCEPT}\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         {:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len(),
    );
    assert_eq!(raw(address, chunked.as_bytes()).await, "HTTP/1.1 200 OK");
    let received = server.received().all();
    let bodies: Vec<&[u8]> = received.iter().map(|request| &*request.body).collect();
    assert_eq!(bodies.len(), 4);
    assert!(bodies[0] == upload && bodies[1] == upload);
    assert!(bodies[2].is_empty() && received[2].uri.query() == Some("q=1"));
    assert_eq!(bodies[3], rpc.as_bytes());
    // What comes after is seen, so that what came before would have been.
    assert_eq!(ask(&stage.url("/mcp?key=secret")).await.0, 200);
    let listed = stage
        .listed("the one server", |found| !found.is_empty())
        .await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["path"], "/mcp");
    assert_eq!(listed[0]["methods"], json!(["tools/list"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workload_is_known_by_its_certificate() {
    let server = ScriptedServer::start(Reply::ok("application/json", "{}"));
    let server = server.await.unwrap();
    let mesh = Mesh::generate().unwrap();
    let socket = mesh.transport_socket().unwrap();
    let stage = Stage::start(server.address(), |options| {
        options.transport_socket = Some(socket);
    });
    let stage = stage.await;
    let agent = "spiffe://mesh.test/ns/agents/sa/research";
    let workload = mesh.workload(agent).unwrap();
    let address = stage.envoy.address().unwrap();
    let (status, _) = mesh
        .post(address, Some(&workload), &[("accept", ACCEPT)], LIST)
        .await
        .unwrap();
    assert_eq!(status, 200);
    let listed = stage
        .listed("the workload", |found| !found.is_empty())
        .await;
    assert_eq!(listed[0]["workloads"], json!([agent]));
    assert_eq!(listed[0]["host"], "notes.test");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_carries_a_server_by_what_is_exported_of_it_and_nothing_else_of_its_host() {
    let result = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
    let server = ScriptedServer::start(Reply::ok("application/json", result));
    let server = server.await.unwrap();
    let control_plane = ControlPlane::start().await.unwrap();
    let notes = json!({
        "owner": "tests", "authentication": "optional",
        "endpoints": [{ "cluster": "notes", "host": "notes.test", "path": "/mcp" }],
        "scan": { "url": format!("http://{}/v1/mcp", server.address()), "disabled": true },
    });
    let anyone = json!({
        "effect": "allow", "subjects": { "anyone": true }, "servers": ["notes"], "tools": ["*"],
    });
    let documents = [
        document("Server", "notes", &notes),
        document("Rule", "anyone", &anyone),
    ];
    control_plane.apply(&documents).await.unwrap();
    let exported = ["export", "envoy", "notes", "-o", "json"];
    let exported = control_plane.succeed(&exported).await.unwrap();
    let yaml = control_plane
        .succeed(&["export", "envoy", "notes"])
        .await
        .unwrap();
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), exported);

    let filter = Filter::Chancery(artifacts::filter().unwrap());
    let mut options = EnvoyOptions::new(filter, Vec::new(), control_plane.address());
    options.exported = Some(exported);
    options.plugin = json!({ "unmatched": "pass" });
    let envoy = Envoy::start(&options).await.unwrap();
    control_plane.converged(options.instances()).await.unwrap();
    let address = envoy.address().unwrap();
    let ask = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: notes.test\r\ncontent-type: application/json\r\n\
             accept: {ACCEPT}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{LIST}",
            LIST.len()
        )
    };
    let answer = raw(address, ask("/mcp").as_bytes()).await;
    assert_eq!(answer, "HTTP/1.1 200 OK");
    let answer = raw(address, ask("/other").as_bytes()).await;
    assert_eq!(answer, "HTTP/1.1 403 Forbidden");
    let received = server.received().all();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].uri.path(), "/v1/mcp");
    let decided = control_plane.records_until("the decision", RecordFilter::default(), |records| {
        let mut events = records.iter().filter_map(|it| it.entry.event.as_ref());
        events.any(|event| {
            matches!(event, Event::Decision(decision) if decision.verdict() == Verdict::Allow)
        })
    });
    decided.await.unwrap();
}
