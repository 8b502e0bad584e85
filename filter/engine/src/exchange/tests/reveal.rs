use chancery_proto::policy::v1 as pb;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Value, json};

use super::{
    trip::{Trip, call, keyring, profile},
    *,
};
use crate::seal::{Binding, SEALING_KEY_BYTES, SealingKey};

const SERVER: &str = "organizations/o/workspaces/w/servers/s";

/// `read_*` gives tokens, and `send_*` gets those of e-mail addresses opened, where `when` holds.
fn site(when: Vec<pb::Condition>) -> Site {
    let obligations = |redact: &[&str], reveal: &[&str]| {
        Some(pb::Obligations {
            redact: texts(redact),
            reveal: texts(reveal),
        })
    };
    Site {
        rules: vec![
            pb::Rule {
                obligations: obligations(&["p"], &[]),
                ..rule("read", pb::Effect::Allow, &["read_*", "call_tool"])
            },
            pb::Rule {
                obligations: obligations(&["q"], &["email"]),
                prompts: texts(&["*"]),
                when,
                ..rule("send", pb::Effect::Allow, &["send_*"])
            },
        ],
        profiles: vec![
            profile("p", pb::RedactionAction::Token),
            profile("q", pb::RedactionAction::Replace),
        ],
        keys: keyring(),
        server: pb::Server {
            dispatchers: vec![pb::Dispatcher {
                tool: "call_tool".to_owned(),
                name: "$.name".to_owned(),
                arguments: "$.arguments".to_owned(),
            }],
            ..pb::Server::default()
        },
        ..Site::default()
    }
}

fn sealed(user: Option<&str>, detector: &str, value: &str) -> String {
    let keys = keyring();
    let principal = Principal {
        user: user.map(Box::from),
        ..Principal::anonymous()
    };
    let binding = Binding {
        keys: &keys,
        organization: "organizations/o",
        server: SERVER,
        principal: &principal,
    };
    format!(
        "r1.{detector}.{}",
        binding.seal_value(detector, value).unwrap()
    )
}

fn token(value: &str) -> String {
    sealed(None, "email", value)
}

fn done() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}})
}

fn send(site: &mut Site, arguments: &Value) -> Trip {
    site.trip(&call("send_mail", arguments), &[done()])
}

fn arguments(trip: &Trip) -> &Value {
    &trip.sent.as_ref().unwrap()["params"]["arguments"]
}

/// A condition that the recipients are of one domain.
fn of_domain(glob: &str) -> pb::Condition {
    pb::Condition {
        argument: "$.to".to_owned(),
        test: Some(pb::condition::Test::Glob(pb::Values {
            values: texts(&[glob]),
        })),
        ..pb::Condition::default()
    }
}

/// A rule about what is sent: what it asks of `to`, what it grants, and whether it denies.
type Given = (Option<&'static str>, Vec<&'static str>, bool);

fn given() -> impl Strategy<Value = Given> {
    let globs = prop_oneof![
        Just(None),
        Just(Some("*@a.example")),
        Just(Some("*@b.example")),
        Just(Some("r1.*")),
    ];
    let ids = ["email", "payment_card", "phone"].to_vec();
    (globs, subsequence(ids, 0..=3), prop::bool::weighted(0.2))
}

proptest! {
    /// Whatever goes on, the rules allow as it is, and grant every value that is open in it.
    #[test]
    fn what_is_sent_was_judged_as_it_is_sent(
        rules in vec(given(), 0..5),
        to in select(["x@a.example", "x@b.example"].to_vec()),
        types in vec(select(["email", "payment_card", "phone"].to_vec()), 3),
    ) {
        let mut site = site(Vec::new());
        site.rules = rules.iter().enumerate().map(|(position, (glob, reveal, denies))| pb::Rule {
            when: glob.map(of_domain).into_iter().collect(),
            obligations: (!denies && !reveal.is_empty()).then(|| pb::Obligations {
                reveal: texts(reveal),
                ..pb::Obligations::default()
            }),
            ..rule(&format!("r{position}"), if *denies { pb::Effect::Deny } else { pb::Effect::Allow }, &["send_*"])
        }).collect();
        let values = [to, "4111 1111 1111 1111", to];
        let tokens: Vec<_> = types.iter().zip(values).map(|(id, value)| sealed(None, id, value)).collect();
        let sent = json!({"to": tokens[0], "more": tokens});
        let trip = send(&mut site, &sent);
        if let Some(got) = &trip.sent {
            let text = got["params"]["arguments"].to_string();
            let document = crate::json::Document::parse(text.as_bytes(), text.len(), &Limits::DEFAULT).unwrap();
            let policy = site.policy().unwrap();
            let server = policy.find(SERVER).unwrap();
            let circumstances = crate::circumstances::Circumstances {
                workspace: "w",
                source: None,
                now: Time::from_unix_ms(1_790_000_000_000),
            };
            let judgement = policy.rules_for(server, &Principal::anonymous(), &circumstances).judge(crate::rule::Act {
                method: Some(Method::ToolsCall),
                target: crate::rule::Target::Tool("send_mail"),
                given: crate::rule::Given::Settled(Some(document.root())),
            });
            prop_assert_eq!(judgement.verdict, Verdict::Allow);
            let got = &got["params"]["arguments"];
            prop_assert_eq!(&got["to"], &got["more"][0]);
            for (position, (id, value)) in types.iter().zip(values).enumerate() {
                let is_open = got["more"][position] == value;
                prop_assert!(is_open || got["more"][position] == sent["more"][position]);
                prop_assert!(!is_open || judgement.reveal.contains(id));
            }
            let recorded = trip.decisions[0].arguments.as_ref().unwrap();
            let recorded: Value = serde_json::from_slice(&recorded.data).unwrap();
            prop_assert_eq!(recorded, sent);
        }
    }
}

