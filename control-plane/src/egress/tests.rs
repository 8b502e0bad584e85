use axum::{Router, http::HeaderValue, response::Redirect, routing::get};
use tokio::net::TcpListener;

use super::*;

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn refusal(egress: &Egress, url: &str) -> String {
    egress.url(url).unwrap_err().to_string()
}

#[test]
fn nothing_inside_is_asked_unless_it_is_allowed() {
    let production = Egress::new(false, vec![]).unwrap();
    for url in [
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0.0.0.0/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.100.100.200/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::10.0.0.1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:a00:1::]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
        "https://[ff02::1]/",
        "https://[2001:db8::1]/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
    ] {
        let refused = refusal(&production, url);
        assert!(refused.contains("not a public address"), "{url}: {refused}");
    }
    for url in [
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07::1]/",
        "https://idp.example.com/a?b",
    ] {
        assert!(production.url(url).is_ok(), "{url}");
    }
    let inside = Egress::new(false, vec!["10.1.0.0/16".parse().unwrap()]).unwrap();
    assert!(inside.url("https://10.1.2.3/").is_ok());
    assert!(inside.url("https://[::ffff:10.1.2.3]/").is_ok());
    assert!(inside.url("https://10.2.2.3/").is_err());
    let development = Egress::new(true, vec![]).unwrap();
    assert!(development.url("https://10.1.2.3/").is_ok());
    assert!(development.url("https://169.254.169.254/").is_err());
}

#[test]
fn plain_http_is_for_loopback_in_development() {
    let production = Egress::new(false, vec!["127.0.0.0/8".parse().unwrap()]).unwrap();
    let development = Egress::new(true, vec![]).unwrap();
    for url in [
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://[::1]/",
    ] {
        assert!(refusal(&production, url).contains("not `https`"), "{url}");
        assert!(development.url(url).is_ok(), "{url}");
    }
    for url in [
        "http://10.0.0.1/",
        "http://idp.example.com/",
        "http://localhost.example.com/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://user@idp.example.com/",
        "https://idp.example.com/#a",
        "idp.example.com",
    ] {
        assert!(development.url(url).is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_followed() {
    // `localhost` stands for any name that resolves to an address inside.
    let production = Egress::new(false, vec![]).unwrap();
    let refused = production.get("https://localhost:1/").await.unwrap_err();
    assert!(
        refused.to_string().contains("not a public address"),
        "{refused}"
    );
}

#[tokio::test]
async fn answers_are_bounded_and_redirects_stay_where_they_are() {
    let elsewhere = serve(Router::new().route("/keys", get(|| async { "stolen" }))).await;
    let router = Router::new()
        .route(
            "/keys",
            get(|| async {
                (
                    [(
                        CACHE_CONTROL,
                        HeaderValue::from_static("public, max-age=600"),
                    )],
                    "{}",
                )
            }),
        )
        .route("/moved", get(|| async { Redirect::permanent("/keys") }))
        .route("/loop", get(|| async { Redirect::temporary("/loop") }))
        .route(
            "/away",
            get(move || async move { Redirect::temporary(&format!("http://{elsewhere}/keys")) }),
        )
        .route("/long", get(|| async { "x".repeat(MAX_ANSWER_BYTES + 1) }))
        .route("/full", get(|| async { "x".repeat(MAX_ANSWER_BYTES) }));
    let address = serve(router).await;
    let egress = Egress::new(true, vec![]).unwrap();
    let ask = async |path: &str| egress.get(&format!("http://{address}{path}")).await;
    let fresh = Answer {
        body: b"{}".to_vec(),
        fresh_for: Some(Duration::from_mins(10)),
    };
    assert_eq!(ask("/keys").await.unwrap(), fresh);
    assert_eq!(ask("/moved").await.unwrap(), fresh);
    assert_eq!(ask("/full").await.unwrap().body.len(), MAX_ANSWER_BYTES);
    assert!(matches!(ask("/long").await, Err(EgressError::Body(_))));
    assert!(matches!(
        ask("/loop").await,
        Err(EgressError::Redirect { .. })
    ));
    assert!(matches!(
        ask("/away").await,
        Err(EgressError::Redirect { .. })
    ));
    assert!(matches!(
        ask("/none").await,
        Err(EgressError::Status(StatusCode::NOT_FOUND))
    ));
    let gone = egress.get("http://127.0.0.1:1/").await;
    assert!(matches!(gone, Err(EgressError::Unreachable(_))));
}

#[test]
fn what_says_for_how_long_it_is_good_is_believed() {
    let fresh = |control: &str, age: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, control.parse().unwrap());
        age.map(|age| headers.insert(AGE, age.parse().unwrap()));
        fresh_for(&headers).map(|it| it.as_secs())
    };
    assert_eq!(fresh("max-age=60", None), Some(60));
    assert_eq!(fresh("Public, MAX-AGE=60", Some("20")), Some(40));
    assert_eq!(fresh("max-age=60", Some("90")), Some(0));
    assert_eq!(fresh("max-age=60, no-cache", None), Some(0));
    assert_eq!(fresh("no-store", None), Some(0));
    assert_eq!(fresh("max-age=soon", None), None);
    assert_eq!(fresh("private", None), None);
    assert_eq!(fresh_for(&HeaderMap::new()), None);
}
