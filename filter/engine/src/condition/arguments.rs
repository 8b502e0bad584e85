//! The arguments of a call, as paths lead through them.
//!
//! What some reader of the arguments could find where a path finds something else, or nothing, is
//! unreadable.

use std::cell::OnceCell;

use super::{
    path::{ArgumentPath, Step, Way},
    tree::Tree,
};
use crate::{
    json::{Kind, Value},
    message::has_look_alike,
};

/// Why the values of a path are not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unreadable;

/// The arguments of one call, and what was made of them for queries.
#[derive(Debug)]
pub(crate) struct Arguments<'d> {
    root: Option<Value<'d>>,
    /// Made when a path first asks for it. `None`: it cannot be queried.
    tree: OnceCell<Option<Tree<'d>>>,
}

impl<'d> Arguments<'d> {
    /// `None`: there are no arguments.
    pub(crate) fn new(root: Option<Value<'d>>) -> Self {
        Self {
            root,
            tree: OnceCell::new(),
        }
    }

    /// The values that a path leads to, at most as many as a condition looks at.
    pub(crate) fn find(&self, path: &ArgumentPath) -> Result<Vec<Value<'d>>, Unreadable> {
        let Some(root) = self.root else {
            return Ok(Vec::new());
        };
        if !matches!(root.kind(), Kind::Object | Kind::Null) {
            return Err(Unreadable);
        }
        match path.way() {
            Way::Singular(steps) => Ok(follow(root, steps)?.into_iter().collect()),
            Way::Query(query) => {
                if follow(root, &query.lead)?.is_none() {
                    return Ok(Vec::new());
                }
                let tree = self.tree.get_or_init(|| Tree::of(root));
                tree.as_ref().ok_or(Unreadable)?.find(query)
            }
        }
    }
}

fn follow<'d>(root: Value<'d>, steps: &[Step]) -> Result<Option<Value<'d>>, Unreadable> {
    steps.iter().try_fold(Some(root), |value, step| {
        let Some(value) = value else {
            return Ok(None);
        };
        match (value.kind(), step) {
            (Kind::Null, _) => Ok(None),
            (Kind::Object, Step::Name(name)) if has_look_alike(value, name) => Err(Unreadable),
            (Kind::Object, Step::Name(name)) => Ok(value.get(name)),
            (Kind::Array, Step::Index(index)) => Ok(item(value, *index)),
            // JSON in a string, or one value for a list of one, to those who read it so.
            (
                Kind::Bool | Kind::Number | Kind::String | Kind::Array | Kind::Object,
                Step::Name(_) | Step::Index(_),
            ) => Err(Unreadable),
        }
    })
}

