//! What one principal may not have of another, and what masks hide whichever way it comes.

#![cfg(test)]

use chancery_tests::{
    hostile::{
        client::{Client, trace},
        phrase::{CALL, EVENTS, GET, JSON, RESULT, alice, event, header, text},
        stage::{Stage, heard, is_refusal},
    },
    mcp_server::Reply,
};

const EXPORT: &str =
    "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'export_customers'}}";
const INITIALIZE: &str = "{'jsonrpc':'2.0','id':1,'method':'initialize','params':{'protocolVersion':'2025-11-25','capabilities':{},'clientInfo':{'name':'x','version':'1'}}}";

fn bob(stage: &Stage) -> Client<'_> {
    Client::new(stage, "bob@example.test", &["dev"]).unwrap()
}

fn sue(stage: &Stage) -> Client<'_> {
    Client::new(stage, "sue@example.test", &["support"]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_masked_stays_masked_whichever_way_it_comes() {
    let stage = Stage::start().await.unwrap();
    let sue = sue(&stage);
    let resume = [&GET[..], &["last-event-id: 1"]].concat();
    let result = "{'jsonrpc':'2.0','id':1,'result':{'content':[{'type':'text','text':'mail carol@example.test'}]}}";
    let log = "{'jsonrpc':'2.0','method':'notifications/message','params':{'level':'info','data':'carol@example.test'}}";
    stage
        .server
        .set(Reply::ok(EVENTS, "").with_body(vec![event(log), event(result)]));
    for (number, head, body) in [(1, &[][..], EXPORT), (2, &GET[..], ""), (3, &resume, "")] {
        let answer = sue.ask(number, head, body).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            text.contains("mail ") && !text.contains("carol@"),
            "{number}: {text}"
        );
    }
    stage.server.set(Reply::ok(JSON, text(RESULT)));
    let head = [
        "mcp-protocol-version: 2026-07-28",
        "mcp-method: tools/call",
        "mcp-name: export_customers",
        "+mcp-param-mail: carol@example.test",
    ];
    let body = EXPORT.replace(
        "'export_customers'",
        "'export_customers','arguments':{'mail':'carol@example.test'},'_meta':{'io.modelcontextprotocol/protocolVersion':'2026-07-28','io.modelcontextprotocol/clientCapabilities':{}}",
    );
    sue.ask(4, &head, &body).await.unwrap();
    for request in stage.received().get(&trace(4)).into_iter().flatten() {
        assert!(!String::from_utf8_lossy(&request.body).contains("carol@"));
        let header = request.header("mcp-param-mail").unwrap_or_default();
        assert!(!header.contains("carol@"), "a header of {header}");
    }
}

