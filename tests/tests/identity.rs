//! Who acts, through real Envoy: by what its `jwt_authn` verified, by certificates, and how clients
//! learn where to log in.

#![cfg(test)]

use chancery_proto::audit::v1::{Decision, Principal, RecordFilter, entry::Event};
use chancery_tests::{
    artifacts,
    control_plane::ControlPlane,
    envoy::{Envoy, EnvoyOptions, Filter, Route, Upstream},
    identity::{Algorithm, IdentityProvider},
    mcp_server::{Reply, ScriptedServer},
    mesh::Mesh,
    wait,
};
use serde_json::{Value, json};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_note","arguments":{}}}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
const ISSUER: &str = "https://idp.test";
const AUDIENCE: &str = "https://mcp.test";

/// A whole stack with one server, `notes` at `notes.test/mcp`.
struct Stage {
    control_plane: ControlPlane,
    envoy: Envoy,
    server: ScriptedServer,
}

impl Stage {
    async fn start(documents: &[Value], change: impl FnOnce(&mut EnvoyOptions)) -> Self {
        let server = ScriptedServer::start(Reply::ok("application/json", RESULT));
        let server = server.await.unwrap();
        let control_plane = ControlPlane::start().await.unwrap();
        let mut all = vec![document(
            "Server",
            "notes",
            &json!({
                "owner": "team-notes",
                "owner": "tests", "endpoints": [{ "cluster": "notes", "host": "notes.test", "path": "/mcp" }],
            }),
        )];
        all.extend_from_slice(documents);
        control_plane.apply(&all).await.unwrap();
        let filter = Filter::Chancery(artifacts::filter().unwrap());
        let upstreams = vec![Upstream::local("notes", server.address())];
        let mut options = EnvoyOptions::new(filter, upstreams, control_plane.address());
        change(&mut options);
        let envoy = Envoy::start(&options).await.unwrap();
        control_plane.converged(options.instances()).await.unwrap();
        Self {
            control_plane,
            envoy,
            server,
        }
    }

    /// The principals of the first decisions.
    async fn principals(&self, count: usize) -> Vec<Principal> {
        let decisions = |entry: &Event| {
            let Event::Decision(decision) = entry else {
                return None;
            };
            Some(Decision::clone(decision))
        };
        let filter = RecordFilter::default();
        let records = self
            .control_plane
            .records_until("the decisions", filter, |records| {
                let events = records.iter().filter_map(|r| r.entry.event.as_ref());
                events.filter_map(decisions).count() >= count
            });
        let records = records.await.unwrap();
        let events = records.iter().filter_map(|r| r.entry.event.as_ref());
        events
            .filter_map(decisions)
            .filter_map(|decision| decision.principal)
            .collect()
    }
}

fn document(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "chancery.dev/v1", "kind": kind, "metadata": { "name": name }, "spec": spec,
    })
}

/// Lets these subjects call `get_note`.
fn allow(subjects: &Value) -> Value {
    let spec = json!({
        "effect": "allow", "subjects": subjects, "servers": ["notes"], "tools": ["get_note"],
    });
    document("Rule", "readers", &spec)
}

