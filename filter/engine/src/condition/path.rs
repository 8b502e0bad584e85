//! Paths (JSONPath, RFC 9535) into the arguments of a call.

use super::query::Query;
use crate::json_path::{self, PathError};

/// A JSONPath from the arguments of a call.
#[derive(Clone, Debug)]
pub struct ArgumentPath {
    text: Box<str>,
    way: Way,
}

#[derive(Clone, Debug)]
pub(super) enum Way {
    /// To one value at most: names and indices alone.
    Singular(Box<[Step]>),
    /// Anything richer.
    Query(Box<Query>),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
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
        json_path::parse(text)?;
        let way = if let Some(steps) = singular(text) {
            Way::Singular(steps.into())
        } else {
            Way::Query(Box::new(Query::parse(text)?))
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

    pub(super) fn way(&self) -> &Way {
        &self.way
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
pub(super) fn singular(text: &str) -> Option<Vec<Step>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_path::MAX_PATH_BYTES;

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
}
