use chancery_proto::policy::v1 as pb;
use serde_json::{Value, json};

use super::{
    trip::{call, profile, redacted, shown},
    *,
};
use crate::redact::Action;

#[test]
fn each_action_leaves_what_it_says() {
    let arguments = json!({"card": "4111 1111 1111 1111", "n": 1});
    for (action, expected) in [
        (pb::RedactionAction::Replace, "[redacted:payment_card]"),
        (pb::RedactionAction::Mask, "**** **** **** ****"),
        (pb::RedactionAction::Partial, "**** **** **** 1111"),
    ] {
        let trip = redacted(action).called(&arguments, &json!({"content": []}));
        let sent = trip.sent.unwrap();
        assert_eq!(
            sent["params"]["arguments"],
            json!({"card": expected, "n": 1})
        );
    }
    let hashed = redacted(pb::RedactionAction::Hash).called(&arguments, &json!({}));
    let hash = hashed.sent.unwrap()["params"]["arguments"]["card"].clone();
    let again = redacted(pb::RedactionAction::Hash)
        .called(&json!([]), &json!({"a": "4111 1111 1111 1111"}));
    assert!(hash.as_str().unwrap().starts_with("[payment_card:"));
    assert_eq!(again.answer["result"]["a"], hash);
}

#[test]
fn what_looks_like_our_own_hash_is_still_looked_into() {
    let mut site = redacted(pb::RedactionAction::Replace);
    let trip = site.called(&json!({}), &json!({"a": "[email:4111111111111111]"}));
    assert!(!trip.answer.to_string().contains("4111"), "{}", trip.answer);
}

#[test]
fn what_blocks_refuses_the_request_and_names_the_detector_alone() {
    let mut site = redacted(pb::RedactionAction::Block);
    let trip = site.called(&json!({"to": ["ann@example.com"]}), &json!({}));
    assert_eq!(trip.sent, None);
    let error = &trip.answer["error"];
    assert_eq!(error["code"], -31403);
    assert_eq!(error["data"]["reason"], "sensitive_content");
    let text = error.to_string();
    assert!(text.contains("`email`") && !text.contains("ann@"), "{text}");
    let decision = &trip.decisions[0];
    let found: Vec<_> = decision.findings.iter().map(shown).collect();
    assert_eq!(
        found,
        [("email", "/params/arguments/to/0", 1, Some(Action::Block))]
    );
    assert_eq!(decision.verdict, Verdict::Deny(Reason::SensitiveContent));
    assert_eq!(decision.arguments, None);
}

#[test]
fn what_blocks_refuses_the_answer() {
    let mut site = redacted(pb::RedactionAction::Block);
    let result = json!({"content": [{"type": "text", "text": "ann@example.com"}]});
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
    let log = json!({"jsonrpc": "2.0", "method": "notifications/message",
        "params": {"level": "info", "data": "bob@example.com"}});
    for answers in [vec![answer.clone()], vec![log, answer]] {
        let trip = site.trip(&call("get_note", &json!({})), &answers);
        // Of the events nothing is left but the refusal.
        let refusal = trip.answer.get(0).unwrap_or(&trip.answer);
        let error = &refusal["error"];
        assert_eq!(error["data"]["reason"], "sensitive_content");
        let text = trip.answer.to_string();
        assert!(!text.contains("example.com"), "{text}");
        let found = [("email", "/result/content/0/text", 1, Some(Action::Block))];
        assert_eq!(trip.found(), found);
        let outcome = trip.outcome.unwrap();
        assert_eq!(outcome.status, OutcomeStatus::Refused);
        assert_eq!(outcome.reason, Some(Reason::SensitiveContent));
        let of_log = trip.decisions.get(1).map(|decision| decision.verdict);
        assert!(of_log.is_none_or(|verdict| verdict == Verdict::Deny(Reason::SensitiveContent)));
    }
}

