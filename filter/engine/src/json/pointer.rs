//! JSON pointers (RFC 6901): read once and followed often, or made step by step.

use super::{Kind, Value};

/// The way from a value down to one in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pointer(Box<[Box<str>]>);

/// Why a text is no JSON pointer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PointerError {
    /// It is not empty, and begins with something else than `/`.
    #[error("does not begin with `/`")]
    Start,
    /// A `~` that is not the first half of `~0` or `~1`.
    #[error("has a `~` that is neither `~0` nor `~1`")]
    Tilde,
}

impl Pointer {
    /// Reads a pointer; the empty one is the way to the value itself.
    ///
    /// # Errors
    /// Text that is none.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        let mut tokens = text.split('/');
        // What stands before the first `/`.
        if tokens.next().is_some_and(|start| !start.is_empty()) {
            return Err(PointerError::Start);
        }
        tokens.map(token).collect::<Result<_, _>>().map(Self)
    }

    /// The value that it leads to, if there is one.
    pub fn find_in<'d>(&self, value: Value<'d>) -> Option<Value<'d>> {
        self.0.iter().try_fold(value, |value, token| {
            if value.kind() != Kind::Array {
                return value.get(token);
            }
            let has_digits = token.bytes().all(|byte| byte.is_ascii_digit());
            let is_position = has_digits && (&**token == "0" || !token.starts_with('0'));
            let position = token.parse().ok().filter(|_| is_position)?;
            value.items().nth(position)
        })
    }
}

/// A name or number as it is, without what `~` and `/` are written as.
fn token(written: &str) -> Result<Box<str>, PointerError> {
    let mut parts = written.split('~');
    let mut token = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (written, rest) = part.split_at_checked(1).ok_or(PointerError::Tilde)?;
        token.push(match written {
            "0" => '~',
            "1" => '/',
            _ => return Err(PointerError::Tilde),
        });
        token.push_str(rest);
    }
    Ok(token.into())
}

/// Takes a JSON pointer (RFC 6901) one step further: into the member of this name, or to the item
/// of this number.
pub fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for part in token.split_inclusive(['~', '/']) {
        match (part.strip_suffix('~'), part.strip_suffix('/')) {
            (Some(plain), _) => pointer.extend([plain, "~0"]),
            (None, Some(plain)) => pointer.extend([plain, "~1"]),
            (None, None) => pointer.push_str(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{json::Document, limits::Limits};

    #[test]
    fn follows_the_examples_of_the_rfc() {
        let text =
            r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"k\"l":6," ":7,"m~n":8,"1":{"0":9}}"#;
        let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
        for (pointer, expected) in [
            ("", Some(text)),
            ("/foo", Some(r#"["bar","baz"]"#)),
            ("/foo/0", Some("\"bar\"")),
            ("/foo/1", Some("\"baz\"")),
            ("/foo/2", None),
            ("/foo/00", None),
            ("/foo/+1", None),
            ("/foo/-", None),
            ("/foo/0/0", None),
            ("/", Some("0")),
            ("/a~1b", Some("1")),
            ("/c%d", Some("2")),
            ("/k\"l", Some("6")),
            ("/ ", Some("7")),
            ("/m~0n", Some("8")),
            ("/1/0", Some("9")),
            ("/nothing", None),
        ] {
            let found = Pointer::parse(pointer).unwrap().find_in(document.root());
            assert_eq!(found.map(Value::raw), expected, "{pointer}");
        }
        for (pointer, expected) in [
            ("foo", PointerError::Start),
            ("/a~", PointerError::Tilde),
            ("/~2", PointerError::Tilde),
            ("/~~0", PointerError::Tilde),
            ("/~é", PointerError::Tilde),
        ] {
            assert_eq!(Pointer::parse(pointer), Err(expected), "{pointer}");
        }
    }

    proptest! {
        #[test]
        fn leads_to_what_it_was_made_for(keys in prop::collection::btree_set("[a~/01é]{0,3}", 1..6)) {
            let members = keys.iter().map(|key| format!("\"{key}\":[{{\"{key}\":1}}]"));
            let text = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
            let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
            for leaf in document.root().leaves() {
                let pointer = Pointer::parse(&document.root().pointer_to(leaf)).unwrap();
                let found = pointer.find_in(document.root());
                prop_assert_eq!(found.map(Value::span), Some(leaf.span()));
            }
        }
    }
}
