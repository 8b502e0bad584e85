//! Every string of a definition, and where it stands.

use serde_json::Value;

/// What a string is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// Prose by its place: a description or instructions.
    Prose,
    /// A name, or the key of an object.
    Name,
    /// A value of a schema, a title, and whatever else there is.
    Value,
}

/// One string.
#[derive(Debug)]
pub(super) struct Text<'a> {
    /// A JSON pointer into the definition.
    pub(super) place: String,
    pub(super) role: Role,
    pub(super) content: &'a str,
}

/// Hands every string and every key to `each`.
pub(super) fn each(value: &Value, each: &mut impl FnMut(&Text<'_>)) {
    let mut place = String::new();
    walk(value, Role::Prose, &mut place, each);
}

fn walk(value: &Value, role: Role, place: &mut String, each: &mut impl FnMut(&Text<'_>)) {
    match value {
        Value::String(text) => each(&Text {
            place: place.clone(),
            role,
            content: text,
        }),
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                let end = place.len();
                place.push('/');
                place.push_str(&position.to_string());
                walk(item, role, place, each);
                place.truncate(end);
            }
        }
        Value::Object(object) => {
            let keys_are_names = [
                "/properties",
                "/patternProperties",
                "/$defs",
                "/definitions",
            ]
            .iter()
            .any(|parent| place.ends_with(parent));
            for (key, value) in object {
                let end = place.len();
                push(place, key);
                if !is_of_schemas(key) {
                    each(&Text {
                        place: place.clone(),
                        role: Role::Name,
                        content: key,
                    });
                }
                walk(value, role_of(key, keys_are_names), place, each);
                place.truncate(end);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Adds a key as RFC 6901 §3 writes it.
fn push(place: &mut String, key: &str) {
    place.push('/');
    for c in key.chars() {
        match c {
            '~' => place.push_str("~0"),
            '/' => place.push_str("~1"),
            c => place.push(c),
        }
    }
}

fn role_of(key: &str, is_name: bool) -> Role {
    match key {
        _ if is_name => Role::Value,
        "description" | "instructions" => Role::Prose,
        "name" | "required" => Role::Name,
        _ => Role::Value,
    }
}

/// Keys that every definition has say nothing.
fn is_of_schemas(key: &str) -> bool {
    matches!(
        key,
        "name"
            | "title"
            | "description"
            | "type"
            | "properties"
            | "required"
            | "inputSchema"
            | "outputSchema"
            | "annotations"
            | "items"
            | "enum"
            | "default"
            | "instructions"
    )
}
