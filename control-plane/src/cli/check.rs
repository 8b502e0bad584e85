//! Holds a document against its kind's JSON Schema and says everything that is wrong with it.
//!
//! It knows the keywords that the published schemas use and no others; a test holds it to that.
//! An editor that checks with the published schema and this program therefore agree.

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::{
    locate::{Entry, Node, Position, Value},
    path::Path,
    problem::{alternatives, did_you_mean, nearest},
};

/// Something that a document has and its schema does not allow.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) at: Position,
    pub(crate) path: Path,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Everything that is wrong with `document`, in no order.
pub(crate) fn check(document: &Node, schema: &Json) -> Vec<Finding> {
    let definitions = schema.get("$defs").and_then(Json::as_object);
    let mut checker = Checker {
        definitions,
        findings: Vec::new(),
    };
    checker.node(document, schema, &Path::default());
    checker.findings
}

struct Checker<'a> {
    definitions: Option<&'a Map<String, Json>>,
    findings: Vec<Finding>,
}

impl<'a> Checker<'a> {
    fn say(&mut self, at: Position, path: Path, message: String, hint: Option<String>) {
        self.findings.push(Finding {
            at,
            path,
            message,
            hint,
        });
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let target = schema
            .get("$ref")
            .and_then(Json::as_str)
            .and_then(|reference| reference.strip_prefix("#/$defs/"))
            .and_then(|name| self.definitions?.get(name));
        target.unwrap_or(schema)
    }

    fn node(&mut self, node: &Node, schema: &'a Json, path: &Path) {
        let schema = self.resolve(schema);
        if !allows_type(schema, &node.value) {
            if schema.get("writeOnly") == Some(&Json::Bool(true)) {
                return self.secret(node, path);
            }
            let hint = quote_hint(schema, &node.value);
            let message = format!("found {}, expected {}", describe(node), expectation(schema));
            return self.say(node.at, path.clone(), message, hint);
        }
        match &node.value {
            Value::Map(entries) => self.map(node, entries, schema, path),
            Value::List(items) => self.list(node, items, schema, path),
            Value::Text(text) => self.text(node, text, schema, path),
            Value::Number(number) => self.number(node, number, schema, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// A secret that was written down is not repeated here.
    fn secret(&mut self, node: &Node, path: &Path) {
        let message = "found a literal, expected `file: PATH` or `env: NAME`, where the secret is";
        let hint = "a document is kept and shown; take what was written here for leaked";
        let hint = Some(hint.to_owned());
        self.say(node.at, path.clone(), message.to_owned(), hint);
    }

    fn number(&mut self, node: &Node, number: &str, schema: &'a Json, path: &Path) {
        let whole: Option<u64> = number.parse().ok();
        let bound = |keyword: &str| schema.get(keyword).and_then(Json::as_u64);
        let too_small = bound("minimum").is_some_and(|least| whole.is_none_or(|n| n < least));
        let too_large = bound("maximum").is_some_and(|most| whole.is_none_or(|n| n > most));
        if too_small || too_large {
            let message = format!("found {}, expected {}", describe(node), expectation(schema));
            self.say(node.at, path.clone(), message, None);
        }
    }

    fn text(&mut self, node: &Node, text: &str, schema: &'a Json, path: &Path) {
        let choices = choices(schema);
        let wrong_choice = !choices.is_empty() && !choices.contains(&text);
        let too_short = minimum(schema, "minLength") > text.chars().count();
        let wrong_form = schema
            .get("pattern")
            .and_then(Json::as_str)
            .is_some_and(|pattern| !Regex::new(pattern).is_ok_and(|regex| regex.is_match(text)));
        if wrong_choice || too_short || wrong_form {
            let message = format!("found {}, expected {}", describe(node), expectation(schema));
            self.say(node.at, path.clone(), message, did_you_mean(text, &choices));
        }
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &'a Json, path: &Path) {
        if items.len() < minimum(schema, "minItems") {
            let message = "found an empty list, expected at least one item".to_owned();
            self.say(node.at, path.clone(), message, None);
        }
        if let Some(item_schema) = schema.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.node(item, item_schema, &path.index(index));
            }
        }
    }

    fn map(&mut self, node: &Node, entries: &[Entry], schema: &'a Json, path: &Path) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let closed = schema.get("additionalProperties") == Some(&Json::Bool(false));
        let open = schema.get("additionalProperties");
        let open = open.filter(|values| values.is_object());
        let mut missing: Vec<&str> = required(schema)
            .filter(|field| node.field(field).is_none())
            .collect();
        let mut meant = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            let here = path.field(&entry.key);
            let before = entries
                .iter()
                .take(number)
                .find(|before| before.key == entry.key);
            if let Some(before) = before {
                let message = format!(
                    "found `{}` a second time, expected it once; the first is at {}",
                    entry.key, before.key_at
                );
                self.say(entry.key_at, here, message, None);
                continue;
            }
            match properties.and_then(|properties| properties.get(&entry.key)) {
                Some(property) => self.node(&entry.value, property, &here),
                None if closed => {
                    let known = properties
                        .into_iter()
                        .flat_map(Map::keys)
                        .map(String::as_str);
                    let known: Vec<&str> = known.collect();
                    let absent = known.iter().copied();
                    let absent: Vec<&str> =
                        absent.filter(|key| node.field(key).is_none()).collect();
                    meant.extend(nearest(&entry.key, &absent));
                    self.unknown(entry, here, &known, &absent);
                }
                None => match open {
                    Some(values) => self.node(&entry.value, values, &here),
                    None => self.duplicates(&entry.value, &here),
                },
            }
        }
        // A misspelt field is not said to be missing as well.
        missing.retain(|field| !meant.contains(field));
        for field in missing {
            let expected = properties
                .and_then(|properties| properties.get(field))
                .map_or_else(
                    || "a value".to_owned(),
                    |property| expectation(self.resolve(property)),
                );
            let message = format!("found nothing, expected {expected}");
            self.say(node.at, path.field(field), message, None);
        }
        self.some_of(node, schema, path, &meant);
        self.one_of(node, schema, path, &meant);
    }

