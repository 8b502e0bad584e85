use chancery_engine::redact::ToolSchema;
use serde_json::json;

use super::*;

/// The least and most characters of a field's texts, where there are others, and what stands in.
type Said = (Option<(u32, u32)>, String);

/// Each field and what is said of it.
fn fields(schema: &Value) -> Vec<(String, Said)> {
    let compiled = compile("t", schema).unwrap_or_default();
    let taken = ToolSchema::try_from(compiled.clone());
    assert!(taken.is_ok(), "{taken:?}");
    let field = |field: policy::FieldLimit| {
        let text = field.text.map(|text| (text.min_chars, text.max_chars));
        (field.path.unwrap().keys.join("."), (text, field.stand_in))
    };
    compiled.fields.into_iter().map(field).collect()
}

fn of_value(value: &Value) -> Vec<Said> {
    let schema = json!({"type": "object", "properties": {"a": value}});
    let fields = fields(&schema).into_iter();
    fields.map(|(_, said)| said).collect()
}

#[test]
fn what_every_text_fits_is_no_limit() {
    for value in [
        json!({"type": "string"}),
        json!({"type": ["string", "null"]}),
        json!({"type": "integer"}),
        json!({"type": "number", "minimum": 0, "maximum": 10}),
        json!({"type": "boolean"}),
        json!({"description": "anything"}),
        json!(true),
    ] {
        assert_eq!(of_value(&value), [], "{value}");
    }
    assert_eq!(compile("t", &json!({"type": "object"})), None);
}

#[test]
fn something_stands_in_where_a_text_is_restricted() {
    for (value, text, stand_in) in [
        (
            json!({"type": "string", "maxLength": 4}),
            Some((0, 4)),
            r#""reda""#,
        ),
        (
            json!({"type": "string", "minLength": 10}),
            Some((10, 0)),
            r#""redactedxx""#,
        ),
        (json!({"type": "string", "maxLength": 0}), None, r#""""#),
        (
            json!({"type": "string", "format": "email"}),
            None,
            r#""redacted@redacted.invalid""#,
        ),
        (
            json!({"type": "string", "format": "date"}),
            None,
            r#""0001-01-01""#,
        ),
        (json!({"type": "string", "format": "regex"}), None, ""),
        (
            json!({"type": "string", "format": "email", "maxLength": 5}),
            None,
            "",
        ),
        (
            json!({"type": "string", "pattern": "^[a-z]+$"}),
            None,
            r#""redacted""#,
        ),
        (json!({"type": "string", "pattern": "^[0-9]+$"}), None, ""),
        (json!({"enum": ["a", "b"]}), None, ""),
        (json!({"const": "a"}), None, ""),
        (
            json!({"anyOf": [{"type": "null"}, {"format": "date"}]}),
            None,
            r#""0001-01-01""#,
        ),
        (
            json!({"oneOf": [{"format": "uuid"}, {"format": "date"}]}),
            None,
            "",
        ),
        (json!({"type": "string", "not": {"const": "x"}}), None, ""),
        (json!({"$ref": "https://example.com/s.json"}), None, ""),
    ] {
        assert_eq!(of_value(&value), [(text, stand_in.to_owned())], "{value}");
    }
}

#[test]
fn a_number_that_zero_does_not_fit_has_a_bound_in_its_place() {
    for (value, stand_in) in [
        (json!({"type": "integer", "minimum": 1000}), "1000"),
        (json!({"type": "integer", "exclusiveMinimum": 0}), "1"),
        (json!({"type": "integer", "maximum": -3}), "-3"),
        (
            json!({"type": "integer", "minimum": 3, "multipleOf": 5}),
            "5",
        ),
        (json!({"type": "number", "minimum": 0.5}), "1"),
        (json!({"type": "integer", "minimum": 7, "maximum": 6}), ""),
    ] {
        assert_eq!(of_value(&value), [(None, stand_in.to_owned())], "{value}");
    }
}

#[test]
fn fields_are_found_wherever_they_are() {
    let schema = json!({
        "type": "object",
        "$defs": {"mail": {"type": "string", "format": "email"}},
        "properties": {
            "people": {"type": "array", "items": {
                "type": "object",
                "properties": {"mail": {"$ref": "#/$defs/mail"}},
                "additionalProperties": false,
            }},
            "by_name": {"type": "object", "additionalProperties": {"$ref": "#/$defs/mail"}},
            "set": {"type": "array", "uniqueItems": true, "items": {"type": "string"}},
        },
    });
    let mail = || r#""redacted@redacted.invalid""#.to_owned();
    let expected = [
        ("people.*.mail".to_owned(), (None, mail())),
        ("by_name.*".to_owned(), (None, mail())),
        ("set.*".to_owned(), (None, String::new())),
    ];
    assert_eq!(fields(&schema), expected);
    let closed = compile("t", &schema).unwrap().closed;
    let closed: Vec<_> = closed.iter().map(|path| path.keys.join(".")).collect();
    assert_eq!(closed, ["people.*"]);
}

#[test]
fn a_schema_of_itself_and_a_large_one_end() {
    let endless = json!({
        "type": "object",
        "properties": {"next": {"$ref": "#"}, "id": {"type": "string", "format": "uuid"}},
    });
    let found = fields(&endless);
    assert!(
        found.iter().any(|(path, ..)| path == "next.next.id"),
        "{found:?}"
    );
    let wide: Map<_, _> = (0..1000)
        .map(|key| (format!("k{key}"), json!({"format": "date"})))
        .collect();
    let found = fields(&json!({"type": "object", "properties": wide}));
    assert_eq!(found.len(), MAX_FIELDS);
}
