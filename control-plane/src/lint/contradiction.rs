//! Whether conditions leave any value to satisfy them.

use chancery_engine::glob::Glob;
use chancery_proto::{
    admin::v1::Rule,
    policy::v1::{Condition, Effect, OnMissing, Quantifier, condition::Test},
};
use regex::Regex;
use serde_json::Value;

use super::{
    Finding,
    interval::Interval,
    is_same,
    path::{self, Step},
};

/// Conditions of a rule that no value satisfies, alone or with another.
pub(super) fn check(rule: &Rule) -> Vec<Finding> {
    let consequence = match rule.effect() {
        Effect::Deny => "the rule applies only where they cannot be evaluated",
        Effect::Allow | Effect::RequireApproval | Effect::Unspecified => "the rule never applies",
    };
    let mut findings = Vec::new();
    for (index, condition) in rule.when.iter().enumerate() {
        if let Some(Test::Number(bounds)) = &condition.test
            && condition.quantifier() != Quantifier::None
            && Interval::of_bounds(bounds).is_empty()
        {
            let field = format!("when[{index}].number");
            let found = "no number is within these bounds";
            findings.push(Finding::warning(field, found, consequence));
        }
        let earlier = rule.when.iter().take(index).enumerate();
        for (other_index, other) in earlier {
            if exclude_each_other(other, condition) {
                let found = format!(
                    "no value of `{}` satisfies it and `when[{other_index}]`",
                    condition.argument
                );
                findings.push(Finding::warning(
                    format!("when[{index}]"),
                    found,
                    consequence,
                ));
            }
        }
    }
    findings
}

/// Whether two conditions never both hold. What is said to exclude does; not everything that does is
/// found.
fn exclude_each_other(one: &Condition, other: &Condition) -> bool {
    let (Some(test), Some(other_test)) = (&one.test, &other.test) else {
        return false;
    };
    let both = [one, other];
    let is_plain = |condition: &&Condition| {
        condition.quantifier() != Quantifier::None && condition.normalisation == 0
    };
    let passes_missing = |condition: &&Condition| {
        condition.on_missing() == OnMissing::Holds || condition.test == Some(Test::Exists(false))
    };
    let has_one_value = path::parse(&one.argument)
        .is_some_and(|steps| steps.iter().all(|step| *step != Step::Every));
    // Of several values, one may satisfy the one and another the other.
    let may_part = both
        .iter()
        .all(|condition| condition.quantifier() == Quantifier::Any)
        && !has_one_value;
    one.argument == other.argument
        && both.iter().all(is_plain)
        && !both.iter().all(passes_missing)
        && !may_part
        && are_disjoint(test, other_test)
}

/// Whether no value passes both tests.
fn are_disjoint(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::Exists(one), Test::Exists(other)) => one != other,
        (Test::Exists(exists), _) | (_, Test::Exists(exists)) => !exists,
        (Test::Number(one), Test::Number(other)) => Interval::of_bounds(one)
            .and(Interval::of_bounds(other))
            .is_empty(),
        _ => match (listed(one), listed(other)) {
            (Some(values), _) => !values.iter().any(|value| may_pass(value, other)),
            (None, Some(values)) => !values.iter().any(|value| may_pass(value, one)),
            // The others are about texts.
            (None, None) => matches!(one, Test::Number(_)) != matches!(other, Test::Number(_)),
        },
    }
}

/// The values that a test lists.
fn listed(test: &Test) -> Option<Vec<Value>> {
    let read = |json: &String| serde_json::from_str(json).ok();
    match test {
        Test::Equals(json) => Some(vec![read(json)?]),
        Test::In(values) => values.values.iter().map(read).collect(),
        Test::Glob(_) | Test::Regex(_) | Test::Cidr(_) | Test::Number(_) | Test::Exists(_) => None,
    }
}

/// Whether a value passes a test; yes where that is not known.
fn may_pass(value: &Value, test: &Test) -> bool {
    match test {
        Test::Equals(_) | Test::In(_) => {
            listed(test).is_none_or(|listed| listed.iter().any(|listed| is_same(listed, value)))
        }
        Test::Glob(globs) => value.as_str().is_some_and(|text| {
            let mut globs = globs.values.iter();
            globs.any(|glob| Glob::parse(glob).map_or(true, |glob| glob.matches(text)))
        }),
        Test::Regex(regex) => value
            .as_str()
            .is_some_and(|text| Regex::new(regex).map_or(true, |regex| regex.is_match(text))),
        Test::Cidr(_) => value.is_string(),
        Test::Number(bounds) => {
            let number = value.as_f64();
            number.is_some_and(|number| Interval::of_bounds(bounds).contains(number))
        }
        Test::Exists(exists) => *exists,
    }
}
