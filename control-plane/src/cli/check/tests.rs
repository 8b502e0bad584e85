use serde_json::Value as Json;

use crate::cli::{name::Kind, schema::published};

/// What [`super::check`] knows; the rest are for people and editors.
const KNOWN: [&str; 19] = [
    "$defs",
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "enum",
    "items",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
    "writeOnly",
];
const ANNOTATIONS: [&str; 3] = ["$schema", "default", "description"];

fn keywords(schema: &Json, found: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else {
        return;
    };
    for (keyword, value) in schema {
        found.push(keyword.clone());
        match keyword.as_str() {
            "properties" | "$defs" => {
                value
                    .as_object()
                    .unwrap()
                    .values()
                    .for_each(|inner| keywords(inner, found));
            }
            "anyOf" | "oneOf" => value
                .as_array()
                .unwrap()
                .iter()
                .for_each(|inner| keywords(inner, found)),
            "items" | "additionalProperties" => keywords(value, found),
            _ => {}
        }
    }
}

#[test]
fn the_schemas_use_no_keyword_that_is_not_checked() {
    for kind in Kind::ALL {
        let mut found = Vec::new();
        keywords(&published(kind), &mut found);
        found.retain(|keyword| {
            !KNOWN.contains(&keyword.as_str()) && !ANNOTATIONS.contains(&keyword.as_str())
        });
        assert!(found.is_empty(), "{}: {found:?}", kind.document_kind());
    }
}

#[test]
fn patterns_are_regular_expressions() {
    fn all(schema: &Json) {
        if let Some(pattern) = schema.get("pattern").and_then(Json::as_str) {
            regex::Regex::new(pattern).unwrap();
        }
        match schema {
            Json::Object(fields) => fields.values().for_each(all),
            Json::Array(items) => items.iter().for_each(all),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    for kind in Kind::ALL {
        all(&published(kind));
    }
}
