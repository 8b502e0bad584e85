//! Globs over names: `*` is any run of characters, `?` any one, all else itself.

use std::{borrow::Cow, fmt};

use memchr::memmem;
use percent_encoding::{AsciiSet, utf8_percent_encode};

/// A compiled glob. Matching takes time linear in name and pattern, but for a run between two `*`
/// that has a `?` in it, which is tried at every character.
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
        Ok(Self::compile(pattern))
    }

    /// Reads a glob over free text, which may have spaces.
    ///
    /// # Errors
    /// Where it is empty or too long.
    pub fn over_text(pattern: &str) -> Result<Self, GlobError> {
        match Self::parse(pattern) {
            Err(GlobError::Unprintable) => Ok(Self::compile(pattern)),
            other => other,
        }
    }

    fn compile(pattern: &str) -> Self {
        let kind = match pattern {
            "*" => Kind::Any,
            _ if pattern.contains(['*', '?']) => Kind::Pattern,
            _ => Kind::Literal,
        };
        Self {
            pattern: pattern.into(),
            kind,
        }
    }

    /// Whether the whole of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        match self.kind {
            Kind::Any => true,
            Kind::Literal => *self.pattern == *name,
            Kind::Pattern => matches(&self.pattern, name),
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

/// The runs between the `*` are looked for one after the other, each where it first occurs: what a
/// later place would leave is part of what an earlier one leaves.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return after_run(pattern, name) == Some("");
    };
    let Some(mut name) = after_run(first, name) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for run in middle.split('*') {
        match after_first(run, name) {
            Some(rest) => name = rest,
            None => return false,
        }
    }
    ends_with_run(last, name)
}

/// What follows a run, in which `?` is any character, that `text` begins with.
fn after_run<'t>(run: &str, text: &'t str) -> Option<&'t str> {
    if !run.contains('?') {
        return text.strip_prefix(run);
    }
    let mut rest = text.chars();
    for expected in run.chars() {
        let found = rest.next()?;
        if expected != '?' && expected != found {
            return None;
        }
    }
    Some(rest.as_str())
}

/// What follows a run where it first occurs.
fn after_first<'t>(run: &str, text: &'t str) -> Option<&'t str> {
    if !run.contains('?') {
        let at = memmem::find(text.as_bytes(), run.as_bytes())?;
        return text.get(at.checked_add(run.len())?..);
    }
    let starts = text.char_indices().map(|(at, _)| at);
    starts
        .filter_map(|at| text.get(at..))
        .find_map(|text| after_run(run, text))
}

fn ends_with_run(run: &str, text: &str) -> bool {
    if !run.contains('?') {
        return text.ends_with(run);
    }
    let mut rest = text.chars().rev();
    run.chars().rev().all(|expected| {
        let found = rest.next();
        found.is_some_and(|found| expected == '?' || expected == found)
    })
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
        fn agrees_with_the_definition(pattern in "[ab*?é]{1,8}", name in "[abé*?]{0,10}") {
            let expected = slow(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>());
            prop_assert_eq!(Glob::parse(&pattern).unwrap().matches(&name), expected);
        }
    }
}
