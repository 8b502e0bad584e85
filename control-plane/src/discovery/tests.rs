//! Servers as strangers make them; what real ones say is asked in `tests/tests/discover.rs`.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::post,
};
use chancery_engine::{canonical::DefinitionKind, glob::Glob};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use super::*;
use crate::egress::Egress;

/// A server that is asked what a test says.
type Answers = Arc<dyn Fn(&Value) -> Response + Send + Sync>;

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address.to_string()
}

async fn answering(answers: impl Fn(&Value) -> Response + Send + Sync + 'static) -> String {
    let answers: Answers = Arc::new(answers);
    let answer = |State(answers): State<Answers>, Json(asked): Json<Value>| async move {
        match asked.get("id") {
            Some(_) => answers(&asked),
            None => StatusCode::ACCEPTED.into_response(),
        }
    };
    let router = Router::new()
        .route("/mcp", post(answer))
        .with_state(answers);
    format!("http://{}/mcp", serve(router).await)
}

fn result(asked: &Value, result: &Value) -> Response {
    Json(json!({"jsonrpc": "2.0", "id": asked["id"], "result": result})).into_response()
}

/// The answer of a legacy server that has nothing but tools; `None` to `tools/list`.
fn legacy(asked: &Value) -> Option<Response> {
    let error = |code: i32| {
        let error = json!({"code": code, "message": "none"});
        Json(json!({"jsonrpc": "2.0", "id": asked["id"], "error": error})).into_response()
    };
    match asked["method"].as_str().unwrap() {
        "initialize" => Some(result(
            asked,
            &json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "stranger", "version": "1", "x-colour": "blue"},
                "instructions": "Be kind",
            }),
        )),
        "tools/list" => None,
        _ => Some(error(-32601)),
    }
}

fn ways(settings: &Settings) -> Arc<Ways> {
    let egress = Egress::new(true, vec![]).unwrap();
    Arc::new(Ways::new(egress, settings, true).unwrap())
}

async fn read(url: &str) -> Result<found::Found, DiscoveryError> {
    client::read(&ways(&Settings::default()), url, None).await
}

#[tokio::test]
async fn every_field_is_kept_as_it_was_sent() {
    let raw = r#"{ "name":"a", "x-unknown": {"b":1.50, "a":"\u0061"},"inputSchema":{}}"#;
    let url = answering(move |asked| {
        legacy(asked).unwrap_or_else(|| {
            let id = &asked["id"];
            // An empty cursor is one.
            let body = if asked["params"]["cursor"].is_null() {
                format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{raw}],"nextCursor":""}}}}"#
                )
            } else {
                let last = r#"{"tools":[{"name":"z"}]}"#;
                format!(
                    "event: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}}\n\n\
                     data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\ndata: \"result\":{last}}}\n\n"
                )
            };
            let is_stream = body.starts_with("event");
            let media_type = if is_stream { "text/event-stream" } else { "application/json" };
            ([(header::CONTENT_TYPE, media_type)], body).into_response()
        })
    })
    .await;
    let found = read(&url).await.unwrap();
    assert_eq!(found.protocol_version, "2025-06-18");
    assert_eq!(found.instructions.as_deref(), Some("\"Be kind\""));
    assert!(found.server_info.as_deref().unwrap().contains("x-colour"));
    let items: Vec<_> = found
        .items
        .iter()
        .map(|it| (it.kind, &*it.definition))
        .collect();
    assert_eq!(
        items,
        [
            (DefinitionKind::Tool, raw),
            (DefinitionKind::Tool, r#"{"name":"z"}"#)
        ]
    );
}