fn said(attribute: Option<&chancery_proto::audit::v1::Attribute>) -> String {
    attribute.map_or_else(String::new, |attribute| {
        let provenance = attribute.provenance().as_str_name();
        format!("{provenance} {}", attribute.value)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jwt_authn_verified_is_believed() {
    let provider = IdentityProvider::generate(ISSUER, AUDIENCE).unwrap();
    let trusted = document(
        "IdentityProvider",
        "proxy",
        &json!({
            "source": "envoy_metadata", "metadataKey": "jwt_payload",
            "issuer": ISSUER, "audiences": [AUDIENCE],
            "claims": { "groups": "$.realm_access.groups", "roles": "$..roles[*]" },
        }),
    );
    let jwt_authn = provider.jwt_authn();
    let documents = [trusted, allow(&json!({ "groups": ["dev"] }))];
    let stage = Stage::start(&documents, |options| options.before = vec![jwt_authn]).await;
    let url = format!("http://{}/mcp", stage.envoy.address().unwrap());
    let client = reqwest::Client::new();
    let send = async |claims: Option<&Value>| {
        let mut request = client
            .post(&url)
            .header("host", "notes.test")
            .header("content-type", "application/json")
            .body(CALL);
        if let Some(extra) = claims {
            let mut claims = provider.claims("ann12345", &[]);
            claims.extend(extra.as_object().unwrap().clone());
            let token = provider.sign(Algorithm::Es256, &claims).unwrap();
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let dev = json!({
        "realm_access": { "groups": ["dev", "ops"], "roles": ["editor"] },
        "email_verified": true, "auth_time": 1_700_000_000.5, "amr": [], "act": { "sub": "bot" },
    });
    assert_eq!(send(Some(&dev)).await, 200);
    assert_eq!(send(None).await, 401);
    let other = json!({ "aud": "https://elsewhere.test", "realm_access": { "groups": ["dev"] } });
    assert_eq!(send(Some(&other)).await, 401);
    // What Envoy cannot hand out, a null among the claims, is not there.
    let null = json!({ "realm_access": { "groups": ["dev"] }, "nickname": null });
    assert_eq!(send(Some(&null)).await, 401);
    assert_eq!(stage.server.received().all().len(), 1);

    let principals = stage.principals(4).await;
    let first = principals.first().unwrap();
    assert_eq!(said(first.user.as_ref()), "PROVENANCE_VERIFIED ann12345");
    assert_eq!(said(first.agent.as_ref()), "PROVENANCE_VERIFIED bot");
    assert_eq!(
        said(first.issuer.as_ref()),
        format!("PROVENANCE_VERIFIED {ISSUER}")
    );
    assert_eq!(first.groups, ["dev", "ops"]);
    assert_eq!(first.roles, ["editor"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_stands_for_an_agent() {
    let mesh = Mesh::generate().unwrap();
    let provider = IdentityProvider::generate(ISSUER, AUDIENCE).unwrap();
    let trusted = document(
        "IdentityProvider",
        "mesh",
        &json!({ "source": "peer_certificate", "trustDomain": "mesh.test" }),
    );
    let documents = [
        trusted,
        provider.resource("tokens"),
        allow(&json!({ "agents": ["spiffe://mesh.test/ns/agents/*"] })),
    ];
    let socket = mesh.transport_socket().unwrap();
    let stage = Stage::start(&documents, |options| {
        options.transport_socket = Some(socket);
    })
    .await;
    let address = stage.envoy.address().unwrap();
    let bot = mesh
        .workload("spiffe://mesh.test/ns/agents/sa/bot")
        .unwrap();
    let other = mesh.workload("spiffe://mesh.test/ns/web/sa/shop").unwrap();
    let foreign = mesh
        .workload("spiffe://else.test/ns/agents/sa/bot")
        .unwrap();
    let (status, body) = mesh.post(address, Some(&bot), &[], CALL).await.unwrap();
    assert_eq!((status, &*body), (200, RESULT));
    let mut claims = provider.claims("ann", &["dev"]);
    claims.insert(
        "act".to_owned(),
        json!({ "sub": "spiffe://mesh.test/ns/agents/sa/forged" }),
    );
    let token = provider.sign(Algorithm::Es256, &claims).unwrap();
    let bearer = [("authorization", &*format!("Bearer {token}"))];
    let (status, _) = mesh.post(address, Some(&bot), &bearer, CALL).await.unwrap();
    assert_eq!(status, 200);
    // The certificate wins over what the token says of its bearer.
    let (status, body) = mesh
        .post(address, Some(&other), &bearer, CALL)
        .await
        .unwrap();
    assert!(status == 200 && body.contains("no_matching_rule"), "{body}");
    let (status, body) = mesh.post(address, Some(&other), &[], CALL).await.unwrap();
    assert!(status == 200 && body.contains("no_matching_rule"), "{body}");
    for nobody in [Some(&foreign), None] {
        let (status, body) = mesh.post(address, nobody, &[], CALL).await.unwrap();
        assert!(status == 401 && body.contains("no_token"), "{body}");
    }

    let principals = stage.principals(6).await;
    let [alone, both, ..] = principals.as_slice() else {
        panic!("{principals:?}");
    };
    assert_eq!(said(alone.user.as_ref()), "PROVENANCE_ABSENT ");
    assert_eq!(
        said(alone.issuer.as_ref()),
        "PROVENANCE_VERIFIED spiffe://mesh.test"
    );
    assert_eq!(said(both.user.as_ref()), "PROVENANCE_VERIFIED ann");
    assert_eq!(
        said(both.issuer.as_ref()),
        format!("PROVENANCE_VERIFIED {ISSUER}")
    );
    for principal in [alone, both] {
        let agent = "PROVENANCE_VERIFIED spiffe://mesh.test/ns/agents/sa/bot";
        assert_eq!(said(principal.agent.as_ref()), agent);
    }
}

type Seen = (u16, [Option<String>; 3], String);

impl Stage {
    /// Asks as a client looks for where to log in: the status, what the head says, and the body.
    async fn ask(&self, method: &str, path: &str) -> Seen {
        let url = format!("http://{}{path}", self.envoy.address().unwrap());
        let request = reqwest::Client::new()
            .request(method.parse().unwrap(), url)
            .header("host", "notes.test")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2026-07-28")
            .body(if method == "POST" { CALL } else { "" });
        let answer = request.send().await.unwrap();
        let headers = [
            "www-authenticate",
            "access-control-allow-origin",
            "cache-control",
        ];
        let headers = headers.map(|name| {
            let value = answer.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        });
        (
            answer.status().as_u16(),
            headers,
            answer.text().await.unwrap(),
        )
    }
}

/// No route leads anywhere but to `/mcp`: Envoy asks its filters before it says so.
#[tokio::test(flavor = "multi_thread")]
async fn clients_find_where_to_log_in() {
    let provider = IdentityProvider::generate(ISSUER, AUDIENCE).unwrap();
    let documents = [
        provider.resource("tokens"),
        allow(&json!({ "groups": ["dev"] })),
    ];
    let stage = Stage::start(&documents, |options| {
        options.routes = vec![Route::path("/mcp", "notes")];
    });
    let stage = stage.await;
    let (status, [challenge, ..], _) = stage.ask("POST", "/mcp").await;
    let url = "https://notes.test/.well-known/oauth-protected-resource/mcp";
    assert_eq!(status, 401);
    assert_eq!(
        challenge.unwrap(),
        format!("Bearer realm=\"mcp\", resource_metadata=\"{url}\"")
    );
    for path in [
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource",
    ] {
        let (status, [_, origin, cache], body) = stage.ask("GET", path).await;
        assert_eq!((status, origin.as_deref()), (200, Some("*")), "{body}");
        assert!(cache.unwrap().contains("max-age="));
        let expected = json!({
            "resource": "https://notes.test/mcp", "authorization_servers": [ISSUER],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
        let (status, [_, origin, _], body) = stage.ask("OPTIONS", path).await;
        assert_eq!((status, origin.as_deref(), &*body), (204, Some("*"), ""));
        let (status, _, body) = stage.ask("HEAD", path).await;
        assert_eq!((status, &*body), (200, ""));
    }
    for (method, path) in [
        ("GET", "/.well-known/oauth-authorization-server/mcp"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/.well-known/openid-configuration"),
        ("POST", "/register"),
    ] {
        let (status, _, body) = stage.ask(method, path).await;
        assert_eq!(status, 404, "{path}");
        assert!(
            body.contains("\"no_authorization_server\""),
            "{path}: {body}"
        );
    }
    assert!(stage.server.received().all().is_empty());
}

/// What `just token` prints; fewer of them in every other run.
#[tokio::test(flavor = "multi_thread")]
async fn every_new_token_is_verified_once() {
    let count = std::env::var("CHANCERY_TOKENS").map_or(100, |count| count.parse().unwrap());
    let provider = IdentityProvider::generate(ISSUER, AUDIENCE).unwrap();
    let documents = [
        provider.resource("tokens"),
        allow(&json!({ "groups": ["dev"] })),
    ];
    let stage = Stage::start(&documents, |_| {}).await;
    let url = format!("http://{}/mcp", stage.envoy.address().unwrap());
    let client = reqwest::Client::new();
    let groups: Vec<String> = (0..16)
        .map(|n| format!("a-group-of-many-{n:04}-0123456789"))
        .collect();
    let mut groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    groups.push("dev");
    let mut length = 0;
    for number in 0..count {
        let claims = provider.claims(&format!("user-{number}@example.test"), &groups);
        let token = provider.sign(Algorithm::Rs256, &claims).unwrap();
        length = token.len();
        for _ in 0..2 {
            let request = client
                .post(&url)
                .header("host", "notes.test")
                .header("content-type", "application/json")
                .bearer_auth(&token)
                .body(CALL);
            assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
        }
    }
    let admin = stage.envoy.admin();
    let stats = async |path: &str| {
        let url = format!("http://{admin}/stats{path}filter=token.verified_us");
        client.get(url).send().await.unwrap().text().await.unwrap()
    };
    // Envoy puts the workers' histograms together every few seconds.
    let verified = format!("chancery_token_verified_us_count{{}} {count}");
    wait::until("Envoy's histogram", wait::PATIENCE, async || {
        let text = stats("/prometheus?").await;
        Ok::<_, wait::TimedOut>(text.contains(&verified).then_some(()))
    })
    .await
    .unwrap();
    let text = stats("?").await;
    let quantile = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name}(")).unwrap();
        let (values, _) = rest.split_once(')').unwrap();
        values.rsplit(',').next().unwrap().to_owned()
    };
    println!(
        "token: {count} new RS256 tokens of {length} bytes, read and verified in Envoy in p50 {} us, p90 {} us, p99 {} us",
        quantile("P50"),
        quantile("P90"),
        quantile("P99"),
    );
}
