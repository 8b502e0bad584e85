//! The argument values that rules read to decide, so that the decision can be judged again.

use std::{borrow::Cow, collections::BTreeSet};

use super::RulesFor;
use crate::{
    condition::{Arguments, Condition},
    entry::{Direction, Fact, Provenance},
    json::{Kind, Value, escape_into},
    redact::{Place, Plan, Redactor},
    rule::{Act, Given},
};

/// Most paths, and values of each, that are kept of one act.
const MAX_FACTS: usize = 32;
/// Longest value in bytes.
const MAX_FACT_BYTES: usize = 1_024;

impl RulesFor<'_> {
    /// The argument values that the conditions of any rule read which could have decided, as the
    /// record keeps them: by path as the rule writes it, each as JSON text, an array or object as
    /// `[]` or `{}`.
    ///
    /// What the profiles of `plan` find in arguments is redacted. A value that was masked or cut, or is one of more
    /// than are kept, says so: nothing can be judged by it again.
    pub fn facts(&self, act: Act<'_>, plan: &Plan) -> Vec<Fact> {
        let Given::Settled(root) = act.given else {
            return Vec::new();
        };
        let arguments = Arguments::new(root);
        let mut seen = BTreeSet::new();
        let mut facts = Vec::new();
        self.candidates(act, |rule, _known| {
            for condition in &rule.when {
                if seen.len() < MAX_FACTS && seen.insert(condition.argument.as_str()) {
                    facts.extend(read(condition, &arguments, plan));
                }
            }
            true
        });
        facts
    }
}

fn read(condition: &Condition, arguments: &Arguments<'_>, plan: &Plan) -> Vec<Fact> {
    let path = condition.argument.as_str();
    let fact = |value: &str, provenance, is_altered| Fact {
        key: Cow::Owned(path.to_owned()),
        value: value.into(),
        provenance,
        is_altered,
    };
    let Some(values) = condition.values(arguments) else {
        return vec![fact("", Provenance::Claimed, true)];
    };
    if values.is_empty() {
        return vec![fact("", Provenance::Absent, false)];
    }
    let is_cut = values.len() > MAX_FACTS;
    let kept = values.iter().take(MAX_FACTS).map(|value| {
        let (text, is_altered) = text_of(*value, plan);
        let end = text.floor_char_boundary(MAX_FACT_BYTES);
        let is_altered = is_altered || is_cut || end < text.len();
        fact(
            text.get(..end).unwrap_or_default(),
            Provenance::Claimed,
            is_altered,
        )
    });
    kept.collect()
}

/// A value as JSON text, and whether something in it was masked.
fn text_of<'v>(value: Value<'v>, plan: &Plan) -> (Cow<'v, str>, bool) {
    match value.kind() {
        Kind::Array => (Cow::Borrowed("[]"), false),
        Kind::Object => (Cow::Borrowed("{}"), false),
        Kind::Null | Kind::Bool | Kind::Number => (Cow::Borrowed(value.raw()), false),
        Kind::String => {
            let redactor = Redactor {
                plan,
                direction: Direction::ToServer,
                binding: None,
            };
            let masked = value
                .as_str()
                .and_then(|text| redactor.text(Place::Arguments, &text));
            let Some(masked) = masked else {
                return (Cow::Borrowed(value.raw()), false);
            };
            let mut text = String::from('"');
            escape_into(&mut text, &masked);
            text.push('"');
            (Cow::Owned(text), true)
        }
    }
}
