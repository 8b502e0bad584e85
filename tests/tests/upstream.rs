//! What a server sees of who calls it, through real Envoy, the real control plane and a real
//! authorization server.

#![cfg(test)]

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_proto::audit::v1::{RecordFilter, entry::Event};
use chancery_tests::{
    hostile::{
        client::{Client, trace},
        phrase::CALL,
        stage::{Stage, heard, is_refusal},
    },
    oauth::{AuthorizationServer, CLIENT_SECRET},
    wait,
};
use serde_json::Value;

const UPSTREAM: &str = "https://notes.upstream.test";

/// What stands in a document beside the kind and the name.
fn credential(kind: &str, secret: &str) -> String {
    format!(
        "apiVersion: chancery.dev/v1\nkind: Credential\nmetadata: {{name: notes}}\nspec:\n  servers: [notes]\n  {kind}: {secret}\n"
    )
}

struct Scene {
    stage: Stage,
    oauth: AuthorizationServer,
    secrets: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Self {
        let stage = Stage::start().await.unwrap();
        let jwks = stage.provider.jwks();
        let oauth = AuthorizationServer::start("https://idp.test", &jwks)
            .await
            .unwrap();
        let secrets = tempfile::tempdir().unwrap();
        fs::write(secrets.path().join("secret"), CLIENT_SECRET).unwrap();
        Self {
            stage,
            oauth,
            secrets,
        }
    }

    /// Has the server called with a credential from now on.
    async fn call_with(&self, kind: &str, fields: &str) {
        let path = self.secrets.path().join("credential.yaml");
        fs::write(&path, credential(kind, fields)).unwrap();
        let control_plane = &self.stage.control_plane;
        control_plane.apply_path(&path).await.unwrap();
        control_plane.converged(1).await.unwrap();
    }

    fn client(&self) -> String {
        format!(
            "tokenUri: {}, clientId: gateway, clientSecret: {{file: ./secret}}, scopes: [notes], resource: {UPSTREAM}",
            self.oauth.token_uri()
        )
    }

    /// Calls a tool, and gives what the server was shown.
    async fn call(&self, client: &Client<'_>, number: usize) -> String {
        let answer = client.ask(number, &[], CALL).await.unwrap();
        assert!(!is_refusal(&answer), "{}", heard(&answer));
        let received = &self.stage.received()[&trace(number)];
        assert_eq!(received.len(), 1);
        let values: Vec<_> = received[0]
            .headers
            .get_all("authorization")
            .iter()
            .collect();
        assert_eq!(values.len(), 1);
        values[0].to_str().unwrap().to_owned()
    }
}

fn claims(header: &str) -> Value {
    let token = header.strip_prefix("Bearer ").unwrap();
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn is_found(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_found(&path, text);
        }
        let content = fs::read(&path).unwrap();
        content
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

/// Waits for the records of some decisions, and gives as whom the server was called.
async fn identities(stage: &Stage, count: usize) -> Vec<String> {
    let of = async || -> Result<_, wait::TimedOut> {
        let records = stage
            .control_plane
            .records(RecordFilter::default())
            .await
            .unwrap();
        let identities: Vec<_> = records
            .into_iter()
            .filter_map(|record| match record.entry.event {
                Some(Event::Decision(decision)) => Some(decision.upstream_identity),
                _ => None,
            })
            .collect();
        Ok((identities.len() >= count).then_some(identities))
    };
    wait::until("the decisions to be recorded", wait::PATIENCE, of)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_sees_the_gateway_the_user_or_a_signed_word_but_never_the_users_token() {
    let scene = Scene::start().await;
    let alice = Client::new(&scene.stage, "alice@example.test", &["dev"]).unwrap();
    let bob = Client::new(&scene.stage, "bob@example.test", &["dev"]).unwrap();

    scene
        .call_with("clientCredentials", &format!("{{{}}}", scene.client()))
        .await;
    let service = scene.call(&alice, 1).await;
    let own = claims(&service);
    assert_eq!(
        (&own["iss"], &own["aud"]),
        (&scene.oauth.issuer().into(), &UPSTREAM.into())
    );
    assert_eq!(own["sub"], "gateway");
    assert_eq!(scene.call(&bob, 2).await, service);

    scene
        .call_with("tokenExchange", &format!("{{{}}}", scene.client()))
        .await;
    let for_alice = scene.call(&alice, 3).await;
    let for_bob = scene.call(&bob, 4).await;
    assert_eq!(claims(&for_alice)["sub"], "alice@example.test");
    assert_eq!(claims(&for_bob)["sub"], "bob@example.test");
    assert_eq!(claims(&for_alice)["aud"], UPSTREAM);

    scene
        .call_with("assertion", &format!("{{audience: {UPSTREAM}}}"))
        .await;
    let asserted = claims(&scene.call(&alice, 5).await);
    assert_eq!(asserted["sub"], "alice@example.test");
    assert_eq!(asserted["groups"], serde_json::json!(["dev"]));
    let url = format!("{}/.well-known/jwks.json", scene.stage.control_plane.url());
    let keys: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);

    let identities = identities(&scene.stage, 5).await;
    assert_eq!(
        identities,
        ["service", "service", "principal", "principal", "principal"]
    );
    let log = scene.stage.control_plane.log();
    for secret in [CLIENT_SECRET, &service, &for_alice] {
        let secret = secret.strip_prefix("Bearer ").unwrap_or(secret);
        assert!(!is_found(scene.stage.control_plane.data(), secret));
        assert!(!log.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_the_server_is_not_called_and_a_new_secret_mends_it() {
    let scene = Scene::start().await;
    let alice = Client::new(&scene.stage, "alice@example.test", &["dev"]).unwrap();
    fs::write(scene.secrets.path().join("secret"), "a-wrong-secret").unwrap();
    scene
        .call_with("clientCredentials", &format!("{{{}}}", scene.client()))
        .await;
    let answer = alice.ask(1, &[], CALL).await.unwrap();
    assert_eq!(answer.status, 503, "{}", heard(&answer));
    assert!(heard(&answer).contains("no_upstream_credential"));
    assert!(!scene.stage.received().contains_key(&trace(1)));
    let file = scene.secrets.path().join("right");
    fs::write(&file, format!("{CLIENT_SECRET}\n")).unwrap();
    let file = file.to_str().unwrap();
    let rotate = ["credentials", "rotate", "notes", "--secret-file", file];
    scene.stage.control_plane.succeed(&rotate).await.unwrap();
    // An instance hears of it a moment later.
    let mut number = 1;
    let mended = async || -> Result<_, wait::TimedOut> {
        number += 1;
        let answer = alice.ask(number, &[], CALL).await.unwrap();
        Ok((!is_refusal(&answer)).then_some(number))
    };
    let number = wait::until("the new secret to be used", wait::PATIENCE, mended)
        .await
        .unwrap();
    let service = scene.stage.received()[&trace(number)][0].clone();
    let service = service.header("authorization").unwrap();
    assert_eq!(claims(service)["sub"], "gateway");
    let listed = ["get", "credentials"];
    let listed = scene.stage.control_plane.succeed(&listed).await.unwrap();
    assert!(listed.contains("client credentials") && !listed.contains(CLIENT_SECRET));
    let keys = scene
        .stage
        .control_plane
        .succeed(&["keys", "list"])
        .await
        .unwrap();
    assert!(keys.contains("seals"), "{keys}");
}