/// Ways to use a session: what differs in the head, the body, and the type of the answer.
const WAYS: [(&[&str], &str, &str); 4] = [
    (&[], CALL, JSON),
    (&GET, "", EVENTS),
    (&[GET[0], GET[1], GET[2], "last-event-id: 1"], "", EVENTS),
    (&[":method: DELETE", GET[1], GET[2]], "", JSON),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_principals_alone() {
    const OWN: &str = "server-session-1";
    let stage = Stage::start().await.unwrap();
    let (name, value) = header("mcp-session-id", OWN);
    let opened = Reply::ok(JSON, text(RESULT)).with_header(name, value);
    stage.server.set(opened);
    let (alice, bob) = (alice(&stage).unwrap(), bob(&stage));
    let opened = alice.ask(1, &[], INITIALIZE).await.unwrap();
    let sealed = opened.header("mcp-session-id").unwrap();
    assert_ne!(sealed, OWN, "the server's own id is shown");
    let changed: String = sealed.chars().rev().collect();
    for (way, (head, body, kind)) in WAYS.into_iter().enumerate() {
        let answer = if kind == EVENTS {
            format!("data: {RESULT}\n\n")
        } else {
            RESULT.to_owned()
        };
        stage.server.set(Reply::ok(kind, text(&answer)));
        let ask = async |client: &Client<'_>, number: usize, ids: &[&str]| {
            let lines = ids.iter().map(|id| format!("+mcp-session-id: {id}"));
            let lines: Vec<_> = head.iter().map(ToString::to_string).chain(lines).collect();
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            client.ask(100 * way + number, &lines, body).await.unwrap()
        };
        let answer = ask(&alice, 10, &[sealed]).await;
        assert!(!is_refusal(&answer), "way {way}: {}", heard(&answer));
        let forwarded = stage.received()[&trace(100 * way + 10)][0].clone();
        assert_eq!(forwarded.header("mcp-session-id"), Some(OWN), "way {way}");
        let attempts: [(usize, &Client<'_>, &[&str]); 6] = [
            (11, &bob, &[sealed]),
            (12, &alice, &[OWN]),
            (13, &bob, &[OWN]),
            (14, &alice, &[&changed]),
            (15, &alice, &[sealed, OWN]),
            (16, &alice, &[""]),
        ];
        for (number, client, ids) in attempts {
            let answer = ask(client, number, ids).await;
            assert!(
                is_refusal(&answer),
                "way {way}, {ids:?}: {}",
                heard(&answer)
            );
            let reached = stage.received().contains_key(&trace(100 * way + number));
            assert!(!reached, "way {way}: {ids:?} reached the server");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_request_is_its_principals_alone() {
    let stage = Stage::start().await.unwrap();
    let (alice, bob) = (alice(&stage).unwrap(), bob(&stage));
    let asks = "{'jsonrpc':'2.0','id':1,'result':{'resultType':'input_required','inputRequests':{'a':{'method':'roots/list'}},'requestState':'server-state-1'}}";
    stage.server.set(Reply::ok(JSON, text(asks)));
    let head = [
        "mcp-protocol-version: 2026-07-28",
        "mcp-method: tools/call",
        "mcp-name: echo",
    ];
    let meta = "'_meta':{'io.modelcontextprotocol/protocolVersion':'2026-07-28','io.modelcontextprotocol/clientCapabilities':{'roots':{}}}";
    let call = CALL.replace("'echo'", &format!("'echo',{meta}"));
    let answer = alice.ask(1, &head, &call).await.unwrap();
    let asked: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let sealed = asked["result"]["requestState"].as_str().unwrap();
    assert_ne!(sealed, "server-state-1", "the server's own state is shown");

    stage.server.set(Reply::ok(
        JSON,
        text("{'jsonrpc':'2.0','id':1,'result':{'resultType':'complete','content':[]}}"),
    ));
    let retry = |state: &str| {
        let inputs = format!(
            "'echo','requestState':'{state}','inputResponses':{{'a':{{'roots':[]}}}},{meta}"
        );
        CALL.replace("'echo'", &inputs)
    };
    let answer = alice.ask(2, &head, &retry(sealed)).await.unwrap();
    assert!(!is_refusal(&answer), "{}", heard(&answer));
    let received = stage.received();
    assert!(String::from_utf8_lossy(&received[&trace(2)][0].body).contains("\"server-state-1\""));
    for (number, client, state) in [
        (3, &bob, sealed),
        (4, &alice, "server-state-1"),
        (5, &bob, "server-state-1"),
    ] {
        let answer = client.ask(number, &head, &retry(state)).await.unwrap();
        assert!(is_refusal(&answer), "{number}: {}", heard(&answer));
        assert!(!stage.received().contains_key(&trace(number)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_initialize_alone() {
    let stage = Stage::start().await.unwrap();
    let alice = alice(&stage).unwrap();
    for (number, head, body, kind) in [
        (1, &[][..], CALL, JSON),
        (2, &GET[..], "", EVENTS),
        (3, &[][..], CALL, EVENTS),
    ] {
        let (name, value) = header("mcp-session-id", "server-session-2");
        let answer = if kind == EVENTS {
            format!("data: {RESULT}\n\n")
        } else {
            RESULT.to_owned()
        };
        stage
            .server
            .set(Reply::ok(kind, text(&answer)).with_header(name, value));
        let answer = alice.ask(number, head, body).await.unwrap();
        assert_ne!(
            answer.header("mcp-session-id"),
            Some("server-session-2"),
            "{number}"
        );
    }
}
