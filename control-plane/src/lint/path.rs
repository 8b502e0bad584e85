//! The part of JSONPath (RFC 9535) that can be followed through a schema.

/// One step from a value to values in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// A member of an object.
    Member(String),
    /// An element of an array.
    Element(usize),
    /// Every element of an array.
    Every,
}

/// Reads names, positions and `[*]`. Nothing for richer paths, which are not checked.
pub(super) fn parse(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = if let Some(dotted) = rest.strip_prefix('.') {
            dotted_member(dotted)?
        } else {
            bracketed(rest.strip_prefix('[')?)?
        };
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

fn dotted_member(text: &str) -> Option<(Step, &str)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, after) = text.split_at_checked(end)?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then(|| (Step::Member(name.to_owned()), after))
}

fn bracketed(text: &str) -> Option<(Step, &str)> {
    let quote = text.chars().next()?;
    if ['\'', '"'].contains(&quote) {
        let (name, after) = text.get(1..)?.split_once(quote)?;
        let is_plain = !name.contains('\\');
        return is_plain.then_some((Step::Member(name.to_owned()), after.strip_prefix(']')?));
    }
    let (inside, after) = text.split_once(']')?;
    let step = match inside.trim() {
        "*" => Step::Every,
        index => Step::Element(index.parse().ok()?),
    };
    Some((step, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_schema_can_follow() {
        let member = |name: &str| Step::Member(name.to_owned());
        for (path, expected) in [
            ("$", Some(vec![])),
            ("$.repo", Some(vec![member("repo")])),
            (
                "$.a['b c'][\"d\"]",
                Some(vec![member("a"), member("b c"), member("d")]),
            ),
            ("$.labels[*]", Some(vec![member("labels"), Step::Every])),
            ("$.x[0]", Some(vec![member("x"), Step::Element(0)])),
            ("$..repo", None),
            ("$[?@.a]", None),
            ("$.a[1:2]", None),
            ("$.*", None),
            ("repo", None),
        ] {
            assert_eq!(parse(path), expected, "{path}");
        }
    }
}