#[test]
fn a_token_goes_out_and_comes_back_as_the_value() {
    let mut site = site(Vec::new());
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "Ann <ann@example.com>"}]}});
    let read = site.trip(&call("read_note", &json!({})), &[answer]);
    let text = read.answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap();
    assert_eq!(text, format!("Ann <{}>", token("ann@example.com")));

    let trip = send(&mut site, &json!({"to": text, "n": 1}));
    assert_eq!(
        arguments(&trip),
        &json!({"to": "Ann <ann@example.com>", "n": 1})
    );
    let kept = trip.decisions[0].arguments.as_ref().unwrap();
    let kept: Value = serde_json::from_slice(&kept.data).unwrap();
    assert_eq!(kept, json!({"to": text, "n": 1}));
    assert_eq!(trip.decisions[0].findings, []);
}

#[test]
fn what_a_call_is_not_granted_stays_sealed_and_is_not_redacted_again() {
    let card = sealed(None, "payment_card", "4111 1111 1111 1111");
    let sent = json!({"a": token("ann@example.com"), "b": card, "c": "bob@example.com"});
    let trip = send(&mut site(Vec::new()), &sent);
    let expected = json!({"a": "ann@example.com", "b": card, "c": "[redacted:email]"});
    assert_eq!(arguments(&trip), &expected);
    let read = site(Vec::new()).trip(&call("read_note", &sent), &[done()]);
    let sent = json!({"a": sent["a"], "b": card, "c": token("bob@example.com")});
    assert_eq!(arguments(&read), &sent);
}

#[test]
fn a_token_that_does_not_open_is_refused_with_what_to_do() {
    let good = token("ann@example.com");
    let mut altered = good.clone();
    let last = if altered.pop() == Some('A') { 'B' } else { 'A' };
    altered.push(last);
    let card = sealed(None, "payment_card", "4111 1111 1111 1111");
    for bad in [
        altered,
        good.strip_suffix(|_: char| true).unwrap().to_owned(),
        sealed(Some("bob"), "email", "ann@example.com"),
        card.replace("payment_card", "email"),
    ] {
        let trip = send(&mut site(Vec::new()), &json!({"cc": ["x", bad]}));
        assert_eq!(trip.sent, None);
        let error = &trip.answer["error"];
        assert_eq!(error["code"], -32602);
        assert_eq!(error["data"]["reason"], "unopened_token");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("`/params/arguments/cc/1`, copy it exactly"),
            "{message}"
        );
        // Where nothing grants it, it is a text like any other.
        let read = site(Vec::new()).trip(&call("read_note", &json!({"cc": bad})), &[done()]);
        assert!(read.sent.is_some());
    }
    for text in [
        "server1.email.example.com",
        "r1.email.short",
        "r1..AAAA",
        "r1.email.",
    ] {
        let trip = send(&mut site(Vec::new()), &json!({"to": text}));
        assert_eq!(arguments(&trip), &json!({"to": text}));
    }
}

#[test]
fn without_keys_a_token_waits_and_none_is_made() {
    let sent = json!({"to": token("ann@example.com")});
    let mut site = site(Vec::new());
    site.keys = Arc::default();
    let trip = send(&mut site, &sent);
    assert_eq!(trip.answer["error"]["data"]["reason"], "no_sealing_key");
    let trip = site.trip(
        &call("read_note", &json!({"to": "ann@example.com"})),
        &[done()],
    );
    assert_eq!(arguments(&trip), &json!({"to": "[redacted:email]"}));
}

