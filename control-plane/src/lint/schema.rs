//! What a tool's input schema (JSON Schema, 2020-12 and before) says of a condition on an argument.

mod said;
mod value;

use std::cell::Cell;

use chancery_proto::policy::v1::Condition;
use regex::Regex;
use serde_json::{Map, Value};

use self::said::{Said, Undeclared};
use super::path::Step;

/// References and combinations that are deeper than this are not followed.
const MAX_DEPTH: usize = 32;

/// Of more schemas, one within another, it is not known what they say.
const MAX_SCHEMAS: usize = 10_000;

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
    let walk = Walk {
        root: schema,
        condition,
        left: Cell::new(MAX_SCHEMAS),
    };
    let place = Place {
        steps,
        at: "$".to_owned(),
        depth: MAX_DEPTH,
    };
    match walk.follow(schema, &place) {
        Said::Nothing | Said::Fits => Ok(()),
        Said::Misfits(misfit) => Err(misfit),
        Said::Undeclared(undeclared) => Err(undeclared.into()),
    }
}

/// Whether arguments that fit a schema have a value at the end of these steps.
pub(super) fn requires(schema: &Value, steps: &[Step]) -> bool {
    let mut parts = conjuncts(schema, schema);
    for (depth, step) in steps.iter().enumerate() {
        let Step::Member(name) = step else {
            return false;
        };
        // Arguments are an object, whatever the schema says.
        let is_object = depth == 0
            || parts.iter().any(|part| {
                let types = part.get("type");
                types.and_then(Value::as_str) == Some("object")
            });
        let names = |part: &&Value| {
            let required = part.get("required").and_then(Value::as_array);
            required.is_some_and(|required| required.iter().any(|one| one == &**name))
        };
        if !is_object || !parts.iter().any(names) {
            return false;
        }
        parts = parts
            .iter()
            .filter_map(|part| part.get("properties")?.get(name))
            .flat_map(|property| conjuncts(schema, property))
            .collect();
    }
    true
}

/// A schema and those that its values must fit besides.
fn conjuncts<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let mut parts = vec![schema];
    let mut seen = 0;
    while let Some(part) = parts.get(seen).filter(|_| seen < MAX_DEPTH) {
        let reference = part.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|reference| root.pointer(reference.strip_prefix('#')?));
        let all = part.get("allOf").and_then(Value::as_array);
        let more: Vec<_> = all.into_iter().flatten().chain(target).collect();
        parts.extend(more);
        seen += 1;
    }
    parts
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
    /// How many more schemas are looked at.
    left: Cell<usize>,
}