#[test]
fn observing_records_and_changes_nothing() {
    let mut site = redacted(pb::RedactionAction::Block);
    site.profiles[0].mode = pb::RedactionMode::Observe.into();
    let arguments = json!({"to": "ann@example.com"});
    let result = json!({"content": [
        {"type": "text", "text": "ann@example.com"},
        {"type": "image", "data": "aGk=", "mimeType": "image/png"},
    ]});
    let trip = site.called(&arguments, &result);
    assert_eq!(trip.sent, Some(call("get_note", &arguments)));
    assert_eq!(trip.answer["result"], result);
    let found: Vec<_> = trip.decisions[0].findings.iter().map(shown).collect();
    assert_eq!(found, [("email", "/params/arguments/to", 1, None)]);
    assert_eq!(
        trip.found(),
        [
            ("email", "/result/content/0/text", 1, None),
            ("image", "/result/content/1", 1, None),
        ]
    );
}

#[test]
fn of_several_profiles_the_most_protective_counts() {
    let mut site = redacted(pb::RedactionAction::Partial);
    site.profiles.push(profile("q", pb::RedactionAction::Mask));
    site.profiles.push(pb::RedactionProfile {
        mode: pb::RedactionMode::Observe.into(),
        ..profile("r", pb::RedactionAction::Block)
    });
    site.rules[0].obligations.as_mut().unwrap().redact = texts(&["p", "q", "r"]);
    let trip = site.called(&json!({}), &json!({"a": "4111 1111 1111 1111"}));
    assert_eq!(trip.answer["result"]["a"], "**** **** **** ****");
}

#[test]
fn only_the_places_of_a_profile_are_redacted() {
    let mail = "ann@example.com";
    let meta = json!({"progressToken": mail, "org.example/by": mail});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "get_note", "arguments": {"a": mail}, "_meta": meta}});
    let result = json!({
        "content": [{"type": "text", "text": mail, "_meta": {"by": mail}}],
        "_meta": {"by": mail},
        "more": mail,
    });
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
    let gone = "[redacted:email]";
    let of = |places: &[&str]| {
        let mut site = redacted(pb::RedactionAction::Replace);
        site.profiles[0].choices[0].places = texts(places);
        site.trip(&message, std::slice::from_ref(&answer))
    };
    let trip = of(&["arguments", "results"]);
    let sent = trip.sent.unwrap();
    assert_eq!(sent["params"]["arguments"]["a"], gone);
    assert_eq!(sent["params"]["_meta"], meta);
    let result = &trip.answer["result"];
    assert_eq!(result["content"][0]["text"], gone);
    assert_eq!(result["content"][0]["_meta"]["by"], mail);
    assert_eq!(result["more"], gone);
    let trip = of(&["meta"]);
    let sent = trip.sent.unwrap();
    assert_eq!(sent["params"]["arguments"]["a"], mail);
    assert_eq!(
        sent["params"]["_meta"],
        json!({"progressToken": mail, "org.example/by": gone})
    );
    let result = &trip.answer["result"];
    assert_eq!(
        result["content"][0],
        json!({"type": "text", "text": mail, "_meta": {"by": gone}})
    );
    assert_eq!(result["_meta"]["by"], gone);
}

#[test]
fn each_answer_is_redacted_as_what_it_is() {
    let mail = "ann@example.com";
    let request = |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let uri = "note://a/b";
    let cases = [
        (
            "resources",
            request("resources/read", json!({"uri": uri})),
            json!({"contents": [{"uri": uri, "text": mail}]}),
            "/contents/0/text",
        ),
        (
            "prompts",
            request("prompts/get", json!({"name": "p"})),
            json!({"messages": [{"role": "user", "content": {"type": "text", "text": mail}}]}),
            "/messages/0/content/text",
        ),
        (
            "results",
            request("tools/call", json!({"name": "t"})),
            json!({"content": [{"type": "resource", "resource": {"uri": uri, "text": mail}}]}),
            "/content/0/resource/text",
        ),
        (
            "results",
            request("tools/call", json!({"name": "t"})),
            json!({"content": [{"type": "resource_link", "uri": uri, "name": "n", "description": mail}]}),
            "/content/0/description",
        ),
        (
            "results",
            request(
                "initialize",
                json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}),
            ),
            json!({"instructions": mail, "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}),
            "/instructions",
        ),
    ];
    for (place, request, result, pointer) in cases {
        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
        for places in [vec![place], vec!["errors"]] {
            let mut site = redacted(pb::RedactionAction::Replace);
            site.profiles[0].choices[0].places = texts(&places);
            let trip = site.trip(&request, std::slice::from_ref(&answer));
            let redacted = trip.answer["result"].pointer(pointer);
            let expected = if places == [place] {
                "[redacted:email]"
            } else {
                mail
            };
            assert_eq!(redacted, Some(&json!(expected)), "{request}");
        }
    }
}