#[test]
fn the_key_before_still_opens() {
    let sent = json!({"to": token("ann@example.com")});
    let mut site = site(Vec::new());
    let mut keyring = Keyring::default();
    let keys = [9, 7].map(|byte| SealingKey::from_slice(&[byte; SEALING_KEY_BYTES]).unwrap());
    keyring.insert("organizations/o", keys.to_vec());
    site.keys = Arc::new(keyring);
    assert_eq!(
        arguments(&send(&mut site, &sent)),
        &json!({"to": "ann@example.com"})
    );
}

#[test]
fn rules_judge_the_value_that_is_sent_and_the_record_has_the_token() {
    let mut site = site(vec![of_domain("*@example.com")]);
    let ann = token("ann@example.com");
    let trip = send(&mut site, &json!({"to": ann}));
    assert_eq!(arguments(&trip), &json!({"to": "ann@example.com"}));
    let facts = &trip.decisions[0].facts;
    let fact = facts.iter().find(|fact| fact.key == "$.to").unwrap();
    assert_eq!(&*fact.value, format!("\"{ann}\""));
    assert!(fact.is_altered);

    let trip = send(&mut site, &json!({"to": token("eve@example.org")}));
    assert_eq!(trip.sent, None);
    assert_eq!(
        trip.decisions[0].verdict,
        Verdict::Deny(Reason::NoMatchingRule)
    );

    // What no one knows cannot be judged, and is no refusal by the rules.
    let trip = send(&mut site, &json!({"to": format!("{ann}x")}));
    assert_eq!(
        trip.decisions[0].verdict,
        Verdict::Deny(Reason::UnopenedToken)
    );

    // A deny sees the value as well.
    site.rules[1].when.clear();
    site.rules.push(pb::Rule {
        when: vec![of_domain("*@example.org")],
        ..rule("not-there", pb::Effect::Deny, &["send_*"])
    });
    let trip = send(&mut site, &json!({"to": token("eve@example.org")}));
    assert_eq!(
        trip.decisions[0].verdict,
        Verdict::Deny(Reason::DeniedByRule)
    );
    let trip = send(&mut site, &json!({"to": ann}));
    assert_eq!(arguments(&trip), &json!({"to": "ann@example.com"}));
}

#[test]
fn only_rules_that_allow_what_is_sent_grant_what_is_opened_in_it() {
    // Another rule allows it too, without the grant.
    let mut site = site(vec![of_domain("*@example.com")]);
    site.rules.push(rule("any", pb::Effect::Allow, &["send_*"]));
    let (ann, eve) = (token("ann@example.com"), token("eve@example.org"));
    let trip = send(&mut site, &json!({"to": ann}));
    assert_eq!(arguments(&trip), &json!({"to": "ann@example.com"}));
    let trip = send(&mut site, &json!({"to": eve, "cc": ann}));
    assert_eq!(arguments(&trip), &json!({"to": eve, "cc": ann}));
    let rules: Vec<_> = trip.decisions[0].rules.iter().map(AsRef::as_ref).collect();
    assert_eq!(rules, ["organizations/o/rules/any"]);
    // A rule in shadow grants nothing.
    site.rules[1].when.clear();
    site.rules[1].mode = pb::RuleMode::Shadow.into();
    let trip = send(&mut site, &json!({"to": ann}));
    assert_eq!(arguments(&trip), &json!({"to": ann}));
}

#[test]
fn a_value_is_escaped_for_where_it_stands() {
    let odd = "a\"\\\n\u{e9}@example.com";
    let odd_token = token(odd);
    let inner = json!({"to": odd_token, "n": [odd_token]}).to_string();
    let sent = json!({
        "plain": format!("<{odd_token}>"),
        "held": inner,
        "twice": json!({"in": inner}).to_string(),
        "four": json!([json!([json!([odd_token]).to_string()]).to_string()]).to_string(),
    });
    let trip = send(&mut site(Vec::new()), &sent);
    let got = arguments(&trip);
    assert_eq!(got["plain"], format!("<{odd}>"));
    let held: Value = serde_json::from_str(got["held"].as_str().unwrap()).unwrap();
    assert_eq!(held, json!({"to": odd, "n": [odd]}));
    let twice: Value = serde_json::from_str(got["twice"].as_str().unwrap()).unwrap();
    let held: Value = serde_json::from_str(twice["in"].as_str().unwrap()).unwrap();
    assert_eq!(held, json!({"to": odd, "n": [odd]}));
    // What is deeper is left alone rather than broken.
    assert_eq!(got["four"], sent["four"]);
}

