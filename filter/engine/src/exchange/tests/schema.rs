use chancery_proto::policy::v1 as pb;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::{
    trip::{Trip, redacted},
    *,
};

fn path(path: &str) -> pb::FieldPath {
    pb::FieldPath {
        keys: path.split('.').map(str::to_owned).collect(),
    }
}

fn field(at: &str, text: Option<(u32, u32)>, stand_in: &str) -> pb::FieldLimit {
    pb::FieldLimit {
        path: Some(path(at)),
        text: text.map(|(min_chars, max_chars)| pb::TextLimit {
            min_chars,
            max_chars,
        }),
        stand_in: stand_in.to_owned(),
    }
}

fn site(action: pb::RedactionAction, fields: Vec<pb::FieldLimit>, closed: &[&str]) -> Site {
    let mut site = redacted(action);
    site.server.tool_schemas = vec![pb::ToolSchema {
        tool: "get_note".to_owned(),
        fields,
        closed: closed.iter().map(|at| path(at)).collect(),
    }];
    site
}

fn structured(site: &mut Site, value: &Value) -> Trip {
    let result = json!({
        "content": [{"type": "text", "text": value.to_string()}],
        "structuredContent": value,
    });
    site.called(&json!({}), &result)
}

#[test]
fn what_does_not_fit_a_field_makes_way_for_what_does() {
    let fields = vec![
        field("mail", None, "\"redacted@redacted.invalid\""),
        field("rows.*.by", Some((0, 20)), "\"*\""),
        field("rows.*.long", Some((0, 0)), "\"*\""),
    ];
    let mut site = site(pb::RedactionAction::Token, fields, &[]);
    let value = json!({
        "mail": "ann@example.com",
        "rows": [
            {"by": "bob@example.com", "long": "bob@example.com"},
            {"by": "no one", "long": "n"},
        ],
    });
    let trip = structured(&mut site, &value);
    let got = &trip.answer["result"]["structuredContent"];
    assert_eq!(got["mail"], "redacted@redacted.invalid");
    assert_eq!(got["rows"][0]["by"], "*");
    assert!(
        got["rows"][0]["long"]
            .as_str()
            .unwrap()
            .starts_with("r1.email.")
    );
    assert_eq!(got["rows"][1], value["rows"][1]);
    let text = trip.answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap();
    assert_eq!(&serde_json::from_str::<Value>(text).unwrap(), got);
    let counts: Vec<_> = trip
        .found()
        .iter()
        .map(|(_, at, count, _)| (at.to_string(), *count))
        .collect();
    assert_eq!(
        counts,
        [
            ("/result/content/0/text".to_owned(), 3),
            ("/result/structuredContent/mail".to_owned(), 1),
            ("/result/structuredContent/rows/0/by".to_owned(), 1),
            ("/result/structuredContent/rows/0/long".to_owned(), 1),
        ]
    );
}

#[test]
fn a_text_that_is_short_enough_stays_what_the_profile_says() {
    let fields = vec![field("mail", Some((1, 16)), "\"*\"")];
    let mut site = site(pb::RedactionAction::Replace, fields, &[]);
    let trip = structured(&mut site, &json!({"mail": "ann@example.com"}));
    assert_eq!(
        trip.answer["result"]["structuredContent"]["mail"],
        "[redacted:email]"
    );
    site.server.tool_schemas[0].fields =
        vec![field("mail", Some((17, 0)), "\"*****************\"")];
    let trip = structured(&mut site, &json!({"mail": "ann@example.com"}));
    assert_eq!(
        trip.answer["result"]["structuredContent"]["mail"],
        "*".repeat(17)
    );
}

