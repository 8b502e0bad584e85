use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use super::*;

const KEYS: &str = r#"{"keys":[
    {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"EC","crv":"P-521","kid":"b","x":"AA","y":"AA"},
    {"kty":"RSA","use":"enc","kid":"c","n":"AQ","e":"AQAB"}]}"#;

/// A server that answers with these metadata at a path, and with keys at `/keys`.
async fn issuer(path: &'static str, metadata: impl Fn(&str) -> String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let metadata = metadata(&url);
    let router = Router::new()
        .route(path, get(move || async move { metadata }))
        .route("/keys", get(|| async { KEYS }))
        .route(
            "/broken",
            get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        );
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn read(issuer: String, jwks_uri: String) -> Result<Vec<String>, String> {
    let egress = Egress::new(true, vec![]).unwrap();
    let source = KeySource {
        identity_provider: "organizations/o/identityProviders/i".to_owned(),
        issuer,
        jwks_uri,
    };
    let fetched = keys(&egress, &source).await;
    let ids = |fetched: Fetched| fetched.keys.into_iter().map(|key| key.key_id).collect();
    fetched.map(ids).map_err(|error| error.to_string())
}

fn metadata(issuer: &str, place: &str) -> String {
    format!(r#"{{"issuer":"{issuer}","jwks_uri":"{place}/keys","other":1}}"#)
}

#[tokio::test]
async fn keys_are_found_by_both_kinds_of_metadata_or_where_the_operator_says() {
    let place = issuer("/.well-known/openid-configuration", |it| metadata(it, it)).await;
    assert_eq!(read(place.clone(), String::new()).await.unwrap(), ["a"]);
    let place = issuer("/.well-known/oauth-authorization-server/tenant", |it| {
        metadata(&format!("{it}/tenant"), it)
    });
    let tenant = format!("{}/tenant", place.await);
    assert_eq!(read(tenant, String::new()).await.unwrap(), ["a"]);
    let place = issuer("/tenant/.well-known/openid-configuration", |it| {
        metadata(&format!("{it}/tenant/"), it)
    });
    let tenant = format!("{}/tenant/", place.await);
    assert_eq!(read(tenant, String::new()).await.unwrap(), ["a"]);
    let place = issuer("/nothing", str::to_owned).await;
    let given = read("https://elsewhere.test".to_owned(), format!("{place}/keys"));
    assert_eq!(given.await.unwrap(), ["a"]);
}

#[tokio::test]
async fn metadata_of_another_issuer_are_not_believed() {
    let place = issuer("/.well-known/openid-configuration", |it| {
        metadata("https://other.test", it)
    });
    let refused = read(place.await, String::new()).await.unwrap_err();
    assert!(
        refused.contains("metadata of `https://other.test`"),
        "{refused}"
    );
    let inside = issuer("/.well-known/openid-configuration", |it| {
        metadata(it, "http://169.254.169.254")
    });
    let refused = read(inside.await, String::new()).await.unwrap_err();
    assert!(refused.contains("169.254.169.254"), "{refused}");
    let place = issuer("/x", str::to_owned).await;
    let refused = read(place.clone(), String::new()).await.unwrap_err();
    assert!(refused.contains("404"), "{refused}");
    let refused = read(place.clone(), format!("{place}/broken"))
        .await
        .unwrap_err();
    assert!(refused.contains("500"), "{refused}");
    let refused = read(place.clone(), format!("{place}/x")).await.unwrap_err();
    assert!(refused.contains("no JWK Set"), "{refused}");
}