fn item(array: Value<'_>, index: i64) -> Option<Value<'_>> {
    match usize::try_from(index) {
        Ok(index) => array.items().nth(index),
        Err(_negative) => {
            let back = usize::try_from(index.unsigned_abs()).ok()?;
            array.items().nth(array.items().count().checked_sub(back)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use serde_json_path::JsonPath;

    use super::{
        super::{MAX_VALUES, tree::MAX_QUERIED_NODES},
        *,
    };
    use crate::{json::Document, limits::Limits};

    fn find(path: &str, text: &str) -> Result<Vec<String>, Unreadable> {
        let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
        let arguments = Arguments::new(Some(document.root()));
        let found = arguments.find(&ArgumentPath::parse(path).unwrap())?;
        Ok(found.iter().map(|value| value.raw().to_owned()).collect())
    }

    #[test]
    fn leads_to_the_bytes_of_the_message() {
        let text = r#"{"a":{"b":[1.0,{"c d":"x\u0041"}]},"n":12345678901234567890123,"z":null}"#;
        for (path, expected) in [
            ("$", vec![text]),
            ("$.a.b[0]", vec!["1.0"]),
            ("$.a.b[-1]['c d']", vec![r#""x\u0041""#]),
            (r#"$["a"].b[1]["c d"]"#, vec![r#""x\u0041""#]),
            ("$.n", vec!["12345678901234567890123"]),
            ("$.a.b[2]", vec![]),
            ("$.a.b[-3]", vec![]),
            ("$.a.c.d", vec![]),
            ("$.z.d[0]", vec![]),
            ("$.z[*].d", vec![]),
        ] {
            assert_eq!(find(path, text).unwrap(), expected, "{path}");
        }
        let text = r#"{"labels":["x",2.0],"deep":{"labels":[true]}}"#;
        for (path, expected) in [
            ("$.labels[*]", [r#""x""#, "2.0"].as_slice()),
            ("$..labels[0]", &[r#""x""#, "true"]),
            ("$.labels[?@ == 2]", &["2.0"]),
        ] {
            assert_eq!(find(path, text).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn a_key_that_some_reader_takes_for_a_named_one_hides_it() {
        for (path, text) in [
            ("$.repo", r#"{"repo":"acme/x","Repo":"evil/y"}"#),
            ("$.force", r#"{"Force":true}"#),
            ("$.a.force", r#"{"a":{"for\u200bce":true}}"#),
            ("$.force", r#"{"force\u0000x":true}"#),
            ("$.É", r#"{"é":1}"#),
            ("$.l[*]", r#"{"l":[],"L":["x"]}"#),
            ("$.l[*].repo", r#"{"l":[{"repo":"a","REPO":"b"}]}"#),
            ("$.l[?@.mode == 'rw']", r#"{"l":[{"Mode":"rw"}]}"#),
            ("$..force", r#"{"a":[{"\uff46orce":1}]}"#),
        ] {
            assert_eq!(find(path, text), Err(Unreadable), "{path} {text}");
        }
        // A key elsewhere, and a text that is compared with.
        for (path, text) in [
            ("$.repo", r#"{"repo":"x","a":{"Repo":1}}"#),
            ("$.l[?@ == 'Repo']", r#"{"l":["Repo"],"repo":1}"#),
        ] {
            assert_eq!(find(path, text).unwrap().len(), 1, "{path} {text}");
        }
    }

    #[test]
    fn nothing_is_missing_where_the_way_leads_into_another_kind() {
        for (path, text) in [
            ("$.options.force", r#"{"options":"{\"force\":true}"}"#),
            ("$.options.force", r#"{"options":[{"force":true}]}"#),
            ("$.l[0]", r#"{"l":{"0":1}}"#),
            ("$.l[0]", r#"{"l":1}"#),
            ("$.force", r#""{\"force\":true}""#),
            ("$.force", r#"[{"force":true}]"#),
            ("$", "[1]"),
            ("$.labels[*]", r#"{"labels":"secret"}"#),
            ("$.labels[0:1]", r#"{"labels":{"0":"secret"}}"#),
            ("$.labels[?@ == 'x']", r#"{"labels":"x"}"#),
            ("$.o..force", r#"{"o":"{\"force\":true}"}"#),
            ("$..o.force", r#"{"a":{"o":"{\"force\":true}"}}"#),
            ("$.l[*].force", r#"{"l":["{\"force\":true}"]}"#),
            ("$.l[*]['a','b']", r#"{"l":[[{"a":1}]]}"#),
            ("$.l[?@.force]", r#"{"l":["{\"force\":true}"]}"#),
        ] {
            assert_eq!(find(path, text), Err(Unreadable), "{path} {text}");
        }
    }

    #[test]
    fn what_would_be_rounded_or_is_large_cannot_be_queried() {
        let unreadable =
            |path: &str, list: &str| find(path, &format!(r#"{{"l":{list}}}"#)).is_err();
        for number in [
            "12345678901234567890123",
            "9007199254740993",
            "9007199254740992",
            "-9007199254740992",
            "9007199254740992.0",
            "0.10000000000000000001",
            "1e400",
        ] {
            assert!(
                unreadable("$.l[?@ > 1]", &format!("[{number}]")),
                "{number}"
            );
            assert!(!unreadable("$.l[*]", &format!("[{number}]")), "{number}");
        }
        assert!(!unreadable("$.l[?@ > 1]", "[9007199254740991,0.1,1e2]"));
        let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        // The object, the key and the list are values as well.
        let most = MAX_QUERIED_NODES - 3;
        assert!(!unreadable("$.l[0,0]", &list(most)));
        assert!(unreadable("$.l[0,0]", &list(most + 1)));
        assert!(!unreadable("$.l[*]", &list(MAX_VALUES)));
        assert!(unreadable("$.l[*]", &list(MAX_VALUES + 1)));
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

    fn objects() -> impl Strategy<Value = serde_json::Value> {
        proptest::collection::btree_map("[a-c]|a b|é", documents(), 0..4)
            .prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_is_found_agrees_with_the_library(
            document in objects(),
            steps in vec(prop_oneof![
                Just(".a"), Just(".b"), Just(".é"), Just("['a b']"), Just("[\"c\"]"), Just("['a']"),
                Just("[0]"), Just("[-1]"), Just("[1]"), Just("[-2]"), Just("[*]"), Just(".*"),
                Just("..a"), Just("['a','b']"), Just("[0,'c']"), Just("[1:]"), Just("[?@ == 'a']"),
            ], 0..4),
        ) {
            let path: String = std::iter::once("$").chain(steps).collect();
            let parsed = ArgumentPath::parse(&path);
            prop_assume!(parsed.is_ok());
            let text = document.to_string();
            let expected: Vec<String> = JsonPath::parse(&path).unwrap()
                .query(&document).iter().map(ToString::to_string).collect();
            let parsed = parsed.unwrap();
            let Ok(found) = find(&path, &text) else {
                return Ok(());
            };
            if parsed.is_singular() || !path.contains('?') {
                prop_assert_eq!(found, expected);
            } else {
                prop_assert_eq!(found.len(), expected.len());
            }
        }
    }
}
