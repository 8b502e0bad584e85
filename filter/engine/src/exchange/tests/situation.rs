//! What the record keeps of where a message belongs.

use serde_json::{Value, json};

use super::*;
use chancery_proto::audit::v1 as audit;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER: &str = "00-11111111111111111111111111111111-b7ad6b7169203331-01";

fn call(meta: &Value) -> Value {
    json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "t", "arguments": {}, "_meta": meta },
    })
}

fn site() -> Site {
    Site {
        rules: vec![rule("all", pb::Effect::Allow, &["*"])],
        ..Site::default()
    }
}

fn decided(site: &mut Site, message: &Value) -> audit::Decision {
    let (mut exchange, _) = site.begin(message);
    let entries = exchange.take_entries().into_iter().map(audit::Entry::from);
    let decisions = entries.filter_map(|entry| match entry.event {
        Some(audit::entry::Event::Decision(decision)) => Some(decision),
        _ => None,
    });
    let [decision] = &*decisions.collect::<Vec<_>>() else {
        panic!("not one decision");
    };
    decision.clone()
}

#[test]
fn the_message_says_its_trace_before_the_head_does() {
    let mut site = site();
    site.headers = vec![
        ("traceparent", OTHER.to_owned()),
        ("tracestate", "a=1".to_owned()),
    ];
    let of_head = decided(&mut site, &call(&json!({})));
    assert_eq!(
        (&*of_head.trace_parent, &*of_head.trace_state),
        (OTHER, "a=1")
    );
    let said = json!({ "traceparent": TRACE });
    let of_message = decided(&mut site, &call(&said));
    assert_eq!(
        (&*of_message.trace_parent, &*of_message.trace_state),
        (TRACE, "")
    );
}

#[test]
fn a_conversation_is_named_by_the_first_that_there_is() {
    let named = |site: &mut Site, meta: &Value| {
        let session = decided(site, &call(meta)).session?;
        Some((session.source(), session.id))
    };
    let mut site = site();
    let both = json!({ "traceparent": TRACE, "chat": "c2", "example.com/chat": "c1" });
    let first = (audit::SessionSource::Meta, "c1".to_owned());
    assert_eq!(named(&mut site, &both), Some(first));
    let trace = json!({ "traceparent": TRACE });
    let id = TRACE.split('-').nth(1).unwrap().to_owned();
    let second = (audit::SessionSource::Trace, id);
    assert_eq!(named(&mut site, &trace), Some(second));
    for none in [
        "",
        "x",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    ] {
        assert_eq!(
            named(&mut site, &json!({ "traceparent": none })),
            None,
            "{none}"
        );
    }
}

#[test]
fn the_prompt_is_kept_and_a_rule_may_want_one() {
    let kept = |site: &mut Site, meta: &Value| {
        let prompt = decided(site, &call(meta)).prompt?;
        String::from_utf8(prompt.data).ok()
    };
    let mut site = site();
    let said = json!({ "chancery.dev/prompt": "tidy up" });
    assert_eq!(kept(&mut site, &said).as_deref(), Some("tidy up"));
    assert_eq!(kept(&mut site, &json!({})), None);
    site.rules[0].require_prompt = true;
    let refused = site.send(&call(&json!({})));
    assert_eq!(
        refused.decision.verdict,
        Verdict::Deny(Reason::PromptMissing)
    );
    let code = &refused.reply.unwrap()["error"]["code"];
    assert_eq!(*code, -31_403);
    assert_eq!(kept(&mut site, &said).as_deref(), Some("tidy up"));
    site.headers = vec![("baggage", "a=b, chancery.prompt = tidy%20up;p=1".to_owned())];
    assert_eq!(kept(&mut site, &json!({})).as_deref(), Some("tidy up"));
    // Lists and the handshake need none.
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    site.headers.clear();
    let (_, step) = site.begin(&list);
    assert!(matches!(step, BodyStep::Forward { .. }), "{step:?}");
}

#[test]
fn pins_and_data_sources_are_those_of_the_registry() {
    let mut site = site();
    let pinned = |name: &str, pins: &[u8]| pb::PinnedCapability {
        name: name.to_owned(),
        pins: pins.iter().map(|byte| vec![*byte; 32]).collect(),
    };
    site.rules[0].resources = texts(&["*"]);
    site.server.data_sources = texts(&["crm"]);
    site.server.pins = Some(pb::Pins {
        pinning: pb::Pinning::Observe.into(),
        tools: vec![pinned("t", &[1]), pinned("u", &[2, 3])],
        ..pb::Pins::default()
    });
    let one = decided(&mut site, &call(&json!({})));
    assert_eq!(
        (one.pin, &*one.data_sources),
        (vec![1; 32], &texts(&["crm"])[..])
    );
    let mut two = call(&json!({}));
    two["params"]["name"] = "u".into();
    assert_eq!(
        decided(&mut site, &two).pin,
        Vec::<u8>::new(),
        "which one is not known"
    );
    let read = json!({
        "jsonrpc": "2.0", "id": 1, "method": "resources/read",
        "params": { "uri": "crm://people/7" },
    });
    let read = decided(&mut site, &read);
    assert_eq!(read.data_sources, texts(&["crm", "crm://people/7"]));
}
