//! What each kind of message costs the filter, in wasmtime fuel: counted, so the same everywhere.
//!
//! `tests/budget.json` holds the accepted figures. More than 10 % above one fails; to accept a
//! rise, run with `CHANCERY_BUDGET=write` and argue it in the commit.

#![cfg(test)]

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use chancery_tests::{
    artifacts,
    bodies::Traffic,
    clock::now_unix_ms,
    fixture::Fixture,
    identity::Algorithm,
    layer::Wasm,
    wasm_host::{RequestSpec, UpstreamResponse},
};

/// Every worker of every proxy loads it, over the network of some.
const MAX_FILTER_BYTES: u64 = 2_000_000;

/// Most percent above the accepted figure.
const TOLERANCE_PERCENT: u64 = 10;

#[test]
fn the_filter_is_no_larger_than_agreed() {
    let size_bytes = fs::metadata(artifacts::filter().unwrap()).unwrap().len();
    assert!(size_bytes <= MAX_FILTER_BYTES, "{size_bytes} bytes");
}

struct Message {
    name: String,
    body: String,
    answer: String,
}

fn call(tool: &str, size: usize) -> Message {
    let frame = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":""}}}}}}"#
    );
    let words = "lorem ipsum dolor sit amet ".repeat(size / 27 + 1);
    let text = words.get(..size.saturating_sub(frame.len())).unwrap();
    let body = frame.replace(r#""text":"""#, &format!(r#""text":"{text}""#));
    let answer = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
    );
    let kind = if tool == "get_note" {
        "allow"
    } else {
        "refuse"
    };
    let label = if size < 1024 {
        format!("{size} B")
    } else {
        format!("{} KB", size / 1024)
    };
    Message {
        name: format!("{kind} {label}"),
        body,
        answer,
    }
}

/// A call that a rule redacts both ways.
fn redacted(traffic: Traffic, size: usize) -> Message {
    Message {
        name: format!("redact {} {} KB", traffic.label(), size / 1024),
        body: traffic.call("export_customers", size, 1),
        answer: traffic.answer(size, 2),
    }
}

fn list(count: usize) -> Message {
    let mut tools = String::new();
    for index in 0..count {
        let name = if index % 2 == 0 {
            format!("a{index}_note")
        } else {
            format!("hidden{index}")
        };
        let _ = write!(
            tools,
            r#"{{"name":"{name}","description":"Does one thing and does it well.","inputSchema":{{"type":"object","properties":{{"id":{{"type":"string","description":"Which one."}},"limit":{{"type":"integer","minimum":1}}}},"required":["id"]}}}},"#
        );
    }
    tools.pop();
    Message {
        name: format!("tools/list of {count}"),
        body: r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned(),
        answer: format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}]}}}}"#),
    }
}

fn request(message: &Message, token: &str) -> RequestSpec {
    RequestSpec::post("notes.test", "/mcp", &*message.body)
        .header("authorization", format!("Bearer {token}"))
        .property(&["xds", "cluster_name"], "notes")
}

/// The smallest call, with a token of 1.5 KB that was seen before and with new ones.
fn large_tokens(fixture: &Fixture) -> [(Message, [String; 3]); 2] {
    let token = |number: usize| {
        let groups: Vec<String> = (0..20).map(|n| format!("a-group-of-many-{n:04}")).collect();
        let mut groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        groups.push("dev");
        let claims = fixture
            .provider
            .claims(&format!("user-{number}@example.test"), &groups);
        fixture.provider.sign(Algorithm::Rs256, &claims).unwrap()
    };
    let named = |name: &str| Message {
        name: name.to_owned(),
        ..call("get_note", 300)
    };
    [
        (named("allow 300 B, token of 1.5 KB"), [0; 3].map(token)),
        (
            named("allow 300 B, new token of 1.5 KB"),
            [1, 2, 3].map(token),
        ),
    ]
}

#[test]
fn no_message_costs_more_than_its_budget() {
    let fixture = Fixture::new().unwrap();
    let mut wasm = Wasm::start(&artifacts::filter().unwrap(), now_unix_ms()).unwrap();
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    let token = fixture.token("alice").unwrap();
    let alice = [0; 3].map(|_| token.clone());
    let sue = [0; 3].map(|_| fixture.token("sue").unwrap());
    // Its signature is the host's to check, and none of the filter's fuel.
    wasm.node
        .set_foreign_function("verify_signature", |_| Ok(vec![8, 1]));
    let sizes = [300, 4 << 10, 64 << 10];
    let redacting = [
        redacted(Traffic::Clean, 4 << 10),
        redacted(Traffic::Clean, 64 << 10),
        redacted(Traffic::Dense, 4 << 10),
    ];
    let messages = sizes
        .map(|size| call("get_note", size))
        .into_iter()
        .chain(sizes.map(|size| call("export_customers", size)))
        .chain([list(20), list(500)])
        .map(|message| (message, alice.clone()))
        .chain(redacting.map(|message| (message, sue.clone())))
        .chain(large_tokens(&fixture));

    let mut found = BTreeMap::new();
    for (message, tokens) in messages {
        let mut fuel = 0;
        // The first verifies and caches the token and grows the heap; what counts is the rest.
        for token in tokens {
            let spec = request(&message, &token);
            let answer = message.answer.clone();
            let outcome = wasm
                .vm
                .request(wasm.root, spec, |_| UpstreamResponse::json(answer))
                .unwrap();
            assert_eq!(outcome.status(), 200, "{}", message.name);
            fuel = outcome.details().fuel;
            wasm.tick().unwrap();
            wasm.take_entries().unwrap();
        }
        found.insert(message.name, fuel);
    }

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("budget.json");
    if std::env::var("CHANCERY_BUDGET").as_deref() == Ok("write") {
        fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let accepted: BTreeMap<String, u64> =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let mut over = Vec::new();
    println!(
        "{:<22} {:>12} {:>12} {:>7}",
        "message", "fuel", "accepted", "change"
    );
    for (name, fuel) in &found {
        let limit = accepted.get(name).copied().unwrap_or(0);
        let permille = i128::from(*fuel) * 1_000 / i128::from(limit.max(1)) - 1_000;
        let change = format!("{:+}.{}", permille / 10, permille.abs() % 10);
        println!("{name:<22} {fuel:>12} {limit:>12} {change:>6}%");
        if *fuel * 100 > limit * (100 + TOLERANCE_PERCENT) {
            over.push(format!(
                "{name}: {fuel} fuel, accepted are {limit} and {TOLERANCE_PERCENT} %"
            ));
        }
    }
    assert!(over.is_empty(), "{}", over.join("\n"));
    assert_eq!(
        found.len(),
        accepted.len(),
        "budget.json names other messages than are measured"
    );
}
