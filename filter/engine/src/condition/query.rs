//! Paths to any number of values, walked segment by segment.

use serde_json::Value;
use serde_json_path::JsonPath;

use super::{
    arguments::Unreadable,
    path::{Step, singular},
};
use crate::json_path::{self, PathError, Quotes, without_strings};

/// A path with more than names and indices.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// The names and indices that it begins with.
    pub(super) lead: Box<[Step]>,
    /// The names in all that comes after them.
    pub(super) names: Box<[Box<str>]>,
    /// Whether it has a filter, and so looks at what values are.
    pub(super) has_filter: bool,
    /// All of it.
    segments: Box<[Segment]>,
}

#[derive(Clone, Debug)]
struct Segment {
    /// A path of this segment alone. That is the same as in its place, since no filter names `$`.
    query: JsonPath,
    into: Into,
    /// Whether a filter leads into the items it looks at.
    enters_items: bool,
}

/// What a segment can lead into.
#[derive(Clone, Copy, Debug)]
enum Into {
    Object,
    Array,
    Either,
}

impl Query {
    /// Takes apart a path that the library reads.
    pub(super) fn parse(text: &str) -> Result<Self, PathError> {
        let odd = || PathError::Syntax("its segments cannot be told apart".to_owned());
        let mut rest = text.strip_prefix('$').ok_or_else(odd)?.trim_start();
        let mut lead = Vec::new();
        let mut names = Vec::new();
        let mut segments = Vec::new();
        while !rest.is_empty() {
            let (segment, after) = rest.split_at_checked(end_of(rest)).ok_or_else(odd)?;
            let step = singular(&format!("${segment}")).and_then(|mut steps| steps.pop());
            match step {
                Some(step) if lead.len() == segments.len() => lead.push(step),
                Some(_) | None => names.extend(names_in(segment).ok_or_else(odd)?),
            }
            segments.push(Segment::parse(segment)?);
            rest = after.trim_start();
        }
        Ok(Self {
            lead: lead.into(),
            names: names.into(),
            has_filter: without_strings(text).ok_or_else(odd)?.contains('?'),
            segments: segments.into(),
        })
    }

    /// The values that it leads to, unless it would lead into what could hold none.
    pub(super) fn find<'t>(&self, root: &'t Value) -> Result<Vec<&'t Value>, Unreadable> {
        let mut found = vec![root];
        for segment in &self.segments {
            if !found.iter().all(|value| segment.can_enter(value)) {
                return Err(Unreadable);
            }
            let within = |value| segment.query.query(value).all();
            found = found.into_iter().flat_map(within).collect();
        }
        Ok(found)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, PathError> {
        let query = json_path::parse(&format!("${text}"))?;
        let bare = without_strings(text).ok_or(PathError::Unclosed)?;
        let has_name = bare.contains(['\'', '"']);
        let has_index = bare.contains(|c: char| c.is_ascii_digit() || c == ':');
        let into = if bare.starts_with("..") || bare.contains(['?', '*']) {
            Into::Either
        } else if bare.starts_with('.') || (has_name && !has_index) {
            Into::Object
        } else if has_name {
            Into::Either
        } else {
            Into::Array
        };
        Ok(Self {
            query,
            into,
            enters_items: bare.contains("@.") || bare.contains("@["),
        })
    }

    /// Nothing is in null. Any other value of another kind than is led into could be something
    /// else to its reader: JSON in a string, one value for a list of one.
    fn can_enter(&self, value: &Value) -> bool {
        match (value, self.into) {
            (Value::Array(items), Into::Array | Into::Either) => {
                let is_open = |item: &Value| item.is_null() || item.is_array() || item.is_object();
                !self.enters_items || items.iter().all(is_open)
            }
            (Value::Null, _) | (Value::Object(_), Into::Object | Into::Either) => true,
            (_, Into::Object | Into::Array | Into::Either) => false,
        }
    }
}

/// Where the segment ends that a text begins with.
fn end_of(text: &str) -> usize {
    let dots = text.bytes().take_while(|byte| *byte == b'.').count();
    let mut depth: usize = 0;
    let mut quotes = Quotes::default();
    for (at, character) in text.char_indices().skip(dots) {
        if !quotes.is_outside(character) {
            continue;
        }
        match character {
            '[' if depth == 0 && at > dots => return at,
            '[' => depth = depth.saturating_add(1),
            ']' if depth == 1 => return at.saturating_add(1),
            ']' => depth = depth.saturating_sub(1),
            '.' | ' ' | '\t' | '\n' | '\r' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// The names of members in a segment, those in filters too; `None` where one cannot be read.
fn names_in(segment: &str) -> Option<Vec<Box<str>>> {
    let mut names = Vec::new();
    let mut open = Vec::new();
    let mut before = ' ';
    let mut rest = segment;
    while let Some(character) = rest.chars().next() {
        let mut after = rest.get(character.len_utf8()..)?;
        match character {
            '\'' | '"' => {
                let (name, beyond) = quoted(after, character)?;
                // Elsewhere it is a text that a filter compares with.
                if open.last() == Some(&'[') && matches!(before, '[' | ',') {
                    names.push(name);
                }
                after = beyond;
            }
            '.' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
                let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
                let (name, beyond) = after.split_at_checked(end)?;
                // With a digit it is the fraction of a number.
                if !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
                    names.push(name.into());
                }
                after = beyond;
            }
            '[' | '(' => open.push(character),
            ']' | ')' => drop(open.pop()),
            _ => {}
        }
        if !character.is_whitespace() {
            before = character;
        }
        rest = after;
    }
    Some(names)
}

/// A string up to its closing quote, decoded, and what comes after it.
fn quoted(text: &str, quote: char) -> Option<(Box<str>, &str)> {
    let mut quotes = Quotes::within(quote);
    let is_end = |character| !quotes.is_outside(character) && quotes.are_closed();
    let (inner, beyond) = text.split_at_checked(text.find(is_end)?)?;
    let json = match quote {
        '\'' => inner.replace("\\'", "'").replace('"', "\\\""),
        _ => inner.to_owned(),
    };
    let name: String = serde_json::from_str(&format!("\"{json}\"")).ok()?;
    Some((name.into(), beyond.get(quote.len_utf8()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart_into_segments_and_names() {
        for (path, lead, segments, names) in [
            ("$.a[0].b[*]", 3, 4, vec![]),
            ("$..a", 0, 1, vec!["a"]),
            ("$ .a ['b','c'].d", 1, 3, vec!["b", "c", "d"]),
            (r#"$["\u0041"]['it\'s "']"#, 0, 2, vec!["A", "it's \""]),
            (
                "$.l[?@.mode == 'r.w[' && @['x'] > 1.5].é",
                1,
                3,
                vec!["mode", "x", "é"],
            ),
            ("$.l[?@.a, 'x']..*", 1, 3, vec!["a", "x"]),
            ("$..['a b'][1:3]", 0, 2, vec!["a b"]),
        ] {
            let query = Query::parse(path).unwrap();
            let found: Vec<&str> = query.names.iter().map(|name| &**name).collect();
            assert_eq!(query.lead.len(), lead, "{path}");
            assert_eq!(query.segments.len(), segments, "{path}");
            assert_eq!(found, names, "{path}");
        }
    }
}