#[test]
fn where_nothing_fits_the_result_is_a_failure_that_says_so() {
    let mut site = site(
        pb::RedactionAction::Replace,
        vec![field("mail", None, "")],
        &[],
    );
    let trip = structured(&mut site, &json!({"mail": "ann@example.com", "_meta": 1}));
    let result = &trip.answer["result"];
    assert_eq!(result["isError"], true);
    assert_eq!(result.as_object().unwrap().len(), 2);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("output schema"), "{text}");
    let outcome = trip.outcome.as_ref().unwrap();
    assert_eq!(outcome.status, OutcomeStatus::ToolError);
    assert_eq!(outcome.reason, Some(Reason::SchemaMisfit));
    assert!(!trip.found().is_empty());
    // What holds nothing to redact is as it was.
    let trip = structured(&mut site, &json!({"mail": "no one"}));
    assert_eq!(
        trip.answer["result"]["structuredContent"],
        json!({"mail": "no one"})
    );
    // So is another tool's.
    site.server.tool_schemas[0].tool = "other".to_owned();
    let trip = structured(&mut site, &json!({"mail": "ann@example.com"}));
    assert_eq!(
        trip.answer["result"]["structuredContent"]["mail"],
        "[redacted:email]"
    );
}

fn data() -> impl Strategy<Value = Value> {
    let texts = select(
        [
            "ann@example.com",
            "say \"bob@example.com\"\n\\ \u{e9} and 4111 1111 1111 1111",
            "{\"to\":\"eve@example.com\"}",
            "nothing",
            "",
        ]
        .to_vec(),
    );
    let leaf = prop_oneof![
        texts.clone().prop_map(Value::from),
        select([4_111_111_111_111_111_u64, 7].to_vec()).prop_map(Value::from),
        Just(Value::Null),
        Just(Value::Bool(true)),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        let members = vec((texts.clone(), inner.clone()), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| {
                let members = members.into_iter();
                members
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect::<Value>()
            }),
        ]
    })
}

proptest! {
    /// However a copy is written, it stays a copy, and nothing is left in either.
    #[test]
    fn a_copy_stays_a_copy(
        value in data(),
        is_pretty in any::<bool>(),
        action in select([
            pb::RedactionAction::Replace,
            pb::RedactionAction::Mask,
            pb::RedactionAction::Token,
            pb::RedactionAction::Hash,
        ].to_vec()),
    ) {
        let text = if is_pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let result = json!({"content": [{"type": "text", "text": text}], "structuredContent": value});
        let trip = site(action, Vec::new(), &[]).called(&json!({}), &result);
        let result = &trip.answer["result"];
        let copy = result["content"][0]["text"].as_str().unwrap();
        if value.is_object() || value.is_array() {
            let copy: Value = serde_json::from_str(copy).unwrap();
            prop_assert_eq!(&copy, &result["structuredContent"]);
        }
        let left = trip.answer.to_string();
        prop_assert!(!left.contains("@example.com") && !left.contains("4111"), "{}", left);
    }
}

#[test]
fn a_copy_in_another_order_is_redacted_by_itself() {
    let result = json!({
        "content": [
            {"type": "text", "text": "{\"b\": 1, \"a\": \"ann@example.com\"}"},
            {"type": "text", "text": "{ \"a\" :\t\"ann\\u0040example.com\", \"b\": 1}"},
        ],
        "structuredContent": {"a": "ann@example.com", "b": 1},
    });
    let trip = site(pb::RedactionAction::Replace, Vec::new(), &[]).called(&json!({}), &result);
    let content = &trip.answer["result"]["content"];
    assert_eq!(
        content[0]["text"],
        "{\"b\": 1, \"a\": \"[redacted:email]\"}"
    );
    assert_eq!(
        content[1]["text"],
        "{ \"a\" :\t\"[redacted:email]\", \"b\": 1}"
    );
}

#[test]
fn schemas_that_cannot_be_are_refused() {
    let refused = |fields: Vec<pb::FieldLimit>| {
        let mut site = site(pb::RedactionAction::Replace, fields, &[]);
        site.server.tool_schemas[0].closed = vec![path("a")];
        site.policy().unwrap_err().to_string()
    };
    let error = refused(vec![field("a", None, "{")]);
    assert!(error.contains("stand_in"), "{error}");
    let error = refused(vec![field(&["k"; 17].join("."), None, "1")]);
    assert!(error.contains("at most 16"), "{error}");
    let error = refused(vec![field("a", None, "1"); 257]);
    assert!(error.contains("at most 256"), "{error}");
    let mut twice = site(pb::RedactionAction::Replace, Vec::new(), &[]);
    twice
        .server
        .tool_schemas
        .extend(twice.server.tool_schemas.clone());
    let error = twice.policy().unwrap_err().to_string();
    assert!(error.contains("every tool once"), "{error}");
}
