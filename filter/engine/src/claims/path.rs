//! `JSONPath`s (RFC 9535) into claims.

use serde_json_path::JsonPath;

use crate::json_path;

/// A path into claims, compiled once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClaimPath {
    /// Object keys from the root, followed where the parser has them: `$.a['b']`.
    Names(Vec<Box<str>>),
    /// Anything richer, which needs a tree of the claims: `$.accounts[*].roles`.
    Query(Box<JsonPath>),
}

/// What is no path to a claim.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no JSONPath to a claim: {0}")]
pub struct InvalidPath(Box<str>);

impl ClaimPath {
    /// Reads a path.
    ///
    /// # Errors
    /// Where it is none, is about the claims as a whole, or could take more than linear time.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        if text == "$" {
            return Err(InvalidPath("`$` is all of the claims".into()));
        }
        if let Some(names) = names(text) {
            return Ok(Self::Names(names));
        }
        let query =
            json_path::parse(text).map_err(|error| InvalidPath(error.to_string().into()))?;
        Ok(Self::Query(Box::new(query)))
    }
}

/// The keys of a path that is made of names alone. One with an escape is left to the whole parser.
fn names(text: &str) -> Option<Vec<Box<str>>> {
    let mut rest = text.strip_prefix('$')?;
    let mut names = Vec::new();
    while !rest.is_empty() {
        let (name, after) = match rest.strip_prefix('.') {
            Some(dotted) => shorthand(dotted)?,
            None => quoted(rest.strip_prefix('[')?)?,
        };
        names.push(name.into());
        rest = after;
    }
    Some(names)
}

/// A name after a dot (RFC 9535, `member-name-shorthand`) and what comes after it.
fn shorthand(text: &str) -> Option<(&str, &str)> {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let is_name = |c: char| is_first(c) || c.is_ascii_digit();
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, after) = text.split_at_checked(end)?;
    name.starts_with(is_first).then_some((name, after))
}

/// A quoted name in brackets and what comes after it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (name, after) = text.strip_prefix(quote)?.split_once(quote)?;
    let is_plain = !name.contains('\\') && !name.contains(char::is_control);
    Some((name, after.strip_prefix(']')?)).filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_alone_need_no_tree() {
        for (text, expected) in [
            ("$.sub", &["sub"][..]),
            ("$.realm_access.roles", &["realm_access", "roles"]),
            ("$['https://x.test/groups']", &["https://x.test/groups"]),
            ("$.a[\"b\"].c", &["a", "b", "c"]),
            ("$.größe", &["größe"]),
        ] {
            let names = expected.iter().map(|name| Box::from(*name)).collect();
            assert_eq!(
                ClaimPath::parse(text),
                Ok(ClaimPath::Names(names)),
                "{text}"
            );
        }
        for text in [
            "$.a[0]",
            "$..roles",
            "$.*",
            "$.a[*].b",
            "$['a\\'b']",
            "$[ 'a' ]",
        ] {
            let path = ClaimPath::parse(text);
            assert!(matches!(path, Ok(ClaimPath::Query(_))), "{text}: {path:?}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "", "$", "sub", "$.", "$.a-b", "$.1a", "$['a", "$.a b", ".a", "$[\"\\u", "$..a..b",
        ] {
            assert!(ClaimPath::parse(text).is_err(), "{text}");
        }
    }
}
