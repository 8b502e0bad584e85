//! Names and ids of resources that only the control plane knows.

use chancery_engine::wire::Invalid;

use super::invalid;

/// What an id is, for people.
const ID: &str = "1 to 63 of `a-z`, `0-9` and inner `-`";

/// Whether this is an id: 1 to 63 of `a-z`, `0-9` and `-`, which is at neither end.
pub(crate) fn is_id(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// An id made of some words; `server` where none is in them.
pub(crate) fn id_of_words(words: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9') => c,
        _ => '-',
    };
    let id: String = words.chars().map(plain).take(63).collect();
    match id.trim_matches('-') {
        "" => "server".to_owned(),
        id => id.to_owned(),
    }
}

/// Checks a resource name against its collections, `{collection}/{id}` each.
pub(super) fn check(name: &str, collections: &[&str]) -> Result<(), Invalid> {
    let mut segments = name.split('/');
    let fits = collections.iter().all(|collection| {
        segments.next() == Some(collection) && segments.next().is_some_and(is_id)
    });
    if fits && segments.next().is_none() {
        return Ok(());
    }
    let pattern: Vec<_> = collections
        .iter()
        .map(|collection| format!("{collection}/ID"))
        .collect();
    let expected = format!("`{}`, each ID {ID}", pattern.join("/"));
    Err(invalid("name", format!("`{name}`"), expected))
}

/// Checks an id.
pub(super) fn check_id(field: &str, id: &str) -> Result<(), Invalid> {
    if is_id(id) {
        return Ok(());
    }
    Err(invalid(field, format!("`{id}`"), format!("an id: {ID}")))
}

/// Checks the id of a workspace that may be left out.
pub(super) fn check_workspace(field: &str, id: &str) -> Result<(), Invalid> {
    if id.is_empty() {
        Ok(())
    } else {
        check_id(field, id)
    }
}
