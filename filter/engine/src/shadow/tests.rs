use std::cell::Cell;

use super::*;
use crate::exchange::{Headers, Vouched};

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// What clients of the Streamable HTTP transport send.
const CLIENT: Pairs<'_> = &[
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
];

/// What is recorded of a request.
fn seen(method: &str, headers: Pairs<'_>, chunks: &[&str]) -> Option<ShadowEvent> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    let headers: Vec<_> = headers.iter().map(pair).collect();
    let head = RequestHead {
        method: method.as_bytes(),
        authority: b"Shadow.test:8443",
        path: b"/mcp?key=secret",
        headers: Headers::new(&headers),
        cluster: "egress",
        route_server: None,
        source: Some("10.0.0.1:5"),
        vouched: Vouched {
            certificate: Some("spiffe://test/agent"),
            metadata: &[],
        },
        ends: chunks.is_empty(),
    };
    let is_asked = Cell::new(false);
    let principal = || {
        is_asked.set(true);
        Arc::default()
    };
    let watch = Watch::begin(&head, principal, Time::default());
    assert_eq!(
        is_asked.get(),
        watch.is_some(),
        "only of a candidate it is asked who sent it"
    );
    let mut watch = watch?;
    for chunk in chunks {
        watch.look(chunk.as_bytes());
    }
    match watch.finish()?.event {
        Event::Shadow(event) => Some(*event),
        Event::Decision(_) | Event::Outcome(_) | Event::Drift(_) | Event::Gap { .. } => None,
    }
}

fn with(more: Pairs<'_>) -> Vec<(&str, &str)> {
    [CLIENT, more].concat()
}

#[test]
fn mcp_is_seen_in_both_eras_and_in_chunks() {
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#;
    let found = seen("POST", CLIENT, &[initialize]).unwrap();
    assert_eq!((&*found.host, &*found.path), ("shadow.test:8443", "/mcp"));
    assert_eq!(found.method, Some(Method::Initialize));
    assert_eq!(found.workload.as_deref(), Some("spiffe://test/agent"));
    let call = [
        "{\"jsonrpc\":",
        "\"2.0\",\"met",
        "hod\":\"tools/call\",\"id\":1}",
    ];
    let found = seen("POST", CLIENT, &call).unwrap();
    assert_eq!(found.method, Some(Method::ToolsCall));
    let stateless = with(&[
        ("mcp-method", "tools/list"),
        ("mcp-protocol-version", "2026-07-28"),
    ]);
    let long = format!(
        r#"{{"jsonrpc":"2.0","params":{{"a":"{}"}},"#,
        "x".repeat(9_000)
    );
    let found = seen("POST", &stateless, &[&long]).unwrap();
    assert_eq!(found.method, Some(Method::ToolsList));
    // A listener's stream, and an answer to what the server asked.
    let session = [
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-session-id", "s"),
    ];
    let listener = seen("GET", &session, &[]).unwrap();
    assert_eq!((listener.kind, listener.method), (ShadowKind::Mcp, None));
    assert!(
        seen(
            "POST",
            &with(&session),
            &[r#"{"jsonrpc":"2.0","id":1,"result":{}}"#]
        )
        .is_some()
    );
}

#[test]
fn other_traffic_is_not_taken_for_mcp() {
    let rpc =
        |method: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{}}}}"#);
    for method in [
        "eth_call",
        "eth_getBlockByNumber",
        // Language servers.
        "initialize",
        "initialized",
        "textDocument/completion",
        "ping",
        // What only servers send.
        "sampling/createMessage",
    ] {
        assert_eq!(seen("POST", CLIENT, &[&rpc(method)]), None, "{method}");
    }
    let call = rpc("tools/call");
    let json = [
        ("content-type", "application/json"),
        ("accept", "application/json"),
    ];
    assert_eq!(seen("POST", &json, &[&call]), None, "accepts no stream");
    let text = [("content-type", "text/plain"), CLIENT[1]];
    assert_eq!(seen("POST", &text, &[&call]), None, "is no JSON");
    assert_eq!(seen("PUT", CLIENT, &[&call]), None);
    assert_eq!(seen("GET", &[("accept", "text/event-stream")], &[]), None);
    assert_eq!(seen("GET", &[("mcp-session-id", "s")], &[]), None);
    for body in [
        "",
        "{}",
        "[]",
        "tools/call jsonrpc",
        r#"{"a":{"jsonrpc":"2.0","method":"tools/call"}}"#,
    ] {
        assert_eq!(seen("POST", CLIENT, &[body]), None, "{body}");
    }
    let named = with(&[("mcp-method", "tools/call")]);
    assert_eq!(
        seen("POST", &named, &[&rpc("eth_call")]),
        None,
        "the body decides"
    );
}

#[test]
fn a_tunnel_says_where_to_and_nothing_else() {
    let found = seen("CONNECT", &[], &["anything"]).unwrap();
    assert_eq!((found.kind, &*found.path), (ShadowKind::Tunnel, ""));
}
