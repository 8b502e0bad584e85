//! Globs over names: `*` is any run of characters, `?` any one, all else itself.

use std::{borrow::Cow, fmt};

use percent_encoding::{AsciiSet, utf8_percent_encode};

/// A compiled glob. Matching takes time linear in the name for globs with one `*`, and never more
/// than name times pattern.
#[derive(Clone, Eq, PartialEq)]
pub struct Glob {
    pattern: Box<str>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Any,
    Literal,
    Pattern,
}

/// Text that is no glob.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GlobError {
    /// Nothing could match.
    #[error("is empty")]
    Empty,
    /// Longer than the limit of 1,024 bytes.
    #[error("is longer than {MAX_GLOB_BYTES} bytes")]
    TooLong,
    /// A control or white-space character, which no name has.
    #[error("has a control or white-space character")]
    Unprintable,
}

/// Longest glob in bytes.
pub const MAX_GLOB_BYTES: usize = 1_024;

impl Glob {
    /// Reads a glob.
    ///
    /// # Errors
    /// Where it is empty, too long or unprintable.
    pub fn parse(pattern: &str) -> Result<Self, GlobError> {
        if pattern.is_empty() {
            return Err(GlobError::Empty);
        }
        if pattern.len() > MAX_GLOB_BYTES {
            return Err(GlobError::TooLong);
        }
        if pattern.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(GlobError::Unprintable);
        }
        let kind = match pattern {
            "*" => Kind::Any,
            _ if pattern.contains(['*', '?']) => Kind::Pattern,
            _ => Kind::Literal,
        };
        Ok(Self {
            pattern: pattern.into(),
            kind,
        })
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        match self.kind {
            Kind::Any => true,
            Kind::Literal => *self.pattern == *name,
            Kind::Pattern => matches(self.pattern.as_bytes(), name),
        }
    }

    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// The name, if the glob names exactly one.
    pub fn as_literal(&self) -> Option<&str> {
        (self.kind == Kind::Literal).then_some(&*self.pattern)
    }
}

/// A URI with all that is not ASCII percent-encoded (RFC 3987 section 3.1): the one spelling in
/// which URIs and globs over them are compared.
pub fn percent_encoded(uri: &str) -> Cow<'_, str> {
    utf8_percent_encode(uri, &AsciiSet::EMPTY).into()
}

/// Greedy matching that returns to the last `*` only, which is enough for globs.
fn matches(pattern: &[u8], name: &str) -> bool {
    let text = name.as_bytes();
    let (mut p, mut t) = (0_usize, 0_usize);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p = p.saturating_add(1);
                continue;
            }
            Some(b'?') => {
                t = next_character(text, t);
                p = p.saturating_add(1);
                continue;
            }
            Some(byte) if text.get(t) == Some(byte) => {
                t = t.saturating_add(1);
                p = p.saturating_add(1);
                continue;
            }
            _ => {}
        }
        let Some((star, from)) = retry else {
            return false;
        };
        let from = next_character(text, from);
        retry = Some((star, from));
        p = star.saturating_add(1);
        t = from;
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
}

fn next_character(text: &[u8], at: usize) -> usize {
    let is_continuation = |byte: &&u8| **byte & 0xC0 == 0x80;
    let rest = text.get(at.saturating_add(1)..).unwrap_or_default();
    at.saturating_add(1)
        .saturating_add(rest.iter().take_while(is_continuation).count())
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.pattern)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matches_whole_names() {
        let cases = [
            ("get_*", "get_note", true),
            ("get_*", "get_", true),
            ("get_*", "forget_note", false),
            ("*_note", "get_note", true),
            ("*_note", "get_note2", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "acb", false),
            ("?", "é", true),
            ("??", "é", false),
            ("read", "Read", false),
            ("*", "anything", true),
            ("a*", "", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(
                Glob::parse(pattern).unwrap().matches(name),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn refuses_what_no_name_could_match() {
        assert_eq!(Glob::parse("").unwrap_err(), GlobError::Empty);
        assert_eq!(Glob::parse("a b").unwrap_err(), GlobError::Unprintable);
        assert!(Glob::parse(&"a".repeat(MAX_GLOB_BYTES)).is_ok());
        assert_eq!(
            Glob::parse(&"a".repeat(MAX_GLOB_BYTES + 1)).unwrap_err(),
            GlobError::TooLong
        );
    }

    /// The obvious exponential definition.
    fn slow(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|n| slow(rest, &name[n..])),
            Some(('?', rest)) => !name.is_empty() && slow(rest, &name[1..]),
            Some((c, rest)) => name.first() == Some(c) && slow(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?é]{1,8}", name in "[abé]{0,10}") {
            let expected = slow(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>());
            prop_assert_eq!(Glob::parse(&pattern).unwrap().matches(&name), expected);
        }
    }
}