#[tokio::test]
async fn what_has_no_end_is_given_up() {
    let asked_for = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked_for);
    let endless = answering(move |asked| {
        legacy(asked).unwrap_or_else(|| {
            let page = count.fetch_add(1, Ordering::Relaxed);
            let next = page.to_string();
            result(asked, &json!({"tools": [], "nextCursor": next}))
        })
    });
    let refused = read(&endless.await).await.unwrap_err();
    assert!(matches!(refused, DiscoveryError::Pages { .. }), "{refused}");
    assert_eq!(asked_for.load(Ordering::Relaxed), MAX_PAGES);
    let looping = answering(|asked| {
        legacy(asked).unwrap_or_else(|| result(asked, &json!({"tools": [], "nextCursor": "again"})))
    });
    let refused = read(&looping.await).await.unwrap_err();
    assert!(matches!(refused, DiscoveryError::Loop { .. }), "{refused}");
    let many = answering(|asked| {
        legacy(asked).unwrap_or_else(|| {
            let page = asked["params"]["cursor"].as_str().unwrap_or("0");
            let page: usize = page.parse().unwrap();
            let tools: Vec<_> = (0..2_000)
                .map(|n| json!({"name": format!("{page}-{n}")}))
                .collect();
            result(
                asked,
                &json!({"tools": tools, "nextCursor": (page + 1).to_string()}),
            )
        })
    });
    let refused = read(&many.await).await.unwrap_err();
    assert!(matches!(refused, DiscoveryError::Items), "{refused}");
}

