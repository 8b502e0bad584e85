//! What a tool's input schema (JSON Schema, 2020-12 and before) says of a condition on an argument.

use chancery_engine::glob::Glob;
use chancery_proto::policy::v1::{Condition, Values, condition::Test};
use regex::Regex;
use serde_json::{Map, Value};

use super::{most_like, path::Step, some};

/// References and combinations that are deeper than this are not followed.
const MAX_DEPTH: usize = 32;

/// Why a condition can never be satisfied by arguments that fit a schema.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Misfit {
    /// Which field of the condition, as a proto path.
    pub(super) field: &'static str,
    pub(super) found: String,
    pub(super) expected: String,
}

/// Follows steps through a schema and holds a condition against what is there. Where the schema is
/// open, everything fits.
pub(super) fn check(schema: &Value, steps: &[Step], condition: &Condition) -> Result<(), Misfit> {
    Walk {
        root: schema,
        condition,
    }
    .follow(
        schema,
        &Place {
            steps,
            at: "$".to_owned(),
            depth: MAX_DEPTH,
        },
    )
}

/// A place in a schema.
struct Place<'p> {
    /// What is still to be followed.
    steps: &'p [Step],
    /// The path to here.
    at: String,
    /// How many more references and combinations are followed.
    depth: usize,
}

impl Place<'_> {
    /// One step further.
    fn beyond(&self, at: String) -> Self {
        Self {
            steps: self.steps.get(1..).unwrap_or_default(),
            at,
            depth: self.depth,
        }
    }

    /// The same place, through a reference or combination.
    fn deeper(&self) -> Option<Self> {
        Some(Self {
            steps: self.steps,
            at: self.at.clone(),
            depth: self.depth.checked_sub(1)?,
        })
    }
}

struct Walk<'w> {
    root: &'w Value,
    condition: &'w Condition,
}