impl<'w> Walk<'w> {
    fn follow(&self, schema: &'w Value, place: &Place<'w>) -> Said<'w> {
        let at = &*place.at;
        if *schema == Value::Bool(false) {
            return Said::Misfits(misfit("argument", format!("`{at}`"), nothing(at)));
        }
        let Value::Object(schema) = schema else {
            return Said::Nothing;
        };
        match (place.deeper(), self.left.get().checked_sub(1)) {
            (Some(place), Some(left)) => {
                self.left.set(left);
                self.together(schema, &place)
            }
            // What is too much is not known.
            (None, _) | (_, None) => Said::Fits,
        }
    }

    /// What a schema says with all that it combines.
    fn together(&self, schema: &'w Map<String, Value>, place: &Place<'w>) -> Said<'w> {
        let mut said = self.step(schema, place);
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#');
            let target = pointer.and_then(|pointer| self.root.pointer(pointer));
            // What is elsewhere may declare anything.
            said = said.and(target.map_or(Said::Fits, |target| self.follow(target, place)));
        }
        let parts = schema.get("allOf").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            said = said.and(self.follow(part, place));
        }
        for branches in alternatives(schema) {
            let branches = branches
                .into_iter()
                .map(|branch| self.follow(branch, place));
            said = said.and(branches.reduce(Said::or).unwrap_or(Said::Nothing));
        }
        for part in optional(schema) {
            said = said.or_declared_by(self.follow(part, place));
        }
        said
    }

    fn step(&self, schema: &'w Map<String, Value>, place: &Place<'w>) -> Said<'w> {
        let at = &*place.at;
        let (item, at) = match place.steps.first() {
            None => {
                let checked = value::check(schema, self.condition, at);
                return checked.map_or_else(Said::Misfits, |()| Said::Fits);
            }
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
        if let Err(misfit) = expect_type(schema, "array", &place.at) {
            return Said::Misfits(misfit);
        }
        let item = item.or_else(|| schema.get("items"));
        item.map_or(Said::Nothing, |item| {
            self.follow(item, &place.beyond(at)).declared()
        })
    }

    fn member(&self, schema: &'w Map<String, Value>, name: &'w str, place: &Place<'w>) -> Said<'w> {
        let at = &*place.at;
        if let Err(misfit) = expect_type(schema, "object", at) {
            return Said::Misfits(misfit);
        }
        let here = place.beyond(format!("{at}.{name}"));
        let properties = schema.get("properties").and_then(Value::as_object);
        if let Some(property) = properties.and_then(|properties| properties.get(name)) {
            return self.follow(property, &here).declared();
        }
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let matching = patterns.into_iter().flatten().find(|(pattern, _)| {
            // What this cannot read may mean anything.
            Regex::new(pattern).map_or(true, |pattern| pattern.is_match(name))
        });
        if let Some((_, property)) = matching {
            return self.follow(property, &here).declared();
        }
        let undeclared = Undeclared {
            at: at.to_owned(),
            name,
            known: properties
                .into_iter()
                .flat_map(Map::keys)
                .map(String::as_str)
                .collect(),
            misfit: None,
        };
        let additional = schema.get("additionalProperties");
        match (additional, schema.get("unevaluatedProperties")) {
            (Some(Value::Bool(true)), _) | (None, Some(Value::Bool(true))) => Said::Fits,
            (Some(property @ Value::Object(_)), _) => self.follow(property, &here).declared(),
            // It is about what no other part declares.
            (None, Some(property @ Value::Object(_))) => {
                match self.follow(property, &here).declared() {
                    Said::Misfits(misfit) => Said::Undeclared(undeclared.unless(misfit)),
                    said @ (Said::Nothing | Said::Fits | Said::Undeclared(_)) => said,
                }
            }
            (None, None) if types(schema).is_none() && properties.or(patterns).is_none() => {
                Said::Nothing
            }
            (Some(_) | None, _) => Said::Undeclared(undeclared),
        }
    }
}

/// Schemas of each of which a value must fit one.
fn alternatives(schema: &Map<String, Value>) -> Vec<Vec<&Value>> {
    let branches = ["anyOf", "oneOf"].into_iter().filter_map(|keyword| {
        let branches = schema.get(keyword)?.as_array()?;
        Some(branches.iter().collect())
    });
    let condition = schema.get("if");
    let decided = condition.and_then(|_| Some(vec![schema.get("then")?, schema.get("else")?]));
    branches.chain(decided).collect()
}

/// Schemas that a value fits or not, as its other values are.
fn optional(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let condition = schema.get("if");
    let decided = ["then", "else"].into_iter().filter_map(move |keyword| {
        condition?;
        schema.get(keyword)
    });
    // What was one keyword is two since 2019-09.
    let dependent = ["dependentSchemas", "dependencies"]
        .into_iter()
        .filter_map(|keyword| schema.get(keyword)?.as_object())
        .flat_map(Map::values);
    condition.into_iter().chain(decided).chain(dependent)
}

fn misfit(field: &'static str, found: impl Into<String>, expected: impl Into<String>) -> Misfit {
    Misfit {
        field,
        found: found.into(),
        expected: expected.into(),
    }
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