#[tokio::test]
async fn what_is_too_long_is_not_taken() {
    let page = |bytes: usize| {
        answering(move |asked| {
            legacy(asked).unwrap_or_else(|| {
                let tools = json!([{"name": "a", "description": "x".repeat(bytes)}]);
                result(asked, &json!({"tools": tools}))
            })
        })
    };
    let refused = read(&page(MAX_BYTES).await).await.unwrap_err();
    assert!(matches!(refused, DiscoveryError::TooMuch), "{refused}");
    // What is said beside it takes less than this.
    assert!(read(&page(MAX_BYTES - 2_048).await).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_readers_read_differently_is_none() {
    for (tools, why) in [
        (r#"[{"name":"a","name":"b"}]"#, "duplicate key"),
        (r#"[{"title":"a"}]"#, "no `name`"),
        (r#"{"name":"a"}"#, "no list"),
        ("[}", "expected"),
    ] {
        let url = answering(move |asked| {
            legacy(asked).unwrap_or_else(|| {
                let id = &asked["id"];
                let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":{tools}}}}}"#);
                ([(header::CONTENT_TYPE, "application/json")], body).into_response()
            })
        });
        let refused = read(&url.await).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{tools}: {refused}");
    }
    let url = answering(|asked| {
        legacy(asked).unwrap_or_else(|| {
            let error = json!({"code": -32000, "message": "\u{1b}[2Jgone\u{202e}"});
            Json(json!({"jsonrpc": "2.0", "id": asked["id"], "error": error})).into_response()
        })
    });
    let refused = read(&url.await).await.unwrap_err().to_string();
    assert!(
        refused.contains(r"\u{1b}[2Jgone\u{202e}"),
        "a terminal would act on it: {refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_drips_is_left() {
    // A comment now and then keeps the stream open, and says nothing.
    let drip = answering(|asked| {
        legacy(asked).unwrap_or_else(|| {
            let drops = stream::unfold((), async |()| {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b": drip\n\n")), ()))
            });
            let media_type = [(header::CONTENT_TYPE, "text/event-stream")];
            (media_type, Body::from_stream(drops)).into_response()
        })
    });
    let refused = read(&drip.await).await.unwrap_err();
    assert!(matches!(refused, DiscoveryError::TooSlow), "{refused}");
}

#[tokio::test]
async fn nothing_inside_is_asked_whatever_leads_there() {
    let metadata = "http://169.254.169.254/latest/meta-data";
    let refused = read(metadata).await.unwrap_err();
    assert!(
        matches!(refused, DiscoveryError::Egress(EgressError::Url { .. })),
        "{refused}"
    );
    let refused = read("https://169.254.169.254/mcp").await.unwrap_err();
    assert!(
        matches!(refused, DiscoveryError::Egress(EgressError::Address { .. })),
        "{refused}"
    );
    for redirect in [Redirect::temporary, Redirect::permanent, Redirect::to] {
        let router = Router::new().route("/mcp", post(move || async move { redirect(metadata) }));
        let url = format!("http://{}/mcp", serve(router).await);
        let refused = read(&url).await.unwrap_err();
        let is_redirect = matches!(&refused, DiscoveryError::Egress(EgressError::Redirect { to }) if to == metadata);
        assert!(is_redirect, "{refused}");
    }
    // In production, `localhost` stands for any name that resolves to an address inside.
    let settings = Settings {
        hosts: vec![Glob::parse("localhost").unwrap()],
        ..Settings::default()
    };
    let egress = Egress::new(false, vec![]).unwrap();
    let ways = Arc::new(Ways::new(egress.clone(), &settings, false).unwrap());
    let refused = client::read(&ways, "https://localhost:1/mcp", None)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("not a public address"),
        "{refused}"
    );
    // Who is not named is not even resolved.
    let refused = ways.url("https://mcp.example.com/mcp").unwrap_err();
    assert!(matches!(refused, DiscoveryError::Host { .. }), "{refused}");
    let nobody = Ways::new(egress, &Settings::default(), false).unwrap();
    assert!(nobody.url("https://mcp.example.com/mcp").is_err());
}

#[tokio::test]
async fn a_redirect_to_the_same_place_is_followed() {
    let target = answering(|asked| {
        legacy(asked).unwrap_or_else(|| result(asked, &json!({"tools": [{"name": "a"}]})))
    });
    let target = target.await;
    let answer = |Json(asked): Json<Value>| async move {
        match asked.get("id") {
            None => StatusCode::ACCEPTED.into_response(),
            Some(_) => {
                legacy(&asked).unwrap_or_else(|| result(&asked, &json!({"tools": [{"name": "a"}]})))
            }
        }
    };
    let moved = Router::new()
        .route("/mcp", post(|| async { Redirect::temporary("/mcp/") }))
        .route("/mcp/", post(answer));
    let url = format!("http://{}/mcp", serve(moved).await);
    assert_eq!(read(&url).await.unwrap().items.len(), 1);
    // Another port of the same host is another place.
    let router = Router::new().route(
        "/mcp",
        post(move || async move { Redirect::temporary(&target) }),
    );
    let url = format!("http://{}/mcp", serve(router).await);
    assert!(read(&url).await.is_err());
}

#[tokio::test]
async fn a_proxy_is_asked_for_whole_urls_and_for_tunnels() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let answer = move |uri: Uri, Json(asked): Json<Value>| async move {
        kept.lock().unwrap().push(uri.to_string());
        match asked.get("id") {
            None => StatusCode::ACCEPTED.into_response(),
            Some(_) => {
                legacy(&asked).unwrap_or_else(|| result(&asked, &json!({"tools": [{"name": "a"}]})))
            }
        }
    };
    let proxy = serve(Router::new().fallback(answer)).await;
    let settings = Settings {
        proxy: Some(proxy.parse().unwrap()),
        ..Settings::default()
    };
    // No such name is known here; the proxy resolves it.
    let found = client::read(&ways(&settings), "http://mcp.invalid/mcp", None).await;
    assert_eq!(found.unwrap().items.len(), 1);
    let seen = seen.lock().unwrap().clone();
    assert!(!seen.is_empty());
    assert!(
        seen.iter().all(|uri| uri == "http://mcp.invalid/mcp"),
        "{seen:?}"
    );
    // What is known here to lead inside, no proxy is asked for.
    let egress = Egress::new(false, vec![]).unwrap();
    let production = Arc::new(Ways::new(egress, &settings, false).unwrap());
    let refused = client::read(&production, "http://localhost/mcp", None)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("not a public address"),
        "{refused}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    let line = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut line = String::new();
        BufReader::new(&mut stream)
            .read_line(&mut line)
            .await
            .unwrap();
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            .await
            .unwrap();
        line
    });
    let settings = Settings {
        proxy: Some(proxy.parse().unwrap()),
        ..Settings::default()
    };
    assert!(
        client::read(&ways(&settings), "https://mcp.invalid/mcp", None)
            .await
            .is_err()
    );
    assert_eq!(line.await.unwrap(), "CONNECT mcp.invalid:443 HTTP/1.1\r\n");
}