#[test]
fn a_header_that_repeats_an_argument_repeats_the_value() {
    let ann = token("ann@example.com");
    let mut site = site(Vec::new());
    site.headers = vec![
        ("mcp-param-to", ann.clone()),
        ("mcp-param-cc", "bob@example.com".to_owned()),
        ("mcp-param-n", "7".to_owned()),
    ];
    let trip = send(
        &mut site,
        &json!({"to": ann, "cc": "bob@example.com", "n": 7}),
    );
    let set = |name: &str, value: &str| HeaderEdit::Set(name.to_owned(), value.to_owned());
    assert!(
        trip.headers
            .contains(&set("mcp-param-to", "ann@example.com"))
    );
    assert!(
        trip.headers
            .contains(&set("mcp-param-cc", "[redacted:email]"))
    );
    let is_n =
        |edit: &&HeaderEdit| matches!(edit, HeaderEdit::Set(name, _) if name == "mcp-param-n");
    assert_eq!(trip.headers.iter().find(is_n), None);
}

#[test]
fn a_header_is_a_place_of_its_own() {
    let of = |action: pb::RedactionAction| {
        let mut site = site(Vec::new());
        site.profiles[1].choices[0].action = action.into();
        site.profiles[1].choices[0].places = texts(&["param_headers"]);
        site.headers = vec![("mcp-param-cc", "bob@example.com".to_owned())];
        send(&mut site, &json!({"cc": "bob@example.com"}))
    };
    let trip = of(pb::RedactionAction::Replace);
    let set = HeaderEdit::Set("mcp-param-cc".to_owned(), "[redacted:email]".to_owned());
    assert!(trip.headers.contains(&set));
    assert_eq!(trip.decisions[0].findings[0].pointer, "mcp-param-cc");
    let trip = of(pb::RedactionAction::Block);
    assert_eq!(trip.answer["error"]["data"]["reason"], "sensitive_content");
}

#[test]
fn only_so_many_tokens_are_opened_in_one_message() {
    let ann = token("ann@example.com");
    let mut site = site(Vec::new());
    let trip = send(&mut site, &json!({"to": vec![&*ann; 1_000]}));
    assert_eq!(arguments(&trip)["to"][999], "ann@example.com");
    let trip = send(&mut site, &json!({"to": vec![&*ann; 1_001]}));
    assert_eq!(trip.answer["error"]["data"]["reason"], "unopened_token");
    // Those that nothing could open are not counted.
    let trip = site.trip(
        &call("read_note", &json!({"to": vec![&*ann; 1_001]})),
        &[done()],
    );
    assert!(trip.sent.is_some());
}

#[test]
fn a_call_inside_a_call_is_granted_by_its_own_rules() {
    let ann = token("ann@example.com");
    let sent = |tool: &str| json!({"name": tool, "note": ann, "arguments": {"to": ann}});
    let through = |tool| site(Vec::new()).trip(&call("call_tool", &sent(tool)), &[done()]);
    let trip = through("send_mail");
    let expected =
        json!({"name": "send_mail", "note": ann, "arguments": {"to": "ann@example.com"}});
    assert_eq!(arguments(&trip), &expected);
    let trip = through("read_note");
    assert_eq!(arguments(&trip), &sent("read_note"));
    // What is called is never a secret.
    let mut site = site(Vec::new());
    site.rules[0].obligations.as_mut().unwrap().reveal = texts(&["email"]);
    let named = token("send_mail");
    site.rules[0].tools.push("r1.*".to_owned());
    let arguments = json!({"name": named, "arguments": {}});
    let trip = site.trip(&call("call_tool", &arguments), &[done()]);
    assert_eq!(trip.sent, None);
}

#[test]
fn prompts_and_answers_to_a_servers_questions_get_values_too() {
    let ann = token("ann@example.com");
    let mut site = site(Vec::new());
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {
        "name": "p", "arguments": {"to": ann}, "inputResponses": {"q": {"action": "accept", "content": {"to": ann}}}}});
    let trip = site.trip(&message, &[done()]);
    let params = &trip.sent.as_ref().unwrap()["params"];
    assert_eq!(params["arguments"], json!({"to": "ann@example.com"}));
    assert_eq!(
        params["inputResponses"]["q"]["content"],
        json!({"to": "ann@example.com"})
    );
}
