//! Paths (JSONPath, RFC 9535) into the arguments of a call.

use std::cell::OnceCell;

use serde_json_path::{JsonPath, PathElement};

use super::decimal::Decimal;
use crate::{
    json::{Kind, Value},
    json_path::{self, PathError},
};

/// Most values and keys in arguments that are queried by more than a singular path.
const MAX_QUERIED_NODES: usize = 10_000;

/// A JSONPath from the arguments of a call.
#[derive(Clone, Debug)]
pub struct ArgumentPath {
    text: Box<str>,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    /// To one value at most: names and indices alone.
    Singular(Box<[Step]>),
    /// Anything richer.
    Query(Box<JsonPath>),
}

#[derive(Clone, Debug)]
enum Step {
    Name(Box<str>),
    /// From the end where negative.
    Index(i64),
}

impl ArgumentPath {
    /// Reads a path.
    ///
    /// # Errors
    /// Where it is none, or could take more than linear time.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let query = json_path::parse(text)?;
        let way = if let Some(steps) = singular(text) {
            Way::Singular(steps.into())
        } else {
            Way::Query(Box::new(query))
        };
        Ok(Self {
            text: text.into(),
            way,
        })
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it leads to one value at most.
    pub fn is_singular(&self) -> bool {
        matches!(self.way, Way::Singular(_))
    }

    /// The names it leads through, while it is names alone: what a schema declares.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let steps = match &self.way {
            Way::Singular(steps) => &**steps,
            Way::Query(_) => &[],
        };
        steps.iter().map_while(|step| match step {
            Step::Name(name) => Some(&**name),
            Step::Index(_) => None,
        })
    }
}

impl PartialEq for ArgumentPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ArgumentPath {}

/// The steps of a path of names and indices; `None` for any other, and for names with escapes.
fn singular(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after
                .find(['.', '[', ' ', '\t', '\n', '\r'])
                .unwrap_or(after.len());
            let (name, after) = after.split_at_checked(end)?;
            if name.is_empty() || name == "*" {
                return None;
            }
            steps.push(Step::Name(name.into()));
            rest = after;
            continue;
        }
        let inner = rest.strip_prefix('[')?;
        if let Some(quote) = inner.chars().next().filter(|c| *c == '\'' || *c == '"') {
            let (name, after) = inner.get(1..)?.split_once(quote)?;
            if name.contains('\\') {
                return None;
            }
            steps.push(Step::Name(name.into()));
            rest = after.strip_prefix(']')?;
        } else {
            let (index, after) = inner.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = after;
        }
    }
    Some(steps)
}

/// Why the values of a path are not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unreadable;

/// The arguments of one call, and what was made of them for queries.
#[derive(Debug)]
pub(crate) struct Arguments<'d> {
    root: Option<Value<'d>>,
    /// Made when a path first asks for it. `None`: it cannot be queried.
    tree: OnceCell<Option<serde_json::Value>>,
}

impl<'d> Arguments<'d> {
    /// `None`: there are no arguments.
    pub(crate) fn new(root: Option<Value<'d>>) -> Self {
        Self {
            root,
            tree: OnceCell::new(),
        }
    }

    /// The values that a path leads to.
    pub(crate) fn find(&self, path: &ArgumentPath) -> Result<Vec<Value<'d>>, Unreadable> {
        let Some(root) = self.root else {
            return Ok(Vec::new());
        };
        match &path.way {
            Way::Singular(steps) => Ok(follow(root, steps).into_iter().collect()),
            Way::Query(query) => {
                let tree = self.tree.get_or_init(|| tree_of(root));
                let tree = tree.as_ref().ok_or(Unreadable)?;
                let found = query.query_located(tree);
                let locate = |path: &serde_json_path::NormalizedPath<'_>| {
                    let mut elements = path.iter();
                    elements.try_fold(root, |value, element| match element {
                        PathElement::Name(name) => value.get(name),
                        PathElement::Index(index) => value.items().nth(*index),
                    })
                };
                // One more than is looked at is enough to know that there are too many.
                let located = found.locations().take(super::MAX_VALUES.saturating_add(1));
                located.map(|path| locate(path).ok_or(Unreadable)).collect()
            }
        }
    }
}

fn follow<'d>(root: Value<'d>, steps: &[Step]) -> Option<Value<'d>> {
    steps.iter().try_fold(root, |value, step| match step {
        Step::Name(name) => value.get(name),
        Step::Index(index) => match usize::try_from(*index) {
            Ok(index) => value.items().nth(index),
            Err(_negative) => {
                let back = usize::try_from(index.unsigned_abs()).ok()?;
                value.items().nth(value.items().count().checked_sub(back)?)
            }
        },
    })
}

/// Arguments as the query library takes them; `None` where they are too large, or hold a number
/// that it would round.
fn tree_of(root: Value<'_>) -> Option<serde_json::Value> {
    if root.node_count() > MAX_QUERIED_NODES {
        return None;
    }
    branch(root)
}

