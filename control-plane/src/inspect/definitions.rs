//! Which definitions a document holds.

use serde::Serialize;
use serde_json::{Map, Value};

/// What a definition defines.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A template of resources.
    ResourceTemplate,
    /// What a server says of itself, with its instructions.
    Server,
}

impl Kind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::ResourceTemplate => "resource_template",
            Self::Server => "server",
        }
    }
}

/// What holds no definition.
#[derive(Debug, thiserror::Error)]
#[error(
    "found {found}, expected a result of `tools/list` or another list, an array of definitions, or one with a `name`"
)]
pub struct Unrecognised {
    found: String,
}

/// One definition.
#[derive(Debug)]
pub(super) struct Definition<'a> {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) value: &'a Value,
}

const LISTS: [(&str, Kind); 4] = [
    ("tools", Kind::Tool),
    ("prompts", Kind::Prompt),
    ("resources", Kind::Resource),
    ("resourceTemplates", Kind::ResourceTemplate),
];

/// The definitions of a document, in its order.
pub(super) fn of(document: &Value) -> Result<Vec<Definition<'_>>, Unrecognised> {
    match document {
        Value::Array(items) => items.iter().map(one).collect(),
        Value::Object(object) => of_object(document, object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err(unrecognised(document))
        }
    }
}

fn of_object<'a>(
    document: &'a Value,
    object: &'a Map<String, Value>,
) -> Result<Vec<Definition<'a>>, Unrecognised> {
    if let (Some(_), Some(result)) = (object.get("jsonrpc"), object.get("result")) {
        return of(result);
    }
    let mut all = Vec::new();
    let mut is_list = false;
    for (key, kind) in LISTS {
        if let Some(Value::Array(items)) = object.get(key) {
            is_list = true;
            all.extend(items.iter().map(|item| named(kind, item)));
        }
    }
    let is_server = object.get("instructions").is_some_and(Value::is_string)
        || object.contains_key("serverInfo");
    if is_server {
        // The lists beside the instructions are inspected by themselves.
        for key in ["instructions", "serverInfo"] {
            if let Some(value) = object.get(key) {
                all.push(Definition {
                    kind: Kind::Server,
                    name: key.to_owned(),
                    value,
                });
            }
        }
    }
    if is_list || is_server {
        return Ok(all);
    }
    Ok(vec![one(document)?])
}

fn one(value: &Value) -> Result<Definition<'_>, Unrecognised> {
    let has = |key: &str| value.get(key).is_some();
    let kind = if has("uriTemplate") {
        Kind::ResourceTemplate
    } else if has("uri") {
        Kind::Resource
    } else if !has("name") {
        return Err(unrecognised(value));
    } else if value.get("arguments").is_some_and(Value::is_array) {
        Kind::Prompt
    } else {
        Kind::Tool
    };
    Ok(named(kind, value))
}

fn named(kind: Kind, value: &Value) -> Definition<'_> {
    let name = ["name", "uri", "uriTemplate"]
        .iter()
        .find_map(|key| value.get(key)?.as_str())
        .unwrap_or("(without a name)");
    Definition {
        kind,
        name: name.to_owned(),
        value,
    }
}

fn unrecognised(value: &Value) -> Unrecognised {
    let found = match value {
        Value::Object(object) if object.is_empty() => "an empty object".to_owned(),
        Value::Object(_) => "an object without `name`, `uri`, `tools` or `instructions`".to_owned(),
        Value::Array(_) => "an array in an array".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Null => "null".to_owned(),
    };
    Unrecognised { found }
}
