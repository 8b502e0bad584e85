//! Credentials from applying them to handing them over, with a token endpoint that the tests play.

#![cfg(test)]

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Form, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD,
};
use chancery::{
    credential::Broker,
    egress::Egress,
    registry::{By, Done, Registry, Wish, now},
    resource::{Kind, Resource},
    secrets::{Secrets, key_file::KeyFile},
    signing::{Signer, SigningKey},
    store::Store,
};
use chancery_engine::{id::Digest, secret::Secret};
use chancery_proto::{
    admin::v1::{self as admin, credential},
    audit::v1::{Attribute, Principal},
    node::v1::{CredentialAnswer, CredentialRequest},
    policy::v1::Endpoint,
};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use serde_json::{Value, json};

const SERVER: &str = "organizations/o/workspaces/w/servers/s";
const NAME: &str = "organizations/o/credentials/c";

fn by() -> By {
    By {
        author: "tests".to_owned(),
        method: "ApplyResources",
        ..By::default()
    }
}

/// The credentials of a client, and the fields of its form.
type Question = (String, Vec<(String, String)>);

/// What the token endpoint was asked, and what it says.
#[derive(Clone, Default)]
struct TokenEndpoint {
    asked: Arc<Mutex<Vec<Question>>>,
    granted: Arc<AtomicU64>,
}

async fn token(
    State(endpoint): State<TokenEndpoint>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let basic = headers["authorization"].to_str().unwrap();
    let basic = STANDARD
        .decode(basic.strip_prefix("Basic ").unwrap())
        .unwrap();
    let basic = String::from_utf8(basic).unwrap();
    let is_refused = fields.iter().any(|(_, value)| value == "refused");
    endpoint.asked.lock().unwrap().push((basic, fields));
    if is_refused {
        let error = json!({"error": "invalid_grant", "error_description": "no refused"});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    // Whoever asks at the same time comes before this is answered.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let number = endpoint.granted.fetch_add(1, Ordering::Relaxed);
    Json(json!({"access_token": format!("t{number}"), "token_type": "Bearer", "expires_in": 300}))
        .into_response()
}

struct Stage {
    folder: tempfile::TempDir,
    registry: Arc<Registry>,
    broker: Broker,
    endpoint: TokenEndpoint,
    token_uri: String,
}

impl Stage {
    async fn start() -> Self {
        let endpoint = TokenEndpoint::default();
        let router = Router::new()
            .route("/token", post(token))
            .with_state(endpoint.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let store = Arc::new(Store::open(&at("store.sqlite"), 1).unwrap());
        let keys = KeyFile::create(&at("store.key"), 0).unwrap();
        let secrets = Secrets::open(Arc::clone(&store), Arc::new(keys)).unwrap();
        let signing = SigningKey::read_or_make(&at("signing.pem")).unwrap();
        let signer = Signer::new(vec![signing]).unwrap();
        let registry = Arc::new(Registry::open(store, secrets, signer).unwrap());
        let egress = Egress::new(true, Vec::new()).unwrap();
        let broker = Broker::new(
            Arc::clone(&registry),
            egress,
            "https://chancery.test".into(),
        );
        let stage = Self {
            folder,
            registry,
            broker,
            endpoint,
            token_uri: format!("http://{address}/token"),
        };
        stage.apply(Resource::Server(admin::Server {
            owner: "o".to_owned(),
            name: SERVER.to_owned(),
            endpoints: vec![Endpoint {
                cluster: "s".to_owned(),
                path: "/mcp".to_owned(),
                ..Endpoint::default()
            }],
            ..admin::Server::default()
        }));
        stage
    }

    fn apply(&self, resource: Resource) -> Done {
        let changed = self
            .registry
            .change(vec![Wish::Apply(resource)], &by(), false);
        changed.unwrap().done.remove(0)
    }

    fn credential(&self, kind: credential::Kind) -> Done {
        self.apply(Resource::Credential(admin::Credential {
            name: NAME.to_owned(),
            servers: vec!["s".to_owned()],
            kind: Some(kind),
            ..admin::Credential::default()
        }))
    }

    fn client(&self, secret: &str, scope: &str) -> credential::Kind {
        credential::Kind::ClientCredentials(admin::ClientCredentials {
            token_uri: self.token_uri.clone(),
            client_id: "gateway".to_owned(),
            client_secret: secret.to_owned(),
            scopes: vec![scope.to_owned()],
            resource: "https://s.test".to_owned(),
        })
    }

    async fn ask_for(&self, principal: Principal) -> CredentialAnswer {
        let request = CredentialRequest {
            server: SERVER.to_owned(),
            principal: Some(principal),
            ..CredentialRequest::default()
        };
        self.broker.answer(request).await
    }

    async fn ask(&self, subject_token: &str, refused: &[u8]) -> CredentialAnswer {
        let request = CredentialRequest {
            request_id: 7,
            server: SERVER.to_owned(),
            subject_token: subject_token.to_owned(),
            principal: Some(alice()),
            refused_digest: refused.to_vec(),
        };
        let answer = self.broker.answer(request).await;
        assert_eq!(answer.request_id, 7);
        answer
    }

    fn rotate(&self, secret: Option<&str>, overlap_seconds: u64) {
        let secret = secret.map(Secret::new);
        let rotated = self
            .registry
            .rotate(NAME, secret, ("", overlap_seconds), &by());
        assert!(rotated.unwrap().rotate_time.is_some());
    }

    fn asked(&self) -> Vec<(String, Vec<(String, String)>)> {
        self.endpoint.asked.lock().unwrap().clone()
    }
}

fn alice() -> Principal {
    let attribute = |value: &str| {
        Some(Attribute {
            value: value.to_owned(),
            ..Attribute::default()
        })
    };
    Principal {
        user: attribute("alice@example.test"),
        organization: attribute("o"),
        workspace: attribute("w"),
        groups: vec!["dev".to_owned()],
        ..Principal::default()
    }
}

fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let found = fields.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| &**value)
}