fn branch(value: Value<'_>) -> Option<serde_json::Value> {
    Some(match value.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool => serde_json::Value::Bool(value.raw() == "true"),
        Kind::Number => serde_json::Value::Number(exact(value.raw())?),
        Kind::String => serde_json::Value::String(value.as_str()?.into_owned()),
        Kind::Array => serde_json::Value::Array(value.items().map(branch).collect::<Option<_>>()?),
        Kind::Object => {
            let member = |(key, value): (Value<'_>, Value<'_>)| {
                Some((key.as_str()?.into_owned(), branch(value)?))
            };
            serde_json::Value::Object(value.members().map(member).collect::<Option<_>>()?)
        }
    })
}

fn exact(lexeme: &str) -> Option<serde_json::Number> {
    if let Ok(number) = lexeme.parse::<i64>() {
        return Some(number.into());
    }
    if let Ok(number) = lexeme.parse::<u64>() {
        return Some(number.into());
    }
    let number: f64 = lexeme.parse().ok()?;
    let printed = number.to_string();
    let same = Decimal::read(lexeme)?
        .compare(Decimal::read(&printed)?)
        .is_eq();
    serde_json::Number::from_f64(number).filter(|_| same)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::json_path::MAX_PATH_BYTES;
    use crate::{json::Document, limits::Limits};

    fn find(path: &str, text: &str) -> Vec<String> {
        let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
        let arguments = Arguments::new(Some(document.root()));
        let found = arguments.find(&ArgumentPath::parse(path).unwrap()).unwrap();
        found.iter().map(|value| value.raw().to_owned()).collect()
    }

    #[test]
    fn leads_to_the_bytes_of_the_message() {
        let text = r#"{"a":{"b":[1.0,{"c d":"x\u0041"}]},"n":12345678901234567890123}"#;
        for (path, expected) in [
            ("$", vec![text]),
            ("$.a.b[0]", vec!["1.0"]),
            ("$.a.b[-1]['c d']", vec![r#""x\u0041""#]),
            (r#"$["a"].b[1]["c d"]"#, vec![r#""x\u0041""#]),
            ("$.n", vec!["12345678901234567890123"]),
            ("$.a.b[2]", vec![]),
            ("$.a.b[-3]", vec![]),
            ("$.a.b.c", vec![]),
            ("$.a[0]", vec![]),
        ] {
            assert_eq!(find(path, text), expected, "{path}");
        }
        let text = r#"{"labels":["x",2.0],"deep":{"labels":[true]}}"#;
        assert_eq!(find("$.labels[*]", text), [r#""x""#, "2.0"]);
        assert_eq!(find("$..labels[0]", text), [r#""x""#, "true"]);
        assert_eq!(find("$.labels[?@ == 2]", text), ["2.0"]);
    }

    #[test]
    fn what_would_be_rounded_or_is_large_cannot_be_queried() {
        let unreadable = |text: &str| {
            let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
            let arguments = Arguments::new(Some(document.root()));
            arguments
                .find(&ArgumentPath::parse("$[*]").unwrap())
                .is_err()
        };
        assert!(unreadable("[12345678901234567890123]"));
        assert!(!unreadable("[18446744073709551615,0.1]"));
        let list = |nodes: usize| format!("[{}]", vec!["1"; nodes - 1].join(","));
        assert!(!unreadable(&list(MAX_QUERIED_NODES)));
        assert!(unreadable(&list(MAX_QUERIED_NODES + 1)));
    }

    #[test]
    fn refuses_what_is_no_path_or_costs_too_much() {
        for path in ["", "repo", "$.", "$[", "$.a b", "$['a", "@.a", "$.length()"] {
            let error = ArgumentPath::parse(path).unwrap_err();
            assert!(
                matches!(error, PathError::Syntax(_) | PathError::Unclosed),
                "{path}: {error}"
            );
        }
        for path in [
            "$..a..b",
            "$[*,*,*,*,*,*]",
            "$..[?$.a == @.b]",
            "$[?@[?@.a]]",
        ] {
            let error = ArgumentPath::parse(path).unwrap_err();
            assert!(matches!(error, PathError::Costly(_)), "{path}: {error}");
        }
        let long = |bytes: usize| format!("$.{}", "a".repeat(bytes - 2));
        assert!(ArgumentPath::parse(&long(MAX_PATH_BYTES)).is_ok());
        assert_eq!(
            ArgumentPath::parse(&long(MAX_PATH_BYTES + 1)),
            Err(PathError::TooLong)
        );
    }

    fn documents() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            "[a-c\"\\\\é]{0,3}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                proptest::collection::btree_map("[a-c]|a b|é", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn spans_agree_with_the_library(
            document in documents(),
            steps in vec(prop_oneof![
                Just(".a"), Just(".b"), Just(".é"), Just("['a b']"), Just("[\"c\"]"), Just("['a']"),
                Just("[0]"), Just("[-1]"), Just("[1]"), Just("[-2]"),
            ], 0..4),
        ) {
            let path: String = std::iter::once("$").chain(steps).collect();
            let parsed = ArgumentPath::parse(&path);
            prop_assume!(parsed.is_ok());
            let text = document.to_string();
            let expected: Vec<String> = JsonPath::parse(&path).unwrap()
                .query(&document).iter().map(ToString::to_string).collect();
            prop_assert!(parsed.unwrap().is_singular(), "{}", path);
            prop_assert_eq!(find(&path, &text), expected);
        }
    }
}