#[test]
fn errors_and_what_a_server_asks_are_places_of_their_own() {
    let error =
        json!({"code": -32000, "message": "no ann@example.com", "data": {"to": "ann@example.com"}});
    let mut site = redacted(pb::RedactionAction::Replace);
    let answer = json!({"jsonrpc": "2.0", "id": 1, "error": error});
    let trip = site.trip(&call("get_note", &json!({})), &[answer]);
    let expected = json!({"code": -32000, "message": "no [redacted:email]", "data": {"to": "[redacted:email]"}});
    assert_eq!(trip.answer["error"], expected);

    site.profiles[0].choices[0].places = texts(&["server_requests"]);
    let form = |text: &str| {
        json!({"type": "object", "title": text, "required": ["password"],
        "properties": {"password": {"type": "string", "format": "email", "default": text}}})
    };
    let ask = json!({"jsonrpc": "2.0", "id": 9, "method": "elicitation/create",
        "params": {"message": "Is it ann@example.com?", "requestedSchema": form("ann@example.com")}});
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "ann@example.com"}]}});
    site.rules[0].methods = Vec::new();
    site.rules.push(pb::Rule {
        tools: Vec::new(),
        methods: texts(&["elicitation/create"]),
        ..rule("ask", pb::Effect::Allow, &[])
    });
    let trip = site.trip(&call("get_note", &json!({})), &[ask, answer.clone()]);
    let events = trip.answer.as_array().unwrap();
    assert_eq!(events[0]["params"]["message"], "Is it [redacted:email]?");
    assert_eq!(
        events[0]["params"]["requestedSchema"],
        form("[redacted:email]")
    );
    assert_eq!(events[1], answer);
    let asked = &trip.decisions[1];
    assert_eq!(asked.findings.len(), 3);
}

#[test]
fn what_a_task_comes_to_is_a_result_too() {
    let mut site = redacted(pb::RedactionAction::Replace);
    site.profiles[0].choices[0].places = texts(&["results"]);
    let created = json!({"task": {"taskId": "7", "status": "working", "statusMessage": "for ann@example.com"}});
    let trip = site.called(&json!({}), &created);
    let task = &trip.answer["result"]["task"];
    assert_eq!(task["statusMessage"], "for [redacted:email]");
    let request = |method: &str| {
        let params = json!({"taskId": task["taskId"]});
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    };
    let result = json!({"content": [{"type": "text", "text": "ann@example.com"}, {"type": "image", "data": "aGk=", "mimeType": "image/png"}]});
    let expected = json!([{"type": "text", "text": "[redacted:email]"}, {"type": "text", "text": "[redacted:image]"}]);
    let answer = |result: Value| json!({"jsonrpc": "2.0", "id": 1, "result": result});
    let trip = site.trip(&request("tasks/result"), &[answer(result.clone())]);
    assert_eq!(trip.answer["result"]["content"], expected);
    let got = json!({"taskId": "7", "status": "completed", "result": result});
    let trip = site.trip(&request("tasks/get"), &[answer(got)]);
    assert_eq!(trip.answer["result"]["result"]["content"], expected);
    assert_eq!(trip.found()[0].1, "/result/result/content/0/text");
}

