//! What redaction could break of a tool's `outputSchema` (MCP 2025-06-18), compiled for filters.
//!
//! What is not understood here counts as restricted without anything that fits: a filter then
//! withholds a result that it would have to change there, and clients see why.

mod text;

use std::cell::Cell;

use chancery_proto::policy::v1 as policy;
use serde_json::{Map, Value};

use self::text::Limit;

/// As many as the engine takes, of fields and of closed objects.
const MAX_FIELDS: usize = 256;

/// As many as the engine takes.
const MAX_KEYS: usize = 16;

/// A schema of which more is looked at repeats itself.
const MAX_STEPS: usize = 10_000;

/// The limits of a tool's structured content. `None`: redaction breaks nothing of it.
pub(super) fn compile(tool: &str, schema: &Value) -> Option<policy::ToolSchema> {
    let mut compiled = policy::ToolSchema {
        tool: tool.to_owned(),
        ..policy::ToolSchema::default()
    };
    let walk = Walk {
        root: schema,
        left: Cell::new(MAX_STEPS),
    };
    walk.schema(schema, &mut Vec::new(), Fit::Known, &mut compiled);
    (!compiled.fields.is_empty() || !compiled.closed.is_empty()).then_some(compiled)
}

/// Whether a value that fits one part of a schema is known to fit the whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fit {
    Known,
    Unknown,
}

struct Walk<'s> {
    root: &'s Value,
    left: Cell<usize>,
}

impl<'s> Walk<'s> {
    /// Adds what a schema says of the values that `path` leads to.
    fn schema(
        &self,
        schema: &'s Value,
        path: &mut Vec<&'s str>,
        fit: Fit,
        into: &mut policy::ToolSchema,
    ) {
        let Some(left) = self.left.get().checked_sub(1) else {
            return;
        };
        self.left.set(left);
        let Some(schema) = schema.as_object().filter(|_| path.len() <= MAX_KEYS) else {
            return;
        };
        let fit = if is_combined(schema) {
            Fit::Unknown
        } else {
            fit
        };
        if let Some(limit) = text::limit(schema) {
            add(path, &limit, fit, into);
        }
        self.object(schema, path, fit, into);
        self.array(schema, path, fit, into);
        self.parts(schema, path, fit, into);
    }

    fn object(
        &self,
        schema: &'s Map<String, Value>,
        path: &mut Vec<&'s str>,
        fit: Fit,
        into: &mut policy::ToolSchema,
    ) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, property) in properties.into_iter().flatten() {
            // Every member is meant by it.
            let fit = if key == "*" { Fit::Unknown } else { fit };
            path.push(key);
            self.schema(property, path, fit, into);
            path.pop();
        }
        let is_false = |keyword: &str| schema.get(keyword) == Some(&Value::Bool(false));
        let is_closed = is_false("additionalProperties")
            || is_false("unevaluatedProperties")
            || schema.contains_key("propertyNames")
            || schema.contains_key("patternProperties");
        if is_closed && into.closed.len() < MAX_FIELDS {
            into.closed.push(field_path(path));
        }
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let others = patterns.into_iter().flat_map(Map::values);
        let others: Vec<_> = others
            .chain(schema.get("additionalProperties"))
            .chain(schema.get("unevaluatedProperties"))
            .collect();
        // As `*` stands for members that others are about, too.
        let is_alone = properties.is_none_or(Map::is_empty) && others.len() == 1;
        self.each(
            &others,
            path,
            if is_alone { fit } else { Fit::Unknown },
            into,
        );
    }

    fn array(
        &self,
        schema: &'s Map<String, Value>,
        path: &mut Vec<&'s str>,
        fit: Fit,
        into: &mut policy::ToolSchema,
    ) {
        let first = schema.get("prefixItems").and_then(Value::as_array);
        let others = ["items", "contains", "unevaluatedItems"];
        let others = others.iter().filter_map(|keyword| schema.get(*keyword));
        let items: Vec<_> = first.into_iter().flatten().chain(others).collect();
        let fit = if items.len() == 1 { fit } else { Fit::Unknown };
        self.each(&items, path, fit, into);
        // Two that differ may be the same once they are redacted.
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            path.push("*");
            add(path, &Limit::NOTHING, Fit::Unknown, into);
            path.pop();
        }
    }

    /// What schemas say of every item or member.
    fn each(
        &self,
        schemas: &[&'s Value],
        path: &mut Vec<&'s str>,
        fit: Fit,
        into: &mut policy::ToolSchema,
    ) {
        path.push("*");
        for schema in schemas {
            self.schema(schema, path, fit, into);
        }
        path.pop();
    }

    /// What the schemas say that one is put together from.
    fn parts(
        &self,
        schema: &'s Map<String, Value>,
        path: &mut Vec<&'s str>,
        fit: Fit,
        into: &mut policy::ToolSchema,
    ) {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#');
            match pointer.and_then(|pointer| self.root.pointer(pointer)) {
                Some(target) => self.schema(target, path, fit, into),
                None => add(path, &Limit::NOTHING, Fit::Unknown, into),
            }
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let branches = schema.get(keyword).and_then(Value::as_array);
            let branches = branches.into_iter().flatten();
            let branches: Vec<_> = branches.filter(|branch| !is_null(branch)).collect();
            let fit = if branches.len() == 1 {
                fit
            } else {
                Fit::Unknown
            };
            for branch in branches {
                self.schema(branch, path, fit, into);
            }
        }
        for keyword in ["if", "then", "else", "not"] {
            if let Some(part) = schema.get(keyword) {
                self.schema(part, path, Fit::Unknown, into);
            }
        }
        let dependent = schema.get("dependentSchemas").and_then(Value::as_object);
        for part in dependent.into_iter().flat_map(Map::values) {
            self.schema(part, path, Fit::Unknown, into);
        }
    }
}

/// Whether more than one part of a schema may speak of the same values.
fn is_combined(schema: &Map<String, Value>) -> bool {
    let own = [
        "type",
        "properties",
        "items",
        "enum",
        "const",
        "pattern",
        "format",
    ];
    let is_own = own.iter().any(|keyword| schema.contains_key(*keyword));
    let combining = ["$ref", "allOf", "anyOf", "oneOf"];
    let combining = combining
        .iter()
        .filter(|keyword| schema.contains_key(**keyword));
    let parts = combining.count().saturating_add(usize::from(is_own));
    let conditional = ["if", "not", "dependentSchemas", "$dynamicRef"];
    parts > 1
        || conditional
            .iter()
            .any(|keyword| schema.contains_key(*keyword))
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|r#type| r#type == "null")
}

/// Adds a limit; where there is one for the same path already, nothing is known to fit both.
fn add(path: &[&str], limit: &Limit, fit: Fit, into: &mut policy::ToolSchema) {
    if path.len() > MAX_KEYS {
        return;
    }
    let path = field_path(path);
    let same = |field: &&mut policy::FieldLimit| field.path.as_ref() == Some(&path);
    if let Some(twice) = into.fields.iter_mut().find(same) {
        twice.text = None;
        twice.stand_in.clear();
    } else if into.fields.len() < MAX_FIELDS {
        let stand_in = limit.stand_in.clone().filter(|_| fit == Fit::Known);
        into.fields.push(policy::FieldLimit {
            path: Some(path),
            text: limit.text,
            stand_in: stand_in.unwrap_or_default(),
        });
    }
}

fn field_path(path: &[&str]) -> policy::FieldPath {
    policy::FieldPath {
        keys: path.iter().map(|&key| key.to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests;
