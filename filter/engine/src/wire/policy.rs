//! `chancery.policy.v1` to the engine.

mod block;
mod condition;
mod dispatcher;
mod identity;
mod json_schema;
mod offer;
mod pins;
mod quota;
mod redaction;
mod rule;
mod schema;
mod server;
mod subject;
mod upstream;

use std::collections::BTreeSet;

use super::{Invalid, shown};
use crate::glob::{Glob, percent_encoded};

/// Whether text is an id, as the segments of resource names are.
fn is_id(id: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
    let bytes = id.as_bytes();
    id.len() <= 63 && bytes.iter().all(|b| inner(*b)) && edge(bytes.first()) && edge(bytes.last())
}

/// Checks a resource name against its collections, `{collection}/{id}` each.
fn named<const N: usize>(name: String, collections: [&str; N]) -> Result<Box<str>, Invalid> {
    if fits(&name, &collections) {
        return Ok(name.into());
    }
    Err(misnamed(&name, &[&collections]))
}

/// Whether a resource name is one `{collection}/{id}` after the other.
fn fits(name: &str, collections: &[&str]) -> bool {
    let mut segments = name.split('/');
    let fits = collections.iter().all(|collection| {
        segments.next() == Some(collection) && segments.next().is_some_and(is_id)
    });
    fits && segments.next().is_none()
}

/// What to say of a name that fits none of these.
fn misnamed(name: &str, patterns: &[&[&str]]) -> Invalid {
    let pattern = |collections: &&[&str]| {
        let segments: Vec<_> = collections
            .iter()
            .map(|collection| format!("{collection}/ID"))
            .collect();
        format!("`{}`", segments.join("/"))
    };
    let patterns: Vec<_> = patterns.iter().map(pattern).collect();
    let expected = format!(
        "{}, each ID 1 to 63 of `a-z`, `0-9`, `-`",
        patterns.join(" or ")
    );
    Invalid::new("name", shown(name), expected)
}

/// Globs over URIs as URIs are judged.
fn ascii(patterns: Vec<String>) -> Vec<String> {
    let encoded = |pattern: String| percent_encoded(&pattern).into_owned();
    patterns.into_iter().map(encoded).collect()
}

fn globs(field: &str, patterns: Vec<String>) -> Result<Vec<Glob>, Invalid> {
    each(field, patterns, |pattern| {
        Glob::parse(&pattern).map_err(|error| {
            Invalid::new(
                "",
                format!("{}, which {error}", shown(&pattern)),
                "a name or glob",
            )
        })
    })
}

/// A set of these. Collecting one compiles a sort of its own ([`crate::order`]).
fn set_of<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

/// Converts the items of a repeated field; an error says which of them.
fn each<T, U>(
    field: &str,
    items: Vec<T>,
    convert: impl Fn(T) -> Result<U, Invalid>,
) -> Result<Vec<U>, Invalid> {
    let convert_one = |(position, item)| {
        convert(item).map_err(|error| {
            let outer = format!("{field}[{position}]");
            if error.field.is_empty() {
                Invalid {
                    field: outer,
                    ..error
                }
            } else {
                error.within(&outer)
            }
        })
    };
    items.into_iter().enumerate().map(convert_one).collect()
}