fn is_found(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let content = fs::read(entry.unwrap().path()).unwrap();
        content
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_own_token_is_had_once_and_again_when_its_secret_changes() {
    let stage = Stage::start().await;
    let applied = stage.credential(stage.client("the-first-secret", "notes"));
    assert!(matches!(applied, Done::Created(_)));
    let again = stage.credential(stage.client("the-first-secret", "notes"));
    assert!(matches!(again, Done::Unchanged(_)), "{again:?}");
    let kept = stage.credential(stage.client("", "notes"));
    assert!(matches!(kept, Done::Unchanged(_)));

    let asking = (0..10).map(|_| stage.ask("", &[]));
    let answers = futures_util::future::join_all(asking).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.header_value == "Bearer t0")
    );
    let lasts = answers[0].expire_time.unwrap().seconds - now().seconds;
    assert!((260..=270).contains(&lasts), "{lasts}");
    let asked = stage.asked();
    assert_eq!(asked.len(), 1);
    let (basic, fields) = &asked[0];
    assert_eq!(basic, "gateway:the-first-secret");
    assert_eq!(field(fields, "grant_type"), Some("client_credentials"));
    assert_eq!(field(fields, "scope"), Some("notes"));
    assert_eq!(field(fields, "resource"), Some("https://s.test"));

    let mut expiries = stage.registry.expiries();
    stage.rotate(Some("the-second-secret"), 60);
    let expiry = expiries.recv().await.unwrap();
    assert_eq!(expiry.servers, [SERVER]);
    assert!(expiry.until_seconds >= now().seconds.unsigned_abs() + 55);
    assert_eq!(stage.ask("", &[]).await.header_value, "Bearer t1");
    assert_eq!(stage.asked()[1].0, "gateway:the-second-secret");

    // A changed scope ends what was had at once.
    stage.credential(stage.client("", "files"));
    let expiry = expiries.recv().await.unwrap();
    assert!(expiry.until_seconds <= now().seconds.unsigned_abs());
    assert_eq!(stage.ask("", &[]).await.header_value, "Bearer t2");

    let shown = format!("{:?}", stage.registry.list(Kind::Credential));
    for secret in ["the-first-secret", "the-second-secret"] {
        assert!(!shown.contains(secret));
        assert!(!is_found(stage.folder.path(), secret));
    }
    assert!(is_found(stage.folder.path(), NAME));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_token_is_exchanged_for_that_user_alone() {
    let stage = Stage::start().await;
    let exchange = |scope: &str| {
        credential::Kind::TokenExchange(admin::TokenExchange {
            token_uri: stage.token_uri.clone(),
            client_id: "gateway".to_owned(),
            client_secret: "secret".to_owned(),
            audience: "s".to_owned(),
            resource: String::new(),
            scopes: vec![scope.to_owned()],
        })
    };
    stage.credential(exchange("notes"));
    assert_eq!(stage.ask("alices", &[]).await.header_value, "Bearer t0");
    assert_eq!(stage.ask("bobs", &[]).await.header_value, "Bearer t1");
    assert_eq!(stage.ask("alices", &[]).await.header_value, "Bearer t0");
    assert_eq!(stage.ask("", &[]).await.error, "no_subject");
    let asked = stage.asked();
    assert_eq!(asked.len(), 2);
    let fields = &asked[0].1;
    for (name, value) in [
        (
            "grant_type",
            Some("urn:ietf:params:oauth:grant-type:token-exchange"),
        ),
        ("subject_token", Some("alices")),
        (
            "subject_token_type",
            Some("urn:ietf:params:oauth:token-type:access_token"),
        ),
        ("audience", Some("s")),
        ("resource", None),
        ("actor_token", None),
    ] {
        assert_eq!(field(fields, name), value, "{name}");
    }
    // One that the server refused is not renewed within seconds.
    let refused = *Digest::of(b"Bearer t0").as_bytes();
    assert_eq!(
        stage.ask("alices", &refused).await.header_value,
        "Bearer t0"
    );

    stage.credential(exchange("refused"));
    for _ in 0..3 {
        let answer = stage.ask("alices", &[]).await;
        assert_eq!(answer.error, "token_endpoint_refused");
        assert_eq!(answer.header_value, "");
    }
    assert_eq!(stage.asked().len(), 3);
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Whether a published key verifies a token.
async fn is_verified(stage: &Stage, token: &str) -> bool {
    let id = part(token, 0)["kid"].clone();
    let set = stage.broker.jwk_set().await;
    let mut keys = set["keys"].as_array().unwrap().iter();
    let Some(key) = keys.find(|key| key["kid"] == id) else {
        return false;
    };
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let key = decode(key["x"].as_str().unwrap());
    let key = VerifyingKey::from_bytes(&key.try_into().unwrap()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = Signature::from_slice(&decode(signature)).unwrap();
    key.verify(signed.as_bytes(), &signature).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_says_for_whom_and_is_signed_by_a_published_key() {
    let stage = Stage::start().await;
    stage.credential(credential::Kind::Assertion(admin::Assertion {
        audience: "https://s.test".to_owned(),
        lifetime: None,
    }));
    let first = stage.ask("", &[]).await.header_value;
    let token = first.strip_prefix("Bearer ").unwrap();
    assert!(is_verified(&stage, token).await);
    assert_eq!(part(token, 0)["typ"], "chancery-assertion+jwt");
    let claims = part(token, 1);
    for (name, value) in [
        ("iss", "https://chancery.test"),
        ("aud", "https://s.test"),
        ("sub", "alice@example.test"),
        ("org", "o"),
        ("workspace", "w"),
        ("server", SERVER),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(claims["groups"], json!(["dev"]));
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        300
    );

    // The organization is the server's, whatever a node says.
    let stranger = Principal {
        organization: Some(Attribute {
            value: "other".to_owned(),
            ..Attribute::default()
        }),
        ..alice()
    };
    assert_eq!(stage.ask_for(stranger).await.error, "foreign_principal");
    let unsaid = Principal {
        organization: None,
        ..alice()
    };
    let answer = stage.ask_for(unsaid).await.header_value;
    assert_eq!(part(answer.strip_prefix("Bearer ").unwrap(), 1)["org"], "o");

    // With an overlap the next key is published, and the one before goes on signing.
    stage.rotate(None, 3_600);
    let second = stage.ask("", &[]).await.header_value;
    assert_ne!(first, second);
    let second = second.strip_prefix("Bearer ").unwrap();
    assert_eq!(part(token, 0)["kid"], part(second, 0)["kid"]);
    assert_eq!(
        stage.broker.jwk_set().await["keys"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // Without, it is gone at once.
    stage.rotate(None, 0);
    let third = stage.ask("", &[]).await.header_value;
    let third = third.strip_prefix("Bearer ").unwrap();
    assert!(is_verified(&stage, third).await);
    assert!(!is_verified(&stage, token).await);
    assert_eq!(
        stage.broker.jwk_set().await["keys"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_ends() {
    let stage = Stage::start().await;
    let header = |value: &str, seconds: i64| {
        credential::Kind::StaticHeader(admin::StaticHeader {
            header: "x-api-key".to_owned(),
            value: value.to_owned(),
            expire_time: Some(prost_types::Timestamp {
                seconds: now().seconds + seconds,
                nanos: 0,
            }),
            approver: "sue@example.test".to_owned(),
            reason: "it knows nothing else".to_owned(),
        })
    };
    stage.credential(header("the-static-secret", 3_000));
    let answer = stage.ask("", &[]).await;
    assert_eq!(answer.header_value, "the-static-secret");
    assert!(answer.expire_time.unwrap().seconds <= now().seconds + 3_000);
    assert!(!is_found(stage.folder.path(), "the-static-secret"));
    stage.credential(header("", 1));
    for _ in 0..100 {
        if stage.ask("", &[]).await.error == "expired" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the exception goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_credential_has_none_nor_one_whose_credential_is_gone() {
    let stage = Stage::start().await;
    assert_eq!(stage.ask("", &[]).await.error, "no_credential");
    stage.credential(stage.client("a-secret", "notes"));
    assert_eq!(stage.ask("", &[]).await.error, "");
    let wish = Wish::Delete {
        kind: Kind::Credential,
        name: NAME.to_owned(),
        etag: String::new(),
    };
    stage.registry.change(vec![wish], &by(), false).unwrap();
    assert_eq!(stage.ask("", &[]).await.error, "no_credential");
    let unknown = stage.registry.rotate(NAME, None, ("", 0), &by());
    assert!(unknown.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_inside_is_not_asked() {
    let stage = Stage::start().await;
    stage.credential(stage.client("a-secret", "notes"));
    let egress = Egress::new(false, Vec::new()).unwrap();
    let broker = Broker::new(Arc::clone(&stage.registry), egress, String::new());
    let request = CredentialRequest {
        server: SERVER.to_owned(),
        ..CredentialRequest::default()
    };
    let answer = broker.answer(request).await;
    assert_eq!(answer.error, "forbidden_token_endpoint");
    assert!(stage.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_read_hides_no_other() {
    let stage = Stage::start().await;
    let assertion = |name: &str, server: &str| {
        let kind = credential::Kind::Assertion(admin::Assertion {
            audience: format!("https://{server}.test"),
            lifetime: None,
        });
        Resource::Credential(admin::Credential {
            name: name.to_owned(),
            servers: vec![server.to_owned()],
            kind: Some(kind),
            ..admin::Credential::default()
        })
    };
    let other = "organizations/o/workspaces/w/servers/other";
    stage.apply(Resource::Server(admin::Server {
        owner: "o".to_owned(),
        name: other.to_owned(),
        endpoints: vec![Endpoint {
            cluster: "other".to_owned(),
            path: "/other".to_owned(),
            ..Endpoint::default()
        }],
        ..admin::Server::default()
    }));
    stage.apply(assertion(NAME, "s"));
    stage.apply(assertion("organizations/o/credentials/other", "other"));
    let published = async || {
        let set = stage.broker.jwk_set().await;
        set["keys"].as_array().unwrap().len()
    };
    assert_eq!(published().await, 0, "nobody makes a key by looking");
    for server in [SERVER, other] {
        let request = CredentialRequest {
            server: server.to_owned(),
            principal: Some(alice()),
            ..CredentialRequest::default()
        };
        assert_eq!(stage.broker.answer(request).await.error, "");
    }
    assert_eq!(published().await, 2);
    let path = stage.folder.path().join("store.sqlite");
    let connection = rusqlite::Connection::open(path).unwrap();
    let spoilt = "UPDATE secrets SET content = x'00' WHERE name = ?1";
    assert_eq!(connection.execute(spoilt, [NAME]).unwrap(), 1);
    assert_eq!(published().await, 1);
}