    fn unknown(&mut self, entry: &Entry, path: Path, known: &[&str], absent: &[&str]) {
        let expected = if absent.is_empty() {
            "no more fields".to_owned()
        } else {
            alternatives(known)
        };
        let message = format!(
            "found the unknown field `{}`, expected {expected}",
            entry.key
        );
        self.say(
            entry.key_at,
            path,
            message,
            did_you_mean(&entry.key, absent),
        );
    }

    /// `anyOf` lists of required fields, and `minProperties`.
    fn some_of(&mut self, node: &Node, schema: &'a Json, path: &Path, meant: &[&str]) {
        let any_of: Vec<&str> = alternatives_of(schema, "anyOf").collect();
        let there = |field: &&str| node.field(field).is_some() || meant.contains(field);
        let any_is_there = any_of.is_empty() || any_of.iter().any(there);
        let expected = if !any_is_there {
            alternatives(&any_of)
        } else if node.len() < minimum(schema, "minProperties") {
            let properties = schema.get("properties").and_then(Json::as_object);
            let known = properties
                .into_iter()
                .flat_map(Map::keys)
                .map(String::as_str);
            alternatives(&known.collect::<Vec<_>>())
        } else {
            return;
        };
        let message = format!("found none, expected at least one of {expected}");
        self.say(node.at, path.clone(), message, None);
    }

    /// `oneOf` lists of required fields.
    fn one_of(&mut self, node: &Node, schema: &'a Json, path: &Path, meant: &[&str]) {
        let known: Vec<&str> = alternatives_of(schema, "oneOf").collect();
        let given: Vec<&str> = known
            .iter()
            .copied()
            .filter(|field| node.field(field).is_some())
            .collect();
        let is_meant = known.iter().any(|field| meant.contains(field));
        let found = match given.as_slice() {
            [_] => return,
            [] if known.is_empty() || is_meant => return,
            [] => "none".to_owned(),
            [..] => alternatives(&given).replace(" or ", " and "),
        };
        let message = format!(
            "found {found}, expected exactly one of {}",
            alternatives(&known)
        );
        self.say(node.at, path.clone(), message, None);
    }

