//! What anyone can make large, and what that may cost others.

#![cfg(test)]

use chancery_tests::{
    hostile::{
        client::{Client, trace},
        http1::chunked,
        http2,
        phrase::{CALL, EVENTS, JSON, RESULT, alice, text},
        sent::Sent,
        stage::{Stage, heard, is_refusal},
    },
    mcp_server::Reply,
};

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_at_one_byte_more() {
    const MIB: usize = 1 << 20;
    let stage = Stage::start().await.unwrap();
    let alice = alice(&stage).unwrap();
    let padded = |size: usize| {
        let head = CALL.trim_end_matches("}}");
        let tail = "'}}}";
        let head = format!("{head},'arguments':{{'a':'");
        format!("{head}{}{tail}", "x".repeat(size - head.len() - tail.len()))
    };
    let in_chunks = |body: &str| {
        let wire = alice.request(0, &["-content-length", "+transfer-encoding: chunked"], "");
        [wire, chunked(&text(body), 60_000)].concat()
    };
    for (size, status) in [(MIB, 200), (MIB + 1, 413)] {
        let body = padded(size);
        assert_eq!(
            alice.ask(size, &[], &body).await.unwrap().status,
            status,
            "{size}"
        );
        let mut connection = stage.connect().await.unwrap();
        connection.send(&in_chunks(&body)).await;
        let answer = connection.answer().await.unwrap().unwrap_or_default();
        assert_eq!(answer.status, status, "{size} in chunks");
        let body = text(&body);
        let sent = Sent {
            token: &alice.token,
            body: &body,
        };
        let request = sent.http2(&[], &trace(size));
        let answer = http2::send(stage.envoy.address().unwrap(), &request)
            .await
            .unwrap();
        assert_eq!(answer.status, status, "{size} over HTTP/2");
    }
    // A body that only says it is too large is refused before it is there.
    let announced = alice.request(1, &["content-length: 10000000"], "{");
    let mut connection = stage.connect().await.unwrap();
    connection.send(&announced).await;
    let answer = connection.answer().await.unwrap().unwrap_or_default();
    assert_eq!(answer.status, 413);
    let result = |size: usize| {
        let (head, tail) = ("{'jsonrpc':'2.0','id':1,'result':{'a':'", "'}}");
        text(&format!(
            "{head}{}{tail}",
            "x".repeat(size - head.len() - tail.len())
        ))
    };
    for (size, is_refused) in [(4 * MIB, false), (4 * MIB + 1, true)] {
        stage.server.set(Reply::ok(JSON, result(size)));
        let answer = alice.ask(size, &[], CALL).await.unwrap();
        assert_eq!(
            is_refusal(&answer),
            is_refused,
            "an answer of {size}: {}",
            heard(&answer)
        );
    }
    for (size, is_refused) in [(MIB, false), (MIB + 1, true)] {
        let event = [b"data: ", &*result(size - 8), b"\n\n"].concat();
        stage.server.set(Reply::ok(EVENTS, event));
        let answer = alice.ask(size, &[], CALL).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(
            text.contains("\"error\""),
            is_refused,
            "an event of {size}: {}",
            heard(&answer)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_keeps_nobody_waiting() {
    let stage = Stage::start().await.unwrap();
    let whole = alice(&stage).unwrap().request(1, &[], CALL);
    let mut slow = stage.connect().await.unwrap();
    for (number, byte) in whole.iter().enumerate() {
        slow.send(&[*byte]).await;
        if number % 64 == 0 {
            assert_eq!(
                alice(&stage)
                    .unwrap()
                    .ask(1000 + number, &[], CALL)
                    .await
                    .unwrap()
                    .status,
                200
            );
        }
    }
    assert_eq!(slow.answer().await.unwrap().unwrap_or_default().status, 200);
    assert_eq!(stage.received()[&trace(1)][0].body, text(CALL));
}

/// Whoever may call nothing must not be able to push others out of the record.
#[tokio::test(flavor = "multi_thread")]
async fn long_words_cost_the_record_little() {
    const LONG: usize = 900_000;
    const EACH: usize = 8;
    let stage = Stage::start().await.unwrap();
    let stranger = Client::new(&stage, "eve@example.test", &[]).unwrap();
    let long = "x".repeat(LONG);
    let bodies = [
        format!(
            "{{'jsonrpc':'2.0','id':'{long}','method':'tools/call','params':{{'name':'echo'}}}}"
        ),
        format!("{{'jsonrpc':'2.0','id':1,'method':'{long}'}}"),
        format!(
            "{{'jsonrpc':'2.0','id':1,'method':'resources/read','params':{{'uri':'note://{long}'}}}}"
        ),
        format!("{{'jsonrpc':'2.0','id':1,'method':'prompts/get','params':{{'name':'{long}'}}}}"),
    ];
    let mut connections = Vec::new();
    for number in 0..EACH * bodies.len() {
        let body = &bodies[number % bodies.len()];
        connections.push(stranger.begin(number, &[], body).await.unwrap());
    }
    for mut connection in connections {
        let answer = connection.answer().await.unwrap().unwrap_or_default();
        assert!(is_refusal(&answer), "{}", answer.status);
    }
    let last = EACH * bodies.len();
    assert_eq!(
        alice(&stage)
            .unwrap()
            .ask(last, &[], CALL)
            .await
            .unwrap()
            .status,
        200
    );
    let record = stage.record(last + 1).await.unwrap();
    let count = |number| record.of(&trace(number)).decisions.len();
    let missing: Vec<_> = (0..=last).filter(|number| count(*number) != 1).collect();
    assert!(missing.is_empty(), "no entry of {missing:?}");
    for number in 0..last {
        let decision = &record.of(&trace(number)).decisions[0];
        let words = [&decision.rpc_id, &decision.method, &decision.capability];
        let longest = words.into_iter().map(String::len).max().unwrap_or(0);
        assert!(
            longest <= 8 << 10,
            "request {number} put a word of {longest} bytes in the record"
        );
    }
}

/// Nor may a server.
#[tokio::test(flavor = "multi_thread")]
async fn long_answers_cost_the_record_little() {
    const ITEMS: usize = 20_000;
    let stage = Stage::start().await.unwrap();
    let names: Vec<_> = (0..ITEMS)
        .map(|item| format!("{{'name':'delete_{item:0>100}'}}"))
        .collect();
    let list = format!(
        "{{'jsonrpc':'2.0','id':1,'result':{{'tools':[{}]}}}}",
        names.join(",")
    );
    stage.server.set(Reply::ok(JSON, text(&list)));
    let ask = "{'jsonrpc':'2.0','id':1,'method':'tools/list'}";
    let answer = alice(&stage).unwrap().ask(1, &[], ask).await.unwrap();
    assert!(!is_refusal(&answer), "{}", heard(&answer));
    let mails: Vec<_> = (0..ITEMS)
        .map(|item| format!("'carol{item}@example.test'"))
        .collect();
    let result = format!(
        "{{'jsonrpc':'2.0','id':1,'result':{{'a':[{}]}}}}",
        mails.join(",")
    );
    stage.server.set(Reply::ok(JSON, text(&result)));
    let sue = Client::new(&stage, "sue@example.test", &["support"]).unwrap();
    let call = CALL.replace("echo", "export_customers");
    let answer = sue.ask(2, &[], &call).await.unwrap();
    assert!(!is_refusal(&answer), "{}", heard(&answer));
    let traces = [trace(1), trace(2)];
    let record = stage
        .record_of(traces.iter().map(String::as_str))
        .await
        .unwrap();
    for trace in &traces {
        let outcomes = record.of(trace).outcomes;
        assert_eq!(outcomes.len(), 1);
        let size = prost::Message::encoded_len(&outcomes[0]);
        assert!(size <= 64 << 10, "an outcome of {size} bytes");
    }
}

/// What grows with the square of a body of the greatest size does not answer within our patience.
#[tokio::test(flavor = "multi_thread")]
async fn no_worst_case_stops_a_worker() {
    const MANY: usize = 90_000;
    let stage = Stage::start().await.unwrap();
    let sue = Client::new(&stage, "sue@example.test", &["support"]).unwrap();
    let mails = format!("[{}]", vec!["'a@b.cd'"; MANY].join(","));
    let keys: Vec<_> = (0..MANY / 2).map(|key| format!("'k{key}':1")).collect();
    let keys = format!("{{{}}}", keys.join(","));
    let call = |arguments: &str| {
        CALL.replace(
            "'echo'",
            &format!("'export_customers','arguments':{{'a':{arguments}}}"),
        )
    };
    for (number, arguments) in [mails.as_str(), &keys].into_iter().enumerate() {
        let answer = sue.ask(number, &[], &call(arguments)).await.unwrap();
        assert_eq!(answer.status, 200, "{}", heard(&answer));
    }
    let result = format!("{{'jsonrpc':'2.0','id':1,'result':{{'a':{mails}}}}}");
    let events = "\n".repeat(1 << 20) + &format!("data: {RESULT}\n\n");
    for (number, (kind, answer)) in [(JSON, &result), (EVENTS, &events)].into_iter().enumerate() {
        stage.server.set(Reply::ok(kind, text(answer)));
        let answer = sue.ask(10 + number, &[], &call("1")).await.unwrap();
        assert_eq!(answer.status, 200, "{}", heard(&answer));
    }
}