impl Walk<'_> {
    fn follow(&self, schema: &Value, place: &Place<'_>) -> Result<(), Misfit> {
        let at = &*place.at;
        if *schema == Value::Bool(false) {
            return Err(misfit("argument", format!("`{at}`"), nothing(at)));
        }
        // What says nothing allows everything, and what is too deep is not known.
        let (Value::Object(schema), Some(place)) = (schema, place.deeper()) else {
            return Ok(());
        };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#');
            let target = pointer.and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Ok(()), |target| self.follow(target, &place));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = schema.get(keyword) {
                return self.any(branches, schema, &place);
            }
        }
        if let Some(Value::Array(parts)) = schema.get("allOf") {
            return self.all(parts, schema, &place);
        }
        self.step(schema, &place)
    }

    /// One branch that fits is enough; else what the first says.
    fn any(
        &self,
        branches: &[Value],
        schema: &Map<String, Value>,
        place: &Place<'_>,
    ) -> Result<(), Misfit> {
        if schema.contains_key("properties") && self.step(schema, place).is_ok() {
            return Ok(());
        }
        let mut first = None;
        for branch in branches {
            match self.follow(branch, place) {
                Ok(()) => return Ok(()),
                Err(misfit) => first = first.or(Some(misfit)),
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// A member that any part declares is declared, and must fit every part that declares it.
    fn all(
        &self,
        parts: &[Value],
        schema: &Map<String, Value>,
        place: &Place<'_>,
    ) -> Result<(), Misfit> {
        let mut own = schema.clone();
        own.shift_remove("allOf");
        let own = (!own.is_empty()).then_some(Value::Object(own));
        let results: Vec<_> = parts
            .iter()
            .chain(&own)
            .map(|part| self.follow(part, place))
            .collect();
        let undeclared = |result: &Result<(), Misfit>| matches!(result, Err(misfit) if misfit.field == "argument");
        if results.iter().all(undeclared) {
            return results.into_iter().next().unwrap_or(Ok(()));
        }
        results
            .into_iter()
            .filter(|result| !undeclared(result))
            .collect()
    }

    fn step(&self, schema: &Map<String, Value>, place: &Place<'_>) -> Result<(), Misfit> {
        let at = &*place.at;
        let (item, at) = match place.steps.first() {
            None => return self.leaf(schema, at),
            Some(Step::Member(name)) => return self.member(schema, name, place),
            Some(Step::Every) => (None, format!("{at}[*]")),
            Some(Step::Element(index)) => {
                let items = schema.get("prefixItems");
                (
                    items.and_then(|items| items.get(index)),
                    format!("{at}[{index}]"),
                )
            }
        };
        expect_type(schema, "array", &place.at)?;
        let item = item.or_else(|| schema.get("items"));
        item.map_or(Ok(()), |item| self.follow(item, &place.beyond(at)))
    }

    fn member(
        &self,
        schema: &Map<String, Value>,
        name: &str,
        place: &Place<'_>,
    ) -> Result<(), Misfit> {
        let at = &*place.at;
        expect_type(schema, "object", at)?;
        let here = place.beyond(format!("{at}.{name}"));
        let properties = schema.get("properties").and_then(Value::as_object);
        if let Some(property) = properties.and_then(|properties| properties.get(name)) {
            return self.follow(property, &here);
        }
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let matching = patterns.into_iter().flatten().find(|(pattern, _)| {
            // What this cannot read may mean anything.
            Regex::new(pattern).map_or(true, |pattern| pattern.is_match(name))
        });
        if let Some((_, property)) = matching {
            return self.follow(property, &here);
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(true)) => Ok(()),
            Some(property @ Value::Object(_)) => self.follow(property, &here),
            // A schema without any keyword for its members says nothing at all.
            None if schema.is_empty() => Ok(()),
            Some(_) | None => {
                let known = properties.into_iter().flat_map(Map::keys);
                let expected = match most_like(name, known) {
                    none if none.is_empty() => nothing(at),
                    known => format!("a property that the schema has under `{at}`: {known}"),
                };
                Err(misfit("argument", format!("`{}`", here.at), expected))
            }
        }
    }

    /// The value itself.
    fn leaf(&self, schema: &Map<String, Value>, at: &str) -> Result<(), Misfit> {
        let Some(test) = &self.condition.test else {
            return Ok(());
        };
        match test {
            Test::Equals(json) => one_of(schema, &[json], at).map_err(|bad| named("equals", bad)),
            Test::In(Values { values }) => {
                let values: Vec<_> = values.iter().collect();
                one_of(schema, &values, at).map_err(|bad| named("in", bad))
            }
            Test::Glob(Values { values }) => {
                let globs: Vec<_> = values.iter().filter_map(|g| Glob::parse(g).ok()).collect();
                self.text("glob", schema, at, |text| {
                    globs.iter().any(|g| g.matches(text))
                })
            }
            Test::Regex(regex) => {
                let regex = Regex::new(regex).ok();
                self.text("regex", schema, at, |text| {
                    regex.as_ref().is_none_or(|regex| regex.is_match(text))
                })
            }
            Test::Cidr(_) => self.text("cidr", schema, at, |_| true),
            Test::Number(_) => {
                let found = types(schema).filter(|types| !types.contains(&"number"));
                found.map_or(Ok(()), |types| {
                    let expected = format!("`{at}` is {}", kinds(&types));
                    Err(misfit("number", "bounds of a number", expected))
                })
            }
            Test::Exists(_) => Ok(()),
        }
    }

    /// A test of texts: the value can be a text, and one that the schema lists passes.
    fn text(
        &self,
        field: &'static str,
        schema: &Map<String, Value>,
        at: &str,
        passes: impl Fn(&str) -> bool,
    ) -> Result<(), Misfit> {
        if let Some(types) = types(schema)
            && !types.contains(&"string")
        {
            let hint = if types.contains(&"array") {
                format!("; `{at}[*]` are its elements")
            } else {
                String::new()
            };
            let expected = format!("a test that fits `{at}`, which is {}{hint}", kinds(&types));
            return Err(misfit(field, "a test of texts", expected));
        }
        let is_plain = self.condition.normalisation == 0;
        let Some(listed) = listed(schema).filter(|_| is_plain) else {
            return Ok(());
        };
        let texts: Vec<_> = listed.iter().filter_map(|value| value.as_str()).collect();
        if texts.iter().any(|text| passes(text)) {
            return Ok(());
        }
        let expected = format!("one that fits a value of `{at}`: {}", some(texts));
        Err(misfit(
            field,
            "a test that none of its values passes",
            expected,
        ))
    }
}

fn misfit(field: &'static str, found: impl Into<String>, expected: impl Into<String>) -> Misfit {
    Misfit {
        field,
        found: found.into(),
        expected: expected.into(),
    }
}

fn named(field: &'static str, misfit: Misfit) -> Misfit {
    Misfit { field, ..misfit }
}

fn nothing(at: &str) -> String {
    format!("nothing under `{at}`: the schema declares no such value")
}

/// The types that values can have; nothing where any will do. An integer is a number.
fn types(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    let types: Vec<_> = match schema.get("type") {
        Some(Value::String(only)) => vec![&**only],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(_) | None => listed(schema)?.into_iter().map(type_of).collect(),
    };
    let plain = |name| if name == "integer" { "number" } else { name };
    Some(types.into_iter().map(plain).collect())
}

/// The values that a schema lists.
fn listed(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => Some(values.iter().collect()),
        (_, Some(only)) => Some(vec![only]),
        (Some(_) | None, None) => None,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn kinds(types: &[&str]) -> String {
    let kinds: Vec<_> = types
        .iter()
        .map(|name| match *name {
            "number" => "a number",
            "string" => "a text",
            "boolean" => "`true` or `false`",
            "array" => "a list",
            "object" => "an object",
            "null" => "`null`",
            _ => "of an unknown type",
        })
        .collect();
    kinds.join(" or ")
}

fn expect_type(schema: &Map<String, Value>, wanted: &str, at: &str) -> Result<(), Misfit> {
    match types(schema) {
        Some(types) if !types.contains(&wanted) => {
            let expected = format!("no step into `{at}`, which is {}", kinds(&types));
            Err(misfit(
                "argument",
                format!("a step into {}", kinds(&[wanted])),
                expected,
            ))
        }
        Some(_) | None => Ok(()),
    }
}

/// Every value can occur: of a type that there is, and among those that are listed.
fn one_of(schema: &Map<String, Value>, values: &[&String], at: &str) -> Result<(), Misfit> {
    for json in values {
        let Ok(value) = serde_json::from_str::<Value>(json) else {
            continue;
        };
        if let Some(types) = types(schema)
            && !types.contains(&type_of(&value))
        {
            let expected = format!("a value that `{at}` can have, which is {}", kinds(&types));
            return Err(misfit("", format!("`{json}`"), expected));
        }
        let is_same = |listed: &&Value| match (listed.as_f64(), value.as_f64()) {
            (Some(listed), Some(value)) => listed.total_cmp(&value).is_eq(),
            _ => **listed == value,
        };
        if let Some(listed) = listed(schema)
            && !listed.iter().any(is_same)
        {
            let texts: Vec<_> = listed.iter().map(ToString::to_string).collect();
            let known = most_like(json, texts);
            let expected = format!("a value that `{at}` can have: {known}");
            return Err(misfit("", format!("`{json}`"), expected));
        }
    }
    Ok(())
}
