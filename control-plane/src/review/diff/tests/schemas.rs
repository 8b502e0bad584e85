use serde_json::{Value, json};

use super::changes;

/// The changes of a tool's argument `a`, without where that is.
fn of_argument(old: &Value, new: &Value) -> Vec<String> {
    let tool = |schema: &Value| json!({"inputSchema": {"properties": {"a": schema}}});
    let changes = changes(&tool(old), &tool(new));
    let bare = |change: String| change.replace("/inputSchema/properties/a", "");
    changes.into_iter().map(bare).collect()
}

fn check(cases: &[(Value, Value, &str)]) {
    for (old, new, expected) in cases {
        assert_eq!(of_argument(old, new), [*expected], "{old} {new}");
    }
}

#[test]
fn types_and_values_widen_and_narrow() {
    check(&[
        (
            json!({}),
            json!({"type": "string"}),
            "narrowing type_narrowed /type",
        ),
        (
            json!({"type": "integer"}),
            json!({"type": "number"}),
            "widening type_widened /type",
        ),
        (
            json!({"type": "string"}),
            json!({"type": ["null", "string"]}),
            "widening type_widened /type",
        ),
        (
            json!({"type": "string"}),
            json!({"type": "number"}),
            "widening type_changed /type",
        ),
        (
            json!({"type": "string"}),
            json!({"type": ["string"]}),
            "neutral reordered /type",
        ),
        (
            json!({"enum": [1, 2]}),
            json!({"enum": [2, 1, 3]}),
            "widening enum_added /enum",
        ),
        (
            json!({"enum": [1, 2]}),
            json!({"enum": [2.0]}),
            "narrowing enum_removed /enum",
        ),
        (
            json!({"enum": [1, 2]}),
            json!({"enum": [2, 1]}),
            "neutral reordered /enum",
        ),
        (json!({"enum": [1]}), json!({}), "widening enum_added /enum"),
        (
            json!({"const": 1}),
            json!({"const": 2}),
            "widening const /const",
        ),
        (
            json!({"default": true}),
            json!({"default": false}),
            "unclear default /default",
        ),
    ]);
}

#[test]
fn bounds_loosen_and_tighten() {
    check(&[
        (
            json!({"minimum": 1}),
            json!({"minimum": 0}),
            "widening limit_loosened /minimum",
        ),
        (
            json!({"maxLength": 9}),
            json!({"maxLength": 8}),
            "narrowing limit_tightened /maxLength",
        ),
        (
            json!({"maxItems": 9}),
            json!({}),
            "widening limit_loosened /maxItems",
        ),
        (
            json!({"pattern": "a"}),
            json!({"pattern": "b"}),
            "unclear limit_changed /pattern",
        ),
        (
            json!({}),
            json!({"format": "uri"}),
            "narrowing limit_tightened /format",
        ),
        (
            json!({}),
            json!({"uniqueItems": false}),
            "neutral reordered /uniqueItems",
        ),
        (
            json!({"additionalProperties": false}),
            json!({}),
            "widening opened /additionalProperties",
        ),
        (
            json!({"additionalProperties": {"type": "string"}}),
            json!({"additionalProperties": false}),
            "narrowing closed /additionalProperties",
        ),
    ]);
}

#[test]
fn what_is_put_together_is_walked_or_left_to_a_person() {
    check(&[
        (
            json!({"required": ["x"]}),
            json!({}),
            "widening required_removed /required",
        ),
        (
            json!({}),
            json!({"required": ["x"]}),
            "narrowing required_added /required",
        ),
        (
            json!({"$ref": "#/a"}),
            json!({"$ref": "#/b"}),
            "unclear composition /$ref",
        ),
        (
            json!({"anyOf": [{}]}),
            json!({"anyOf": []}),
            "unclear composition /anyOf",
        ),
        (
            json!({"x-ours": 1}),
            json!({"x-ours": 2}),
            "unclear field /x-ours",
        ),
        (
            json!({"items": {"properties": {"b": {"maximum": 1}}}}),
            json!({"items": {"properties": {"b": {"maximum": 2}}}}),
            "widening limit_loosened /items/properties/b/maximum",
        ),
        (
            json!({"$defs": {"d": {"type": "string"}}}),
            json!({"$defs": {"d": {}}}),
            "widening type_widened /$defs/d/type",
        ),
        (json!(false), json!({"type": "string"}), "widening opened "),
        (json!(true), json!({}), "unclear field "),
    ]);
}

#[test]
fn what_is_too_deep_is_left_to_a_person() {
    let deep = |end: Value| (0..100).fold(end, |inner, _| json!({"items": inner}));
    let told = of_argument(&deep(json!({"type": "string"})), &deep(json!({})));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("unclear field /items/items"),
        "{told:?}"
    );
}

#[test]
fn a_text_in_what_is_put_together_weighs_as_one() {
    let either = |text: &str| json!({"anyOf": [{"description": text}, {"type": "null"}]});
    let told = of_argument(&either("a"), &either("b"));
    assert_eq!(told, ["text composition /anyOf"]);
}
