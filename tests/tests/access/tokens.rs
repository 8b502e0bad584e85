//! Administrators' tokens: from keys in a file, and as a real provider publishes them.

use std::{fs, process::Output};

use chancery_tests::{
    control_plane::{ROOT, Secured},
    identity::{Flaw, IdentityProvider},
    openid::OpenIdProviders,
    pki::{Authority, Pki},
};
use serde_json::{Value, json};

use crate::site::{refused, site, succeeded};

#[tokio::test]
async fn a_token_is_as_good_as_a_certificate_and_a_bad_one_spoils_it() {
    let site = site().await;
    let binding = json!({
        "apiVersion": "chancery.dev/v1",
        "kind": "Binding",
        "metadata": { "name": "by-token", "organization": "a" },
        "spec": { "members": ["user:alice", "group:readers"], "roles": ["viewer"] },
    });
    fs::write(site.folder().join("binding.yaml"), binding.to_string()).unwrap();
    let root = site.pki.client(Authority::Admins, ROOT).unwrap();
    succeeded(
        &site
            .command(&root, &["apply", "-f", "binding.yaml"])
            .output()
            .unwrap(),
    );
    let get = ["get", "binding", "--organization", "a", "-o", "name"];
    let with_token = |token: &str| -> Output {
        fs::write(site.folder().join("token"), token).unwrap();
        site.bare_command(&get)
            .env("CHANCERY_TOKEN_FILE", "token")
            .output()
            .unwrap()
    };
    succeeded(&with_token(&site.issuer.token("alice", &[]).unwrap()));
    succeeded(&with_token(
        &site.issuer.token("bob", &["readers"]).unwrap(),
    ));
    for (token, said) in [
        (
            site.issuer.token("bob", &[]).unwrap(),
            "user:bob is not viewer",
        ),
        (
            site.issuer.flawed(Flaw::Expired, "alice", &[]).unwrap(),
            "expired",
        ),
        (
            site.issuer
                .flawed(Flaw::WrongAudience, "alice", &[])
                .unwrap(),
            "another audience",
        ),
        ("nonsense".to_owned(), "not a signed JWT"),
    ] {
        let output = with_token(&token);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(4) && stderr.contains(said),
            "{stderr}"
        );
    }
    fs::write(site.folder().join("token"), "nonsense").unwrap();
    let mut both = site.command(&root, &get);
    let output = both.env("CHANCERY_TOKEN_FILE", "token").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
}

/// The provider makes tokens for URIs only (RFC 8707).
const RESOURCE: &str = "https://chancery.test";

/// A site whose administrators are the group `team` of a real provider, which is asked for its keys.
async fn published(keys: impl Fn(&str) -> Value) -> (Secured, OpenIdProviders) {
    let pki = Pki::new().unwrap();
    let server = pki.server().unwrap();
    let providers = OpenIdProviders::start_tls(1, RESOURCE, &server).await;
    let providers = providers.unwrap();
    let mut oidc = keys(providers.issuer(0));
    oidc["issuer"] = json!(providers.issuer(0));
    oidc["audience"] = json!(RESOURCE);
    let changed = json!({
        "nodes": [{ "certificate": "spiffe://test/envoy/*", "organizations": ["*"] }],
        "allowedNetworks": ["127.0.0.0/8"],
        "administrators": ["group:team"],
        "oidc": oidc,
    });
    let site = Secured::start_with(pki, changed).await.unwrap();
    (site, providers)
}

/// What comes of a call with a token.
fn call(site: &Secured, token: &str) -> Output {
    fs::write(site.folder().join("token"), token).unwrap();
    let get = ["get", "binding", "--organization", "a"];
    let mut command = site.bare_command(&get);
    let output = command.env("CHANCERY_TOKEN_FILE", "token").output();
    output.unwrap()
}

#[tokio::test]
async fn the_first_call_with_a_rotated_key_is_let_in() {
    for keys in [
        |_: &str| json!({}),
        |issuer: &str| json!({ "jwksUrl": format!("{issuer}/jwks") }),
    ] {
        let (site, providers) = published(keys).await;
        let first = providers.token(0).await.unwrap();
        succeeded(&call(&site, &first));
        for _ in 0..3 {
            providers.rotate(0).await.unwrap();
            let token = providers.token(0).await.unwrap();
            succeeded(&call(&site, &token));
        }
        refused(&call(&site, &first), 4, "its issuer does not publish it");
        // The right words, signed with a key of somebody else.
        let forger = IdentityProvider::generate(providers.issuer(0), RESOURCE).unwrap();
        let token = forger.token("agent", &["team"]).unwrap();
        refused(&call(&site, &token), 4, "its issuer does not publish it");
    }
}

#[tokio::test]
async fn known_keys_count_while_the_provider_is_away_and_others_do_not() {
    let (mut site, mut providers) = published(|_| json!({})).await;
    let known = providers.token(0).await.unwrap();
    succeeded(&call(&site, &known));
    providers.rotate(0).await.unwrap();
    let unknown = providers.token(0).await.unwrap();
    providers.kill();
    for _ in 0..2 {
        succeeded(&call(&site, &known));
        let answer = call(&site, &unknown);
        refused(&answer, 4, "the token's key is not known");
        refused(&answer, 4, "its issuer's keys cannot be read now");
        assert!(site.log().contains("the issuer's keys cannot be read"));
        // What was read last outlasts a restart.
        site.restart(json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn a_flood_of_unknown_keys_shuts_out_nobody_whose_key_is_known() {
    let (site, providers) = published(|_| json!({})).await;
    let known = providers.token(0).await.unwrap();
    let forger = IdentityProvider::generate(providers.issuer(0), RESOURCE).unwrap();
    let token = forger.token("agent", &["team"]).unwrap();
    let busy = "its issuer has been asked for others just now";
    let is_busy = |output: &Output| String::from_utf8_lossy(&output.stderr).contains(busy);
    let answers: Vec<_> = (0..10).map(|_| call(&site, &token)).collect();
    assert!(answers.iter().all(|it| it.status.code() == Some(4)));
    assert!(answers.iter().any(is_busy));
    succeeded(&call(&site, &known));
}

#[tokio::test]
async fn an_issuer_inside_is_asked_only_where_the_configuration_says_so() {
    let (site, _providers) = published(|_| json!({})).await;
    let configuration = fs::read_to_string(site.folder().join("chancery.yaml")).unwrap();
    let mut configuration: Value = serde_json::from_str(&configuration).unwrap();
    configuration["allowedNetworks"] = json!([]);
    let file = site.folder().join("guarded.yaml");
    fs::write(&file, configuration.to_string()).unwrap();
    let serve = ["serve", "--config", "guarded.yaml", "--data-dir", "guarded"];
    let output = site.bare_command(&serve).output().unwrap();
    refused(&output, 2, "`oidc`: 127.0.0.1 is not a public address");
    assert!(!site.folder().join("guarded").exists());
}
