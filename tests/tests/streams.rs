//! What rows cannot say: who waits for whom, and what one exchange may do to another.

#![cfg(test)]

use chancery_proto::audit::v1::{OutcomeStatus, Verdict};
use chancery_tests::{
    hostile::{
        client::trace,
        phrase::{CALL, EVENTS, GET, JSON, RESULT, alice, event, header, text},
        stage::{Stage, heard, is_refusal},
    },
    mcp_server::{Gate, Part, Reply},
    wait,
};
use http::StatusCode;

async fn until_unfinished(stage: &Stage, count: usize) {
    let reached =
        async || Ok::<_, wait::TimedOut>((stage.server.unfinished() == count).then_some(()));
    wait::until("the server's answers to end", wait::PATIENCE, reached)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_delivered_before_the_next_is_there() {
    let stage = Stage::start().await.unwrap();
    for (number, head, body) in [(1, &[][..], CALL), (2, &GET[..], "")] {
        let gate = Gate::closed();
        let progress = "{'jsonrpc':'2.0','method':'notifications/progress','params':{'progressToken':1,'progress':1}}";
        let parts = vec![event(progress), Part::Wait(gate.clone()), event(RESULT)];
        stage.server.set(Reply::ok(EVENTS, "").with_body(parts));
        let mut connection = alice(&stage)
            .unwrap()
            .begin(number, head, body)
            .await
            .unwrap();
        let has =
            |part: &'static str| move |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(part);
        let first = connection.read_until(has("progressToken")).await.unwrap();
        assert!(has("progressToken")(first) && !has("result")(first));
        gate.open();
        assert!(has("\"result\"")(
            connection.read_until(has("\"result\"")).await.unwrap()
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_is_gone_for_the_server_too() {
    let stage = Stage::start().await.unwrap();
    for (number, head, body) in [(1, &[][..], CALL), (2, &GET[..], "")] {
        let parts = vec![
            event("{'jsonrpc':'2.0','id':9,'method':'ping'}"),
            Part::Wait(Gate::closed()),
        ];
        stage.server.set(Reply::ok(EVENTS, "").with_body(parts));
        let mut connection = alice(&stage)
            .unwrap()
            .begin(number, head, body)
            .await
            .unwrap();
        connection
            .read_until(|bytes| String::from_utf8_lossy(bytes).contains("ping"))
            .await
            .unwrap();
        assert_eq!(stage.server.unfinished(), 1);
        drop(connection);
        until_unfinished(&stage, 0).await;
        let record = stage
            .record_of([&*trace(number)].into_iter())
            .await
            .unwrap();
        assert_eq!(record.of(&trace(number)).outcomes.len(), 1);
    }
    // Also where the answer is held to be judged.
    let parts = vec![Part::Bytes("{".into()), Part::Wait(Gate::closed())];
    stage.server.set(Reply::ok(JSON, "").with_body(parts));
    let connection = alice(&stage).unwrap().begin(3, &[], CALL).await.unwrap();
    until_unfinished(&stage, 1).await;
    drop(connection);
    until_unfinished(&stage, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_is_recorded_and_never_forwarded() {
    let stage = Stage::start().await.unwrap();
    let whole = alice(&stage).unwrap().request(1, &[], CALL);
    let mut connection = stage.connect().await.unwrap();
    connection.send(&whole[..whole.len() - 3]).await;
    // Envoy has the first request in hand when it answers the second one.
    assert_eq!(
        alice(&stage)
            .unwrap()
            .ask(2, &[], CALL)
            .await
            .unwrap()
            .status,
        200
    );
    drop(connection);
    let record = stage.record(2).await.unwrap();
    let verdicts: Vec<_> = record
        .of(&trace(1))
        .decisions
        .iter()
        .map(chancery_proto::audit::v1::Decision::verdict)
        .collect();
    assert_eq!(verdicts, [Verdict::Deny]);
    assert_eq!(stage.received().get(&trace(1)).map_or(0, Vec::len), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_shows_nothing_that_was_not_judged() {
    let stage = Stage::start().await.unwrap();
    let half = "data: {'jsonrpc':'2.0','id':1,'result':{'tools':[{'name':'delete_note'}";
    let gate = Gate::closed();
    let ping = event("{'jsonrpc':'2.0','id':9,'method':'ping'}");
    let parts = vec![
        ping,
        Part::Wait(gate.clone()),
        Part::Bytes(text(half).into()),
        Part::Abort,
    ];
    stage.server.set(Reply::ok(EVENTS, "").with_body(parts));
    let list = "{'jsonrpc':'2.0','id':1,'method':'tools/list'}";
    let mut connection = alice(&stage).unwrap().begin(1, &[], list).await.unwrap();
    let has_ping = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("ping");
    connection.read_until(has_ping).await.unwrap();
    gate.open();
    let all = connection.read_until(|_| false).await.unwrap();
    let all = String::from_utf8_lossy(all);
    assert!(
        all.contains("ping") && !all.contains("delete_note"),
        "{all}"
    );
    let parts = vec![Part::Bytes(text("{'jsonrpc':'2.0'").into()), Part::Abort];
    stage.server.set(Reply::ok(JSON, "").with_body(parts));
    let answer = alice(&stage).unwrap().ask(2, &[], CALL).await.unwrap();
    assert!(is_refusal(&answer), "{}", heard(&answer));
    let record = stage
        .record_of([&*trace(1), &*trace(2)].into_iter())
        .await
        .unwrap();
    for number in [1, 2] {
        let outcomes = record.of(&trace(number)).outcomes;
        assert_eq!(outcomes.len(), 1);
        assert_ne!(outcomes[0].status(), OutcomeStatus::Result);
    }
}

/// Envoy takes `x-envoy-*` from clients it thinks are internal.
#[tokio::test(flavor = "multi_thread")]
async fn one_decision_is_one_call() {
    let stage = Stage::start().await.unwrap();
    stage
        .server
        .set(Reply::ok(JSON, "").with_status(StatusCode::SERVICE_UNAVAILABLE));
    let head = [
        "+x-envoy-retry-on: 5xx,reset",
        "+x-envoy-max-retries: 5",
        "+x-envoy-retriable-status-codes: 503",
    ];
    alice(&stage).unwrap().ask(1, &head, CALL).await.unwrap();
    assert_eq!(stage.received()[&trace(1)].len(), 1);
    // Nor may a client tell Envoy when to give up, or to send a second one meanwhile.
    stage.server.set(Reply::ok(JSON, text(RESULT)));
    let head = [
        "+x-envoy-upstream-rq-per-try-timeout-ms: 1",
        "+x-envoy-hedge-on-per-try-timeout: true",
        "+x-envoy-upstream-rq-timeout-ms: 1",
        "+x-envoy-retry-on: 5xx",
    ];
    assert_eq!(
        alice(&stage)
            .unwrap()
            .ask(2, &head, CALL)
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(stage.received()[&trace(2)].len(), 1);
}

/// Headers that send a client elsewhere are the transport of 2024-11-05 by another name.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_an_answer_leads_around_us() {
    let stage = Stage::start().await.unwrap();
    let away = [
        ("alt-svc", "h2=\":1\""),
        ("refresh", "0;url=http://evil.example/"),
        ("location", "http://evil.example/"),
        ("content-location", "http://evil.example/"),
        ("link", "<http://evil.example/>; rel=preload"),
        (
            "www-authenticate",
            "Bearer resource_metadata=\"http://evil.example/\"",
        ),
    ];
    for (number, status) in [200, 403, 500].into_iter().enumerate() {
        let mut reply =
            Reply::ok(JSON, text(RESULT)).with_status(StatusCode::from_u16(status).unwrap());
        for (name, value) in away {
            let (name, value) = header(name, value);
            reply = reply.with_header(name, value);
        }
        stage.server.set(reply);
        let answer = alice(&stage).unwrap().ask(number, &[], CALL).await.unwrap();
        let passed: Vec<_> = away
            .iter()
            .filter(|(name, _)| answer.header(name).is_some())
            .collect();
        assert!(passed.is_empty(), "{status}: {passed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_judged_whole_wherever_it_is_cut() {
    let stage = Stage::start().await.unwrap();
    let alice = alice(&stage).unwrap();
    let ping = "\u{feff}data: {'jsonrpc':'2.0','id':9,'method':'ping'}\r\n\r\n";
    let list = "id: 1\r\ndata: {'jsonrpc':'2.0','id':1,\r\ndata:'result':{'tools':[{'name':'delete_note'},{'name':'echo'}]}}\r\n\r\n";
    let stream = text(&[ping, list].concat());
    for cut in 1..stream.len() {
        let gate = Gate::closed();
        let (before, after) = stream.split_at(cut);
        let parts = [before, after].map(|part| Part::Bytes(part.to_vec().into()));
        let [before, after] = parts;
        let parts = vec![before, Part::Wait(gate.clone()), after];
        stage.server.set(Reply::ok(EVENTS, "").with_body(parts));
        let ask = "{'jsonrpc':'2.0','id':1,'method':'tools/list'}";
        let mut connection = alice.begin(cut, &[], ask).await.unwrap();
        if cut < ping.len() {
            until_unfinished(&stage, 1).await;
        } else {
            let has_ping = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("ping");
            connection.read_until(has_ping).await.unwrap();
        }
        gate.open();
        let answer = connection
            .read_until(|bytes| bytes.ends_with(b"0\r\n\r\n"))
            .await
            .unwrap();
        let answer = String::from_utf8_lossy(answer);
        let is_whole = answer.contains("ping") && answer.contains("echo");
        assert!(
            is_whole && !answer.contains("delete_note"),
            "cut at {cut}: {answer}"
        );
    }
}
