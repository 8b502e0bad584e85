//! What a schema says of the value itself.

use chancery_engine::glob::Glob;
use chancery_proto::policy::v1::{Condition, Quantifier, Values, condition::Test};
use regex::Regex;
use serde_json::{Map, Value};

use super::{Misfit, kinds, listed, misfit, type_of, types};
use crate::lint::{interval::Interval, is_same, most_like, some};

/// Whether a value that fits the schema can pass a condition.
pub(super) fn check(
    schema: &Map<String, Value>,
    condition: &Condition,
    at: &str,
) -> Result<(), Misfit> {
    let Some(test) = &condition.test else {
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
            text(condition, "glob", schema, at, |text| {
                globs.iter().any(|g| g.matches(text))
            })
        }
        Test::Regex(regex) => {
            let regex = Regex::new(regex).ok();
            text(condition, "regex", schema, at, |text| {
                regex.as_ref().is_none_or(|regex| regex.is_match(text))
            })
        }
        Test::Cidr(_) => text(condition, "cidr", schema, at, |_| true),
        Test::Number(bounds) => {
            if let Some(types) = types(schema).filter(|types| !types.contains(&"number")) {
                let expected = format!("`{at}` is {}", kinds(&types));
                return Err(misfit("number", "bounds of a number", expected));
            }
            let (asked, declared) = (Interval::of_bounds(bounds), Interval::of_schema(schema));
            let is_asked_for = condition.quantifier() != Quantifier::None;
            if is_asked_for && !asked.is_empty() && asked.and(declared).is_empty() {
                let expected = format!("bounds that `{at}` can be within: {}", limits(schema));
                return Err(misfit(
                    "number",
                    "bounds beyond those of the schema",
                    expected,
                ));
            }
            Ok(())
        }
        Test::Exists(_) => Ok(()),
    }
}

/// A test of texts: the value can be a text, and one that the schema lists passes.
fn text(
    condition: &Condition,
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
    let is_plain = condition.normalisation == 0;
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

fn named(field: &'static str, misfit: Misfit) -> Misfit {
    Misfit { field, ..misfit }
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
        if let Some(number) = value.as_f64() {
            if is_integral(schema) && number.fract() != 0.0 {
                let expected = format!("a value that `{at}` can have, which is an integer");
                return Err(misfit("", format!("`{json}`"), expected));
            }
            if !Interval::of_schema(schema).contains(number) {
                let expected = format!("a value that `{at}` can have: {}", limits(schema));
                return Err(misfit("", format!("`{json}`"), expected));
            }
        }
        if let Some(listed) = listed(schema)
            && !listed.iter().any(|listed| is_same(listed, &value))
        {
            let texts: Vec<_> = listed.iter().map(ToString::to_string).collect();
            let known = most_like(json, texts);
            let expected = format!("a value that `{at}` can have: {known}");
            return Err(misfit("", format!("`{json}`"), expected));
        }
    }
    Ok(())
}

/// Whether numbers must be integers.
fn is_integral(schema: &Map<String, Value>) -> bool {
    let named: Vec<_> = match schema.get("type") {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        one => one.and_then(Value::as_str).into_iter().collect(),
    };
    named.contains(&"integer") && !named.contains(&"number")
}

/// The limits of numbers, as the schema has them.
fn limits(schema: &Map<String, Value>) -> String {
    let keywords = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"];
    let limits = keywords.into_iter().filter_map(|keyword| {
        let limit = schema.get(keyword)?;
        Some(format!("`{keyword}` is {limit}"))
    });
    limits.collect::<Vec<_>>().join(", ")
}