    /// Inside what a schema leaves open, keys still may not occur twice.
    fn duplicates(&mut self, node: &Node, path: &Path) {
        const ANYTHING: &Json = &Json::Bool(true);
        match &node.value {
            Value::Map(entries) => self.map(node, entries, ANYTHING, path),
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.duplicates(item, &path.index(index));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }
}

fn required(schema: &Json) -> impl Iterator<Item = &str> {
    schema
        .get("required")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
}

/// The fields that the alternatives of a keyword require.
fn alternatives_of<'s>(schema: &'s Json, keyword: &str) -> impl Iterator<Item = &'s str> {
    schema
        .get(keyword)
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .flat_map(required)
}

fn minimum(schema: &Json, keyword: &str) -> usize {
    let number = schema.get(keyword).and_then(Json::as_u64).unwrap_or(0);
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The texts that a schema allows; none where it does not list them.
fn choices(schema: &Json) -> Vec<&str> {
    let one = schema.get("const").into_iter();
    let several = schema
        .get("enum")
        .and_then(Json::as_array)
        .into_iter()
        .flatten();
    one.chain(several).filter_map(Json::as_str).collect()
}

/// The types that a schema allows; none where it allows all.
fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(only)) => vec![only],
        Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).collect(),
        Some(_) | None if choices(schema).is_empty() => Vec::new(),
        Some(_) | None => vec!["string"],
    }
}

fn allows_type(schema: &Json, value: &Value) -> bool {
    let types = types(schema);
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.parse::<i128>().is_ok() && types.contains(&"integer") => {
            "integer"
        }
        Value::Number(_) => "number",
        Value::Text(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    };
    types.is_empty() || types.contains(&is)
}

/// What a schema wants, for a person.
fn expectation(schema: &Json) -> String {
    let choices = choices(schema);
    if !choices.is_empty() {
        return alternatives(&choices);
    }
    if let Some(Json::String(title)) = schema.get("title")
        && schema.get("pattern").is_some()
    {
        return title.clone();
    }
    if types(schema) == ["integer"] {
        let bound = |keyword: &str| schema.get(keyword).and_then(Json::as_u64);
        return match (bound("minimum"), bound("maximum")) {
            (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
            (least, _) => format!("a whole number of at least {}", least.unwrap_or(0)),
        };
    }
    let wanted: Vec<&str> = types(schema)
        .into_iter()
        .map(|name| match name {
            "boolean" => "`true` or `false`",
            "number" => "a number",
            "array" => "a list",
            "object" => "a mapping",
            _ if minimum(schema, "minLength") > 0 => "a text that is not empty",
            _ => "a text",
        })
        .collect();
    if wanted.is_empty() {
        "a value".to_owned()
    } else {
        wanted.join(" or ")
    }
}

/// What is there, for a person.
pub(crate) fn describe(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(value) => format!("the number `{value}`"),
        Value::Text(text) if text.is_empty() => "an empty text".to_owned(),
        Value::Text(text) => format!("`{}`", excerpt(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

fn excerpt(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain("…".chars()).collect()
}

fn quote_hint(schema: &Json, value: &Value) -> Option<String> {
    let wants_text = types(schema).contains(&"string") && choices(schema).is_empty();
    match value {
        Value::Bool(value) if wants_text => Some(format!("quote it: \"{value}\"")),
        Value::Number(value) if wants_text => Some(format!("quote it: \"{value}\"")),
        Value::Text(text) if types(schema) == ["boolean"] => match text.to_lowercase().as_str() {
            "yes" | "y" | "on" | "true" => Some("did you mean `true`?".to_owned()),
            "no" | "n" | "off" | "false" => Some("did you mean `false`?".to_owned()),
            _ => None,
        },
        Value::Text(text) if types(schema) == ["array"] => {
            Some(format!("a list of one is written [{}]", excerpt(text)))
        }
        Value::Bool(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Null
        | Value::List(_)
        | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests;
