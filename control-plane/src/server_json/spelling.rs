//! What keys were called before: schemas up to 2025-09-16 had `snake_case`, and some other words.

use serde_json::Value;

use super::ServerJson;

/// Keys of today, each with what it was called before.
const BEFORE: &[(&str, &[&str])] = &[
    ("websiteUrl", &["website_url"]),
    // 2025-07-09 called the registry of a package by `registry_name`, and the package by `name`.
    ("registryType", &["registry_type", "registry_name"]),
    ("registryBaseUrl", &["registry_base_url"]),
    ("fileSha256", &["file_sha256"]),
    ("runtimeHint", &["runtime_hint"]),
    ("runtimeArguments", &["runtime_arguments"]),
    ("packageArguments", &["package_arguments"]),
    ("environmentVariables", &["environment_variables"]),
    ("isRequired", &["is_required"]),
    ("isSecret", &["is_secret"]),
    ("isRepeated", &["is_repeated"]),
    ("valueHint", &["value_hint"]),
    ("mimeType", &["mime_type"]),
    ("type", &["transport_type"]),
];

/// Whose keys are names that authors choose, or somebody else's format.
const OTHERS: [&str; 2] = ["_meta", "variables"];

/// The value of a key, and how it is spelled here.
pub(super) fn get<'v, 'k>(object: &'v ServerJson, key: &'k str) -> Option<(&'k str, &'v Value)> {
    if let Some(value) = object.get(key) {
        return Some((key, value));
    }
    let (_, before) = BEFORE.iter().find(|(today, _)| *today == key)?;
    before
        .iter()
        .find_map(|before| Some((*before, object.get(*before)?)))
}

/// The same with the keys of today. Where both spellings stand, both stay.
pub(super) fn modern(value: Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(modern_object(object)),
        Value::Array(items) => Value::Array(items.into_iter().map(modern).collect()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

/// As [`modern`], of an object.
pub(super) fn modern_object(object: ServerJson) -> ServerJson {
    let today = |key: &str, object: &ServerJson| {
        let known = BEFORE.iter().find(|(_, before)| before.contains(&key));
        let today = known.map(|(today, _)| *today);
        today.filter(|today| !object.contains_key(*today))
    };
    let named: Vec<_> = object
        .keys()
        .map(|key| today(key, &object).map_or_else(|| key.clone(), str::to_owned))
        .collect();
    let values = object.into_iter().zip(named);
    let pairs = values.map(|((before, value), key)| match &*before {
        "variables" => (key, variables(value)),
        other if OTHERS.contains(&other) => (key, value),
        _ => (key, modern(value)),
    });
    pairs.collect()
}

/// Names that the author chose, to inputs as they stand elsewhere.
fn variables(value: Value) -> Value {
    let Value::Object(object) = value else {
        return value;
    };
    let inputs = object
        .into_iter()
        .map(|(name, input)| (name, modern(input)));
    Value::Object(inputs.collect())
}
