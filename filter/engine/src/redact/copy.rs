//! The copy of structured content that servers put into a text beside it, for clients that know no
//! structured content.
//!
//! It is redacted as the structured content was, find by find, and so need not be scanned again.

use std::ops::Range;

use crate::{
    json::{Document, Edits, Kind, Value, escaped},
    limits::Limits,
};

/// What is replaced in the text of a leaf, where that is a copy of `structured`, in which `edits`
/// (sorted) are to be made. `None`: it is no copy.
pub(super) fn replaced_in_copy(
    leaf: Value<'_>,
    structured: Value<'_>,
    edits: &Edits,
) -> Option<Vec<(Range<usize>, String)>> {
    let text = leaf.as_str()?;
    let begins_alike = text.trim_start().as_bytes().first() == structured.raw().as_bytes().first();
    if !begins_alike {
        return None;
    }
    let limits = &Limits::DEFAULT;
    let copy = Document::parse(text.as_bytes(), text.len(), limits).ok()?;
    if !is_same(structured, copy.root()) {
        return None;
    }
    if edits.is_empty() {
        return Some(Vec::new());
    }
    let mut replaced = Vec::new();
    mirror(structured, copy.root(), edits, &mut replaced);
    leaf.place(&mut replaced, |(range, _)| range);
    for (_, json) in &mut replaced {
        *json = escaped(std::mem::take(json));
    }
    Some(replaced)
}

/// Whether two values are the same, members in the same order.
fn is_same(one: Value<'_>, other: Value<'_>) -> bool {
    if one.kind() != other.kind() {
        return false;
    }
    match one.kind() {
        Kind::Null => true,
        Kind::Bool | Kind::Number => one.raw() == other.raw(),
        Kind::String => one.as_str() == other.as_str(),
        Kind::Array | Kind::Object => {
            one.node_count() == other.node_count()
                && one.children().zip(other.children()).all(|(one, other)| {
                    let keys = one.key.zip(other.key);
                    keys.is_none_or(|(one, other)| one.as_str() == other.as_str())
                        && is_same(one.value, other.value)
                })
        }
    }
}

/// Says of the copy what is replaced in what it is a copy of: whole strings, numbers and keys.
fn mirror(
    of: Value<'_>,
    copy: Value<'_>,
    edits: &Edits,
    replaced: &mut Vec<(Range<usize>, String)>,
) {
    if !matches!(of.kind(), Kind::Array | Kind::Object) {
        if let Some(json) = edits.applied_within(of) {
            replaced.push((copy.span(), json));
        }
        return;
    }
    for (of, copy) in of.children().zip(copy.children()) {
        if let Some((of, copy)) = of.key.zip(copy.key) {
            mirror(of, copy, edits, replaced);
        }
        mirror(of.value, copy.value, edits, replaced);
    }
}