#[test]
fn what_a_server_asks_in_place_of_an_answer_is_redacted() {
    let mut site = redacted(pb::RedactionAction::Replace);
    site.headers = vec![
        ("mcp-protocol-version", "2026-07-28".to_owned()),
        ("mcp-method", "tools/call".to_owned()),
        ("mcp-name", "get_note".to_owned()),
    ];
    site.rules.push(pb::Rule {
        tools: Vec::new(),
        methods: texts(&["elicitation/create"]),
        ..rule("ask", pb::Effect::Allow, &[])
    });
    let mut message = call("get_note", &json!({}));
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    });
    let ask =
        json!({"method": "elicitation/create", "params": {"message": "Is it ann@example.com?"}});
    let result =
        json!({"resultType": "input_required", "requestState": "s", "inputRequests": {"q": ask}});
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
    for (place, expected) in [
        ("server_requests", "Is it [redacted:email]?"),
        ("results", "Is it ann@example.com?"),
    ] {
        site.profiles[0].choices[0].places = texts(&[place]);
        let trip = site.trip(&message, std::slice::from_ref(&answer));
        let asked = &trip.answer["result"]["inputRequests"]["q"]["params"]["message"];
        assert_eq!(asked, expected, "{}", trip.answer);
    }
    // A result that makes way for a failure is one of its era.
    site.profiles[0].choices[0].places = Vec::new();
    site.server.tool_schemas = vec![pb::ToolSchema {
        tool: "get_note".to_owned(),
        fields: vec![pb::FieldLimit::default()],
        closed: Vec::new(),
    }];
    let result =
        json!({"resultType": "complete", "structuredContent": "ann@example.com", "content": []});
    let trip = site.trip(
        &message,
        &[json!({"jsonrpc": "2.0", "id": 1, "result": result})],
    );
    assert_eq!(trip.answer["result"]["resultType"], "complete");
    assert_eq!(trip.answer["result"]["isError"], true);
}

#[test]
fn a_stream_goes_on_by_the_policy_that_is_in_force_by_then() {
    let log = b"data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"ann@example.com\"}}\n\n";
    let mut site = redacted(pb::RedactionAction::Mask);
    let (mut exchange, _) = site.begin(&call("get_note", &json!({})));
    let headers = [("content-type".to_owned(), b"text/event-stream".to_vec())];
    let head = ResponseHead {
        status: 200,
        headers: Headers::new(&headers),
        ends: false,
    };
    let now = Time::from_unix_ms(1_790_000_000_000);
    exchange.response_head(&head, now);
    let mut logged = |site: &Site| {
        exchange.renew(Some(Arc::new(site.policy().unwrap())), now);
        let bytes = exchange.response_chunk(log, false, now);
        String::from_utf8(bytes).unwrap()
    };
    assert!(logged(&site).contains("***@*******.***"));
    site.version = 1;
    site.profiles[0].choices[0].action = pb::RedactionAction::Replace.into();
    assert!(logged(&site).contains("[redacted:email]"));
    site.version = 2;
    site.profiles[0].choices[0].action = pb::RedactionAction::Partial.into();
    assert!(logged(&site).contains("***@******e.com"));
    site.version = 3;
    site.rules[0].obligations = None;
    assert!(logged(&site).contains("ann@example.com"));
}

#[test]
fn lists_and_fields_of_the_protocol_stay() {
    let mut site = redacted(pb::RedactionAction::Replace);
    let message = json!({"jsonrpc": "2.0", "id": "ann@example.com", "method": "tools/list",
        "params": {"cursor": "ann@example.com"}});
    let list = json!({"tools": [{"name": "t", "description": "mails ann@example.com"}], "nextCursor": "ann@example.com"});
    let answer = json!({"jsonrpc": "2.0", "id": "ann@example.com", "result": list});
    let trip = site.trip(&message, std::slice::from_ref(&answer));
    assert_eq!(trip.sent, Some(message));
    assert_eq!(trip.answer, answer);
}

#[test]
fn what_a_client_answers_is_redacted_like_arguments() {
    let mut site = redacted(pb::RedactionAction::Replace);
    let elicited = json!({"jsonrpc": "2.0", "id": 9, "result": {"action": "accept", "content": {"mail": "ann@example.com"}}});
    let sampled = json!({"jsonrpc": "2.0", "id": 9, "result": {"role": "assistant", "model": "m",
        "content": {"type": "image", "data": "aGk=", "mimeType": "image/png"}}});
    let trip = site.trip(&elicited, &[json!({})]);
    assert_eq!(
        trip.sent.unwrap()["result"]["content"]["mail"],
        "[redacted:email]"
    );
    let trip = site.trip(&sampled, &[json!({})]);
    let content = &trip.sent.unwrap()["result"]["content"];
    assert_eq!(
        content,
        &json!({"type": "text", "text": "[redacted:image]"})
    );
}
