//! The parser: strict, complete, and of one mind with other readers.

use chancery_engine::{
    json::{Document, Edits, JsonError, Kind, Value},
    limits::Limits,
};
use serde::de::IgnoredAny;

use crate::tree::{self, Tree};

/// What is accepted is JSON that serde and the lenient reader take for the same, without duplicate
/// keys; what is refused is no JSON to serde either, or one of what we refuse on purpose. Spans cut
/// the text so that edits leave every other byte alone.
pub fn json(data: &[u8]) {
    let limits = Limits::DEFAULT;
    let text = std::str::from_utf8(data).ok();
    let by_serde = text.map(serde_json::from_str::<IgnoredAny>);
    match Document::parse(data, limits.max_body_bytes, &limits) {
        Ok(document) => {
            assert!(matches!(by_serde, Some(Ok(_))), "serde refuses it");
            let root = document.root();
            let read = copied(root);
            assert!(!read.repeats_a_key(), "a duplicate key");
            assert_eq!(tree::read(document.text()), [read], "another tree");
            assert_eq!(root.raw(), document.text().trim(), "the root's span");
            for leaf in root.leaves() {
                check_leaf(&document, leaf);
            }
        }
        Err(
            JsonError::TooLong { .. }
            | JsonError::TooDeep { .. }
            | JsonError::TooManyNodes { .. }
            | JsonError::LoneSurrogate { .. },
        ) => {}
        Err(JsonError::DuplicateKey { .. }) => {
            let values = text.map(tree::read).unwrap_or_default();
            assert!(values.iter().any(Tree::repeats_a_key), "no duplicate key");
        }
        Err(error) => assert!(
            !matches!(by_serde, Some(Ok(_))),
            "{error}, but not to serde"
        ),
    }
}

fn copied(value: Value<'_>) -> Tree {
    let string = |value: Value<'_>| value.as_str().unwrap_or_default().into_owned();
    match value.kind() {
        Kind::Null => Tree::Null,
        Kind::Bool => Tree::Bool(value.as_bool().unwrap_or_default()),
        Kind::Number => Tree::Number(value.raw().to_owned()),
        Kind::String => Tree::String(string(value)),
        Kind::Array => Tree::Array(value.items().map(copied).collect()),
        Kind::Object => {
            let members = value.members();
            Tree::Object(
                members
                    .map(|(key, value)| (string(key), copied(value)))
                    .collect(),
            )
        }
    }
}

fn check_leaf(document: &Document<'_>, leaf: Value<'_>) {
    let text = document.text();
    let pointer = document.root().pointer_to(leaf);
    let found = follow(document.root(), &pointer);
    assert_eq!(found.map(Value::span), Some(leaf.span()), "at {pointer}");
    let mut edits = Edits::default();
    edits.replace(leaf.span(), "\"edited\"".to_owned());
    let edited = edits.apply(text);
    assert!(edited.is_ok(), "{edited:?}");
    let edited = edited.unwrap_or_default();
    let (before, after) = (text.get(..leaf.span().start), text.get(leaf.span().end..));
    let expected = before.zip(after).map(|(a, b)| format!("{a}\"edited\"{b}"));
    assert_eq!(Some(edited), expected, "an edit at {pointer}");
}

fn follow<'d>(root: Value<'d>, pointer: &str) -> Option<Value<'d>> {
    let mut value = root;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        value = match value.kind() {
            Kind::Array => value.items().nth(token.parse().ok()?)?,
            Kind::Object => value.get(&token)?,
            Kind::Null | Kind::Bool | Kind::Number | Kind::String => return None,
        };
    }
    Some(value)
}
